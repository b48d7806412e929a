"""Questions that depend on one another: a forest in which a question's table is P(answer | persona, parent's answer).

Belief propagation (Pearl, 1988) is exact on trees, and runs over all trees and all personas at once. Unanswered questions are summed
out, so neither the order of the answers nor the gaps between them matter. The upward pass visits only answered questions and their
ancestors; the downward pass reaches every question.

Array names: B respondents, K personas, n questions of one level, P answers of the parent, A answers of the question. K is the last axis
and the answers come first, so that the inner loops run over long rows; P and A are padded to the widest of their level with probability
zero.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from adaptive.arrays import Bools, Floats, Ints

NOT_GIVEN = -1

TINY = float(np.finfo(float).tiny)


@dataclass(frozen=True, eq=False)
class Level:
    """The questions at one depth; the children of one parent are adjacent.

    `nodes` are their places in the forest; `table` is (P, A, n, K), with P = 1 at the roots; `above` is (n,), the place of each parent
    within the level above.
    """

    nodes: slice
    table: Floats
    above: Ints


@dataclass(frozen=True, eq=False)
class LevelMessages:
    """Upward messages of the questions of one level that have an answer at or below them.

    `active` is (m,), the places of these questions within the level; `likelihood` is (A, B, m, K), P(answers at and below | own answer);
    `to_parent` is (P, B, m, K), the same given the parent's answer, and never zero. Both are known up to a factor that all personas share.
    """

    active: Ints
    likelihood: Floats
    to_parent: Floats


@dataclass(frozen=True, eq=False)
class UpwardPass:
    """The messages of B respondents' answers, from the leaves to the roots.

    `log_likelihood` is (B, K): log P(all answers in the forest | persona), up to a constant for each respondent. `messages` has one entry
    per level, None where nobody answered at or below it.
    """

    log_likelihood: Floats
    messages: tuple[LevelMessages | None, ...]


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

    def collect(self, codes: Ints) -> UpwardPass:
        """Run the upward pass for (B, Q) outcome codes, `NOT_GIVEN` where there is no answer."""
        answers = codes[:, self.questions]
        active = np.flatnonzero(self._lineage[(answers != NOT_GIVEN).any(axis=0)].any(axis=0))
        bounds = np.searchsorted(active, self._starts)
        parents = np.searchsorted(active, self._above[active])
        likelihood = _answer_indicators(
            answers[:, active], max(level.table.shape[1] for level in self.levels), self.levels[0].table.shape[3]
        )
        messages: list[LevelMessages | None] = [None] * len(self.levels)
        for depth in range(len(self.levels) - 1, -1, -1):
            level, of_level = self.levels[depth], slice(bounds[depth], bounds[depth + 1])
            if of_level.start < of_level.stop:
                subtree, in_level = likelihood[: level.table.shape[1], :, of_level], active[of_level] - level.nodes.start
                to_parent = _sum_over_parent(_take(level.table, in_level).swapaxes(0, 1), subtree)
                np.maximum(to_parent, TINY, out=to_parent)
                messages[depth] = LevelMessages(in_level, subtree, to_parent)
                if depth:
                    _multiply_into_parents(to_parent, likelihood[: len(to_parent)], parents[of_level])
        root_messages = messages[0]
        if root_messages is None:
            return UpwardPass(np.zeros((len(codes), likelihood.shape[3])), tuple(messages))
        return UpwardPass(np.log(root_messages.to_parent[0]).sum(axis=1), tuple(messages))

    def predict(self, upward: UpwardPass) -> Floats:
        """Return P(answer | persona, all answers in the forest) as (A, B, n, K): the downward pass."""
        respondents, personas = upward.log_likelihood.shape
        predicted = np.zeros((max(level.table.shape[1] for level in self.levels), respondents, len(self.questions), personas))
        joint: Floats = np.ones((1, respondents, 1, personas))  # the roots have no parent
        for level, message in zip(self.levels, upward.messages, strict=True):
            parent_belief = joint.take(level.above, axis=2)
            if message is not None and level.nodes.start:  # the parent's belief without this child's message
                cavity = _take(parent_belief, message.active)
                cavity /= message.to_parent
                if cavity is not parent_belief:
                    parent_belief[:, :, message.active] = cavity
            joint = _sum_over_parent(level.table, parent_belief)
            if message is not None:
                updated = _take(joint, message.active)
                updated *= message.likelihood
                updated /= updated.sum(axis=0)
                if updated is not joint:
                    joint[:, :, message.active] = updated
            predicted[: len(joint), :, level.nodes] = joint
        return predicted

    def gain(self, belief: Floats, silence: Floats, predicted: Floats) -> Floats:
        """Return the (B, n) information gain in bits of the questions of the forest under (B, K) `belief` and `predicted` answers.

        `silence` is (Q, K), P(no answer | persona), zero where it is not modelled. The gain is that of whether there is an answer, plus
        that of the answer among those who give one (the chain rule of mutual information).
        """
        no_answer = silence[self.questions]
        if not no_answer.any():
            return _mutual_information(predicted, belief)
        answering = belief[:, None, :] * (1 - no_answer)
        any_answer = answering.sum(axis=2)  # (B, n)
        given_answer = answering / any_answer[:, :, None]
        bits: Floats = any_answer * _mutual_information(predicted, given_answer) + _mutual_information(
            np.stack([no_answer, 1 - no_answer])[:, None], belief
        )
        return bits

    def best_action(self, belief: Floats, actions: Floats, silence: Floats, upward: UpwardPass) -> Floats:
        """Return the (B, n) expected value of the best of (M, K) `actions` after each question is answered or skipped."""
        no_answer = silence[self.questions]
        worth = (belief[:, None, :] * (1 - no_answer))[:, :, None, :] * actions  # (B, n, M, K)
        answered = (worth @ self.predict(upward)[..., None])[..., 0].max(axis=3).sum(axis=0)
        best: Floats = answered + ((belief[:, None, :] * no_answer) @ actions.T).max(axis=2)
        return best

    def probability_range(self, question: int) -> tuple[Floats, Floats]:
        """Return, each as (K, A), the highest and the lowest P(answer | persona, parent's answer) over the parent's answers."""
        place = int(np.flatnonzero(self.questions == question)[0])
        level = next(level for level in self.levels if place < level.nodes.stop)
        table = level.table[:, :, place - level.nodes.start]  # (P, A, K)
        lowest = np.where(table.sum(axis=1, keepdims=True) > 0, table, np.inf).min(axis=0)
        return table.max(axis=0).T, lowest.T

    def has_evidence(self, upward: UpwardPass) -> Bools:
        """Return (n,) whether anybody answered the question at each place or one below it."""
        found = np.zeros(len(self.questions), dtype=bool)
        for level, message in zip(self.levels, upward.messages, strict=True):
            if message is not None:
                found[level.nodes.start + message.active] = True
        return found


def _answer_indicators(codes: Ints, answers: int, personas: int) -> Floats:
    """(A, B, m, K) 1 at the observed answer and 0 elsewhere; 1 everywhere where nothing was observed."""
    compatible = (codes == NOT_GIVEN) | (codes == np.arange(answers)[:, None, None])
    return np.repeat(compatible[..., None].astype(float), personas, axis=3)


def _take(cells: Floats, places: Ints) -> Floats:
    """Return (…, m, K) of (…, n, K) cells: a copy of some of them, or the array itself where all are wanted."""
    return cells if len(places) == cells.shape[2] else cells.take(places, axis=2)


def _multiply_into_parents(messages: Floats, likelihood: Floats, parents: Ints) -> None:
    """Multiply the messages of one level into the likelihood of their `parents`, in place; siblings are adjacent.

    A factor common to all personas cancels in the belief. Siblings are added as logarithms: a product of hundreds would underflow.
    """
    changes = parents[1:] != parents[:-1]
    if np.count_nonzero(changes) == len(changes):
        likelihood[:, :, parents] *= messages / np.maximum.reduce(messages, axis=(0, 3), keepdims=True)
        return
    first_children = np.flatnonzero(np.concatenate([[True], changes]))
    log_messages = np.add.reduceat(np.log(messages), first_children, axis=2)
    log_messages -= log_messages.max(axis=(0, 3), keepdims=True)
    likelihood[:, :, parents[first_children]] *= np.exp(log_messages)


def _sum_over_parent(table: Floats, message: Floats) -> Floats:
    """Return the (A, B, n, K) sum over P of (P, A, n, K) `table` times (P, B, n, K) `message`."""
    outcomes_above, outcomes, questions, personas = table.shape
    flat = table.reshape(outcomes_above, outcomes, -1), message.reshape(outcomes_above, message.shape[1], -1)
    product: Floats = np.einsum("pax,pbx->abx", *flat)
    return product.reshape(outcomes, message.shape[1], questions, personas)


def _mutual_information(shares: Floats, belief: Floats) -> Floats:
    """Return the (B, n) mutual information of persona and answer in bits, from (A, B, n, K) shares and (B, K) or (B, n, K) beliefs."""
    log_shares = np.maximum(shares, TINY)
    np.log2(log_shares, out=log_shares)
    log_shares *= shares
    expected, negative_noise = _average(shares, belief), _average(log_shares, belief)
    bits: Floats = negative_noise.sum(axis=0) - (expected * np.log2(np.maximum(expected, TINY))).sum(axis=0)
    return bits


def _average(cells: Floats, belief: Floats) -> Floats:
    mean: Floats = (cells @ belief[:, :, None])[..., 0] if belief.ndim == 2 else (cells * belief).sum(axis=3)
    return mean


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
