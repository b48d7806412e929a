"""Simulated interviews from the first question to the stop, many respondents at once.

Every question is chosen by `selection.next_questions`, as in the live service.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from adaptive.arrays import Bools, Floats, Ints
from adaptive.dependency_forest import NOT_GIVEN
from adaptive.dropout import Hazard
from adaptive.evaluation.replay import Respondents
from adaptive.exploration import PILOT_SHARE, RandomDraw
from adaptive.likelihood import Choice, MultipleChoice, Numeric, log_any_answer, log_no_answer
from adaptive.posterior import Evidence, restrict_to, select_evidence
from adaptive.selection import SurveyRules, next_questions, update_limit
from adaptive.stopping import REASONS, Progress
from adaptive.tables import ResponseTables

Conditions = Mapping[int, Mapping[int, Bools]]
"""Conditions of each conditional question: for each other question it depends on, the (A,) outcomes that open it."""


def draw_respondents(tables: ResponseTables, conditions: Conditions, size: int, rng: np.random.Generator, skip: float = 0.0) -> Respondents:
    """Draw `size` respondents: personas and styles from the prior, answers from the tables; `label` is the true persona.

    Answers within a tree are drawn from its root down, each given its parent's. A question is left unanswered with P(no answer | persona)
    where the bank models it, else with probability `skip`.
    """
    class_of = rng.choice(tables.classes, size=size, p=tables.prior)
    chance = np.array([np.full(tables.classes, skip) if question.silence is None else question.silence for question in tables.questions])
    silent = rng.random((size, len(tables.questions))) < chance[:, class_of].T
    evidence = Evidence.none(tables, size)
    codes = _draw_tree_answers(tables, class_of, rng)
    ticks: dict[int, Bools] = {}
    for q, question in enumerate(tables.questions):
        given = np.zeros((size, tables.classes))
        if isinstance(question, Choice):
            if not tables.in_forest[q]:
                codes[:, q] = _draw_outcomes(question.table[class_of], rng)
            given = (np.log(question.table) + log_any_answer(question.silence, tables.classes)[:, None]).T[codes[:, q]]
        elif isinstance(question, MultipleChoice):
            ticks[q] = rng.random((size, question.ticked.shape[1])) < question.ticked[class_of]
            given = _ticks_rows(question, ticks[q])
        elif isinstance(question, Numeric):
            given = question.log_given(_draw_numbers(question, class_of, rng))
        evidence.rows[:, q] = np.where(silent[:, q, None], log_no_answer(question.silence, tables.classes), given)
    evidence.answered[:], evidence.silent[:] = ~silent, silent
    evidence.codes[:] = np.where(silent, NOT_GIVEN, codes)
    persona = class_of if tables.styles is None else tables.styles.persona_of[class_of]
    return Respondents(evidence, _opens(conditions, evidence, ticks), persona)


def _draw_outcomes(chance: Floats, rng: np.random.Generator) -> Ints:
    """Draw (N,) outcomes, one from each row of (N, A) probabilities."""
    upto = chance.cumsum(axis=1)
    codes: Ints = (rng.random((len(chance), 1)) * upto[:, -1:] >= upto[:, :-1]).sum(axis=1)
    return codes


def _draw_tree_answers(tables: ResponseTables, persona: Ints, rng: np.random.Generator) -> Ints:
    """Draw the (N, Q) outcomes of questions in trees, before any are left unanswered; `NOT_GIVEN` elsewhere."""
    codes = np.full((len(persona), len(tables.questions)), NOT_GIVEN)
    if tables.forest is not None:
        answers = np.zeros((len(persona), len(tables.forest.questions)), dtype=np.int64)
        for level in tables.forest.levels:
            chance = [level.table[answers[:, parent], :, place, persona] for place, parent in enumerate(level.parents)]
            answers[:, level.nodes] = np.column_stack([_draw_outcomes(probabilities, rng) for probabilities in chance])
        codes[:, tables.forest.questions] = answers
    return codes


def _ticks_rows(question: MultipleChoice, ticked: Bools) -> Floats:
    """Return (N, K) log P(ticks | persona), with every option seen."""
    no = np.log1p(-question.ticked)
    rows: Floats = ticked @ (np.log(question.ticked) - no).T + no.sum(axis=1) + log_any_answer(question.silence, len(no))
    return rows


def _draw_numbers(question: Numeric, persona: Ints, rng: np.random.Generator) -> Floats:
    """Draw (N,) numbers from each respondent's truncated distribution, by its inverse, with the shares of outliers and lapses."""
    everybody, rows = question.quantile(np.clip(rng.random(len(persona)), 1e-12, 1 - 1e-12)), np.arange(len(persona))
    own: Floats = everybody[rows, persona]
    if question.outliers:
        anybody = everybody[rows, rng.integers(everybody.shape[1], size=len(persona))]
        common = np.where(rng.random(len(persona)) < 0.5, anybody, rng.uniform(*question.support, len(persona)))
        own = np.where(rng.random(len(persona)) < question.outliers, common, own)
    if question.lapse:
        own = np.where(rng.random(len(persona)) < question.lapse, rng.uniform(*question.support, len(persona)), own)
    return np.clip(own, question.low, question.high)


def _opens(conditions: Conditions, evidence: Evidence, ticks: Mapping[int, Bools]) -> Bools:
    """Return the (N, Q) questions whose conditions are all met by the respondent's own answers."""
    opens = np.ones_like(evidence.answered)
    for q, others in conditions.items():
        for other, wanted in others.items():
            named = (ticks[other] & wanted).any(axis=1) if other in ticks else wanted[evidence.codes[:, other]]
            opens[:, q] &= evidence.answered[:, other] & named
    return opens


END_REASONS = (*REASONS, "respondent")
"""Names of the codes in `Interviews.reason`: the reason to stop, or that the respondent left."""

ABANDONED = len(REASONS)

BLOCK, BLOCK_ON_TREES = 256, 16
"""Respondents interviewed at once: few enough for their arrays to fit the processor's cache. With trees the arrays are larger."""

NO_QUESTION = -1

OnProgress = Callable[[int], None]


@dataclass(frozen=True, eq=False)
class Interviews:
    """The interviews of N respondents.

    Attributes
    ----------
    asked : (N, S) int
        Questions in the order asked; `NO_QUESTION` after the end. S is the length of the longest interview.
    gain : (N, S)
        Expected gain of each question when it was chosen, in bits.
    silent : (N, S) bool
        The question was not answered.
    reason : (N,) int
        A code of `END_REASONS`.
    left_at : (N,) int
        The question at which the respondent left, `NO_QUESTION` for those who stayed.
    seconds : (N,)
    belief : (N, K)
        The belief at the end.
    """

    asked: Ints
    gain: Floats
    silent: Bools
    reason: Ints
    left_at: Ints
    seconds: Floats
    belief: Floats

    @property
    def length(self) -> Ints:
        """(N,) number of questions that each respondent was asked."""
        count: Ints = (self.asked != NO_QUESTION).sum(axis=1)
        return count


@dataclass(frozen=True, eq=False)
class SimulatedInterviews:
    """Interviews of respondents drawn from the tables; `persona` is (N,), their true personas."""

    persona: Ints
    interviews: Interviews


def simulate(
    tables: ResponseTables,
    rules: SurveyRules,
    conditions: Conditions,
    respondents: int,
    rng: np.random.Generator,
    *,
    skip: float = 0.0,
    drop_out: float | None = 0.0,
    explore: float = 0.0,
    watch: OnProgress = lambda _: None,
) -> SimulatedInterviews:
    """Interview so many respondents drawn from the tables (see `draw_respondents`).

    `drop_out` is the probability that a respondent leaves before each further question; with None they leave with the `hazard` of the
    rules, where there is one. `explore` is the share of respondents whose questions are drawn at random. `watch` is called with the
    number of respondents that each block completes.
    """
    personas, blocks = [], []
    for size in _block_sizes(tables, respondents):
        people = draw_respondents(tables, conditions, size, rng, skip)
        personas.append(np.empty(0, dtype=np.int64) if people.label is None else people.label)
        hazard = rules.hazard if drop_out is None else None
        randomness = _BlockRandomness(_draw_patience(size, drop_out or 0.0, rng), _random_draw(rules, explore, size, rng), rng, hazard)
        blocks.append(_interview_block(tables, rules, people, randomness))
        watch(size)
    return SimulatedInterviews(np.concatenate(personas), _concatenate(blocks))


def interview(tables: ResponseTables, rules: SurveyRules, people: Respondents, watch: OnProgress = lambda _: None) -> Interviews:
    """Interview real respondents, without dropout or random draws. A question left empty counts as asked and adds no evidence."""
    blocks, start = [], 0
    for size in _block_sizes(tables, len(people.opens)):
        rows = slice(start, start + size)
        block = Respondents(select_evidence(people.answers, rows), people.opens[rows])
        blocks.append(_interview_block(tables, rules, block, _BlockRandomness(np.full(size, np.inf))))
        start += size
        watch(size)
    return _concatenate(blocks)


def _block_sizes(tables: ResponseTables, respondents: int) -> list[int]:
    block = BLOCK if tables.forest is None else BLOCK_ON_TREES
    return [min(block, respondents - start) for start in range(0, respondents, block)]


@dataclass(frozen=True, eq=False)
class _BlockRandomness:
    """Randomness of B respondents: the (B,) number of questions after which each leaves, or a hazard, and their random draws."""

    patience: Floats
    random_draw: RandomDraw | None = None
    rng: np.random.Generator | None = None
    hazard: Hazard | None = None

    def draws(self, who: Ints) -> RandomDraw | None:
        """Return the draws of the respondents `who`, with a new number for the next question."""
        if self.random_draw is None or self.rng is None:
            return None
        return RandomDraw(self.random_draw.explore[who], self.random_draw.pilots[who], self.rng.random(len(who)))

    def leave(self, tables: ResponseTables, who: Ints, progress: Progress, chosen: Ints) -> Bools:
        """Return (B,) whether each respondent leaves at the chosen question."""
        leaves: Bools = progress.taken >= self.patience[who]
        if self.hazard is None or self.rng is None:
            return leaves
        topic = tables.topics[chosen]
        new_topic = (topic < 0) | ~((tables.topics == topic[:, None]) & progress.done).any(axis=1)
        survival = self.hazard.survival(progress.taken.astype(float), tables.seconds[chosen], new_topic)
        return leaves | (self.rng.random(len(who)) >= survival)


def _random_draw(rules: SurveyRules, explore: float, size: int, rng: np.random.Generator) -> RandomDraw | None:
    if not explore and rules.pilots is None:
        return None
    return RandomDraw(rng.random(size) < explore, rng.random(size) < PILOT_SHARE, np.zeros(size))


def _draw_patience(size: int, drop_out: float, rng: np.random.Generator) -> Floats:
    """Draw the (B,) number of questions after which each respondent leaves, with the same probability at every question."""
    return rng.geometric(drop_out, size).astype(float) if drop_out else np.full(size, np.inf)


def _interview_block(tables: ResponseTables, rules: SurveyRules, people: Respondents, randomness: _BlockRandomness) -> Interviews:
    size, questions = people.opens.shape
    result = Interviews(
        asked=np.full((size, questions), NO_QUESTION),
        gain=np.zeros((size, questions)),
        silent=np.zeros((size, questions), dtype=bool),
        reason=np.full(size, ABANDONED),
        left_at=np.full(size, NO_QUESTION),
        seconds=np.zeros(size),
        belief=np.zeros((size, tables.personas)),
    )
    who = np.arange(size)
    answers = people.answers
    progress = Progress(np.zeros_like(people.opens), people.opens, np.zeros_like(who), np.zeros(size), np.full(size, questions))
    while len(who):
        progress = update_limit(tables, rules, progress)
        step = next_questions(tables, rules, restrict_to(answers, progress.done), progress, randomness.draws(who))
        ended = step.chosen == NO_QUESTION
        leaves = ~ended & randomness.leave(tables, who, progress, step.chosen)
        result.belief[who], result.seconds[who] = step.belief, progress.spent
        result.reason[who[ended]] = step.reason[ended]
        result.left_at[who[leaves]] = step.chosen[leaves]
        stays = ~ended & ~leaves
        chosen, gain = step.chosen[stays], step.gain[stays]
        if not stays.all():
            who, answers, progress = who[stays], select_evidence(answers, stays), _select_progress(progress, stays)
        everyone = np.arange(len(who))
        result.asked[who, progress.taken], result.gain[who, progress.taken] = chosen, gain[everyone, chosen]
        result.silent[who, progress.taken] = answers.silent[everyone, chosen]
        progress.done[everyone, chosen] = True
        progress = replace(progress, taken=progress.taken + 1, spent=progress.spent + tables.seconds[chosen])
    return result


def _select_progress(progress: Progress, which: Bools) -> Progress:
    return Progress(
        done=progress.done[which],
        opens=progress.opens[which],
        taken=progress.taken[which],
        spent=progress.spent[which],
        limit=progress.limit[which],
    )


def _concatenate(blocks: Sequence[Interviews]) -> Interviews:
    """Concatenate blocks of interviews, cut to the longest one."""
    whole = Interviews(**{name: np.concatenate([getattr(part, name) for part in blocks]) for name in Interviews.__dataclass_fields__})
    width = int(whole.length.max(initial=0))
    return replace(whole, asked=whole.asked[:, :width], gain=whole.gain[:, :width], silent=whole.silent[:, :width])
