"""From a file of contacts to a file of links, some at a time: a hundred thousand need no more memory than a thousand."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from question_bank.datasets.table_files import AnswersInvalid, Cells
from survey_service.contacts.directory import LONGEST_ID
from survey_service.crypto import Keyring
from survey_service.email_links.choosing import linkable
from survey_service.email_links.drafts import Draft, Drafts, html, plain
from survey_service.email_links.mailers import PLAIN, Mailer
from survey_service.email_links.making import Made, Mailing, Recipient, Refused, make
from survey_service.store.session import Store

AT_ONCE = 1000
KNOWN = ("external_id", "email", "language")


@dataclass(frozen=True)
class Contacts:
    """The contacts of a file. `emails` are passed on to the file of links and stored nowhere; `ignored` columns are not used."""

    recipients: list[Recipient]
    emails: list[str] | None
    ignored: list[str]


def contacts_of(cells: Cells) -> Contacts:
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
    return Contacts(recipients, emails, [name for name in cells.header if name not in KNOWN])


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


def header(contacts: Contacts, mailing: Mailing, mailer: Mailer | None) -> list[str]:
    """The names of the columns; without a mailer everything there is, and who is not asked and why."""
    one = mailer or PLAIN
    named = [one.external_id] + ([one.email] if contacts.emails is not None else [])
    more = [] if mailer else ["question_id", "language", "html", "text", "refused"]
    return [*named, *one.columns(most_options(mailing)), *more]


def most_options(mailing: Mailing) -> int:
    """Of the question that everybody gets, or of all that anybody may get."""
    questions = linkable(mailing.bank, mailing.survey)
    return max(len(question.outcomes) for question in questions if mailing.question in (None, question.id))


def lines(
    store: Store,
    keys: Keyring,
    drafts: Drafts,
    mailing: Mailing,
    contacts: Contacts,
    mailer: Mailer | None,
    now: datetime,
    watch: Callable[[int], None],
) -> Iterator[tuple[list[str], str]]:
    """Each line of the file of links, and what became of its contact: made, or why not. The first are stored before the last are made.

    A mailer's file has no line for a contact who gets no link: there the line is empty.
    """
    width = most_options(mailing)
    for start in range(0, len(contacts.recipients), AT_ONCE):
        some = contacts.recipients[start : start + AT_ONCE]
        with store.writing() as session:
            outcomes = make(session, keys, mailing, some, now)
        for place, outcome in enumerate(outcomes, start):
            named = [outcome.external_id] + ([contacts.emails[place]] if contacts.emails is not None else [])
            if isinstance(outcome, Refused):
                yield [] if mailer else _refused(named, outcome, width), outcome.because
            else:
                yield named + _cells(drafts.of(outcome), outcome, mailer, width), "made"
        watch(len(some))


def _cells(draft: Draft, made: Made, mailer: Mailer | None, width: int) -> list[str]:
    expires = f"{made.expires_at:%Y-%m-%d}"
    if mailer is not None:
        return mailer.cells(draft, expires, width)
    return [*PLAIN.cells(draft, expires, width), made.question, made.language, html(draft), plain(draft), ""]


def _refused(named: list[str], refused: Refused, width: int) -> list[str]:
    return [*named, *[""] * (len(PLAIN.columns(width)) + 4), refused.because]


def summary(counts: Counter[str]) -> str:
    """How many links, and how many contacts got none and why."""
    words = {
        "made": "link" if counts["made"] == 1 else "links",
        "asked_to_be_left_alone": "asked to be left alone",
        "nothing_to_ask": "of whom enough is known",
    }
    return ", ".join(f"{counts[what]:,} {said}" for what, said in words.items() if counts[what] or what == "made")
