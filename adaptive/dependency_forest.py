"""Questions that depend on one another: a forest in which a question's table is P(answer | persona, parent's answer).

Exact message passing (Pearl, 1988), all trees and all personas side by side: what was not answered is summed out, so neither the order
of answers nor the gaps between them matter. Messages go up only from what was answered; the way down reaches every question.

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
    """The questions at one depth, children of one parent side by side.

    `nodes` are their places in the forest; `table` is (P, A, n, K), at the roots P is 1; `above` is (n,), the place of each parent
    within the level above.
    """

    nodes: slice
    table: Floats
    above: Ints


@dataclass(frozen=True, eq=False)
class LevelMessages:
    """What the answers at and below some questions of one level say.

    `active` is (m,), the places of these questions within the level; `below` is (A, B, m, K), P(answers at and below | own answer), and
    `sent` is (P, B, m, K), the same given the parent's answer, and never zero; both up to a factor that all personas share.
    """

    active: Ints
    below: Floats
    sent: Floats


@dataclass(frozen=True, eq=False)
class UpwardPass:
    """Everything that B respondents' answers say, gathered from the leaves to the roots.

    `log_likelihood` is (B, K): log P(all answers in the forest | persona), up to a constant for each respondent. `said` has one entry a
    level, None where nobody answered at or below it.
    """

    log_likelihood: Floats
    said: tuple[LevelMessages | None, ...]


@dataclass(frozen=True, eq=False)
class Forest:
    """All dependent questions of a bank, from the roots down; `questions` is (n,), one entry a place."""

    questions: Ints
    levels: tuple[Level, ...]

    @cached_property
    def _above(self) -> Ints:
        """(n,) the place of each parent in the forest; of a root, its own."""
        upper = [0, *(level.nodes.start for level in self.levels)]
        return np.concatenate([level.above + upper[depth] for depth, level in enumerate(self.levels)])

    @cached_property
    def _starts(self) -> Ints:
        """Where each level begins, and the last one ends."""
        return np.array([*(level.nodes.start for level in self.levels), len(self.questions)])

    @cached_property
    def _lineage(self) -> Bools:
        """(n, n) the place itself and all places above it."""
        lines = np.eye(len(self.questions), dtype=bool)
        for level in self.levels[1:]:
            lines[level.nodes] |= lines[self._above[level.nodes]]
        return lines

    @cached_property
    def informative(self) -> Bools:
        """(n,) whether any answer is likelier under one persona than under another, whatever the parent's answer."""
        return np.concatenate([np.ptp(level.table, axis=3).max(axis=(0, 1)) > 1e-12 for level in self.levels])

    def read(self, codes: Ints) -> UpwardPass:
        """Gather what (B, Q) answers say, `NOT_GIVEN` where there is none."""
        given = codes[:, self.questions]
        active = np.flatnonzero(self._lineage[(given != NOT_GIVEN).any(axis=0)].any(axis=0))
        bounds = np.searchsorted(active, self._starts)
        parents = np.searchsorted(active, self._above[active])
        known = _answer_indicators(given[:, active], max(level.table.shape[1] for level in self.levels), self.levels[0].table.shape[3])
        said: list[LevelMessages | None] = [None] * len(self.levels)
        for depth in range(len(self.levels) - 1, -1, -1):
            level, here = self.levels[depth], slice(bounds[depth], bounds[depth + 1])
            if here.start < here.stop:
                below, places = known[: level.table.shape[1], :, here], active[here] - level.nodes.start
                sent = _sum_over_parent(_take(level.table, places).swapaxes(0, 1), below)
                np.maximum(sent, TINY, out=sent)
                said[depth] = LevelMessages(places, below, sent)
                if depth:
                    _multiply_into_parents(sent, known[: len(sent)], parents[here])
        top = said[0]
        if top is None:
            return UpwardPass(np.zeros((len(codes), known.shape[3])), tuple(said))
        return UpwardPass(np.log(top.sent[0]).sum(axis=1), tuple(said))

    def predict(self, reading: UpwardPass) -> Floats:
        """(A, B, n, K) P(answer | persona, all answers in the forest)."""
        respondents, personas = reading.log_likelihood.shape
        shares = np.zeros((max(level.table.shape[1] for level in self.levels), respondents, len(self.questions), personas))
        joint: Floats = np.ones((1, respondents, 1, personas))  # what stands above the roots: nothing
        for level, said in zip(self.levels, reading.said, strict=True):
            others = joint.take(level.above, axis=2)
            if said is not None and level.nodes.start:  # the parent, but for this child's own say
                cavity = _take(others, said.active)
                cavity /= said.sent
                if cavity is not others:
                    others[:, :, said.active] = cavity
            joint = _sum_over_parent(level.table, others)
            if said is not None:
                reached = _take(joint, said.active)
                reached *= said.below
                reached /= reached.sum(axis=0)
                if reached is not joint:
                    joint[:, :, said.active] = reached
            shares[: len(joint), :, level.nodes] = joint
        return shares

    def gain(self, belief: Floats, silence: Floats, predicted: Floats) -> Floats:
        """(B, n) gain in bits of the questions of the forest under (B, K) `belief`, with answers as they are `predicted`.

        `silence` is (Q, K), P(no answer | persona), zero where it is not modelled: silence tells of the persona, and so do answers among
        those who speak (the chain rule of mutual information).
        """
        quiet = silence[self.questions]
        if not quiet.any():
            return _mutual_information(predicted, belief)
        spoken = belief[:, None, :] * (1 - quiet)
        share = spoken.sum(axis=2)  # (B, n)
        heard = spoken / share[:, :, None]
        both: Floats = share * _mutual_information(predicted, heard) + _mutual_information(np.stack([quiet, 1 - quiet])[:, None], belief)
        return both

    def best_action(self, belief: Floats, actions: Floats, silence: Floats, reading: UpwardPass) -> Floats:
        """(B, n) expected value of the best of (M, K) `actions` after each question is answered or passed over in silence."""
        quiet = silence[self.questions]
        worth = (belief[:, None, :] * (1 - quiet))[:, :, None, :] * actions  # (B, n, M, K)
        answered = (worth @ self.predict(reading)[..., None])[..., 0].max(axis=3).sum(axis=0)
        best: Floats = answered + ((belief[:, None, :] * quiet) @ actions.T).max(axis=2)
        return best

    def probability_range(self, question: int) -> tuple[Floats, Floats]:
        """(K, A) the highest and the lowest P(answer | persona, parent's answer) over the parent's answers."""
        place = int(np.flatnonzero(self.questions == question)[0])
        level = next(level for level in self.levels if place < level.nodes.stop)
        table = level.table[:, :, place - level.nodes.start]  # (P, A, K)
        lowest = np.where(table.sum(axis=1, keepdims=True) > 0, table, np.inf).min(axis=0)
        return table.max(axis=0).T, lowest.T

    def has_evidence(self, reading: UpwardPass) -> Bools:
        """(n,) places that anybody answered, or below which anybody did."""
        touched = np.zeros(len(self.questions), dtype=bool)
        for level, said in zip(self.levels, reading.said, strict=True):
            if said is not None:
                touched[level.nodes.start + said.active] = True
        return touched


def _answer_indicators(given: Ints, answers: int, personas: int) -> Floats:
    """(A, B, m, K) one at the answer that was given and zero elsewhere, or one everywhere where none was."""
    shown = (given == NOT_GIVEN) | (given == np.arange(answers)[:, None, None])
    return np.repeat(shown[..., None].astype(float), personas, axis=3)


def _take(cells: Floats, places: Ints) -> Floats:
    """(…, m, K) of (…, n, K) cells: a copy of some, or all of them as they are."""
    return cells if len(places) == cells.shape[2] else cells.take(places, axis=2)


def _multiply_into_parents(sent: Floats, known: Floats, parents: Ints) -> None:
    """Multiply what the questions of one level sent into what is known of their `parents`, brothers side by side.

    A common factor for all personas cancels in the belief. Brothers are added in logarithms: hundreds of them would underflow.
    """
    alone = parents[1:] != parents[:-1]
    if np.count_nonzero(alone) == len(alone):
        known[:, :, parents] *= sent / np.maximum.reduce(sent, axis=(0, 3), keepdims=True)
        return
    families = np.flatnonzero(np.concatenate([[True], alone]))
    said = np.add.reduceat(np.log(sent), families, axis=2)
    said -= said.max(axis=(0, 3), keepdims=True)
    known[:, :, parents[families]] *= np.exp(said)


def _sum_over_parent(table: Floats, message: Floats) -> Floats:
    """(A, B, n, K) sum over p of (P, A, n, K) `table` and (P, B, n, K) `message`."""
    before, after, questions, personas = table.shape
    flat = table.reshape(before, after, -1), message.reshape(before, message.shape[1], -1)
    product: Floats = np.einsum("pax,pbx->abx", *flat)
    return product.reshape(after, message.shape[1], questions, personas)


def _mutual_information(shares: Floats, belief: Floats) -> Floats:
    """(B, n) mutual information of persona and answer, from (A, B, n, K) shares and (B, K) or (B, n, K) beliefs."""
    certainty = np.maximum(shares, TINY)
    np.log2(certainty, out=certainty)
    certainty *= shares
    expected, noise = _average(shares, belief), _average(certainty, belief)
    bits: Floats = noise.sum(axis=0) - (expected * np.log2(np.maximum(expected, TINY))).sum(axis=0)
    return bits


def _average(cells: Floats, belief: Floats) -> Floats:
    mean: Floats = (cells @ belief[:, :, None])[..., 0] if belief.ndim == 2 else (cells * belief).sum(axis=3)
    return mean


def build_forest(parents: Mapping[int, int], roots: Mapping[int, Floats], given: Mapping[int, Floats]) -> Forest | None:
    """The forest of a bank, None where no question depends on another.

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
    here, above = sorted(roots), [0] * len(roots)
    questions: list[int] = []
    levels: list[Level] = []
    while here:
        levels.append(_level(len(questions), [tables[question] for question in here], above, levels))
        questions += here
        below = [(child, place) for place, question in enumerate(here) for child in children.get(question, [])]
        here, above = [child for child, _ in below], [place for _, place in below]
    return Forest(np.array(questions, dtype=np.int64), tuple(levels))


def _level(start: int, tables: Sequence[Floats], above: Sequence[int], upper: Sequence[Level]) -> Level:
    widest = max(table.shape[2] for table in tables)
    laid = np.zeros((upper[-1].table.shape[1] if upper else 1, widest, len(tables), len(tables[0])))
    for place, table in enumerate(tables):
        laid[: table.shape[1], : table.shape[2], place] = table.transpose(1, 2, 0)
    return Level(slice(start, start + len(tables)), laid, np.array(above, dtype=np.int64))


def _check(parents: Mapping[int, int], roots: Mapping[int, Floats], given: Mapping[int, Floats]) -> None:
    answers = {question: table.shape[-1] for question, table in (dict(roots) | dict(given)).items()}
    reached = set(roots)
    waiting = sorted(parents)
    while found := [child for child in waiting if parents[child] in reached]:
        reached |= set(found)
        waiting = [child for child in waiting if child not in reached]
    if waiting:
        raise ValueError(f"questions {waiting} depend on one another in a circle")
    for child, parent in sorted(parents.items()):
        if given[child].shape[1] != answers[parent]:
            raise ValueError(f"question {child} has a table for {given[child].shape[1]} answers of its parent, which has {answers[parent]}")


def _root_at_centres(
    parents: Mapping[int, int], roots: Mapping[int, Floats], given: Mapping[int, Floats]
) -> tuple[dict[int, int], dict[int, Floats], dict[int, Floats]]:
    """The same trees as `parents`, `roots` and `given` (see `build_forest`), each with its centre on top."""
    parents, roots, given = dict(parents), dict(roots), dict(given)
    for root in list(roots):
        path = _path_to_centre(root, parents)
        for child in path:
            _reroot(child, parents, roots, given)
    return parents, roots, given


def _reroot(child: int, parents: dict[int, int], roots: dict[int, Floats], given: dict[int, Floats]) -> None:
    """Put a child of the root on top of it."""
    root = parents.pop(child)
    joint = roots.pop(root)[:, :, None] * given.pop(child)  # (K, root, child)
    share = joint.sum(axis=1)
    # An answer that nobody gives may be followed by anything: it is given evenly, so that rows still add up to one.
    even = np.full(joint.shape[1], 1 / joint.shape[1])[None, :, None]
    turned = np.where(share[:, None, :] > 0, joint / np.where(share > 0, share, 1.0)[:, None, :], even)
    parents[root], given[root], roots[child] = child, np.ascontiguousarray(turned.swapaxes(1, 2)), share


def _path_to_centre(root: int, parents: Mapping[int, int]) -> list[int]:
    """The questions from below the root to the middle of the longest path of its tree."""
    near: dict[int, list[int]] = {}
    for child, parent in parents.items():
        near.setdefault(child, []).append(parent)
        near.setdefault(parent, []).append(child)
    one_end = _longest_path(root, near)[-1]
    longest = _longest_path(one_end, near)
    centre = longest[(len(longest) - 1) // 2]
    way = [centre]
    while way[-1] != root:
        way.append(parents[way[-1]])
    return way[-2::-1]


def _longest_path(start: int, near: Mapping[int, list[int]]) -> list[int]:
    """The path from a question to one of those that are farthest from it."""
    before = {start: start}
    line = [start]
    for here in line:
        for there in near.get(here, ()):
            if there not in before:
                before[there] = here
                line.append(there)
    path = [line[-1]]
    while path[-1] != start:
        path.append(before[path[-1]])
    return path[::-1]
