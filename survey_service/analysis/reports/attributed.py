"""The report of `discern attribute fit` and `forecast`: what attributes can say, of whom, and how good the file is."""

from pathlib import Path

import numpy as np

from adaptive.arrays import Floats
from adaptive.lookalike.encode import FEWEST_PEOPLE
from adaptive.lookalike.risk import risk_coverage
from survey_service.analysis.attribution_fit import FittedFile
from survey_service.analysis.attribution_summary import warnings_of
from survey_service.analysis.reports import charts, sections
from survey_service.analysis.reports.language import percent
from survey_service.analysis.reports.page import Cell, Report, Section, Table, write

STRONGEST = 3.0
"""Bits that are shaded fully in a table."""


def report_attribution(done: FittedFile, path: Path, probes: Floats | None = None) -> None:
    """Write the report. `probes`, (n, K), is P(persona) of contacts who were drawn at random among the silent, and answered.

    Raises ValueError where the file cannot be written or pictures cannot be drawn.
    """
    people, metrics = done.respondents, done.fit.model.metrics
    assigned = done.base.assigned.sum() / max(done.base.contacts, 1)
    headline = [
        (f"{people.contacts:,}", "contacts in the file"),
        (f"{len(people.labels):,}", "respondents with a label"),
        (percent(float(assigned)), f"of the contacts can be assigned at {percent(done.fit.model.target)} accuracy among respondents"),
        (f"{(metrics['prior_log_loss'] - metrics['log_loss']) / np.log(2):.2f} bits", "known of a contact's persona from its attributes"),
    ]
    parts = [_forecast(done)]
    if done.fit.model.encodings:
        confidence = done.fit.out_of_fold.max(axis=1)
        true = people.labels[np.arange(len(confidence)), done.fit.out_of_fold.argmax(axis=1)]
        against = "True here means: the label of a respondent who did not teach the tables."
        parts += [_coverage(done), sections.calibration_section(confidence, true, against), _shares(done, probes), _attributes(done)]
    parts.append(_quality(done))
    notes = [
        "All figures are of respondents. Those who never answer may differ from them: only a random probe shows by how much.",
        "An attributed persona is a likelihood, not what a person said. It must not be the sole basis of a price, a credit or a refusal.",
        *warnings_of(done),
    ]
    about = f"What the attributes of {people.contacts:,} contacts in {people.file.name} say of their personas."
    write(Report(f"{people.file.name}: a persona for every contact", about, headline, parts, notes), path)


def _forecast(done: FittedFile) -> Section:
    rows = [
        [percent(row.target), f"{row.threshold:.2f}", percent(row.share), f"{percent(row.low)} to {percent(row.high)}", f"{row.contacts:,}"]
        if row.threshold is not None
        else [percent(row.target), "not reached", "0%", "", "0"]
        for row in done.forecasts
    ]
    reading = (
        "How many contacts can be assigned to one persona if so many of the assignments are to be right. The others are not lost: each "
        "keeps its probabilities, which add up correctly over many contacts. Where an accuracy is not reached, more labels or better "
        "attributes are needed; a threshold set by hand would only hide the error."
    )
    head = ("Wanted accuracy", "confidence from", "share", "95 % interval", "contacts")
    return Section("How many can be assigned", reading, tables=[Table("Forecast for the contacts of the file", head, rows)])


def _coverage(done: FittedFile) -> Section:
    found = risk_coverage(done.fit.out_of_fold, done.respondents.labels)
    shares = [row.share for row in found]
    picture = charts.coverage_chart(
        "coverage", "Accuracy by the share assigned", shares, [row.accuracy for row in found], [row.lower for row in found]
    )
    reading = (
        "Whoever assigns only the most certain contacts is right more often. The dashed line is what can be promised from so few "
        "respondents; an assignment begins where it meets the wanted accuracy."
    )
    rows = [[f"{row.threshold:.2f}", str(row.people), percent(row.share), percent(row.accuracy), percent(row.lower)] for row in found]
    figures = Table("By confidence", ("Confidence from", "respondents", "share", "right", "at least"), rows)
    return Section("Accuracy against coverage", reading, picture, figures=[figures])


def _shares(done: FittedFile, probes: Floats | None) -> Section:
    """Return the section on the size of each persona: among respondents, by the attributes of all, and among probes."""
    base, drawn = done.base, probes is not None and len(probes) > 0
    rows = []
    for k, persona in enumerate(done.fit.model.personas):
        row = [persona, *_share(done.respondents.labels[:, k]), percent(float(base.shares[k]) / max(base.contacts, 1))]
        rows.append([*row, *(_share(probes[:, k]) if drawn and probes is not None else ()), f"{int(base.assigned[k]):,}"])
    reading = (
        "How large each persona is among the respondents, with its 95 % interval, and what the attributes say of all contacts. A "
        "difference means that contacts have other attributes than those who answered."
    )
    if drawn and probes is not None:
        reading += (
            f" {len(probes)} contacts answered because they were drawn at random among the silent: where their share differs from that "
            "of the respondents, those who answer by themselves are others than those who do not."
        )
    of_probes = ("probes", "95 % interval") if drawn else ()
    head = ("Persona", "respondents", "95 % interval", "all contacts", *of_probes, "assigned")
    return Section("How large each persona is", reading, tables=[Table("Shares", head, rows)])


def _share(beliefs: Floats) -> tuple[str, str]:
    """Return the mean of (n,) beliefs and its interval."""
    share, width = float(beliefs.mean()), 1.96 * float(beliefs.std()) / np.sqrt(len(beliefs))
    return percent(share), f"{percent(max(share - width, 0))} to {percent(min(share + width, 1))}"


def _attributes(done: FittedFile) -> Section:
    model, gains = done.fit.model, done.fit.gains
    filled = {column.name: column.filled for column in done.respondents.quality}
    ranked = sorted(gains, key=lambda name: -gains[name])
    most = max([*gains.values(), 1e-9])
    bars = [(name, gains[name] / most, f"{gains[name]:.2f} bits · filled for {percent(filled.get(name, 0.0))}") for name in ranked]
    picture = charts.bar_chart("attributes", f"Bits that each of {len(bars)} attributes tells on its own", bars)
    tables = []
    for encoding, table in sorted(zip(model.encodings, model.tables, strict=True), key=lambda pair: -gains[pair[0].name]):
        rows: list[list[str | Cell]] = [
            [label, str(people), *(Cell(f"{bits:+.1f}".replace("-", "−"), min(abs(bits) / STRONGEST, 1.0)) for bits in row.tolist())]
            for label, people, row in zip(encoding.row_labels(), encoding.people, table, strict=True)
            if people >= FEWEST_PEOPLE
        ]
        tables.append(Table(encoding.name, ("Level", "respondents", *model.personas), rows))
    reading = (
        "What each attribute tells about the persona on its own, held out: 1 bit settles the choice between two equally likely personas. "
        "An attribute that tells much and is filled for few is the one to collect next. In the tables, +1 doubles the odds of a persona "
        "and −1 halves them; what several attributes tell adds up."
    )
    return Section("What tells the personas apart", reading, picture, figures=tables)


def _quality(done: FittedFile) -> Section:
    rows = [
        [
            column.name,
            column.kind,
            "; ".join(column.warnings),
            percent(column.filled),
            "many" if column.distinct is None else f"{column.distinct:,}",
        ]
        for column in done.respondents.quality
    ]
    tables = [Table("Columns", ("Column", "kind", "what is doubtful", "filled", "different values"), rows, words=3)]
    if done.base.drift:
        moved = [[drift.attribute, percent(drift.distance), percent(drift.unknown)] for drift in done.base.drift]
        tables.append(Table("All contacts against the respondents", ("Attribute", "other levels", "never seen"), moved))
    reading = (
        "What the file holds: a column that is nearly empty, the same everywhere or different everywhere tells nothing; levels that look "
        "like one another should be one. The second table says how far the attributes of all contacts are from those of the respondents."
    )
    return Section("How good the data are", reading, tables=tables)
