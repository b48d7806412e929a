"""The report of `discern replay`, and the sections that the report on a fitted bank shares with it."""

from pathlib import Path

import numpy as np

from adaptive.evaluation.metrics import usage
from survey_service.analysis.replay import ReplayResult
from survey_service.analysis.reports import sections
from survey_service.analysis.reports.language import gettext as _
from survey_service.analysis.reports.language import number, override, percent
from survey_service.analysis.reports.page import Report, Section, write


def report_replay(result: ReplayResult, source: str, path: Path) -> None:
    """Write the report in the bank's default language. Raises ValueError where the file cannot be written."""
    with override(result.bank.bank.language):
        report = Report(
            _("{bank}: real answers, replayed", bank=result.bank.bank.id),
            _(
                "{number} respondents from {source} were asked again, question by question, as the live service would ask them.",
                number=number(len(result.label)),
                source=source,
            ),
            headline(result),
            [*metric_sections(result), sections.personas_section(result.bank)],
            [_("If the bank was fitted on these same answers, everything here looks better than it will be. Keep some answers aside.")],
        )
        write(report, path)


def headline(result: ReplayResult) -> list[tuple[str, str]]:
    """Return the main figures at the stop, where the interviews stopped."""
    stop = result.at_stop
    if stop is None:
        return [(number(len(result.label)), _("respondents"))]
    return [
        (number(stop.questions, ".1f"), _("questions until it stops")),
        (percent(stop.agreement), _("stated persona is the one held to be true")),
        (percent(stop.confidence), _("stated confidence")),
        (percent(stop.soft_agreement), _("what all answers say of the stated persona")),
    ]


def metric_sections(result: ReplayResult) -> list[Section]:
    """Return the sections about accuracy, calibration and length on these respondents."""
    bank, interviews = result.bank, result.interviews
    labelled = result.people.label is not None
    reference = _("the label in the file") if labelled else _("what all answers together say")
    orders = sections.orders_section(result.orders, _("Right means: {reference}.", reference=reference))
    if interviews is None:
        return [orders]
    stated = interviews.belief.argmax(axis=1)
    one_hot = np.eye(len(bank.personas))[result.label]
    true = (one_hot if labelled else result.full)[np.arange(len(stated)), stated]
    return [
        sections.length_section(interviews),
        orders,
        sections.calibration_section(interviews.belief.max(axis=1), true, _("True here means: {reference}.", reference=reference)),
        sections.confusion_section(
            bank,
            one_hot,
            stated,
            _("Each line is a persona by {reference}; the columns say what was stated when the survey stopped.", reference=reference),
        ),
        sections.questions_section(bank, usage(interviews, len(bank.index)), result.rules.included),
    ]
