"""What a fitted model needs between runs: how far the base has moved from it, and a run when the bank forbids an attribute of it."""

import logging
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from functools import partial

from sqlmodel import Session, col, func, select

from adaptive.lookalike.drift import Drift, LevelCounts, measure_drift
from adaptive.lookalike.model import AttributionModel, encode
from survey_service.attribution.models import attributes_of, model_of, newest_models
from survey_service.attribution.results import columns_of, read_contacts
from survey_service.attribution.runs import NotInstalled, RunUnfinished, start_run
from survey_service.belief.priors import may_be_profiled
from survey_service.store.banks import Banks, transact
from survey_service.store.session import Store
from survey_service.store.tables.attribution import AttributionModelRow, AttributionRun
from survey_service.store.tables.core import BankVersion, Contact

log = logging.getLogger("discern.attribution")

BATCH_SIZE = 2000


def watch_drift(store: Store, banks: Banks, bank: str, now: datetime) -> None:
    """Measure how far the contacts of a bank have moved from its model, and store it with the model. Nothing without a run."""
    with store.reading() as session:
        model_id = newest_models(session).get(bank)
        compiled, _ = banks.latest(session, bank)
        if model_id is None or compiled.bank.attribution is None:
            return
        model, rules = model_of(session, model_id), compiled.bank.attribution
    counts, after = LevelCounts.none(model), ""
    while True:
        with store.reading() as session:
            contacts = read_contacts(session, [col(Contact.id) > after], [col(Contact.id)], BATCH_SIZE)
        if not contacts:
            break
        allowed = [contact for contact in contacts if may_be_profiled(rules, contact.consent)]
        if allowed:
            counts = counts.plus(encode(model, columns_of(model, allowed)))
        after = contacts[-1].id
    found = measure_drift(model, counts) if counts.contacts else []
    transact(store, banks, partial(_store, model_id, found, now))
    for moved in found:
        if moved.is_notable:
            log.warning(
                "attribution=%s attribute=%s has drifted: distance=%.2f unknown=%.2f", bank, moved.attribute, moved.distance, moved.unknown
            )


def _store(model_id: str, found: list[Drift], now: datetime, session: Session) -> None:
    row = session.get_one(AttributionModelRow, model_id, with_for_update=True)
    drift = [{**asdict(moved), "is_notable": moved.is_notable} for moved in found]
    row.metrics = {**row.metrics, "drift": drift, "drift_at": now.isoformat()}
    session.add(row)


def request_runs(store: Store, banks: Banks, now: datetime) -> None:
    """Request a run for each bank whose newest version does not allow an attribute that its model rests on, once a version."""
    with store.reading() as session:
        due = [
            bank for bank, model_id in newest_models(session).items() if _is_forbidden(session, banks, bank, model_of(session, model_id))
        ]
    for bank in due:
        with suppress(RunUnfinished, NotInstalled):
            transact(store, banks, partial(_request, banks, bank, now))


def _is_forbidden(session: Session, banks: Banks, bank: str, model: AttributionModel) -> bool:
    compiled, version = banks.latest(session, bank)
    rules = compiled.bank.attribution
    if rules is None or set(model.attributes) <= attributes_of(rules).keys():
        return False
    published = select(BankVersion.published_at).where(BankVersion.bank == bank, BankVersion.version == version)
    requested = select(func.max(AttributionRun.created_at)).where(AttributionRun.bank == bank)
    last = session.exec(requested).one()
    return last is None or last < session.exec(published).one()


def _request(banks: Banks, bank: str, now: datetime, session: Session) -> None:
    run = start_run(session, banks, bank, (), now)
    log.info("attribution=%s run=%s: the bank does not allow an attribute of the model any more", bank, run.id)
