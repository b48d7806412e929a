"""From a file of contacts to a file of links, some at a time: a hundred thousand need no more memory than a thousand."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from question_bank.datasets.table_files import AnswersInvalid, Cells
from survey_service.contacts.directory import LONGEST_ID
from survey_service.crypto import Keyring
from survey_service.email_links.create import CreatedLink, Mailing, Recipient, RefusedRecipient, create_links
from survey_service.email_links.first_question import linkable_questions
from survey_service.email_links.rendering import LinkedOption, Draft, Drafts, render_html, render_text
from survey_service.store.session import Store

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
            LinkedOption(option.id, tag(self.option_text.format(number)), tag(self.option_url.format(number)))
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


AT_ONCE = 1000
KNOWN = ("external_id", "email", "language")


@dataclass(frozen=True)
class ContactFile:
    """The contacts of a file. `emails` are passed on to the file of links and stored nowhere; `ignored` columns are not used."""

    recipients: list[Recipient]
    emails: list[str] | None
    ignored: list[str]


def read_contacts(cells: Cells) -> ContactFile:
    """Raises AnswersInvalid with every problem of the file."""
    problems = list(cells.problems())
    if "external_id" not in cells.header:
        problems.append(f'{cells.file}:1: has no column "external_id": name the column with the ids of your CRM so')
    if problems:
        raise AnswersInvalid(problems)
    ids = cells.column("external_id")
    problems += _wrong_ids(cells, ids)
    if problems:
        raise AnswersInvalid(problems)
    languages = cells.column("language") if "language" in cells.header else [""] * len(ids)
    recipients = [Recipient(name, language or None) for name, language in zip(ids, languages, strict=True)]
    emails = cells.column("email") if "email" in cells.header else None
    return ContactFile(recipients, emails, [name for name in cells.header if name not in KNOWN])


def _wrong_ids(cells: Cells, ids: Sequence[str]) -> Iterator[str]:
    first: dict[str, int] = {}
    for row, name in enumerate(ids):
        if not name:
            yield f"{cells.at(row)}: has no external_id: give each contact the id of your CRM"
        elif len(name) > LONGEST_ID:
            yield f"{cells.at(row)}: the external_id has {len(name)} characters: at most {LONGEST_ID} are kept"
        elif name in first:
            yield f'{cells.at(row)}: contact "{name}" stands in line {cells.numbers[first[name]]} already: name each contact once'
        first.setdefault(name, row)


def header(contacts: ContactFile, mailing: Mailing, mailer: Mailer | None) -> list[str]:
    """The names of the columns; without a mailer everything there is, and who is not asked and why."""
    item = mailer or PLAIN
    named = [item.external_id] + ([item.email] if contacts.emails is not None else [])
    more = [] if mailer else ["question_id", "language", "html", "text", "refused"]
    return [*named, *item.columns(max_options(mailing)), *more]


def max_options(mailing: Mailing) -> int:
    """Of the question that everybody gets, or of all that anybody may get."""
    questions = linkable_questions(mailing.bank, mailing.survey)
    return max(len(question.outcomes) for question in questions if mailing.question in (None, question.id))


def export_rows(
    store: Store,
    keys: Keyring,
    drafts: Drafts,
    mailing: Mailing,
    contacts: ContactFile,
    mailer: Mailer | None,
    now: datetime,
    watch: Callable[[int], None],
) -> Iterator[tuple[list[str], str]]:
    """Each line of the file of links, and what became of its contact: made, or why not. The first are stored before the last are made.

    A mailer's file has no line for a contact who gets no link: there the line is empty.
    """
    width = max_options(mailing)
    for start in range(0, len(contacts.recipients), AT_ONCE):
        some = contacts.recipients[start : start + AT_ONCE]
        with store.writing() as session:
            outcomes = create_links(session, keys, mailing, some, now)
        for place, outcome in enumerate(outcomes, start):
            named = [outcome.external_id] + ([contacts.emails[place]] if contacts.emails is not None else [])
            if isinstance(outcome, RefusedRecipient):
                yield [] if mailer else _refused(named, outcome, width), outcome.because
            else:
                yield named + _cells(drafts.of(outcome), outcome, mailer, width), "made"
        watch(len(some))


def _cells(draft: Draft, made: CreatedLink, mailer: Mailer | None, width: int) -> list[str]:
    expires = f"{made.expires_at:%Y-%m-%d}"
    if mailer is not None:
        return mailer.cells(draft, expires, width)
    return [*PLAIN.cells(draft, expires, width), made.question, made.language, render_html(draft), render_text(draft), ""]


def _refused(named: list[str], refused: RefusedRecipient, width: int) -> list[str]:
    return [*named, *[""] * (len(PLAIN.columns(width)) + 4), refused.because]


def summary(counts: Counter[str]) -> str:
    """How many links, and how many contacts got none and why."""
    words = {
        "made": "link" if counts["made"] == 1 else "links",
        "asked_to_be_left_alone": "asked to be left alone",
        "nothing_to_ask": "of whom enough is known",
    }
    return ", ".join(f"{counts[what]:,} {said}" for what, said in words.items() if counts[what] or what == "made")
