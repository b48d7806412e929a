"""What the commands `discern attribute` found, in words and as JSON."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from adaptive.lookalike.drift import Drift
from adaptive.lookalike.model import AttributionModel
from question_bank.files.problems import count_of
from survey_service.analysis.attribution_apply import ID_COLUMN, AppliedFile
from survey_service.analysis.attribution_fit import FittedFile


def warnings_of(done: FittedFile) -> list[str]:
    """Return what is doubtful about a fit, in words."""
    needed, reasons = done.fit.needed, {"constant": "the same for everybody", "unique": "another one for every contact"}
    found = []
    missing = [f"{count} more of {persona}" for persona, count in needed.personas.items()]
    if done.fit.is_prior_only and not needed.is_enough:
        more = [count_of(needed.labels, "more label")] if needed.labels else []
        found.append(f"too few labels for a fit, the model is its prior only: it needs {', '.join(more + missing)}")
    elif missing:
        found.append(f"too few labels of some personas, which keep their prior only: it needs {', '.join(missing)}")
    for attribute in done.fit.left_out:
        reason = reasons.get(attribute.reason)
        if attribute.reason == "missing":
            reason = f"missing for {attribute.figure:.0%} of the respondents"
        elif attribute.reason == "no_level":
            reason = "without a value that 11 respondents share"
        found.append(f'attribute "{attribute.name}" is left out: it is {reason}')
    found += [f'column "{name}" is left out: it holds ids' for name in done.respondents.ids if name != ID_COLUMN]
    found += [
        f'column "{name}" is left out: it holds {why}; --type {name}=KIND takes it in' for name, why in done.respondents.personal.items()
    ]
    return [*found, *done.respondents.repeats, *drift_warnings(done.base.drift)]


def drift_warnings(drift: Sequence[Drift]) -> list[str]:
    """Return the attributes that moved since the fit, in words."""
    return [
        f'attribute "{moved.attribute}": {moved.unknown:.0%} of the values were never seen at the fit'
        if moved.is_unknown
        else f'attribute "{moved.attribute}" has drifted: {moved.distance:.0%} of the contacts have other levels than the respondents'
        for moved in drift
        if moved.is_notable
    ]


def fit_figures(done: FittedFile) -> dict[str, Any]:
    """Return the figures of a fit for `--json`."""
    model, metrics = done.fit.model, done.fit.model.metrics
    return {
        "labels": metrics["labels"],
        "contacts": done.respondents.contacts,
        "personas": list(model.personas),
        "attributes": [{"name": name, "bits": bits} for name, bits in sorted(done.fit.gains.items(), key=lambda item: -item[1])],
        "log_loss": metrics["log_loss"],
        "prior_log_loss": metrics["prior_log_loss"],
        "calibration_error": metrics["calibration_error"],
        "threshold": model.threshold,
        "coverage": float(done.base.assigned.sum()) / max(done.base.contacts, 1),
        "left_out": [{"name": attribute.name, "reason": attribute.reason} for attribute in done.fit.left_out],
        "warnings": warnings_of(done),
        "quality": [
            {
                "name": column.name,
                "kind": column.kind,
                "filled": column.filled,
                "distinct": column.distinct,
                "warnings": list(column.warnings),
            }
            for column in done.respondents.quality
        ],
    }


def fit_summary(done: FittedFile, out: Path) -> str:
    """Return what a fit found, for people."""
    model, metrics = done.fit.model, done.fit.model.metrics
    lines = [f"{'attribute':<32}{'bits':>8}"]
    lines += [f"{name:<32}{bits:>8.3f}" for name, bits in sorted(done.fit.gains.items(), key=lambda item: -item[1])]
    gain = metrics["prior_log_loss"] - metrics["log_loss"]
    lines.append(
        f"{out.name}: {count_of(metrics['labels'], 'respondent')}, {len(model.personas)} personas, "
        f"{count_of(len(model.encodings), 'attribute')}; "
        f"log loss {metrics['log_loss']:.3f}, {gain:.3f} better than the prior; calibration error {metrics['calibration_error']:.3f}"
    )
    lines.append(_assignment(model, int(done.base.assigned.sum()), done.base.contacts))
    return "\n".join([*(f"warning: {warning}" for warning in warnings_of(done)), *lines])


def _assignment(model: AttributionModel, assigned: int, contacts: int) -> str:
    if model.threshold is None:
        return f"nobody is assigned: no confidence reaches an accuracy of {model.target:.0%} among respondents; use the probabilities"
    share = assigned / max(contacts, 1)
    return (
        f"{assigned:,} of {contacts:,} contacts ({share:.0%}) are assigned, from a confidence of {model.threshold:.2f} on: at least "
        f"{model.target:.0%} accurate among respondents"
    )


def apply_figures(done: AppliedFile) -> dict[str, Any]:
    """Return the figures of an application for `--json`."""
    return {
        "contacts": done.contacts,
        "assigned": done.assigned,
        "shares": dict(zip(done.personas, map(float, done.shares), strict=True)),
        "drift": [{"attribute": moved.attribute, "unknown": moved.unknown, "distance": moved.distance} for moved in done.drift],
        "warnings": drift_warnings(done.drift),
    }


def forecast_figures(done: FittedFile) -> dict[str, Any]:
    """Return the forecast for `--json`."""
    return {
        "labels": len(done.respondents.labels),
        "contacts": done.respondents.contacts,
        "targets": [
            {
                "accuracy": row.target,
                "threshold": row.threshold,
                "share": row.share,
                "low": row.low,
                "high": row.high,
                "contacts": row.contacts,
            }
            for row in done.forecasts
        ],
        "warnings": warnings_of(done),
    }


def forecast_summary(done: FittedFile) -> str:
    """Return the forecast for people."""
    lines = [f"{'wanted accuracy':>16}{'confidence from':>18}{'share':>8}{'95 % interval':>16}{'contacts':>12}"]
    for row in done.forecasts:
        if row.threshold is None:
            lines.append(f"{row.target:>16.0%}{'not reached':>18}{'0%':>8}{'':>16}{0:>12}")
        else:
            interval = f"{row.low:.0%} to {row.high:.0%}"
            lines.append(f"{row.target:>16.0%}{row.threshold:>18.2f}{row.share:>8.0%}{interval:>16}{row.contacts:>12,}")
    respondents = count_of(len(done.respondents.labels), "respondent")
    lines.append(f"from {respondents}, held out; of {done.respondents.contacts:,} contacts if they are like them")
    return "\n".join([*(f"warning: {warning}" for warning in warnings_of(done)), *lines])


def apply_summary(done: AppliedFile, out: Path) -> str:
    """Return what an application wrote, for people."""
    share = done.assigned / max(done.contacts, 1)
    lines = [f"warning: {warning}" for warning in drift_warnings(done.drift)]
    lines.append(f"{out.name}: {done.contacts:,} contacts, {done.assigned:,} of them ({share:.0%}) assigned")
    return "\n".join(lines)
