"""Which questions depend on one another beyond their persona, and how strongly: a forest of pairwise dependences.

Chow and Liu (1968) give the tree, Friedman, Geiger and Goldszmidt (1997) its form given a class (tree-augmented naive Bayes). All pairs
are counted at once: with the answers laid out as one-hot cells, every table of two answers is a block of one matrix product.

Array names: K personas, Q items, `cells` the answers of all items side by side; `items` is (cells,), the item of each cell.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree
from scipy.special import xlogy
from scipy.stats import norm

from adaptive.arrays import Bools, Floats, Ints
from adaptive.learning.cross_validation import Fold, TrainingSet
from adaptive.learning.latent_classes import Personas
from adaptive.learning.responses import items_of

FALSE_EDGES = (0.05, 0.5, 5.0, 50.0)
"""How many edges chance may bring into a file without any dependence, tried one after the other: shared among all pairs (Bonferroni).

None is right for every file. Car buyers (42 questions, 396 respondents to learn from, four halves), agreement at five questions: .749
with 2 edges, .739 with 11, .725 with 30. Waterways (14 questions, 616 respondents, six halves): .816 with 5 edges, .828 with 11.
"""


@dataclass(frozen=True, eq=False)
class Dependences:
    """A forest: the parent of each child, its (K, P, A) table, and the nats that the edge won on held-out respondents."""

    parents: dict[int, int] = field(default_factory=dict)
    given: dict[int, Floats] = field(default_factory=dict)
    gains: dict[int, float] = field(default_factory=dict)
    strength: float = 0.0


def count_pairs(hot: Floats, membership: Floats) -> Floats:
    """(K, cells, cells) how many respondents of each persona gave both answers; where either is missing, the respondent counts nowhere.

    `hot` is (N, cells), see `one_hot`; `membership` is (N, K).
    """
    return np.stack([(hot * share[:, None]).T @ hot for share in membership.T])


def conditional_information(pairs: Floats, items: Ints) -> Floats:
    """(Q, Q) mutual information of two answers given the persona, in nats; zero on the diagonal.

    ``I(p; q | k) = sum n(k, a, b) / n * log( n(k, a, b) n(k) / (n(k, a) n(k, b)) )`` over the respondents who answered both.

    >>> same = count_pairs(np.array([[1., 0, 1, 0], [0, 1, 0, 1]]), np.ones((2, 1)))
    >>> conditional_information(same, np.array([0, 0, 1, 1])).round(3).tolist()
    [[0.0, 0.693], [0.693, 0.0]]
    """
    blocks = _blocks(items)
    first = (pairs @ blocks)[:, :, items]  # n(k, a), among those who answered the other item too
    second = first.transpose(0, 2, 1)
    both = (blocks.T @ pairs @ blocks)[:, items][:, :, items]
    expected = np.where(pairs > 0, first * second / np.maximum(both, np.finfo(float).tiny), 1.0)
    nats = blocks.T @ (xlogy(pairs, pairs) - xlogy(pairs, expected)).sum(axis=0) @ blocks
    people = blocks.T @ pairs.sum(axis=0) @ blocks
    result: Floats = np.maximum(nats / np.maximum(people, np.finfo(float).tiny), 0.0)
    np.fill_diagonal(result, 0.0)
    return result


def dependent_tables(pairs: Floats, table: Floats, items: Ints, strength: float) -> Floats:
    """(K, cells, cells) P(second answer | persona, first answer), shrunk to what all personas together say of the pair.

    ``(n(k, a, b) + strength * m(b | k, a)) / (n(k, a) + strength)`` with ``m`` in proportion to ``P(b | k) * lift(a, b)``: how much
    oftener the two answers meet than P(a | k) and P(b | k) let expect, over all personas. Few respondents are enough for the lift, many
    are needed for how it differs between personas. The block of rows p and columns q is the table of q with parent p; `table` is
    (K, cells), the answers alone.
    """
    blocks = _blocks(items)
    given: Floats = (pairs @ blocks)[:, :, items]
    met = table[:, None, :] * _observed_to_expected(pairs, table, items)
    met /= (met @ blocks)[:, :, items]
    shrunk: Floats = (pairs + strength * met) / (given + strength)
    return shrunk


def _observed_to_expected(pairs: Floats, table: Floats, items: Ints) -> Floats:
    """(cells, cells) how many gave both answers, by how many were to be expected from the tables; one more on both sides."""
    blocks = _blocks(items)
    people = (blocks.T @ pairs @ blocks)[:, items][:, :, items]  # (K, cells, cells) who answered both questions
    expected = (people * table[:, :, None] * table[:, None, :]).sum(axis=0)
    lift: Floats = (pairs.sum(axis=0) + 1) / (expected + 1)
    return lift


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What each dependence was worth on respondents that did not teach it.

    `gain` is (Q, Q) nats in all, row the parent and column the child; `square` the same of the squared gains of single answers.
    """

    gain: Floats
    square: Floats

    def __add__(self, other: "HeldOut") -> "HeldOut":
        return HeldOut(self.gain + other.gain, self.square + other.square)

    def __sub__(self, other: "HeldOut") -> "HeldOut":
        return HeldOut(self.gain - other.gain, self.square - other.square)

    def significant(self, chance: float) -> Bools:
        """(Q, Q) whether the mean gain of both directions is above zero by more than chance among so many pairs would bring.

        `chance` is the expected number of pairs that pass though nothing depends on anything.
        """
        size = len(self.gain)
        both, noise = self.gain + self.gain.T, np.sqrt((self.square + self.square.T) * 2)
        kept: Bools = both > norm.isf(min(chance / max(size * (size - 1) / 2, 1), 0.5)) * noise
        np.fill_diagonal(kept, False)
        return kept


def held_out_gain(table: Floats, pairs: Floats, held: Floats, items: Ints, strength: float) -> HeldOut:
    """How much better P(child | persona, parent) foretells held-out answers than P(child | persona): see `HeldOut`.

    `table` is (K, cells) of the answers alone; `pairs` are the counts behind it, `held` those of the held-out respondents, both
    (K, cells, cells).
    """
    ratio = np.log(dependent_tables(pairs, table, items, strength)) - np.log(table)[:, None, :]
    blocks = _blocks(items)
    gain = blocks.T @ (held * ratio).sum(axis=0) @ blocks
    square = blocks.T @ (held * ratio**2).sum(axis=0) @ blocks
    return HeldOut(gain, square)


def spanning_forest(information: Floats, allowed: Bools) -> dict[int, int]:
    """Child -> parent of the forest with the most (Q, Q) `information` among the `allowed` pairs, each tree rooted at its first question.

    What does not hold is left out before the tree is grown: it must not take the place of an edge that does.

    >>> information = np.array([[0, .3, .2], [.3, 0, .1], [.2, .1, 0]])
    >>> spanning_forest(information, np.ones((3, 3), dtype=bool))
    {1: 0, 2: 0}
    """
    weights = np.triu(np.where(allowed, information, 0.0), 1)
    tree = minimum_spanning_tree(csr_array(-weights))
    parents: dict[int, int] = {}
    for root in range(len(information)):
        if root not in parents:
            order, above = breadth_first_order(tree, root, directed=False)
            parents |= {int(child): int(above[child]) for child in order[1:] if int(child) not in parents}
    return dict(sorted(parents.items()))


def _blocks(items: Ints) -> Floats:
    """(cells, Q) one where the cell belongs to the item."""
    belongs: Floats = (items[:, None] == np.arange(items[-1] + 1)).astype(float)
    return belongs


TREE_STRENGTHS = (20.0, 40.0, 80.0)
STANDARD_ERRORS = 2.0


class Linkable:
    """The cells of the questions that may depend on one another, and the counts of their pairs.

    Attributes
    ----------
    questions : (n,) int
        The questions, each of one item.
    items : (cells,) int
        Place in `questions` of each of their cells.
    """

    def __init__(self, lesson: TrainingSet, questions: Ints) -> None:
        owner = lesson.answers.question_of_cell
        self._lesson = lesson
        self._cells = np.flatnonzero(np.isin(owner, questions))
        self.questions = questions
        self.items = np.searchsorted(questions, owner[self._cells])

    def table(self, taught: Personas) -> Floats:
        """(K, cells) of these cells only."""
        return taught.table[:, self._cells]

    def pairs(self, rows: Ints | slice, membership: Floats) -> Floats:
        """Made anew each time, because those of all folds together would fill the memory."""
        return count_pairs(self._lesson.answers.hot[rows][:, self._cells], membership)

    def places(self, parents: Mapping[int, int]) -> dict[int, int]:
        """A forest of questions as one of places in `questions`, where both ends are there."""
        place = {int(question): n for n, question in enumerate(self.questions)}
        return {place[child]: place[parent] for child, parent in parents.items() if child in place and parent in place}


def linkable_questions(lesson: TrainingSet, allowed: Bools) -> Ints:
    """The questions that are one linkable item and `allowed`, a (Q,) mask."""
    return np.array([q for q in lesson.answers.questions[lesson.answers.linkable] if allowed[q]], dtype=np.int64)


def fit_forest(lesson: TrainingSet, taught: Personas, folds: Sequence[Fold], questions: Ints) -> Dependences:
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
        counts, held = linkable.pairs(fold.train, fold.fitted.membership), linkable.pairs(fold.held, fold.truth)
        for strength in TREE_STRENGTHS:
            gains[strength].append(held_out_gain(linkable.table(fold.fitted), counts, held, linkable.items, strength))

    def grown(held: HeldOut, chance: float) -> dict[int, int]:
        holds = held.significant(chance)
        for child, parent in kept.items():
            holds[child, parent] = holds[parent, child] = True
        return spanning_forest(information, holds)

    best, worth = Dependences(), -np.inf
    for strength, by_fold in gains.items():
        found = sum(by_fold[1:], by_fold[0])
        chance = _choose_false_edges(by_fold, found, grown)
        parents = grown(found, chance)
        won = _total_gain(parents, found)[0]
        if parents and won > worth:
            named = {int(questions[child]): int(questions[parent]) for child, parent in parents.items()}
            edges = {int(questions[child]): float(found.gain[parent, child]) for child, parent in parents.items()}
            best, worth = Dependences(named, edge_tables(lesson, taught, slice(None), named, strength), edges, strength), won
    return best


def _choose_false_edges(by_fold: Sequence[HeldOut], found: HeldOut, grown: Callable[[HeldOut, float], dict[int, int]]) -> float:
    """The strictest of `FALSE_EDGES`, unless a laxer one, with the edges that the other folds let pass, wins clearly more on each fold.

    Clearly is by more than two standard errors of the difference.
    """
    chosen = FALSE_EDGES[0]
    for laxer in FALSE_EDGES[1:]:
        more = square = 0.0
        for fold in by_fold:
            strict, lax = (set(grown(found - fold, chance).items()) for chance in (chosen, laxer))
            (gained, item), (lost, other) = _total_gain(dict(lax - strict), fold), _total_gain(dict(strict - lax), fold)
            more, square = more + gained - lost, square + item + other
        if more > STANDARD_ERRORS * np.sqrt(square):
            chosen = laxer
    return chosen


def _total_gain(parents: Mapping[int, int], held: HeldOut) -> tuple[float, float]:
    """Nats that edges win on held-out respondents, and the sum of the squares of single respondents' nats."""
    edges = tuple(parents.values()), tuple(parents)
    return float(held.gain[edges].sum()), float(held.square[edges].sum())


def edge_tables(
    lesson: TrainingSet, taught: Personas, rows: Ints | slice, parents: Mapping[int, int], strength: float
) -> dict[int, Floats]:
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
        before = _published_edge_table(lesson, taught, child, parent)
        if before is None:
            given[child] = tables[block]
        else:
            seen = counts[block]
            given[child] = (seen + taught.pseudo_counts * before) / (seen.sum(axis=2, keepdims=True) + taught.pseudo_counts)
    return given


def _published_edge_table(lesson: TrainingSet, taught: Personas, child: int, parent: int) -> Floats | None:
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
