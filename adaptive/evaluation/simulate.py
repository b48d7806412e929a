"""Whole surveys, from the first question to the reason of the end, with many respondents side by side.

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
from adaptive.posterior import Evidence, restrict_to
from adaptive.selection import SurveyRules, next_questions, update_limit
from adaptive.stopping import REASONS, Progress
from adaptive.tables import ResponseTables

Conditions = Mapping[int, Mapping[int, Bools]]
"""The conditions of each conditional question: (A,) the outcomes of another question of which one must have been given."""


def draw_respondents(tables: ResponseTables, conditions: Conditions, size: int, rng: np.random.Generator, skip: float = 0.0) -> Respondents:
    """`size` respondents whose personas and styles come from the prior, their answers from the tables; `label` is the true persona.

    Answers within a tree are drawn from its root down, each given its parent's. Where the bank knows P(no answer | persona) the question
    is left unanswered that often; any other question with chance `skip`, whoever is asked.
    """
    who = rng.choice(tables.classes, size=size, p=tables.prior)
    chance = np.array(
        [np.full(tables.classes, skip) if this_question.silence is None else this_question.silence for this_question in tables.questions]
    )
    silent = rng.random((size, len(tables.questions))) < chance[:, who].T
    evidence = Evidence.none(tables, size)
    codes = _draw_tree_answers(tables, who, rng)
    ticks: dict[int, Bools] = {}
    for q, question in enumerate(tables.questions):
        given = np.zeros((size, tables.classes))
        if isinstance(question, Choice):
            if not tables.in_forest[q]:
                codes[:, q] = _draw_outcomes(question.table[who], rng)
            given = (np.log(question.table) + log_any_answer(question.silence, tables.classes)[:, None]).T[codes[:, q]]
        elif isinstance(question, MultipleChoice):
            ticks[q] = rng.random((size, question.ticked.shape[1])) < question.ticked[who]
            given = _ticks_rows(question, ticks[q])
        elif isinstance(question, Numeric):
            given = question.log_given(_draw_numbers(question, who, rng))
        evidence.rows[:, q] = np.where(silent[:, q, None], log_no_answer(question.silence, tables.classes), given)
    evidence.answered[:], evidence.silent[:] = ~silent, silent
    evidence.codes[:] = np.where(silent, NOT_GIVEN, codes)
    persona = who if tables.styles is None else tables.styles.persona_of[who]
    return Respondents(evidence, _opens(conditions, evidence, ticks), persona)


def _draw_outcomes(chance: Floats, rng: np.random.Generator) -> Ints:
    """(N,) one outcome a line of (N, A) probabilities."""
    upto = chance.cumsum(axis=1)
    codes: Ints = (rng.random((len(chance), 1)) * upto[:, -1:] >= upto[:, :-1]).sum(axis=1)
    return codes


def _draw_tree_answers(tables: ResponseTables, persona: Ints, rng: np.random.Generator) -> Ints:
    """(N, Q) what is answered within trees, given or kept to oneself; `NOT_GIVEN` elsewhere."""
    codes = np.full((len(persona), len(tables.questions)), NOT_GIVEN)
    if tables.forest is not None:
        above = np.zeros((len(persona), len(tables.forest.levels[0].above)), dtype=np.int64)
        for level in tables.forest.levels:
            chance = [level.table[above[:, parent], :, place, persona] for place, parent in enumerate(level.above)]
            above = np.column_stack([_draw_outcomes(item, rng) for item in chance])
            codes[:, tables.forest.questions[level.nodes]] = above
    return codes


def _ticks_rows(question: MultipleChoice, ticked: Bools) -> Floats:
    """(N, K) log P(ticks | persona), every option seen."""
    no = np.log1p(-question.ticked)
    rows: Floats = ticked @ (np.log(question.ticked) - no).T + no.sum(axis=1) + log_any_answer(question.silence, len(no))
    return rows


def _draw_numbers(question: Numeric, persona: Ints, rng: np.random.Generator) -> Floats:
    """(N,) numbers from each persona's truncated law, by its inverse."""
    everybody = question.quantile(np.clip(rng.random(len(persona)), 1e-12, 1 - 1e-12))
    own: Floats = everybody[np.arange(len(persona)), persona]
    if question.lapse:
        own = np.where(rng.random(len(persona)) < question.lapse, rng.uniform(*question.support, len(persona)), own)
    return np.clip(own, question.low, question.high)


def _opens(conditions: Conditions, evidence: Evidence, ticks: Mapping[int, Bools]) -> Bools:
    """(N, Q) questions whose conditions are all met by the respondent's own answers."""
    opens = np.ones_like(evidence.answered)
    for q, others in conditions.items():
        for other, wanted in others.items():
            named = (ticks[other] & wanted).any(axis=1) if other in ticks else wanted[evidence.codes[:, other]]
            opens[:, q] &= evidence.answered[:, other] & named
    return opens


END_REASONS = (*REASONS, "respondent")
"""Names of the codes in `Interviews.reason`: what stopped the survey, or the respondent who left."""

ABANDONED = len(REASONS)

BLOCK, BLOCK_ON_TREES = 256, 16
"""Respondents interviewed side by side: few enough for their arrays to stay in the processor's cache. On trees these are larger."""

NO_QUESTION = -1

OnProgress = Callable[[int], None]


@dataclass(frozen=True, eq=False)
class Interviews:
    """What happened to N respondents.

    Attributes
    ----------
    asked : (N, S) int
        The questions each took, in their order; `NO_QUESTION` after the end. S is the longest interview.
    gain : (N, S)
        What each was expected to tell when it was chosen, in bits.
    silent : (N, S) bool
        It got an explicit silence.
    reason : (N,) int
        A code of `END_REASONS`.
    left_at : (N,) int
        The question in front of which the respondent left, `NO_QUESTION` for those who stayed.
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
        """(N,) questions that each respondent took."""
        count: Ints = (self.asked != NO_QUESTION).sum(axis=1)
        return count


@dataclass(frozen=True, eq=False)
class SimulatedInterviews:
    """Interviews of respondents who were drawn from the tables; `persona` is (N,), who each of them is."""

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

    `drop_out` is the chance that a respondent leaves before each further question; with None they leave with the `hazard` of the rules,
    where there is one. `explore` is the share who get their questions by lot.
    `watch` is told how many respondents are done with.
    """
    personas, parts = [], []
    for size in _block_sizes(tables, respondents):
        people = draw_respondents(tables, conditions, size, rng, skip)
        personas.append(np.empty(0, dtype=np.int64) if people.label is None else people.label)
        hazard = rules.hazard if drop_out is None else None
        fate = _BlockRandomness(_draw_patience(size, drop_out or 0.0, rng), _random_draw(rules, explore, size, rng), rng, hazard)
        parts.append(_interview_block(tables, rules, people, fate))
        watch(size)
    return SimulatedInterviews(np.concatenate(personas), _concatenate(parts))


def interview(tables: ResponseTables, rules: SurveyRules, people: Respondents, watch: OnProgress = lambda _: None) -> Interviews:
    """Interview real respondents, who never leave, without lots. What somebody left empty counts as asked and tells nothing."""
    parts, start = [], 0
    for size in _block_sizes(tables, len(people.opens)):
        some = slice(start, start + size)
        few = Respondents(_select_evidence(people.answers, some), people.opens[some])
        parts.append(_interview_block(tables, rules, few, _BlockRandomness(np.full(size, np.inf))))
        start += size
        watch(size)
    return _concatenate(parts)


def _block_sizes(tables: ResponseTables, respondents: int) -> list[int]:
    block = BLOCK if tables.forest is None else BLOCK_ON_TREES
    return [min(block, respondents - start) for start in range(0, respondents, block)]


@dataclass(frozen=True, eq=False)
class _BlockRandomness:
    """What chance holds for B respondents: after how many questions each would leave, (B,), or with which hazard, and their lots."""

    patience: Floats
    random_draw: RandomDraw | None = None
    rng: np.random.Generator | None = None
    hazard: Hazard | None = None

    def draws(self, who: Ints) -> RandomDraw | None:
        """Drawn anew for each question."""
        if self.random_draw is None or self.rng is None:
            return None
        return RandomDraw(self.random_draw.explore[who], self.random_draw.pilots[who], self.rng.random(len(who)))

    def leave(self, tables: ResponseTables, who: Ints, progress: Progress, chosen: Ints) -> Bools:
        """(B,) whether each goes away in front of the question that was chosen."""
        leaving: Bools = progress.taken >= self.patience[who]
        if self.hazard is None or self.rng is None:
            return leaving
        topic = tables.topics[chosen]
        new_topic = (topic < 0) | ~((tables.topics == topic[:, None]) & progress.done).any(axis=1)
        stays = self.hazard.survival(progress.taken.astype(float), tables.seconds[chosen], new_topic)
        return leaving | (self.rng.random(len(who)) >= stays)


def _random_draw(rules: SurveyRules, explore: float, size: int, rng: np.random.Generator) -> RandomDraw | None:
    if not explore and rules.pilots is None:
        return None
    return RandomDraw(rng.random(size) < explore, rng.random(size) < PILOT_SHARE, np.zeros(size))


def _draw_patience(size: int, drop_out: float, rng: np.random.Generator) -> Floats:
    """(B,) after how many questions each would leave: at every one with the same chance."""
    return rng.geometric(drop_out, size).astype(float) if drop_out else np.full(size, np.inf)


def _interview_block(tables: ResponseTables, rules: SurveyRules, people: Respondents, fate: _BlockRandomness) -> Interviews:
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
        step = next_questions(tables, rules, restrict_to(answers, progress.done), progress, fate.draws(who))
        ended = step.chosen == NO_QUESTION
        leaves = ~ended & fate.leave(tables, who, progress, step.chosen)
        result.belief[who], result.seconds[who] = step.belief, progress.spent
        result.reason[who[ended]] = step.reason[ended]
        result.left_at[who[leaves]] = step.chosen[leaves]
        stays = ~ended & ~leaves
        chosen, gain = step.chosen[stays], step.gain[stays]
        if not stays.all():
            who, answers, progress = who[stays], _select_evidence(answers, stays), _select_progress(progress, stays)
        everyone = np.arange(len(who))
        result.asked[who, progress.taken], result.gain[who, progress.taken] = chosen, gain[everyone, chosen]
        result.silent[who, progress.taken] = answers.silent[everyone, chosen]
        progress.done[everyone, chosen] = True
        progress = replace(progress, taken=progress.taken + 1, spent=progress.spent + tables.seconds[chosen])
    return result


def _select_evidence(evidence: Evidence, which: Bools | slice) -> Evidence:
    return Evidence(
        answered=evidence.answered[which],
        silent=evidence.silent[which],
        rows=evidence.rows[which],
        codes=evidence.codes[which],
        signals=evidence.signals[which],
    )


def _select_progress(progress: Progress, which: Bools) -> Progress:
    return Progress(
        done=progress.done[which],
        opens=progress.opens[which],
        taken=progress.taken[which],
        spent=progress.spent[which],
        limit=progress.limit[which],
    )


def _concatenate(parts: Sequence[Interviews]) -> Interviews:
    """All blocks as one, as wide as the longest interview."""
    whole = Interviews(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in Interviews.__dataclass_fields__})
    width = int(whole.length.max(initial=0))
    return replace(whole, asked=whole.asked[:, :width], gain=whole.gain[:, :width], silent=whole.silent[:, :width])
