"""The forest of dependences of a lesson: grown from all its respondents, kept where it foretells those set aside."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from adaptive.coding import Codes, items_of
from adaptive.dependence import (
    CHANCES,
    Dependences,
    HeldOut,
    conditional_information,
    count_pairs,
    dependent_tables,
    held_out_gain,
    spanning_forest,
)
from adaptive.folds import Fold, Lesson
from adaptive.latent_classes import Personas
from adaptive.likelihood import Bools, Floats

TREE_STRENGTHS = (20.0, 40.0, 80.0)
CLEARLY = 2.0


class Linkable:
    """The cells of the questions that may depend on one another, and the counts of their pairs.

    Attributes
    ----------
    questions : (n,) int
        The questions, each of one item.
    items : (cells,) int
        Place in `questions` of each of their cells.
    """

    def __init__(self, lesson: Lesson, questions: Codes) -> None:
        owner = lesson.answers.question_of_cell
        self._lesson = lesson
        self._cells = np.flatnonzero(np.isin(owner, questions))
        self.questions = questions
        self.items = np.searchsorted(questions, owner[self._cells])

    def table(self, taught: Personas) -> Floats:
        """(K, cells) of these cells only."""
        return taught.table[:, self._cells]

    def pairs(self, rows: Codes | slice, membership: Floats) -> Floats:
        """Made anew each time, because those of all folds together would fill the memory."""
        return count_pairs(self._lesson.answers.hot[rows][:, self._cells], membership)

    def places(self, parents: Mapping[int, int]) -> dict[int, int]:
        """A forest of questions as one of places in `questions`, where both ends are there."""
        place = {int(question): n for n, question in enumerate(self.questions)}
        return {place[child]: place[parent] for child, parent in parents.items() if child in place and parent in place}


def linkable_questions(lesson: Lesson, allowed: Bools) -> Codes:
    """The questions that are one linkable item and `allowed`, a (Q,) mask."""
    return np.array([q for q in lesson.answers.questions[lesson.answers.linkable] if allowed[q]], dtype=np.int64)


def learn_forest(lesson: Lesson, taught: Personas, folds: Sequence[Fold], questions: Codes) -> Dependences:
    """The forest among `questions` that wins most on held-out respondents; none where none wins.

    The edges that were known before stay, and their tables are shrunk to what was known.
    """
    if len(questions) < 2:
        return Dependences()
    linkable = Linkable(lesson, questions)
    pairs = linkable.pairs(slice(None), taught.membership)
    information = conditional_information(pairs, linkable.items)
    kept = linkable.places(lesson.known.parents if lesson.known else {})
    for child, parent in kept.items():
        information[child, parent] = information[parent, child] = 2 * information.max() + 1
    gains: dict[float, list[HeldOut]] = {strength: [] for strength in TREE_STRENGTHS}
    for fold in folds:
        counts, held = linkable.pairs(fold.teach, fold.taught.membership), linkable.pairs(fold.held, fold.truth)
        for strength in TREE_STRENGTHS:
            gains[strength].append(held_out_gain(linkable.table(fold.taught), counts, held, linkable.items, strength))

    def grown(held: HeldOut, chance: float) -> dict[int, int]:
        holds = held.holds(chance)
        for child, parent in kept.items():
            holds[child, parent] = holds[parent, child] = True
        return spanning_forest(information, holds)

    best, worth = Dependences(), -np.inf
    for strength, by_fold in gains.items():
        found = sum(by_fold[1:], by_fold[0])
        chance = _chance_to_beat(by_fold, found, grown)
        parents = grown(found, chance)
        won = _won(parents, found)[0]
        if parents and won > worth:
            named = {int(questions[child]): int(questions[parent]) for child, parent in parents.items()}
            edges = {int(questions[child]): float(found.gain[parent, child]) for child, parent in parents.items()}
            best, worth = Dependences(named, given_tables(lesson, taught, slice(None), named, strength), edges, strength), won
    return best


def _chance_to_beat(by_fold: Sequence[HeldOut], found: HeldOut, grown: Callable[[HeldOut, float], dict[int, int]]) -> float:
    """The strictest of `CHANCES`, unless a laxer one, with the edges that the other folds let pass, wins clearly more on each fold.

    Clearly is by more than two standard errors of the difference.
    """
    chosen = CHANCES[0]
    for laxer in CHANCES[1:]:
        more = square = 0.0
        for fold in by_fold:
            strict, lax = (set(grown(found - fold, chance).items()) for chance in (chosen, laxer))
            (gained, one), (lost, other) = _won(dict(lax - strict), fold), _won(dict(strict - lax), fold)
            more, square = more + gained - lost, square + one + other
        if more > CLEARLY * np.sqrt(square):
            chosen = laxer
    return chosen


def _won(parents: Mapping[int, int], held: HeldOut) -> tuple[float, float]:
    """Nats that edges win on held-out respondents, and the sum of the squares of single respondents' nats."""
    edges = tuple(parents.values()), tuple(parents)
    return float(held.gain[edges].sum()), float(held.square[edges].sum())


def given_tables(lesson: Lesson, taught: Personas, rows: Codes | slice, parents: Mapping[int, int], strength: float) -> dict[int, Floats]:
    """(K, P, A) table of each child, from the respondents of `rows`, who were `taught`."""
    if not parents:
        return {}
    linkable = Linkable(lesson, np.unique([*parents, *parents.values()]))
    counts = linkable.pairs(rows, taught.membership)
    tables = dependent_tables(counts, linkable.table(taught), linkable.items, strength)
    cells = {int(question): np.flatnonzero(linkable.items == n) for n, question in enumerate(linkable.questions)}
    given = {}
    for child, parent in parents.items():
        block = np.ix_(np.arange(len(tables)), cells[parent], cells[child])
        before = _known_given(lesson, taught, child, parent)
        if before is None:
            given[child] = tables[block]
        else:
            seen = counts[block]
            given[child] = (seen + taught.pseudo_counts * before) / (seen.sum(axis=2, keepdims=True) + taught.pseudo_counts)
    return given


def _known_given(lesson: Lesson, taught: Personas, child: int, parent: int) -> Floats | None:
    """(K, P, A) known table of an edge, turned round by Bayes' rule where it was known the other way."""
    known = lesson.known
    if known is None:
        return None
    if known.parents.get(child) == parent:
        return known.given[child]
    if known.parents.get(parent) != child:
        return None
    items = items_of(lesson.levels)
    own = taught.table[:, items == np.flatnonzero(lesson.answers.questions == child)[0]]
    joint = known.given[parent].transpose(0, 2, 1) * own[:, None, :]  # (K, P, A)
    turned: Floats = joint / joint.sum(axis=2, keepdims=True)
    return turned
