"""Learn which questions depend on one another given the persona: a forest of pairwise dependences.

Chow and Liu (1968) give the tree, Friedman, Geiger and Goldszmidt (1997) its form given a class (tree-augmented naive Bayes). All pairs
are counted at once: with one-hot answers, every table of two answers is a block of one matrix product.

Array names: K personas, Q items, `cells` the answers of all items side by side; `items` is (cells,), the item of each cell.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree
from scipy.special import ndtri, xlogy

from adaptive.arrays import Bools, Floats, Ints
from adaptive.learning.cross_validation import Fold, TrainingSet
from adaptive.learning.latent_classes import Personas

FALSE_EDGES = (0.05, 0.5, 5.0, 50.0)
"""Expected numbers of false edges in a file without any dependence, tried in turn; divided among all pairs (Bonferroni).

No single number suits every file. Car buyers (42 questions, 396 training respondents, four halves), agreement at five questions: .749
with 2 edges, .739 with 11, .725 with 30. Waterways (14 questions, 616 respondents, six halves): .816 with 5 edges, .828 with 11.
"""


@dataclass(frozen=True, eq=False)
class Dependences:
    """A forest: the parent of each child, its (K, P, A) table, and the nats that each edge gains on held-out respondents.

    Where labels are given, `label_gain` is the log score in nats that the best forest gains for a held-out respondent's label, summed over
    the sets of answers that are scored; a forest that gains nothing is left out.
    """

    parents: dict[int, int] = field(default_factory=dict)
    given: dict[int, Floats] = field(default_factory=dict)
    gains: dict[int, float] = field(default_factory=dict)
    strength: float = 0.0
    label_gain: float | None = None


def count_pairs(hot: Floats, membership: Floats) -> Floats:
    """Return the (K, cells, cells) number of respondents of each persona who gave both answers; missing answers are not counted.

    `hot` is (N, cells), see `one_hot`; `membership` is (N, K).
    """
    return np.stack([(hot * share[:, None]).T @ hot for share in membership.T])


def conditional_information(pairs: Floats, items: Ints) -> Floats:
    """Return the (Q, Q) mutual information of two answers given the persona, in nats; zero on the diagonal.

    ``I(p; q | k) = sum n(k, a, b) / n * log( n(k, a, b) n(k) / (n(k, a) n(k, b)) )`` over the respondents who answered both.

    >>> same = count_pairs(np.array([[1., 0, 1, 0], [0, 1, 0, 1]]), np.ones((2, 1)))
    >>> conditional_information(same, np.array([0, 0, 1, 1])).round(3).tolist()
    [[0.0, 0.693], [0.693, 0.0]]
    """
    first = _over_questions(pairs, items)[:, :, items]  # n(k, a), among those who answered the other item too
    second = first.transpose(0, 2, 1)
    both = _over_pairs(pairs, items)[:, items][:, :, items]
    expected = np.where(pairs > 0, first * second / np.maximum(both, np.finfo(float).tiny), 1.0)
    nats = _over_pairs((xlogy(pairs, pairs) - xlogy(pairs, expected)).sum(axis=0), items)
    people = _over_pairs(pairs.sum(axis=0), items)
    result: Floats = np.maximum(nats / np.maximum(people, np.finfo(float).tiny), 0.0)
    np.fill_diagonal(result, 0.0)
    return result


def dependent_tables(pairs: Floats, table: Floats, items: Ints, strength: float) -> Floats:
    """Return the (K, cells, cells) P(second answer | persona, first answer), shrunk to the dependence pooled over all personas.

    ``(n(k, a, b) + strength * m(b | k, a)) / (n(k, a) + strength)`` with ``m`` in proportion to ``P(b | k) * ratio(a, b)``, the ratio of
    observed to expected pairs over all personas. Few respondents are enough to estimate that ratio; many are needed for its difference
    between personas. The block of rows p and columns q is the table of q with parent p; `table` is (K, cells), the marginal tables.
    """
    return Pooled.of(pairs, table, items).shrunk(pairs, strength)


@dataclass(frozen=True, eq=False)
class Pooled:
    """What the tables of dependences are shrunk to: `table` is (K, cells, cells), `given` is (K, cells, cells), n(k, a)."""

    table: Floats
    given: Floats

    @classmethod
    def of(cls, pairs: Floats, table: Floats, items: Ints) -> "Pooled":
        """Pool the dependence over all personas: see `dependent_tables`."""
        pooled = table[:, None, :] * _observed_to_expected(pairs, table, items)
        pooled /= _over_questions(pooled, items)[:, :, items]
        return cls(pooled, _over_questions(pairs, items)[:, :, items])

    def shrunk(self, pairs: Floats, strength: float) -> Floats:
        """Return the (K, cells, cells) tables of these `pairs`."""
        tables: Floats = strength * self.table
        tables += pairs
        tables /= self.given + strength
        return tables


def _observed_to_expected(pairs: Floats, table: Floats, items: Ints) -> Floats:
    """Return the (cells, cells) ratio of observed pairs to those expected under independence given the persona, each plus one."""
    people = _over_pairs(pairs, items)  # (K, Q, Q) who answered both questions
    expected = np.zeros(pairs.shape[1:])
    for of_persona, shares in zip(people, table, strict=True):
        expected += of_persona[items][:, items] * shares[:, None] * shares
    ratio: Floats = (pairs.sum(axis=0) + 1) / (expected + 1)
    return ratio


@dataclass(frozen=True, eq=False)
class HeldOut:
    """The gain of each dependence on held-out respondents.

    `gain` is (Q, Q), total nats with parents in rows and children in columns; `square` sums the squared gains of single answers.
    """

    gain: Floats
    square: Floats

    def __add__(self, lost_square: "HeldOut") -> "HeldOut":
        return HeldOut(self.gain + lost_square.gain, self.square + lost_square.square)

    def __sub__(self, lost_square: "HeldOut") -> "HeldOut":
        return HeldOut(self.gain - lost_square.gain, self.square - lost_square.square)

    def significant(self, chance: float) -> Bools:
        """Return (Q, Q) whether the gain of both directions together is significantly above zero among so many pairs.

        `chance` is the expected number of pairs that pass without any dependence.
        """
        size = len(self.gain)
        both, noise = self.gain + self.gain.T, np.sqrt((self.square + self.square.T) * 2)
        kept: Bools = both > -ndtri(min(chance / max(size * (size - 1) / 2, 1), 0.5)) * noise
        np.fill_diagonal(kept, False)
        return kept


def held_out_gains(table: Floats, pairs: Floats, held_out: Floats, items: Ints, strengths: Sequence[float]) -> list[HeldOut]:
    """Return, for each strength, how much better P(child | persona, parent) predicts held-out answers than P(child | persona).

    `table` is (K, cells), the marginal tables; `pairs` are the training counts and `held_out` the counts of the held-out respondents,
    both (K, cells, cells).
    """
    pooled, log_table, found = Pooled.of(pairs, table, items), np.log(table)[:, None, :], []
    for strength in strengths:
        ratio = pooled.shrunk(pairs, strength)
        np.log(ratio, out=ratio)
        ratio -= log_table
        nats = held_out * ratio
        gain = _over_pairs(nats.sum(axis=0), items)
        nats *= ratio
        found.append(HeldOut(gain, _over_pairs(nats.sum(axis=0), items)))
    return found


def spanning_forest(information: Floats, allowed: Bools) -> dict[int, int]:
    """Return child -> parent of the forest with the most (Q, Q) `information` among the `allowed` pairs, rooted at the first questions.

    Pairs that are not allowed are removed before the tree is built, so that they do not displace an allowed edge.

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


def _over_questions(cells: Floats, items: Ints) -> Floats:
    """Return the (…, Q) sums of (…, cells) over the cells of each question, which are adjacent."""
    sums: Floats = np.add.reduceat(cells, np.flatnonzero(np.diff(items, prepend=-1)), axis=-1)
    return sums


def _over_pairs(cells: Floats, items: Ints) -> Floats:
    """Return the (…, Q, Q) sums of (…, cells, cells)."""
    return _over_questions(_over_questions(cells, items).swapaxes(-1, -2), items).swapaxes(-1, -2)


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

    def __init__(self, training: TrainingSet, questions: Ints) -> None:
        owner = training.answers.question_of_cell
        self._training = training
        self._cells = np.flatnonzero(np.isin(owner, questions))
        self.questions = questions
        self.items = np.searchsorted(questions, owner[self._cells])

    def table(self, fitted: Personas) -> Floats:
        """Return the (K, cells) table of these cells only."""
        return fitted.table[:, self._cells]

    def pairs(self, rows: Ints | slice, membership: Floats) -> Floats:
        """Count the pairs anew at each call: the counts of all folds together would fill the memory."""
        return count_pairs(self._training.answers.hot[rows][:, self._cells], membership)


def linkable_questions(training: TrainingSet, allowed: Bools) -> Ints:
    """Return the questions that are a single linkable item and `allowed`, a (Q,) mask."""
    return np.array([q for q in training.answers.questions[training.answers.linkable] if allowed[q]], dtype=np.int64)


def fit_forest(training: TrainingSet, fitted: Personas, folds: Sequence[Fold], questions: Ints) -> Dependences:
    """Return the forest among `questions` with the largest held-out gain; an empty one where none gains."""
    if len(questions) < 2:
        return Dependences()
    linkable = Linkable(training, questions)
    pairs = linkable.pairs(slice(None), fitted.membership)
    information = conditional_information(pairs, linkable.items)
    gains: dict[float, list[HeldOut]] = {strength: [] for strength in TREE_STRENGTHS}
    for fold in folds:
        counts, held_out = linkable.pairs(fold.train, fold.fitted.membership), linkable.pairs(fold.held_out, fold.truth)
        by_strength = held_out_gains(linkable.table(fold.fitted), counts, held_out, linkable.items, TREE_STRENGTHS)
        for strength, gained in zip(TREE_STRENGTHS, by_strength, strict=True):
            gains[strength].append(gained)

    def grow(held_out: HeldOut, chance: float) -> dict[int, int]:
        return spanning_forest(information, held_out.significant(chance))

    best, worth = Dependences(), -np.inf
    for strength, by_fold in gains.items():
        found = sum(by_fold[1:], by_fold[0])
        chance = _choose_false_edges(by_fold, found, grow)
        parents = grow(found, chance)
        gain = _total_gain(parents, found)[0]
        if parents and gain > worth:
            named = {int(questions[child]): int(questions[parent]) for child, parent in parents.items()}
            edges = {int(questions[child]): float(found.gain[parent, child]) for child, parent in parents.items()}
            best, worth = Dependences(named, edge_tables(training, fitted, slice(None), named, strength), edges, strength), gain
    return best


def _choose_false_edges(by_fold: Sequence[HeldOut], found: HeldOut, grow: Callable[[HeldOut, float], dict[int, int]]) -> float:
    """Return the strictest of `FALSE_EDGES`, unless the edges that a laxer one adds gain more by two standard errors.

    The edges of each fold are chosen on the other folds and scored on it.
    """
    chosen = FALSE_EDGES[0]
    for laxer in FALSE_EDGES[1:]:
        more = square = 0.0
        for fold in by_fold:
            strict, lax = (set(grow(found - fold, chance).items()) for chance in (chosen, laxer))
            (won, won_square), (lost, lost_square) = _total_gain(dict(lax - strict), fold), _total_gain(dict(strict - lax), fold)
            more, square = more + won - lost, square + won_square + lost_square
        if more > STANDARD_ERRORS * np.sqrt(square):
            chosen = laxer
    return chosen


def _total_gain(parents: Mapping[int, int], held_out: HeldOut) -> tuple[float, float]:
    """Return the nats that edges gain on held-out respondents, and the sum of the squared gains of single respondents."""
    edges = tuple(parents.values()), tuple(parents)
    return float(held_out.gain[edges].sum()), float(held_out.square[edges].sum())


def edge_tables(
    training: TrainingSet, fitted: Personas, rows: Ints | slice, parents: Mapping[int, int], strength: float
) -> dict[int, Floats]:
    """Return the (K, P, A) table of each child, from the respondents of `rows`, to whom `fitted` belongs."""
    if not parents:
        return {}
    linkable = Linkable(training, np.unique([*parents, *parents.values()]))
    counts = linkable.pairs(rows, fitted.membership)
    tables = dependent_tables(counts, linkable.table(fitted), linkable.items, strength)
    cells = {int(question): np.flatnonzero(linkable.items == n) for n, question in enumerate(linkable.questions)}
    given = {}
    for child, parent in parents.items():
        block = np.ix_(np.arange(len(tables)), cells[parent], cells[child])
        given[child] = tables[block]
    return given
