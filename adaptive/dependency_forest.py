"""Questions that depend on one another: a forest in which a question's table is P(answer | persona, parent's answer).

Belief propagation (Pearl, 1988) is exact on trees, and runs over all trees and all personas at once. Unanswered questions are summed
out, so neither the order of the answers nor the gaps between them matter. The upward pass visits only answered questions and their
ancestors; the downward pass reaches every question.

Array names: B respondents, K personas, n questions of one level, m questions with an answer at or below them, P answers of the parent, A
answers of the question. P and A are padded to the widest of their level.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import zip_longest
from typing import NamedTuple

import numpy as np

from adaptive.arrays import Bools, Floats, Ints

NOT_GIVEN = -1

TINY = float(np.finfo(float).tiny)

LEAST, LEAST_BELIEF = 1e-18, 1e-100
"""Lower bounds of probabilities in tables and of beliefs. A product of `UNSCALED_ANSWERS` probabilities is not zero."""

LEAST_CELL = LEAST * LEAST_BELIEF
"""Lower bound of P(persona and answer), so that it has a logarithm."""

LEAST_PRODUCT = 1e-280
"""Lower bound of a scaled product of messages: later messages may make up for it, and its inverse is finite."""

UNSCALED_ANSWERS = 16
"""Up to so many answers the messages are multiplied as they are; the product of more is scaled, for it could underflow."""


@dataclass(frozen=True, eq=False)
class Level:
    """The questions at one depth; the children of one parent are adjacent.

    `nodes` are their places in the forest; `table` is (P, A, n, K), with P = 1 at the roots and padding of probability zero; `parents` is
    (n,), the place of each parent in the forest. A root is its own parent.
    """

    nodes: slice
    table: Floats
    parents: Ints

    @cached_property
    def by_persona(self) -> Floats:
        """(K, n, A, P) the table, never quite zero, in the order of the predictions."""
        return np.maximum(np.ascontiguousarray(self.table.transpose(3, 2, 1, 0)), LEAST)

    @cached_property
    def rows(self) -> Floats:
        """(P, A, n, K) the same in the order of `table`, which suits one respondent."""
        return np.maximum(self.table, LEAST)


class ActiveLevel(NamedTuple):
    """The m questions of one level that have an answer at or below them.

    `part` are their places among the active questions of all levels, `places` those in the forest. `parents`, and as an array `above`, are
    the places of their parents among the active questions of the level above; `one_each` tells that each of these is the parent of one.
    `table` is (m, K, A, P).
    """

    part: slice
    places: list[int]
    parents: list[int]
    above: Ints
    one_each: bool
    table: Floats


class Active(NamedTuple):
    """The (m,) questions of a forest that have an answer at or below them, and their levels down to the deepest answer."""

    questions: Ints
    levels: tuple[ActiveLevel, ...]


class UpwardPass(NamedTuple):
    """The messages of B respondents' answers, from the leaves to the roots.

    `log_likelihood` is (B, K), log P(all answers in the forest | persona). For each of the `levels`, `likelihoods` is (m, K, A, B),
    P(answers at and below | own answer), and `to_parent` (m, K, P, B), P(answers at and below | parent's answer). All are up to a factor
    that personas share.
    """

    log_likelihood: Floats
    levels: tuple[ActiveLevel, ...]
    likelihoods: list[Floats]
    to_parent: list[Floats]


@dataclass(frozen=True, eq=False)
class Forest:
    """All dependent questions of a bank, level by level from the roots; `questions` is (n,), the question at each place."""

    questions: Ints
    levels: tuple[Level, ...]

    @cached_property
    def _lineage(self) -> Bools:
        """(n, n) whether the second place is the first one or one of its ancestors."""
        ancestors = np.eye(len(self.questions), dtype=bool)
        for level in self.levels[1:]:
            ancestors[level.nodes] |= ancestors[level.parents]
        return ancestors

    def at_or_above(self, answered: Bools) -> Bools:
        """Return the (B, n) questions that have one of the (B, n) `answered` questions at or below them."""
        reached: Bools = answered @ self._lineage
        return reached

    @cached_property
    def informative(self) -> Bools:
        """(n,) whether any answer is likelier under one persona than under another, for any answer of the parent."""
        return np.concatenate([np.ptp(level.table, axis=3).max(axis=(0, 1)) > 1e-12 for level in self.levels])

    @cached_property
    def _widest(self) -> int:
        return max(int(level.table.shape[1]) for level in self.levels)

    def collect(self, codes: Ints) -> UpwardPass:
        """Run the upward pass for (B, Q) outcome codes, `NOT_GIVEN` where there is no answer."""
        given = np.logical_or.reduce(codes != NOT_GIVEN).take(self.questions)
        scale = bool(np.count_nonzero(given) > UNSCALED_ANSWERS)
        questions, levels = self.active(given) if scale else _active_of_few(self, given.tobytes())
        indicators = self._indicators(codes.take(questions, axis=1))
        likelihoods = [indicators[level.part, :, : level.table.shape[2]] for level in levels]
        to_parent: list[Floats] = []
        message = indicators
        for depth in range(len(levels) - 1, -1, -1):
            level = levels[depth]
            message = level.table.swapaxes(2, 3) @ likelihoods[depth]
            to_parent.append(message)
            if depth:
                _multiply_into_parents(message, likelihoods[depth - 1], level, scale=scale)
        return UpwardPass(np.log(message[:, :, 0]).sum(axis=0).T, levels, likelihoods, to_parent[::-1])

    def active(self, given: Bools) -> Active:
        """Return the questions that have one of the (n,) `given` answers at or below them."""
        active = np.flatnonzero(self._lineage[given].any(axis=0))
        levels: list[ActiveLevel] = []
        start, upper = 0, active[:0]
        for level in self.levels:
            places = active[start : active.searchsorted(level.nodes.stop)]
            if len(places):
                inside = places - level.nodes.start
                above = upper.searchsorted(level.parents[inside]) if start else np.zeros_like(places)
                one_each = start > 0 and np.array_equal(above, np.arange(len(upper)))
                part = slice(start, start + len(places))
                table = np.ascontiguousarray(level.by_persona[:, inside].swapaxes(0, 1))
                levels.append(ActiveLevel(part, places.tolist(), above.tolist(), above, one_each, table))
                start, upper = part.stop, places
        return Active(self.questions[active], tuple(levels))

    @cached_property
    def _one_hot(self) -> Floats:
        """(A + 1, A) 1 at each answer; ones at the last place, which is that of `NOT_GIVEN`."""
        return np.vstack([np.eye(self._widest), np.ones(self._widest)])

    def _indicators(self, answers: Ints) -> Floats:
        """Return (m, K, A, B) 1 at the observed answer of (B, m) `answers` and 0 elsewhere; 1 everywhere where nothing was observed."""
        indicators = np.empty((answers.shape[1], self.levels[0].table.shape[3], self._widest, len(answers)))
        indicators[:] = self._one_hot.take(answers, axis=0).transpose(1, 2, 0)[:, None]
        return indicators

    def predict(self, upward: UpwardPass, belief: Floats) -> Floats:
        """Return (K, n, A, B) P(persona and answer | all answers in the forest) under (B, K) `belief`: the downward pass.

        A belief of ones gives P(answer | persona, all answers in the forest). No cell is zero where the belief is positive, nor is the
        padding. The array is laid out as by `empty_joint`.
        """
        predicted = empty_joint(self.levels[0].table.shape[3], len(self.questions), self._widest, len(belief))
        for level, active in zip_longest(self.levels, _predict_active(upward, belief)):
            outcomes = level.table.shape[1]
            if outcomes < self._widest:
                predicted[:, level.nodes, outcomes:] = LEAST_CELL
            _sum_over_parent(level, belief, predicted)
            for place, joint in zip(*active, strict=True) if active is not None else ():
                predicted[:, place, :outcomes] = joint
        return predicted

    def probability_range(self, question: int) -> tuple[Floats, Floats]:
        """Return, each as (K, A), the highest and the lowest P(answer | persona, parent's answer) over the parent's answers."""
        place = int(np.flatnonzero(self.questions == question)[0])
        level = next(level for level in self.levels if place < level.nodes.stop)
        table = level.table[:, :, place - level.nodes.start]  # (P, A, K)
        lowest = np.where(table.sum(axis=1, keepdims=True) > 0, table, np.inf).min(axis=0)
        return table.max(axis=0).T, lowest.T


@lru_cache(maxsize=64)
def _active_of_few(forest: Forest, given: bytes) -> Active:
    """Return the active questions, which are the same for all who answered the same few questions: most respondents of a survey."""
    return forest.active(np.frombuffer(given, dtype=bool))


def _multiply_into_parents(messages: Floats, likelihood: Floats, level: ActiveLevel, *, scale: bool) -> None:
    """Multiply the (m, K, P, B) messages of one level into the (n, K, P, B) `likelihood` of the parents, in place.

    A factor common to all personas cancels in the belief: with `scale` each product is divided by its largest cell, and is not quite zero.
    """
    if level.one_each and not scale:
        likelihood *= messages
        return
    for parent, message in zip(level.parents, messages, strict=True):
        product = likelihood[parent]
        product *= message
        if scale:
            product /= product.max(axis=(0, 1))
            np.maximum(product, LEAST_PRODUCT, out=product)


def _predict_active(upward: UpwardPass, belief: Floats) -> list[tuple[list[int], Floats]]:
    """Return the places and the (m, K, A, B) prediction of the active questions of each level under (B, K) `belief`."""
    predictions: list[tuple[list[int], Floats]] = []
    joint = belief.T[None, :, None]
    for level, likelihood, to_parent in zip(upward.levels, upward.likelihoods, upward.to_parent, strict=True):
        # the parent's belief without this child's message
        above = (joint if level.one_each else joint.take(level.above, axis=0)) / to_parent
        joint = level.table @ above
        joint *= likelihood
        np.maximum(joint, LEAST_CELL, out=joint)
        predictions.append((level.places, joint))
    return predictions


def _sum_over_parent(level: Level, belief: Floats, predicted: Floats) -> None:
    """Write the prediction of a level to (K, n, A, B) `predicted`, from that of the parents or at the roots from (B, K) `belief`: the sum
    over P of P(answer | persona, parent's answer) P(persona and parent's answer).
    """
    outcomes_above, outcomes = level.table.shape[:2]
    if len(belief) == 1:  # `einsum` takes a third of the time of `matmul`
        cells = predicted.T[0]  # (A, n, K)
        above = cells.take(level.parents, axis=1)[:outcomes_above] if level.nodes.start else belief[:, None]
        np.einsum("pank,pnk->ank", level.rows, above, out=cells[:outcomes, level.nodes])
    else:
        above = predicted.take(level.parents, axis=1)[:, :, :outcomes_above] if level.nodes.start else belief.T[:, None, None]
        np.matmul(level.by_persona, above, out=predicted[:, level.nodes, :outcomes])


def empty_joint(personas: int, questions: int, answers: int, respondents: int) -> Floats:
    """Return an empty (K, n, A, B) array, of one respondent with the persona last in memory."""
    shape = personas, questions, answers, respondents
    return np.empty(shape[::-1]).T if respondents == 1 else np.empty(shape)


def build_forest(parents: Mapping[int, int], roots: Mapping[int, Floats], given: Mapping[int, Floats]) -> Forest | None:
    """Return the forest of a bank, or None where no question depends on another.

    Parameters
    ----------
    parents : mapping
        The parent of each question that has one.
    roots : mapping
        (K, A) table of each question that is a parent and has none.
    given : mapping
        (K, P, A) table of each question that has a parent.

    Raises ValueError for a circle, and for a table whose P is not the number of its parent's answers.
    """
    _check(parents, roots, given)
    if not parents:
        return None
    parents, roots, given = _root_at_centres(parents, roots, given)
    children: dict[int, list[int]] = {}
    for question in sorted(parents):
        children.setdefault(parents[question], []).append(question)
    tables = {question: table[:, None, :] for question, table in roots.items()} | given
    level_questions, above = sorted(roots), list(range(len(roots)))
    questions: list[int] = []
    levels: list[Level] = []
    while level_questions:
        start = len(questions)
        levels.append(_level(start, [tables[question] for question in level_questions], above, levels))
        children_here = [(child, place) for place, question in enumerate(level_questions, start) for child in children.get(question, [])]
        questions += level_questions
        level_questions, above = [child for child, _ in children_here], [place for _, place in children_here]
    return Forest(np.array(questions, dtype=np.int64), tuple(levels))


def _level(start: int, tables: Sequence[Floats], parents: Sequence[int], upper: Sequence[Level]) -> Level:
    widest = max(table.shape[2] for table in tables)
    padded = np.zeros((upper[-1].table.shape[1] if upper else 1, widest, len(tables), len(tables[0])))
    for place, table in enumerate(tables):
        padded[: table.shape[1], : table.shape[2], place] = table.transpose(1, 2, 0)
    return Level(slice(start, start + len(tables)), padded, np.array(parents, dtype=np.int64))


def _check(parents: Mapping[int, int], roots: Mapping[int, Floats], given: Mapping[int, Floats]) -> None:
    answers = {question: table.shape[-1] for question, table in (dict(roots) | dict(given)).items()}
    reached = set(roots)
    waiting = sorted(parents)
    while ready := [child for child in waiting if parents[child] in reached]:
        reached |= set(ready)
        waiting = [child for child in waiting if child not in reached]
    if waiting:
        raise ValueError(f"questions {waiting} depend on one another in a circle")
    for child, parent in sorted(parents.items()):
        if given[child].shape[1] != answers[parent]:
            raise ValueError(f"question {child} has a table for {given[child].shape[1]} answers of its parent, which has {answers[parent]}")


def _root_at_centres(
    parents: Mapping[int, int], roots: Mapping[int, Floats], given: Mapping[int, Floats]
) -> tuple[dict[int, int], dict[int, Floats], dict[int, Floats]]:
    """Return the same trees as `parents`, `roots` and `given` (see `build_forest`), each rooted at its centre, which keeps it shallow."""
    parents, roots, given = dict(parents), dict(roots), dict(given)
    for root in list(roots):
        path = _path_to_centre(root, parents)
        for child in path:
            _reroot(child, parents, roots, given)
    return parents, roots, given


def _reroot(child: int, parents: dict[int, int], roots: dict[int, Floats], given: dict[int, Floats]) -> None:
    """Make a child of the root the new root, by Bayes' rule."""
    root = parents.pop(child)
    joint = roots.pop(root)[:, :, None] * given.pop(child)  # (K, root, child)
    marginal = joint.sum(axis=1)
    # Under an answer of probability zero any row is right: an even one keeps rows adding up to one.
    even = np.full(joint.shape[1], 1 / joint.shape[1])[None, :, None]
    reversed_table = np.where(marginal[:, None, :] > 0, joint / np.where(marginal > 0, marginal, 1.0)[:, None, :], even)
    parents[root], given[root], roots[child] = child, np.ascontiguousarray(reversed_table.swapaxes(1, 2)), marginal


def _path_to_centre(root: int, parents: Mapping[int, int]) -> list[int]:
    """Return the path from the first child of the root to the middle of the longest path of its tree."""
    neighbours: dict[int, list[int]] = {}
    for child, parent in parents.items():
        neighbours.setdefault(child, []).append(parent)
        neighbours.setdefault(parent, []).append(child)
    end = _longest_path(root, neighbours)[-1]
    longest = _longest_path(end, neighbours)
    centre = longest[(len(longest) - 1) // 2]
    path = [centre]
    while path[-1] != root:
        path.append(parents[path[-1]])
    return path[-2::-1]


def _longest_path(start: int, neighbours: Mapping[int, list[int]]) -> list[int]:
    """Return the path from a question to a question farthest from it."""
    previous = {start: start}
    queue = [start]
    for question in queue:
        for neighbour in neighbours.get(question, ()):
            if neighbour not in previous:
                previous[neighbour] = question
                queue.append(neighbour)
    path = [queue[-1]]
    while path[-1] != start:
        path.append(previous[path[-1]])
    return path[::-1]
