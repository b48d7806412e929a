"""What `discern replay` does: a bank, a file of real answers, and a table of how soon the belief is right."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from adaptive.selection import SurveyRules
from adaptive.simulation import replay
from adaptive.stopping import StopRule
from question_bank.answer_files import read_answers, read_column_map
from question_bank.compiling import CompiledBank, compile_bank
from question_bank.definitions import Bank
from question_bank.respondents import respondents_of
from survey_service.terminal import progress

ORDERS = ("adaptive", "fixed", "random")


@dataclass(frozen=True)
class Wish:
    """What to replay, as the command line gives it."""

    survey: str | None
    label: str | None
    orders: tuple[str, ...]
    steps: tuple[str, ...]
    seed: int


def replay_file(bank: Bank, answers: Path, columns: Path | None, wish: Wish) -> dict[str, Any]:
    """Measures by order. Raises ValueError with every problem of the wish, the column map or the answers."""
    steps = _checked(bank, wish)
    names = None if columns is None else read_column_map(columns.read_text(encoding="utf-8"), columns.name)
    table = read_answers(_text(answers), bank, answers.name, names, wish.label)
    compiled = compile_bank(bank)
    people, rules = respondents_of(compiled, table), _rules(compiled, wish.survey)
    result: dict[str, Any] = {"orders": {}, "respondents": len(table.rows)}
    for order in wish.orders:
        with progress(order, max(steps) + 1) as watch:
            measures = replay(compiled.tables, rules, people, order, steps, np.random.default_rng(wish.seed), lambda _: watch(1))
        result["orders"][order] = [asdict(measure) for measure in measures]
    return result


def told(result: dict[str, Any]) -> str:
    """The same as a table for people."""
    lines = [f"{result['respondents']} respondents"]
    lines.append(f"{'order':<10}{'questions':>10}{'agreement':>11}{'confidence':>12}{'calibration error':>19}{'log score':>11}")
    for order, measures in result["orders"].items():
        for one in measures:
            figures = f"{one['questions']:>10}{one['agreement']:>11.3f}{one['confidence']:>12.3f}{one['calibration_error']:>19.3f}"
            lines.append(f"{order:<10}{figures}{one['log_score']:>11.3f}")
    return "\n".join(lines)


def _checked(bank: Bank, wish: Wish) -> list[int]:
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


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as wrong:
        raise ValueError(f"{path.name}: is not UTF-8 text (byte {wrong.start}): save it as UTF-8") from None


def _rules(bank: CompiledBank, survey: str | None) -> SurveyRules:
    """The rules of a survey, without its stops; the whole bank where none is named."""
    if survey is not None:
        return bank.rules[survey]
    everything = np.ones(len(bank.index), dtype=bool)
    first = next(iter(bank.rules.values()), None)
    if first is None:
        return SurveyRules(everything, np.zeros_like(everything), np.zeros((len(everything),) * 2, dtype=bool), (), StopRule())
    return replace(first, included=everything, first=())
