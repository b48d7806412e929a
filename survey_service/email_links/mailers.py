"""What email systems want of a file: the names of its columns, and how a message refers to them.

Brevo: contact attributes in capitals, ``{{ contact.NAME }}``; contacts are matched by EMAIL or EXT_ID.
Mailchimp: audience fields with tags of at most ten characters, ``*|TAG|*``; contacts are matched by Email Address.
HubSpot: contact properties in small letters, ``{{ contact.name }}``; contacts are matched by Email or by an id of yours.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from survey_service.email_links.drafts import Choice, Draft

LONG = {"url": "url", "leave": "leave_url", "trap": "check_url", "question": "question", "expires": "expires_at"}
SHORT = {"url": "URL", "leave": "BYE", "trap": "CHECK", "question": "ASK", "expires": "UNTIL"}


@dataclass(frozen=True)
class Mailer:
    """One email system: its columns for `email` and `external_id`, and templates for the other columns and their merge tags."""

    email: str
    external_id: str
    names: Mapping[str, str]
    option_text: str
    option_url: str
    tag: str
    most_columns: int | None = None

    def columns(self, options: int) -> list[str]:
        """The columns about a link whose question has at most so many options."""
        pairs = [(self.option_text.format(number), self.option_url.format(number)) for number in range(1, options + 1)]
        return [*self.names.values(), *(name for pair in pairs for name in pair)]

    def cells(self, draft: Draft, expires: str, options: int) -> list[str]:
        """What stands in them."""
        fixed = {"url": draft.url, "leave": draft.leave, "trap": draft.trap or "", "question": draft.text, "expires": expires}
        filled = [cell for option in draft.options for cell in (option.text, option.url)]
        return [*(fixed[what] for what in self.names), *filled, *[""] * (2 * options - len(filled))]

    def template(self, draft: Draft) -> Draft:
        """The same draft with merge tags for everything that differs from contact to contact."""

        def tag(column: str) -> str:
            return self.tag.format(column)

        options = tuple(
            Choice(option.id, tag(self.option_text.format(number)), tag(self.option_url.format(number)))
            for number, option in enumerate(draft.options, 1)
        )
        names = {what: tag(name) for what, name in self.names.items()}
        return Draft(draft.language, names["question"], options, draft.is_scale, names["url"], names["leave"], names["trap"])


PLAIN = Mailer("email", "external_id", LONG, "option_{}", "option_{}_url", "{{{{ {} }}}}")

MAILERS: Mapping[str, Mailer] = {
    "brevo": Mailer(
        "EMAIL",
        "EXT_ID",
        {what: f"DISCERN_{name.upper()}" for what, name in LONG.items()},
        "DISCERN_OPTION_{}",
        "DISCERN_OPTION_{}_URL",
        "{{{{ contact.{} }}}}",
    ),
    "mailchimp": Mailer(
        "Email Address", "External ID", {what: f"DI_{name}" for what, name in SHORT.items()}, "DI_T{}", "DI_U{}", "*|{}|*", 30
    ),
    "hubspot": Mailer(
        "Email",
        "External ID",
        {what: f"discern_{name}" for what, name in LONG.items()},
        "discern_option_{}",
        "discern_option_{}_url",
        "{{{{ contact.{} }}}}",
    ),
}
