"""Questions that depend on one another: trees in which a question's table is P(answer | persona, parent's answer).

Exact message passing (Pearl, 1988), one tree and one persona beside the other: what was not answered is summed out, so neither the
order of answers nor the gaps between them matter. A forest has one `Tree` for each group of two or more dependent questions; questions
that stand alone need none.

Array names: B respondents, K personas, n questions of one level of the tree, P answers of the parent, A answers of the question;
P and A are padded to the widest of their level with probability zero.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import entr

from adaptive.likelihood import Floats

Codes = npt.NDArray[np.int64]

NOT_GIVEN = -1


@dataclass(frozen=True, eq=False)
class Level:
    """The questions at one depth, children of one parent side by side.

    `questions` is (n,). `table` is (n, K, P, A); at the root P is 1. `above` is (n,), the place of each parent in the level above.
    `families` is the first child of each parent that has any, and `parents` their places. `width` is (n,), the answers of each question.
    """

    questions: Codes
    table: Floats
    above: Codes
    families: Codes
    parents: Codes
    width: Codes


@dataclass(frozen=True, eq=False)
class Tree:
    """One group of dependent questions, from its root down."""

    levels: tuple[Level, ...]

    @property
    def questions(self) -> Codes:
        return np.concatenate([level.questions for level in self.levels])

    def collect(self, codes: Codes) -> tuple[list[Floats], list[Floats], Floats]:
        """What the answers say, gathered from the leaves to the root.

        Parameters
        ----------
        codes : (B, Q) int array
            Outcome given to each question, `NOT_GIVEN` where there is none.

        Returns
        -------
        below : list of (B, n, K, A)
            P(answers at and below a question | its own answer), up to a factor that is the same for all personas.
        sent : list of (B, n, K, P)
            The message of each question to its parent.
        log_likelihood : (B, K) array
            log P(all answers in the tree | persona), up to a constant for each respondent.
        """
        below = [_shown(level, codes[:, level.questions]) for level in self.levels]
        sent: list[Floats] = [np.empty(0)] * len(self.levels)
        constant = np.zeros((len(codes), 1))
        for depth in range(len(self.levels) - 1, -1, -1):
            level = self.levels[depth]
            message = np.einsum("nkpa,bnka->bnkp", level.table, below[depth], optimize=False)
            # A common factor for all personas cancels in the belief, and keeps hundreds of answers from underflowing.
            scale = message.max(axis=(2, 3), keepdims=True)
            sent[depth] = message / scale
            constant += np.log(scale[:, :, 0, 0]).sum(axis=1, keepdims=True)
            if depth:
                below[depth - 1][:, level.parents] *= np.multiply.reduceat(sent[depth], level.families, axis=1)
        return below, sent, np.log(sent[0][:, 0, :, 0]) + constant

    def predicted(self, codes: Codes) -> tuple[Floats, list[Floats]]:
        """(B, K) log-likelihood as in `collect`, and for each level (B, n, K, A): P(answer | persona, all answers in the tree)."""
        below, sent, likelihood = self.collect(codes)
        result: list[Floats] = []
        joint: Floats = np.empty(0)
        for depth, level in enumerate(self.levels):
            if depth:
                others = joint[:, level.above] / np.where(sent[depth] > 0, sent[depth], 1.0)  # the parent, but for this child's own say
                reached = np.einsum("nkpa,bnkp->bnka", level.table, others, optimize=False)
            else:
                reached = np.broadcast_to(level.table[:, :, 0, :], below[0].shape)
            joint = reached * below[depth]
            joint = joint / joint.sum(axis=3, keepdims=True)
            result.append(joint)
        return likelihood, result

    def gain(self, belief: Floats, silence: Floats, codes: Codes) -> tuple[Codes, Floats]:
        """The questions of the tree, and (B, n) their gain in nats under (B, K) `belief`, given everything answered in the tree.

        `silence` is (Q, K), P(no answer | persona), zero where it is not modelled.
        """
        _, predicted = self.predicted(codes)
        gains = []
        for level, shares in zip(self.levels, predicted, strict=True):
            quiet = silence[level.questions]  # (n, K)
            cells = shares * (1 - quiet)[None, :, :, None]
            expected = np.einsum("bk,bnka->bna", belief, cells, optimize=False)
            spread = entr(expected).sum(axis=2) + entr(belief @ quiet.T)
            noise = np.einsum("bk,bnk->bn", belief, entr(cells).sum(axis=3) + entr(quiet)[None], optimize=False)
            gains.append(spread - noise)
        return self.questions, np.concatenate(gains, axis=1)


def _shown(level: Level, codes: Codes) -> Floats:
    """(B, n, K, A) one at the answer that was given and zero elsewhere, or one everywhere; zero in the padding."""
    personas, answers = level.table.shape[1], level.table.shape[3]
    possible = np.arange(answers) < level.width[:, None]
    shown = np.where((codes == NOT_GIVEN)[:, :, None], possible, np.arange(answers) == codes[:, :, None])
    return np.repeat(shown[:, :, None, :].astype(float), personas, axis=2)


def trees_of(parents: Mapping[int, int], roots: Mapping[int, Floats], given: Mapping[int, Floats]) -> tuple[Tree, ...]:
    """The trees of a bank.

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
    children: dict[int, list[int]] = {}
    for question in sorted(parents):
        children.setdefault(parents[question], []).append(question)
    tables = {question: table[:, None, :] for question, table in roots.items()} | dict(given)
    trees = tuple(_tree(root, children, tables) for root in sorted(roots))
    reached = {int(question) for tree in trees for question in tree.questions}
    if lost := set(given) - reached:
        raise ValueError(f"questions {sorted(lost)} depend on one another in a circle")
    return trees


def _tree(root: int, children: Mapping[int, Sequence[int]], tables: Mapping[int, Floats]) -> Tree:
    levels: list[Level] = []
    here, above = [root], [0]
    while here:
        levels.append(_level(here, above, tables, levels[-1].table.shape[3] if levels else 1))
        below = [(child, place) for place, question in enumerate(here) for child in children.get(question, [])]
        for child, place in below:
            if tables[child].shape[1] != tables[here[place]].shape[2]:
                raise ValueError(f"question {child} has a table for {tables[child].shape[1]} answers of its parent, which has others")
        here, above = [child for child, _ in below], [place for _, place in below]
    return Tree(tuple(levels))


def _level(questions: Sequence[int], above: Sequence[int], tables: Mapping[int, Floats], answers_above: int) -> Level:
    shapes = [tables[question].shape for question in questions]
    table = np.zeros((len(questions), shapes[0][0], answers_above, max(shape[2] for shape in shapes)))
    for place, question in enumerate(questions):
        _, parent_answers, answers = shapes[place]
        table[place, :, :parent_answers, :answers] = tables[question]
    places = np.array(above, dtype=np.int64)
    parents, families = np.unique(places, return_index=True)
    width = np.array([shape[2] for shape in shapes], dtype=np.int64)
    return Level(np.array(questions, dtype=np.int64), table, places, families.astype(np.int64), parents, width)
