"""The report of `discern replay`, and what a report on a fitted bank shares with it."""

from pathlib import Path

import numpy as np

from adaptive.evaluation.metrics import usage
from survey_service.analysis.replay import ReplayResult
from survey_service.analysis.reports import sections
from survey_service.analysis.reports.page import Report, Section, write


def report_replay(done: ReplayResult, source: str, path: Path) -> None:
    """Write the report. Raises ValueError where the file cannot be written or pictures cannot be drawn."""
    report = Report(
        f"{done.bank.bank.id}: real answers, replayed",
        f"{len(done.label):,} respondents from {source} were asked again, question by question, as the live service would ask them.",
        headline(done),
        [*metric_sections(done), sections.personas_section(done.bank)],
        ["If the bank was fitted on these same answers, everything here looks better than it will be. Keep some answers aside."],
    )
    write(report, path)


def headline(done: ReplayResult) -> list[tuple[str, str]]:
    """The figures at the stop, where there are any."""
    stop = done.at_stop
    if stop is None:
        return [(f"{len(done.label):,}", "respondents")]
    return [
        (f"{stop.questions:.1f}", "questions until it stops"),
        (sections.percent(stop.agreement), "stated persona is the one held to be true"),
        (sections.percent(stop.confidence), "stated confidence"),
        (sections.percent(stop.soft_agreement), "what all answers say of the stated persona"),
    ]


def metric_sections(done: ReplayResult) -> list[Section]:
    """How soon and how truly these respondents are known."""
    bank, interviews = done.bank, done.interviews
    labelled = done.people.label is not None
    held = "the label in the file" if labelled else "what all answers together say"
    soon = sections.orders_section(done.orders, f"Right means: {held}.")
    if interviews is None:
        return [soon]
    stated = interviews.belief.argmax(axis=1)
    right = np.eye(len(bank.personas))[done.label]
    true = (right if labelled else done.full)[np.arange(len(stated)), stated]
    return [
        sections.length_section(interviews),
        soon,
        sections.calibration_section(interviews.belief.max(axis=1), true, f"True here means: {held}."),
        sections.confusion_section(
            bank, right, stated, f"Each line is a persona by {held}; the columns say what was stated when the survey stopped."
        ),
        sections.questions_section(bank, usage(interviews, len(bank.index)), done.rules.included),
    ]
