"""Fitted models as the database keeps them: stored, found, and loaded once a process, because a model never changes."""

import json
from collections import OrderedDict
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlmodel import Session, col, select

from adaptive.lookalike.fit import AttributionFit
from adaptive.lookalike.model import AttributionModel
from question_bank.definitions import Attribution
from survey_service.store.tables.attribution import AttributionModelRow, AttributionRun
from survey_service.store.tables.columns import new_id

KEPT = 16
_loaded: OrderedDict[str, AttributionModel] = OrderedDict()


def store_model(
    session: Session, bank: str, version: int, fit: AttributionFit, found: dict[str, Any], now: datetime
) -> AttributionModelRow:
    """Store a fitted model, and what was found with it."""
    content = fit.model.to_json()
    metrics = {
        **content["metrics"],
        "left_out": [{"attribute": left.name, "reason": left.reason, "figure": left.figure} for left in fit.left_out],
        "needed": {"labels": fit.needed.labels, "personas": dict(fit.needed.personas)},
        "threshold": fit.model.threshold,
        **found,
    }
    row = AttributionModelRow(
        id=new_id("atm"),
        bank=bank,
        bank_version=version,
        personas=list(fit.model.personas),
        content=content,
        metrics=metrics,
        fingerprint=sha256(json.dumps(content, sort_keys=True).encode()).hexdigest(),
        created_at=now,
        rescored_until=now,
    )
    session.add(row)
    session.flush()
    return row


def model_of(session: Session, model_id: str) -> AttributionModel:
    """Return a stored model."""
    model = _loaded.get(model_id)
    if model is None:
        content = session.scalars(select(col(AttributionModelRow.content)).where(col(AttributionModelRow.id) == model_id)).one()
        _loaded[model_id] = model = AttributionModel.from_json(content)
        if len(_loaded) > KEPT:
            _loaded.popitem(last=False)
    return model


def newest_models(session: Session) -> dict[str, str]:
    """Return the id of the model of each bank's last run that was done, by bank."""
    done = select(AttributionRun.bank, AttributionRun.model_id).where(AttributionRun.state == "done").order_by(col(AttributionRun.ended_at))
    return {bank: str(model_id) for bank, model_id in session.exec(done)}


def attributes_of(attribution: Attribution) -> dict[str, str]:
    """Return the attributes that may be used, with their kinds."""
    return {name: kind for name, kind in attribution.attributes.items() if name not in attribution.never}
