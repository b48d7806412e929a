"""`discern replay`: replay a file of real answers and measure the belief after each number of questions."""

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
from question_bank.datasets.answer_table import read_answers, respondents_of
from question_bank.datasets.column_map import read_column_map
from question_bank.definitions import DEFAULT_STOP, Bank
from question_bank.languages import negotiate
from survey_service.analysis.answer_files import read_cells
from survey_service.analysis.progress import progress

ORDERS = ("adaptive", "fixed", "random")


@dataclass(frozen=True)
class Options:
    """The options of the command line. `stop` is a confidence that replaces the survey's own stopping criteria."""

    survey: str | None
    label: str | None
    orders: tuple[str, ...]
    steps: tuple[str, ...]
    seed: int
    stop: float | None = None
    sheet: str | None = None
    language: str | None = None


@dataclass(frozen=True, eq=False)
class ReplayResult:
    """Metrics by order, the reference personas, and, with the adaptive order, whole interviews that stop.

    `notes` say how the file was read, and what was left out of it.
    """

    bank: CompiledBank
    rules: SurveyRules
    people: Respondents
    orders: Mapping[str, list[StepMetrics]]
    full: Floats
    label: Ints
    interviews: Interviews | None
    notes: tuple[str, ...] = ()

    @property
    def at_stop(self) -> StopMetrics | None:
        if self.interviews is None:
            return None
        return stop_metrics(self.interviews, self.full, self.label, labelled=self.people.label is not None)


def replay_file(bank: Bank, answers: Path, columns: Path | None, options: Options) -> ReplayResult:
    """Replay a file. Raises ValueError with every problem of the options, the column map or the answers."""
    steps = _check_options(bank, options)
    bank, notes = _in_language(bank, options.language)
    names = None if columns is None else read_column_map(columns.read_text(encoding="utf-8"), columns.name)
    cells = read_cells(answers, options.sheet)
    table = read_answers(cells, bank, answers.name, names, options.label, lenient=True)
    compiled = compile_bank(bank)
    rules, people = rules_of(compiled, options.survey, options.stop), respondents_of(compiled, table)
    done = replay_respondents(compiled, rules, people, options.orders, steps, options.seed)
    return replace(done, notes=(*notes, *cells.notes, *table.left_out))


def _in_language(bank: Bank, language: str | None) -> tuple[Bank, list[str]]:
    """Return the bank with a language as its default, in which reports show its texts, and a note where it has none near it."""
    if language is None:
        return bank, []
    found = negotiate(language, bank.languages)
    others = tuple(name for name in bank.languages if name != found)
    is_other = found.partition("-")[0].lower() != language.partition("-")[0].lower()
    has = f"--language: the bank has no texts in {language}: it has {', '.join(bank.languages)}"
    return replace(bank, languages=(found, *others)), [has] if is_other else []


def replay_respondents(
    bank: CompiledBank, rules: SurveyRules, people: Respondents, orders: tuple[str, ...], steps: list[int], seed: int
) -> ReplayResult:
    """Replay respondents whose answers have been read."""
    metrics = {}
    for order in orders:
        with progress(order, max(steps) + 1) as watch:
            metrics[order] = replay(bank.tables, rules, people, order, steps, np.random.default_rng(seed), lambda _: watch(1))
    interviews = None
    if "adaptive" in orders:
        with progress("until it stops", len(people.opens)) as watch:
            interviews = interview(bank.tables, rules, people, watch)
    full, label = reference_personas(bank.tables, rules, people)
    return ReplayResult(bank, rules, people, metrics, full, label, interviews)


def figures(result: ReplayResult) -> dict[str, Any]:
    """Return all metrics as plain data: the structure of `--json`."""
    orders = {order: [asdict(measure) for measure in measures] for order, measures in result.orders.items()}
    found: dict[str, Any] = {"orders": orders, "respondents": len(result.label)}
    if result.at_stop is not None:
        found["at_stop"] = {"adaptive": asdict(result.at_stop)}
    return found


def summary(result: Mapping[str, Any]) -> str:
    """Return the metrics as text."""
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


def _metric_cells(metrics: Mapping[str, float]) -> str:
    return f"{metrics['agreement']:>11.3f}{metrics['confidence']:>12.3f}{metrics['calibration_error']:>19.3f}"


def rules_of(bank: CompiledBank, survey: str | None, stop: float | None = None) -> SurveyRules:
    """Return the rules of a survey; without one, of the whole bank with the stopping criteria of its first survey."""
    rules = _whole_bank_rules(bank) if survey is None else bank.rules[survey]
    return rules if stop is None else replace(rules, stop=StopRule(confidence=stop))


def _whole_bank_rules(bank: CompiledBank) -> SurveyRules:
    everything = np.ones(len(bank.index), dtype=bool)
    first = next(iter(bank.rules.values()), None)
    if first is None:
        return SurveyRules(everything, np.zeros_like(everything), np.zeros((len(everything),) * 2, dtype=bool), (), DEFAULT_STOP)
    return replace(first, included=everything, first=())


def _check_options(bank: Bank, options: Options) -> list[int]:
    problems = [f'--orders: "{order}" is not one of {", ".join(ORDERS)}' for order in options.orders if order not in ORDERS]
    problems += [f'--steps: "{step}" is not a whole number from 0 to 1000' for step in options.steps if not _is_step(step)]
    surveys = [survey.id for survey in bank.surveys]
    if options.survey is not None and options.survey not in surveys:
        problems.append(f'--survey: the bank has no survey "{options.survey}": it has {", ".join(surveys)}')
    if problems:
        raise ValueError("\n".join(problems))
    return sorted({int(step) for step in options.steps})


def _is_step(step: str) -> bool:
    return step.isdecimal() and step.isascii() and int(step) <= 1000
