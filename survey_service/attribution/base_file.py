"""The contacts of the service as a file, so that `discern attribute` works on them as on any other file of contacts."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlmodel import Session, col, select

from adaptive.arrays import Floats
from question_bank.definitions import Attribution
from survey_service.attribution.models import attributes_of
from survey_service.attribution.respondents import Respondents, read_respondents
from survey_service.attribution.runs import NoAttribution
from survey_service.belief.priors import may_be_profiled
from survey_service.store.banks import Banks
from survey_service.store.contact_locks import is_present
from survey_service.store.session import Store
from survey_service.store.tables.core import Contact

BATCH_SIZE = 5000


@dataclass(frozen=True)
class BaseFile:
    """A file of all contacts who may be profiled. The columns `labels` hold P(persona) of those who answered by themselves.

    `probes`, (n, K), is P(persona) of those who answered because they were drawn; they teach nothing, and show how the silent differ.
    """

    path: Path
    rules: Attribution
    labels: Sequence[str]
    probes: Floats


@contextmanager
def base_file(store: Store, bank_id: str, now: datetime) -> Iterator[BaseFile]:
    """Write the contacts into a file that lasts as long as the block. Raises NotFound, NoAttribution."""
    banks = Banks()
    with store.reading() as session, TemporaryDirectory() as folder:
        compiled, _ = banks.latest(session, bank_id)
        rules = compiled.bank.attribution
        if rules is None:
            raise NoAttribution
        everyone = read_respondents(session, compiled, now)
        people = everyone.only(~everyone.is_probe)
        path = Path(folder) / f"contacts-of-{bank_id}.csv"
        labels = [f"p_{persona}" for persona in compiled.personas]
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            names = list(attributes_of(rules))
            writer.writerow(["external_id", *names, *labels])
            for contact_id, attributes, belief in _lines(session, rules, people):
                writer.writerow([contact_id, *(_text(attributes.get(name)) for name in names), *belief])
        yield BaseFile(path, rules, labels, everyone.beliefs[everyone.is_probe])


def _lines(session: Session, rules: Attribution, people: Respondents) -> Iterator[tuple[str, Mapping[str, Any], Sequence[str]]]:
    place = {contact_id: row for row, contact_id in enumerate(people.ids)}
    nothing = [""] * people.beliefs.shape[1]
    after = ""
    while True:
        rows = select(Contact.id, Contact.attributes, Contact.consent).where(is_present(), col(Contact.id) > after)
        batch = session.exec(rows.order_by(col(Contact.id)).limit(BATCH_SIZE)).all()
        for contact_id, attributes, consent in batch:
            if may_be_profiled(rules, consent):
                row = place.get(contact_id)
                yield contact_id, attributes, nothing if row is None else [repr(float(p)) for p in people.beliefs[row]]
        if len(batch) < BATCH_SIZE:
            return
        after = batch[-1][0]


def _text(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
