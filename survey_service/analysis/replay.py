"""What `discern replay` does: a bank, a file of real answers, and a table of how soon the belief is right."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from adaptive.arrays import Floats, Ints
from adaptive.evaluation.metrics import StopMetrics, stop_metrics
from adaptive.evaluation.replay import Respondents, StepMetrics, reference_personas, replay
from adaptive.evaluation.simulate import Interviews, interview
from adaptive.selection import SurveyRules
from adaptive.stopping import StopRule
from question_bank.compile import CompiledBank, compile_bank
from question_bank.datasets.answer_table import read_answers, read_column_map, respondents_of
from question_bank.definitions import DEFAULT_STOP, Bank
from survey_service.analysis.answer_files import read_cells
from survey_service.analysis.progress import progress

ORDERS = ("adaptive", "fixed", "random")


@dataclass(frozen=True)
class Options:
    """What to replay, as the command line gives it. `stop` is a confidence that takes the place of the survey's own stops."""

    survey: str | None
    label: str | None
    orders: tuple[str, ...]
    steps: tuple[str, ...]
    seed: int
    stop: float | None = None


@dataclass(frozen=True, eq=False)
class ReplayResult:
    """Measures by order; and with the adaptive order whole interviews that stop, beside what is held to be true of these people."""

    bank: CompiledBank
    rules: SurveyRules
    people: Respondents
    orders: Mapping[str, list[StepMetrics]]
    full: Floats
    label: Ints
    interviews: Interviews | None

    @property
    def at_stop(self) -> StopMetrics | None:
        if self.interviews is None:
            return None
        return stop_metrics(self.interviews, self.full, self.label, labelled=self.people.label is not None)


def replay_file(bank: Bank, answers: Path, columns: Path | None, wish: Options) -> ReplayResult:
    """Raises ValueError with every problem of the wish, the column map or the answers."""
    steps = _check_options(bank, wish)
    names = None if columns is None else read_column_map(columns.read_text(encoding="utf-8"), columns.name)
    table = read_answers(read_cells(answers), bank, answers.name, names, wish.label)
    compiled = compile_bank(bank)
    rules, people = rules_of(compiled, wish.survey, wish.stop), respondents_of(compiled, table)
    return replay_respondents(compiled, rules, people, wish.orders, steps, wish.seed)


def replay_respondents(
    bank: CompiledBank, rules: SurveyRules, people: Respondents, orders: tuple[str, ...], steps: list[int], seed: int
) -> ReplayResult:
    """The same with answers that have been read."""
    measures = {}
    for order in orders:
        with progress(order, max(steps) + 1) as watch:
            measures[order] = replay(bank.tables, rules, people, order, steps, np.random.default_rng(seed), lambda _: watch(1))
    interviews = None
    if "adaptive" in orders:
        with progress("until it stops", len(people.opens)) as watch:
            interviews = interview(bank.tables, rules, people, watch)
    full, label = reference_personas(bank.tables, rules, people)
    return ReplayResult(bank, rules, people, measures, full, label, interviews)


def figures(done: ReplayResult) -> dict[str, Any]:
    """Everything that was measured, as plain data: the shape of `--json`."""
    orders = {order: [asdict(measure) for measure in measures] for order, measures in done.orders.items()}
    found: dict[str, Any] = {"orders": orders, "respondents": len(done.label)}
    if done.at_stop is not None:
        found["at_stop"] = {"adaptive": asdict(done.at_stop)}
    return found


def summary(result: Mapping[str, Any]) -> str:
    """The same as a table for people."""
    lines = [f"{result['respondents']} respondents"]
    lines.append(f"{'order':<10}{'questions':>10}{'agreement':>11}{'confidence':>12}{'calibration error':>19}{'log score':>11}")
    for order, measures in result["orders"].items():
        for measure in measures:
            lines.append(f"{order:<10}{measure['questions']:>10}{_metric_cells(measure)}{measure['log_score']:>11.3f}")
    for order, stop in result.get("at_stop", {}).items():
        ends = ", ".join(f"{name} {share:.1%}" for name, share in stop["stopped_because"].items())
        lines += [
            f"stopping as the survey does (by {ends}):",
            f"{order:<10}{stop['questions']:>10.2f}{_metric_cells(stop)}",
            f"{'':<10}all answers give the stated persona {stop['soft_agreement']:.3f} on average",
        ]
    return "\n".join(lines)


def _metric_cells(item: Mapping[str, float]) -> str:
    return f"{item['agreement']:>11.3f}{item['confidence']:>12.3f}{item['calibration_error']:>19.3f}"


def rules_of(bank: CompiledBank, survey: str | None, stop: float | None = None) -> SurveyRules:
    """The rules of a survey; of the whole bank, with the stops of its first survey, where none is named."""
    rules = _whole_bank_rules(bank) if survey is None else bank.rules[survey]
    return rules if stop is None else replace(rules, stop=StopRule(confidence=stop))


def _whole_bank_rules(bank: CompiledBank) -> SurveyRules:
    everything = np.ones(len(bank.index), dtype=bool)
    first = next(iter(bank.rules.values()), None)
    if first is None:
        return SurveyRules(everything, np.zeros_like(everything), np.zeros((len(everything),) * 2, dtype=bool), (), DEFAULT_STOP)
    return replace(first, included=everything, first=())


def _check_options(bank: Bank, wish: Options) -> list[int]:
    problems = [f'--orders: "{order}" is not one of {", ".join(ORDERS)}' for order in wish.orders if order not in ORDERS]
    problems += [f'--steps: "{step}" is not a whole number from 0 to 1000' for step in wish.steps if not _is_step(step)]
    surveys = [survey.id for survey in bank.surveys]
    if wish.survey is not None and wish.survey not in surveys:
        problems.append(f'--survey: the bank has no survey "{wish.survey}": it has {", ".join(surveys)}')
    if problems:
        raise ValueError("\n".join(problems))
    return sorted({int(step) for step in wish.steps})


def _is_step(step: str) -> bool:
    return step.isdecimal() and step.isascii() and int(step) <= 1000
