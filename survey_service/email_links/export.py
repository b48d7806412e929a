"""Turn a file of contacts into a file of links, in batches, so that memory does not grow with the number of contacts."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from question_bank.exports.not_questions import PERSONAL, looks_like_id
from question_bank.exports.table_files import AnswersInvalid, Cells
from question_bank.exports.words import plain
from survey_service.contacts.directory import LONGEST_ID
from survey_service.crypto import Keyring
from survey_service.email_links.create import CreatedLink, Mailing, Recipient, RefusedRecipient, create_links
from survey_service.email_links.first_question import linkable_questions
from survey_service.email_links.rendering import Draft, Drafts, LinkedOption, render_html, render_text
from survey_service.store.session import Store

LONG_NAMES = {"url": "url", "leave": "leave_url", "trap": "check_url", "question": "question", "expires": "expires_at"}
SHORT_NAMES = {"url": "URL", "leave": "BYE", "trap": "CHECK", "question": "ASK", "expires": "UNTIL"}


@dataclass(frozen=True)
class Mailer:
    """An email system: its columns for `email` and `external_id`, and the templates of other column names and of merge tags."""

    email: str
    external_id: str
    names: Mapping[str, str]
    option_text: str
    option_url: str
    tag: str
    most_columns: int | None = None

    def columns(self, options: int) -> list[str]:
        """Return the names of the columns about a link whose question has at most `options` options."""
        pairs = [(self.option_text.format(number), self.option_url.format(number)) for number in range(1, options + 1)]
        return [*self.names.values(), *(name for pair in pairs for name in pair)]

    def cells(self, draft: Draft, expires: str, options: int) -> list[str]:
        """Return the cells of these columns."""
        values = {"url": draft.url, "leave": draft.leave, "trap": draft.trap or "", "question": draft.text, "expires": expires}
        option_cells = [cell for option in draft.options for cell in (option.text, option.url)]
        return [*(values[name] for name in self.names), *option_cells, *[""] * (2 * options - len(option_cells))]

    def template(self, draft: Draft) -> Draft:
        """Return the draft with merge tags in place of everything that differs between contacts."""

        def tag(column: str) -> str:
            return self.tag.format(column)

        options = tuple(
            LinkedOption(option.id, tag(self.option_text.format(number)), tag(self.option_url.format(number)))
            for number, option in enumerate(draft.options, 1)
        )
        tags = {name: tag(column) for name, column in self.names.items()}
        return Draft(draft.language, tags["question"], options, draft.is_scale, tags["url"], tags["leave"], tags["trap"])


PLAIN = Mailer("email", "external_id", LONG_NAMES, "option_{}", "option_{}_url", "{{{{ {} }}}}")

MAILERS: Mapping[str, Mailer] = {
    "brevo": Mailer(
        "EMAIL",
        "EXT_ID",
        {name: f"DISCERN_{column.upper()}" for name, column in LONG_NAMES.items()},
        "DISCERN_OPTION_{}",
        "DISCERN_OPTION_{}_URL",
        "{{{{ contact.{} }}}}",
    ),
    "mailchimp": Mailer(
        "Email Address", "External ID", {name: f"DI_{column}" for name, column in SHORT_NAMES.items()}, "DI_T{}", "DI_U{}", "*|{}|*", 30
    ),
    "hubspot": Mailer(
        "Email",
        "External ID",
        {name: f"discern_{column}" for name, column in LONG_NAMES.items()},
        "discern_option_{}",
        "discern_option_{}_url",
        "{{{{ contact.{} }}}}",
    ),
}


BATCH_SIZE = 1000
ID_COLUMN = "external_id"
EMAIL_NAMES = PERSONAL["an e-mail address"]
LANGUAGE_NAMES = frozenset(("language", "lang", "locale", "langue", "sprache", "idioma", "lingua", "taal", "preferred language"))


@dataclass(frozen=True)
class ContactFile:
    """The contacts of a file. `emails` are copied to the file of links and not stored; `ignored` are the names of unused columns."""

    recipients: list[Recipient]
    emails: list[str] | None
    ignored: list[str]


def read_contacts(cells: Cells, id_column: str | None = None) -> ContactFile:
    """Return the contacts of a table, whose ids are in `id_column`. Raises AnswersInvalid with every problem of the file."""
    problems = list(cells.problems())
    wanted = id_column or ID_COLUMN
    if wanted not in cells.header:
        likely = [name for name in cells.header if looks_like_id(name) and plain(name) not in EMAIL_NAMES]
        hint = f'--id-column "{likely[0]}"' if len(likely) == 1 else "--id-column NAME"
        problems.append(
            f'{cells.file}:1: has no column "{wanted}": say which one holds the ids of your CRM with {hint}; '
            f"the columns are {', '.join(cells.header)}"
        )
    if problems:
        raise AnswersInvalid(problems)
    ids = cells.column(wanted)
    problems += _id_problems(cells, ids, wanted)
    if problems:
        raise AnswersInvalid(problems)
    others = [name for name in cells.header if name != wanted]
    email = next((name for name in others if plain(name) in EMAIL_NAMES), None)
    language = next((name for name in others if plain(name) in LANGUAGE_NAMES), None)
    languages = cells.column(language) if language else [""] * len(ids)
    recipients = [Recipient(external_id, language or None) for external_id, language in zip(ids, languages, strict=True)]
    ignored = [name for name in others if name not in (email, language)]
    return ContactFile(recipients, cells.column(email) if email else None, ignored)


def _id_problems(cells: Cells, ids: Sequence[str], name: str) -> Iterator[str]:
    first_row: dict[str, int] = {}
    for row, external_id in enumerate(ids):
        if not external_id:
            yield f"{cells.at(row)}: has no {name}: give each contact the id of your CRM"
        elif len(external_id) > LONGEST_ID:
            yield f"{cells.at(row)}: the {name} has {len(external_id)} characters: at most {LONGEST_ID} are kept"
        elif external_id in first_row:
            line = cells.numbers[first_row[external_id]]
            yield f'{cells.at(row)}: contact "{external_id}" stands in line {line} already: name each contact once'
        first_row.setdefault(external_id, row)


def header(contacts: ContactFile, mailing: Mailing, mailer: Mailer | None) -> list[str]:
    """Return the column names. Without a mailer the file also has the email's text and the reason where no link was created."""
    system = mailer or PLAIN
    contact_columns = [system.external_id] + ([system.email] if contacts.emails is not None else [])
    more = [] if mailer else ["question_id", "language", "html", "text", "refused"]
    return [*contact_columns, *system.columns(max_options(mailing)), *more]


def max_options(mailing: Mailing) -> int:
    """Return the number of options of the mailing's question, or the largest number among the questions it may choose from."""
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
    """Yield each row of the file of links, and its outcome: "made", "found" before, or why there is no link.

    Each batch is stored in one transaction. In the file of a mailer, contacts without a link have no row: an empty list is yielded.
    """
    width = max_options(mailing)
    for start in range(0, len(contacts.recipients), BATCH_SIZE):
        batch = contacts.recipients[start : start + BATCH_SIZE]
        with store.writing() as session:
            outcomes = create_links(session, keys, mailing, batch, now)
        for index, outcome in enumerate(outcomes, start):
            contact_cells = [outcome.external_id] + ([contacts.emails[index]] if contacts.emails is not None else [])
            if isinstance(outcome, RefusedRecipient):
                yield [] if mailer else _refused_row(contact_cells, outcome, width), outcome.reason
            else:
                yield contact_cells + _link_cells(drafts.of(outcome), outcome, mailer, width), "found" if outcome.is_reused else "made"
        watch(len(batch))


def _link_cells(draft: Draft, link: CreatedLink, mailer: Mailer | None, width: int) -> list[str]:
    expires = f"{link.expires_at:%Y-%m-%d}"
    if mailer is not None:
        return mailer.cells(draft, expires, width)
    return [*PLAIN.cells(draft, expires, width), link.question, link.language, render_html(draft), render_text(draft), ""]


def _refused_row(contact_cells: list[str], refused: RefusedRecipient, width: int) -> list[str]:
    return [*contact_cells, *[""] * (len(PLAIN.columns(width)) + 4), refused.reason]


def summary(counts: Counter[str]) -> str:
    """Return a line that says how many links were created, and how many contacts have none and why."""
    labels = {
        "made": "link" if counts["made"] == 1 else "links",
        "found": "made before and not yet answered: --again makes new ones",
        "asked_to_be_left_alone": "asked to be left alone",
        "nothing_to_ask": "of whom enough is known",
        "held_out": "held out by lot",
    }
    return ", ".join(f"{counts[outcome]:,} {label}" for outcome, label in labels.items() if counts[outcome] or outcome == "made")
