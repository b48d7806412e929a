"""Questions that depend on one another: a forest in which a question's table is P(answer | persona, parent's answer).

Belief propagation (Pearl, 1988) is exact on trees, and runs over all trees and all personas at once. Unanswered questions are summed
out, so neither the order of the answers nor the gaps between them matter. The upward pass visits only answered questions and their
ancestors; the downward pass reaches every question.

Array names: B respondents, K personas, n questions of one level, m questions with an answer at or below them, P answers of the parent, A
answers of the question. P and A are padded to the widest of their level.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from adaptive.arrays import Bools, Floats, Ints

NOT_GIVEN = -1

TINY = float(np.finfo(float).tiny)

LEAST, LEAST_BELIEF = 1e-200, 1e-100
"""Lower bounds of probabilities in messages and of beliefs: their product still has a logarithm, and is far below every rounding error."""

BLOCK_CELLS = 65_536
"""The gain is computed in blocks of questions: larger temporary arrays are given back to the system after each use, which takes longer
than to compute them."""

FEW = 8
"""Up to so many messages of a level are multiplied one after the other."""

UNSCALED_ANSWERS = 16
"""Up to so many answers the messages are multiplied as they are; the product of more is scaled, for it could underflow."""


@dataclass(frozen=True, eq=False)
class Level:
    """The questions at one depth; the children of one parent are adjacent.

    `nodes` are their places in the forest; `table` is (P, A, n, K), with P = 1 at the roots and padding of probability zero; `above` is
    (n,), the place of each parent within the level above.
    """

    nodes: slice
    table: Floats
    above: Ints

    @cached_property
    def transitions(self) -> Floats:
        """(K, n, A, P) the table in the order of the messages, never quite zero."""
        return np.maximum(np.ascontiguousarray(self.table.transpose(3, 2, 1, 0)), LEAST)

    @cached_property
    def rows(self) -> Floats:
        """(P, A, K * n) `transitions` in long rows, which suit one respondent."""
        outcomes, outcomes_above = self.transitions.shape[2:]
        return np.ascontiguousarray(self.transitions.reshape(-1, outcomes, outcomes_above).transpose(2, 1, 0))


class ActiveLevel(NamedTuple):
    """The m questions of one level that have an answer at or below them.

    `among_active` are their places among all active questions, `in_level` is (m,), their places within the level; `transitions` is
    (K, m, A, P).
    """

    among_active: slice
    in_level: Ints
    transitions: Floats


class UpwardPass(NamedTuple):
    """The messages of B respondents' answers, from the leaves to the roots.

    Attributes
    ----------
    log_likelihood : (B, K)
        log P(all answers in the forest | persona), up to a constant for each respondent.
    active, parents : (m,)
        Places in the forest of the questions that have an answer at or below them; the place of each one's parent among them.
    levels : tuple
        The active questions of each level, None where there are none.
    likelihood : (K, m, A, B)
        P(answers at and below | own answer), up to a factor that all personas share.
    to_parent : (K, m, P, B)
        The same given the parent's answer, never zero.
    """

    log_likelihood: Floats
    active: Ints
    parents: Ints
    levels: tuple[ActiveLevel | None, ...]
    likelihood: Floats
    to_parent: Floats


@dataclass(frozen=True, eq=False)
class Forest:
    """All dependent questions of a bank, level by level from the roots; `questions` is (n,), the question at each place."""

    questions: Ints
    levels: tuple[Level, ...]

    @cached_property
    def _above(self) -> Ints:
        """(n,) place of each question's parent in the forest; a root is its own parent."""
        upper = [0, *(level.nodes.start for level in self.levels)]
        return np.concatenate([level.above + upper[depth] for depth, level in enumerate(self.levels)])

    @cached_property
    def _starts(self) -> Ints:
        """(levels + 1,) place at which each level begins, and at which the last one ends."""
        return np.array([*(level.nodes.start for level in self.levels), len(self.questions)])

    @cached_property
    def _lineage(self) -> Bools:
        """(n, n) whether the second place is the first one or one of its ancestors."""
        ancestors = np.eye(len(self.questions), dtype=bool)
        for level in self.levels[1:]:
            ancestors[level.nodes] |= ancestors[self._above[level.nodes]]
        return ancestors

    @cached_property
    def informative(self) -> Bools:
        """(n,) whether any answer is likelier under one persona than under another, for any answer of the parent."""
        return np.concatenate([np.ptp(level.table, axis=3).max(axis=(0, 1)) > 1e-12 for level in self.levels])

    @cached_property
    def _widest(self) -> int:
        return max(int(level.table.shape[1]) for level in self.levels)

    def collect(self, codes: Ints) -> UpwardPass:
        """Run the upward pass for (B, Q) outcome codes, `NOT_GIVEN` where there is no answer."""
        answers = codes[:, self.questions].T
        given = (answers != NOT_GIVEN).any(axis=1)
        active = np.flatnonzero(self._lineage[given].any(axis=0))
        parents = np.searchsorted(active, self._above[active])
        levels = self._active_levels(active)
        likelihood = _answer_indicators(answers[active], self._widest, self.levels[0].table.shape[3])
        to_parent = np.ones_like(likelihood)
        many = bool(np.count_nonzero(given) > UNSCALED_ANSWERS)
        for depth in range(len(levels) - 1, -1, -1):
            if (level := levels[depth]) is not None:
                _, _, outcomes, outcomes_above = level.transitions.shape
                message = level.transitions.swapaxes(2, 3) @ likelihood[:, level.among_active, :outcomes]
                np.maximum(message, LEAST, out=message)
                to_parent[:, level.among_active, :outcomes_above] = message
                if depth:
                    _multiply_into_parents(message, likelihood[:, :, :outcomes_above], parents[level.among_active], scale=many)
        roots = 0 if levels[0] is None else levels[0].among_active.stop
        return UpwardPass(np.log(to_parent[:, :roots, 0]).sum(axis=1).T, active, parents, levels, likelihood, to_parent)

    def _active_levels(self, active: Ints) -> tuple[ActiveLevel | None, ...]:
        bounds: list[int] = np.searchsorted(active, self._starts).tolist()
        found: list[ActiveLevel | None] = []
        for level, start, stop in zip(self.levels, bounds, bounds[1:], strict=False):
            in_level = active[start:stop] - level.nodes.start
            found.append(ActiveLevel(slice(start, stop), in_level, level.transitions.take(in_level, axis=1)) if start < stop else None)
        return tuple(found)

    def predict(self, upward: UpwardPass, belief: Floats) -> Floats:
        """Return (K, n, A, B) P(persona and answer | all answers in the forest) under (B, K) `belief`: the downward pass.

        A belief of ones gives P(answer | persona, all answers in the forest). No cell is zero, nor is the padding.
        """
        roots, widest = belief.T[:, None, None, :], self._widest
        active = self._predict_active(upward, roots)
        predicted = np.empty((belief.shape[1], len(self.questions), widest, len(belief)))
        upper, above = slice(0), np.repeat(roots, len(self.levels[0].above), axis=1)
        for level, own in zip(self.levels, upward.levels, strict=True):
            outcomes, outcomes_above = level.transitions.shape[2:]
            if level.nodes.start:
                above = predicted[:, upper, :outcomes_above].take(level.above, axis=1)
            upper, inside = level.nodes, predicted[:, level.nodes]
            if outcomes < widest:
                inside[:, :, outcomes:] = LEAST * LEAST_BELIEF
            _sum_over_parent(level, above, inside[:, :, :outcomes])
            if own is not None:
                inside[:, own.in_level] = active[:, own.among_active]
        return predicted

    @staticmethod
    def _predict_active(upward: UpwardPass, belief: Floats) -> Floats:
        """Return `predict` for the m active questions, (K, m, A, B), under (K, 1, 1, B) `belief`."""
        joint = np.zeros_like(upward.likelihood)
        above = np.ones_like(belief)
        for depth, level in enumerate(upward.levels):
            if level is not None:
                here, (_, _, outcomes, outcomes_above) = level.among_active, level.transitions.shape
                if depth:  # the parent's belief without this child's message
                    above = joint[:, upward.parents[here], :outcomes_above]
                    above /= upward.to_parent[:, here, :outcomes_above]
                joint[:, here, :outcomes] = level.transitions @ above
                joint[:, here] *= upward.likelihood[:, here]
        np.maximum(joint, LEAST, out=joint)
        joint *= belief / joint.sum(axis=2, keepdims=True)
        return joint

    def gain(self, belief: Floats, silence: Floats | None, upward: UpwardPass) -> Floats:
        """Return the (B, n) information gain in bits of the questions of the forest under (B, K) `belief`.

        ``I(persona; outcome) = H(persona) + H(outcome) - H(persona, outcome)``. `silence` is (n, K), P(no answer | persona), an outcome as
        the others; None where it is not modelled.
        """
        belief = np.maximum(belief, LEAST_BELIEF)
        joint = self.predict(upward, belief)
        if silence is not None:
            joint = _with_no_answer(joint, belief, silence)
            np.maximum(joint, LEAST * LEAST_BELIEF, out=joint)
        bits = np.empty((len(belief), len(self.questions)))
        size = max(BLOCK_CELLS // joint[:, 0].size, 1)
        for start in range(0, len(self.questions), size):
            bits[:, start : start + size] = _negative_conditional_entropy(joint[:, start : start + size]).T
        bits -= _x_log_x(belief).sum(axis=1)[:, None]
        return bits

    def best_action(self, belief: Floats, actions: Floats, silence: Floats | None, upward: UpwardPass) -> Floats:
        """Return the (B, n) expected value of the best of (M, K) `actions` after each question is answered or skipped."""
        joint = self.predict(upward, belief)
        if silence is not None:
            joint = _with_no_answer(joint, belief, silence)
        best: Floats = np.tensordot(actions, joint, 1).max(axis=0).sum(axis=1).T
        return best

    def probability_range(self, question: int) -> tuple[Floats, Floats]:
        """Return, each as (K, A), the highest and the lowest P(answer | persona, parent's answer) over the parent's answers."""
        place = int(np.flatnonzero(self.questions == question)[0])
        level = next(level for level in self.levels if place < level.nodes.stop)
        table = level.table[:, :, place - level.nodes.start]  # (P, A, K)
        lowest = np.where(table.sum(axis=1, keepdims=True) > 0, table, np.inf).min(axis=0)
        return table.max(axis=0).T, lowest.T


def _answer_indicators(codes: Ints, answers: int, personas: int) -> Floats:
    """Return (K, m, A, B) 1 at the observed answer of (m, B) `codes` and 0 elsewhere; 1 everywhere where nothing was observed."""
    compatible = (codes[:, None, :] == NOT_GIVEN) | (codes[:, None, :] == np.arange(answers)[:, None])
    indicators = np.empty((personas, *compatible.shape))
    indicators[:] = compatible
    return indicators


def _multiply_into_parents(messages: Floats, likelihood: Floats, parents: Ints, *, scale: bool) -> None:
    """Multiply the (K, m, P, B) messages of one level into the `likelihood` of their `parents`, in place; siblings are adjacent.

    A factor common to all personas cancels in the belief. Many messages are added as logarithms: a product of hundreds would underflow.
    """
    if len(parents) <= FEW:
        factors = messages / messages.max(axis=(0, 2), keepdims=True) if scale else messages
        for child, parent in enumerate(parents.tolist()):
            likelihood[:, parent] *= factors[:, child]
        return
    first_children = np.flatnonzero(np.concatenate([[True], parents[1:] != parents[:-1]]))
    log_messages = np.add.reduceat(np.log(messages), first_children, axis=1)
    log_messages -= log_messages.max(axis=(0, 2), keepdims=True)
    likelihood[:, parents[first_children]] *= np.exp(log_messages)


def _negative_conditional_entropy(joint: Floats) -> Floats:
    """Return (n, B) minus H(persona | answer) in bits, from (K, n, A, B) P(persona and answer)."""
    personas, cells = np.ones(len(joint)), joint.reshape(len(joint), -1)
    bits = personas @ _x_log_x(cells)
    bits -= _x_log_x(personas @ cells)
    summed: Floats = bits.reshape(joint.shape[1:]).sum(axis=1)
    return summed


def _sum_over_parent(level: Level, above: Floats, out: Floats) -> None:
    """Write the (K, n, A, B) sum over P of the level's P(answer | persona, parent's answer) times (K, n, P, B) `above` to `out`."""
    if above.shape[3] == 1:  # a third of the time of `matmul`
        by_answer = np.einsum("pax,px->ax", level.rows, np.ascontiguousarray(above.reshape(-1, above.shape[2]).T))
        out[...] = by_answer.T.reshape(out.shape)
    else:
        np.matmul(level.transitions, above, out=out)


def _with_no_answer(joint: Floats, belief: Floats, silence: Floats) -> Floats:
    """Return (K, n, A + 1, B) P(persona and outcome), no answer last, from `predict`, (B, K) `belief` and (n, K) `silence`."""
    unanswered = silence.T[:, :, None, None] * belief.T[:, None, None, :]
    return np.concatenate([joint * (1 - silence).T[:, :, None, None], unanswered], axis=2)


def _x_log_x(values: Floats) -> Floats:
    product: Floats = np.log2(values)
    product *= values
    return product


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
    level_questions, above = sorted(roots), [0] * len(roots)
    questions: list[int] = []
    levels: list[Level] = []
    while level_questions:
        levels.append(_level(len(questions), [tables[question] for question in level_questions], above, levels))
        questions += level_questions
        children_here = [(child, place) for place, question in enumerate(level_questions) for child in children.get(question, [])]
        level_questions, above = [child for child, _ in children_here], [place for _, place in children_here]
    return Forest(np.array(questions, dtype=np.int64), tuple(levels))


def _level(start: int, tables: Sequence[Floats], above: Sequence[int], upper: Sequence[Level]) -> Level:
    widest = max(table.shape[2] for table in tables)
    padded = np.zeros((upper[-1].table.shape[1] if upper else 1, widest, len(tables), len(tables[0])))
    for place, table in enumerate(tables):
        padded[: table.shape[1], : table.shape[2], place] = table.transpose(1, 2, 0)
    return Level(slice(start, start + len(tables)), padded, np.array(above, dtype=np.int64))


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
