"""The respondents of a bank, as a fit of their attributes needs them: what they told by their answers alone, and their attributes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np
from sqlmodel import Session, col, select

from adaptive import believe
from adaptive.arrays import Bools, Floats
from adaptive.estimation.figures import FEWEST_PEOPLE, t_interval
from adaptive.lookalike.fit import AttributionFit, fit_attribution
from adaptive.lookalike.model import score
from adaptive.lookalike.probes import corrected, fit_correction
from adaptive.lookalike.risk import forecast, risk_coverage
from question_bank.compile import CompiledBank
from survey_service.attribution.models import attributes_of
from survey_service.belief.evidence import interpret
from survey_service.belief.priors import may_be_profiled
from survey_service.store.bulk import is_one_of
from survey_service.store.tables.attribution import Probe
from survey_service.store.tables.core import Answer, Contact

BATCH_SIZE = 500
TARGETS = (0.6, 0.7, 0.8, 0.9)
"""Accuracies for which a fit says of how many contacts they can be reached."""
MOST_ROWS = 40
"""Thresholds of risk and coverage that are stored."""


@dataclass(frozen=True, eq=False)
class Respondents:
    """N respondents: their contacts' ids, (N, K) P(persona), the values of each attribute, and (N,) who of them was drawn as a probe."""

    ids: Sequence[str]
    beliefs: Floats
    columns: Mapping[str, Sequence[Any]]
    is_probe: Bools

    def only(self, chosen: Bools) -> "Respondents":
        """Return some of them; `chosen` is (N,)."""
        rows: list[int] = np.flatnonzero(chosen).tolist()
        columns = {name: [values[row] for row in rows] for name, values in self.columns.items()}
        return Respondents([self.ids[row] for row in rows], self.beliefs[chosen], columns, self.is_probe[chosen])


@dataclass(frozen=True, eq=False)
class FittedRespondents:
    """A fit, the respondents that taught it, and what the answers of probes have changed."""

    fit: AttributionFit
    taught: Respondents
    probes: dict[str, Any]


def read_respondents(session: Session, bank: CompiledBank, now: datetime, beat: Callable[[], None] = lambda: None) -> Respondents:
    """Return everyone who has answered a question of the bank and may be profiled. `beat` is called after each batch.

    The beliefs start from the bank's prior and count answers only: no attributes, no signals, no labels of people, no other prior. What
    attributes say would otherwise be counted twice.
    """
    attribution = bank.bank.attribution
    names = list(attributes_of(attribution)) if attribution else []
    ids: list[str] = []
    beliefs: list[Floats] = []
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for contacts in _batches(session, bank.bank.id):
        by_contact: dict[str, list[Any]] = {contact_id: [] for contact_id in contacts}
        answers = select(Answer).where(
            is_one_of(session, Answer.contact_id, contacts), Answer.bank == bank.bank.id, Answer.state == "current"
        )
        for answer, observed in interpret(session.exec(answers.order_by(col(Answer.id))), bank, now):
            by_contact[answer.contact_id].append(observed)
        rows = (
            select(Contact.id, Contact.attributes, Contact.consent)
            .where(is_one_of(session, Contact.id, contacts))
            .order_by(col(Contact.id))
        )
        for contact_id, attributes, consent in session.exec(rows):
            given = by_contact[contact_id]
            if attribution and may_be_profiled(attribution, consent) and any(observed.value is not None for observed in given):
                ids.append(contact_id)
                beliefs.append(believe(bank.tables, bank.evidence(given))[0])
                for name in names:
                    columns[name].append(attributes.get(name))
        session.expunge_all()
        beat()
    drawn = set(session.exec(select(Probe.contact_id).where(Probe.bank == bank.bank.id)))
    table = np.array(beliefs) if beliefs else np.empty((0, len(bank.personas)))
    return Respondents(ids, table, columns, np.array([contact_id in drawn for contact_id in ids], dtype=bool))


def fit_respondents(bank: CompiledBank, people: Respondents, allow: Sequence[str] = ()) -> FittedRespondents:
    """Fit the attributes of those who answered by themselves; the answers of probes correct the result where they show that it is biased.

    ImportError where the extra `analysis` is absent.
    """
    attribution = bank.bank.attribution
    assert attribution is not None  # noqa: S101  (a run is refused without)
    taught, probes = people.only(~people.is_probe), people.only(people.is_probe)
    fit = fit_attribution(
        taught.columns,
        attributes_of(attribution),
        taught.beliefs,
        bank.personas,
        target=attribution.target,
        hysteresis=attribution.hysteresis,
        allow=allow,
        prior=np.array([persona.prior for persona in bank.bank.personas]),
    )
    if not len(probes.ids):
        return FittedRespondents(fit, taught, {"answered": 0, "is_applied": False})
    correction = fit_correction(score(fit.model, probes.columns, len(probes.ids)), probes.beliefs)
    found: dict[str, Any] = {
        "answered": len(probes.ids),
        "is_applied": bool(correction.is_applied),
        "gain": float(correction.gain),
        "needed": float(correction.needed),
        "shares": shares_of(probes.beliefs, bank.personas),
    }
    return FittedRespondents(_with_model(fit, corrected(fit.model, correction)), taught, found)


def findings_of(fitted: FittedRespondents, contacts: int) -> dict[str, Any]:
    """Return of how many of all `contacts` the persona can be known, how right that is among respondents, how well attributes are filled,
    and what the answers of probes have changed.
    """
    fit, taught = fitted.fit, fitted.taught
    rows = [] if fit.is_prior_only else risk_coverage(fit.out_of_fold, taught.beliefs)
    thinned = rows[:: max(len(rows) // MOST_ROWS, 1)]
    return {
        "probes": fitted.probes,
        "forecast": [] if fit.is_prior_only else [asdict(row) for row in forecast(fit.out_of_fold, taught.beliefs, TARGETS, contacts)],
        "risk_coverage": [asdict(row) for row in thinned],
        "respondents": shares_of(taught.beliefs, fit.model.personas),
        "filled": {
            name: float(np.mean([value not in (None, "") for value in values])) for name, values in taught.columns.items() if values
        },
    }


def shares_of(beliefs: Any, personas: Sequence[str]) -> list[dict[str, Any]]:
    """Return the mean of (n, K) beliefs for each persona, with its 95 % interval; nothing for fewer than eleven people."""
    if len(beliefs) < FEWEST_PEOPLE:
        return []
    means, errors = beliefs.mean(axis=0), beliefs.std(axis=0, ddof=1) / np.sqrt(len(beliefs))
    ends = np.clip([t_interval(float(mean), float(error), len(beliefs)) for mean, error in zip(means, errors, strict=True)], 0, 1)
    return [
        {"persona": persona, "value": float(means[k]), "low": float(ends[k][0]), "high": float(ends[k][1]), "people": len(beliefs)}
        for k, persona in enumerate(personas)
    ]


def _with_model(fit: AttributionFit, model: Any) -> AttributionFit:
    return type(fit)(model, fit.out_of_fold, fit.left_out, fit.gains, fit.needed)


def _batches(session: Session, bank: str) -> Iterator[list[str]]:
    after = ""
    while True:
        mine = select(Answer.contact_id).where(Answer.bank == bank, Answer.state == "current", Answer.kind == "answer")
        found = list(session.exec(mine.where(col(Answer.contact_id) > after).distinct().order_by(col(Answer.contact_id)).limit(BATCH_SIZE)))
        if not found:
            return
        yield found
        after = found[-1]
