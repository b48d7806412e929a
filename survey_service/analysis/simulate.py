"""`discern simulate`: simulate one survey of a bank with respondents drawn from its tables."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from adaptive.evaluation.metrics import confusion, end_reasons, length_distribution, reliability, usage
from adaptive.evaluation.simulate import NO_QUESTION, SimulatedInterviews, simulate
from adaptive.learning.calibration import calibration_error
from question_bank.compile import CompiledBank, compile_bank, conditions_of
from question_bank.definitions import Bank
from question_bank.files.problems import count_of
from survey_service.analysis.progress import progress

PLACES = 6
"""Decimal places in the JSON: sums of floats differ between machines in their last digits."""

LEAST_UNDERSTATED = 0.02
UNDERSTATED = """\
               Simulated answers do not repeat one another. The bank's weights expect real ones to: of real respondents about as many
               as stated will be right."""


@dataclass(frozen=True)
class Options:
    """The options of the command line; without `drop_out`, respondents leave with the survey's own hazard."""

    survey: str | None
    respondents: int
    seed: int
    skip: float = 0.0
    drop_out: float | None = None


@dataclass(frozen=True, eq=False)
class Simulation:
    """A simulation and its result."""

    bank: CompiledBank
    survey: str
    options: Options
    result: SimulatedInterviews

    @property
    def right(self) -> np.ndarray:
        """(N,) whether the persona stated at the end is the true one."""
        return np.asarray(self.result.interviews.belief.argmax(axis=1) == self.result.persona)


def simulate_survey(bank: Bank, options: Options) -> Simulation:
    """Simulate a survey. Raises ValueError for a survey that the bank does not have."""
    survey = survey_of(bank, options.survey)
    compiled = compile_bank(bank)
    with progress(f"simulate {survey}", options.respondents) as watch:
        result = simulate(
            compiled.tables,
            compiled.rules[survey],
            conditions_of(compiled),
            options.respondents,
            np.random.default_rng(options.seed),
            skip=options.skip,
            drop_out=options.drop_out,
            explore=bank.survey(survey).explore,
            watch=watch,
        )
    return Simulation(compiled, survey, options, result)


def survey_of(bank: Bank, name: str | None) -> str:
    """Return the named survey, or the only one where none is named. Raises ValueError."""
    surveys = [survey.id for survey in bank.surveys]
    if name is None and len(surveys) == 1:
        return surveys[0]
    if name in surveys:
        return name
    if not surveys:
        raise ValueError("the bank has no survey: add one under surveys")
    wrong = "name one" if name is None else f'the bank has no survey "{name}"'
    raise ValueError(f"--survey: {wrong}: it has {', '.join(surveys)}")


def figures(simulation: Simulation) -> dict[str, Any]:
    """Return all figures as plain data: the structure of `--json` (docs/simulate.md)."""
    bank, interviews = simulation.bank, simulation.result.interviews
    people, length = len(simulation.right), interviews.length
    confidence, right = interviews.belief.max(axis=1), simulation.right.astype(float)
    accuracy = float(right.mean())
    use = usage(interviews, len(bank.index))
    departures = np.bincount(length[interviews.left_at != NO_QUESTION]) / people
    never_asked = (use.asked == 0) & bank.rules[simulation.survey].included
    plain: dict[str, Any] = _rounded(
        {
            "bank": bank.bank.id,
            "survey": simulation.survey,
            **{name: value for name, value in asdict(simulation.options).items() if name != "survey"},
            "questions": {
                **_spread(length.astype(float)),
                "distribution": {str(count): share for count, share in enumerate(length_distribution(interviews).tolist())},
            },
            "seconds": _spread(interviews.seconds),
            "stopped_because": end_reasons(interviews),
            "accuracy": {"mean": accuracy, "standard_error": float(np.sqrt(accuracy * (1 - accuracy) / people))},
            "confidence": float(confidence.mean()),
            "calibration_error": calibration_error(confidence, right),
            "reliability": [asdict(bin_) for bin_ in reliability(confidence, right)],
            "personas": list(_personas(simulation)),
            "asked": list(_asked(simulation)),
            "never_asked": [bank.bank.questions[q].id for q in np.flatnonzero(never_asked)],
            "lost": {
                "share": float(use.left.sum()),
                "after_questions": {str(count): float(share) for count, share in enumerate(departures) if share},
            },
        }
    )
    return plain


def _spread(values: np.ndarray) -> dict[str, float]:
    half, most = np.quantile(values, [0.5, 0.9], method="inverted_cdf")
    return {"mean": float(values.mean()), "sd": float(values.std()), "median": float(half), "p90": float(most)}


def _personas(simulation: Simulation) -> Iterator[dict[str, Any]]:
    """Yield the share, recall, precision and mean number of questions of each persona."""
    bank, result = simulation.bank, simulation.result
    true = np.eye(len(bank.personas))[result.persona]
    table = confusion(true, result.interviews.belief.argmax(axis=1))
    for k, persona in enumerate(bank.personas):
        share, stated = table[k].sum(), table[:, k].sum()
        yield {
            "persona": persona,
            "share": float(share),
            "recall": float(table[k, k] / share) if share else None,
            "precision": float(table[k, k] / stated) if stated else None,
            "questions": float(result.interviews.length[result.persona == k].mean()) if share else None,
            "stated_as": dict(zip(bank.personas, table[k].tolist(), strict=True)),
        }


def _asked(simulation: Simulation) -> Iterator[dict[str, Any]]:
    """Yield the questions that were asked, the most used first."""
    used = usage(simulation.result.interviews, len(simulation.bank.index))
    for q in np.argsort(-used.asked, kind="stable"):
        if used.asked[q] > 0:
            row = {name: float(getattr(used, name)[q]) for name in ("asked", "gain", "place", "silent", "left")}
            yield {"question": simulation.bank.bank.questions[q].id, "share": row["asked"], "gain_bits": row["gain"]} | {
                name: row[name] for name in ("place", "silent", "left")
            }


def _rounded(plain: Any) -> Any:
    if isinstance(plain, float):
        return round(plain, PLACES)
    if isinstance(plain, Mapping):
        return {key: _rounded(value) for key, value in plain.items()}
    return [_rounded(value) for value in plain] if isinstance(plain, list) else plain


def summary(found: Mapping[str, Any]) -> str:
    """Return the figures as text."""
    questions, seconds, accuracy = found["questions"], found["seconds"], found["accuracy"]
    ends = ", ".join(f"{name} {share:.1%}" for name, share in found["stopped_because"].items())
    lines = [
        f"{count_of(found['respondents'], 'respondent')} drawn from {found['bank']}, survey {found['survey']} (seed {found['seed']})",
        "",
        f"questions      {questions['mean']:.1f} on average, half of the respondents {questions['median']:.0f} or fewer, "
        f"nine in ten {questions['p90']:.0f} or fewer",
        f"seconds        {seconds['mean']:.0f} on average, nine in ten {seconds['p90']:.0f} or fewer",
        f"right persona  {accuracy['mean']:.3f} ± {accuracy['standard_error']:.3f} of them",
        f"confidence     {found['confidence']:.3f} stated on average, off by {found['calibration_error']:.3f} (calibration error)",
        *([UNDERSTATED] if accuracy["mean"] - found["confidence"] > LEAST_UNDERSTATED else []),
        f"ended by       {ends}",
        "",
        f"{'questions':>9}{'share':>9}",
        *(f"{count:>9}{share:>9.1%}  {'#' * round(50 * share)}".rstrip() for count, share in questions["distribution"].items()),
        "",
        *_persona_lines(found["personas"]),
        "",
        *_question_lines(found["asked"]),
    ]
    if found["never_asked"]:
        lines += ["", f"never asked: {', '.join(found['never_asked'])}"]
    return "\n".join(lines)


def _persona_lines(personas: list[dict[str, Any]]) -> Iterator[str]:
    width = max(7, *(len(persona["persona"]) for persona in personas))
    yield f"{'persona':<{width}}{'share':>8}{'recognised':>12}{'name right':>12}{'questions':>11}"
    for persona in personas:
        recall, precision = (_or_dash(persona[name], ".3f") for name in ("recall", "precision"))
        yield f"{persona['persona']:<{width}}{persona['share']:>8.3f}{recall:>12}{precision:>12}{_or_dash(persona['questions'], '.1f'):>11}"


def _or_dash(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _question_lines(asked: list[dict[str, Any]]) -> Iterator[str]:
    width = max(8, *(len(question["question"]) for question in asked)) if asked else 8
    yield f"{'question':<{width}}{'asked of':>10}{'gain, bits':>12}{'at place':>10}{'no answer':>11}{'left here':>11}"
    for question in asked:
        gain = f"{question['share']:>10.1%}{question['gain_bits']:>12.3f}{question['place']:>10.1f}"
        yield f"{question['question']:<{width}}{gain}{question['silent']:>11.1%}{question['left']:>11.1%}"
