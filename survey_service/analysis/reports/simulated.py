"""The report of `discern simulate`."""

from pathlib import Path

import numpy as np

from adaptive.evaluation.metrics import usage
from adaptive.evaluation.replay import Respondents, StepMetrics, replay
from adaptive.evaluation.simulate import draw_respondents
from question_bank.compile import conditions_of
from survey_service.analysis.progress import progress
from survey_service.analysis.replay import ORDERS
from survey_service.analysis.reports import sections
from survey_service.analysis.reports.language import gettext as _
from survey_service.analysis.reports.language import number, override, percent
from survey_service.analysis.reports.page import Report, write
from survey_service.analysis.simulate import Simulation, figures

COMPARED = 1000
"""Respondents with whom the orders are compared: each of them answers every question."""

MOST_QUESTIONS = 10


def report_simulation(simulation: Simulation, path: Path) -> None:
    """Write the report in the bank's default language. Raises ValueError where the file cannot be written or pictures cannot be drawn."""
    found, bank, interviews = figures(simulation), simulation.bank, simulation.result.interviews
    used = usage(interviews, len(bank.index))
    true = np.eye(len(bank.personas))[simulation.result.persona]
    stated, confidence = interviews.belief.argmax(axis=1), interviews.belief.max(axis=1)
    rules = bank.rules[simulation.survey]
    with override(bank.bank.language):
        leaving = _leaving(simulation)
        report = Report(
            _("{bank}: the survey {survey}, simulated", bank=bank.bank.id, survey=simulation.survey),
            _(
                "{number} respondents were drawn from the bank's own tables and asked as the live service would ask them "
                "(seed {seed}, skips {skip}, leaving: {leaving}).",
                number=number(simulation.options.respondents),
                seed=simulation.options.seed,
                skip=number(simulation.options.skip, ".0%"),
                leaving=leaving,
            ),
            [
                (number(found["questions"]["mean"], ".1f"), _("questions on average")),
                (f"{found['seconds']['mean']:.0f} s", _("of a respondent's time")),
                (percent(found["accuracy"]["mean"]), _("stated persona is right")),
                (percent(found["confidence"]), _("stated confidence")),
            ],
            [
                sections.length_section(interviews),
                sections.calibration_section(
                    confidence, simulation.right.astype(float), _("True here means: the persona that the respondent was drawn from.")
                ),
                sections.confusion_section(
                    bank, true, stated, _("Each line is a true persona; its respondents are stated as the personas of the columns.")
                ),
                sections.orders_section(_orders(simulation), _("Right means: the persona that the respondent was drawn from.")),
                sections.questions_section(bank, used, rules.included),
                sections.dropout_section(bank, interviews, used, leaving),
                sections.personas_section(bank),
            ],
            [_("Simulated respondents behave exactly as the tables say. Real ones do not: replay real answers as soon as you have some.")],
        )
        write(report, path)


def _leaving(simulation: Simulation) -> str:
    """Return how respondents leave, in words."""
    if simulation.options.drop_out is not None:
        return _("a chance of {share} before each further question", share=number(simulation.options.drop_out, ".0%"))
    return _("as the survey's drop_out says") if simulation.bank.rules[simulation.survey].hazard else _("nobody leaves")


def _orders(simulation: Simulation) -> dict[str, list[StepMetrics]]:
    """Return the metrics of each order on the same respondents, without stopping."""
    bank, rules = simulation.bank, simulation.bank.rules[simulation.survey]
    people = draw_respondents(
        bank.tables,
        conditions_of(bank),
        min(COMPARED, simulation.options.respondents),
        np.random.default_rng(simulation.options.seed),
        simulation.options.skip,
    )
    steps = range(1, min(int(rules.included.sum()), MOST_QUESTIONS) + 1)
    return {order: _measured(simulation, people, order, steps) for order in ORDERS}


def _measured(simulation: Simulation, people: Respondents, order: str, steps: range) -> list[StepMetrics]:
    with progress(f"compare {order}", len(steps) + 1) as watch:
        rng = np.random.default_rng(simulation.options.seed)
        return replay(simulation.bank.tables, simulation.bank.rules[simulation.survey], people, order, steps, rng, lambda _: watch(1))
