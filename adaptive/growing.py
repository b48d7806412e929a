"""The forest of a bank, grown from its tables: each tree with the question in its middle on top, because every level costs time.

The distribution is the same whatever the root: an edge turned round has the table P(parent's answer | persona, child's answer), by Bayes.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from adaptive.forest import Forest, Level
from adaptive.likelihood import Floats


def forest_of(parents: Mapping[int, int], roots: Mapping[int, Floats], given: Mapping[int, Floats]) -> Forest | None:
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
    parents, roots, given = _rooted_at_centres(parents, roots, given)
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


def _rooted_at_centres(
    parents: Mapping[int, int], roots: Mapping[int, Floats], given: Mapping[int, Floats]
) -> tuple[dict[int, int], dict[int, Floats], dict[int, Floats]]:
    """The same trees as `parents`, `roots` and `given` (see `forest_of`), each with its centre on top."""
    parents, roots, given = dict(parents), dict(roots), dict(given)
    for root in list(roots):
        path = _way_to_the_centre(root, parents)
        for child in path:
            _turn(child, parents, roots, given)
    return parents, roots, given


def _turn(child: int, parents: dict[int, int], roots: dict[int, Floats], given: dict[int, Floats]) -> None:
    """Put a child of the root on top of it."""
    root = parents.pop(child)
    joint = roots.pop(root)[:, :, None] * given.pop(child)  # (K, root, child)
    share = joint.sum(axis=1)
    # An answer that nobody gives may be followed by anything: it is given evenly, so that rows still add up to one.
    even = np.full(joint.shape[1], 1 / joint.shape[1])[None, :, None]
    turned = np.where(share[:, None, :] > 0, joint / np.where(share > 0, share, 1.0)[:, None, :], even)
    parents[root], given[root], roots[child] = child, np.ascontiguousarray(turned.swapaxes(1, 2)), share


def _way_to_the_centre(root: int, parents: Mapping[int, int]) -> list[int]:
    """The questions from below the root to the middle of the longest path of its tree."""
    near: dict[int, list[int]] = {}
    for child, parent in parents.items():
        near.setdefault(child, []).append(parent)
        near.setdefault(parent, []).append(child)
    one_end = _farthest(root, near)[-1]
    longest = _farthest(one_end, near)
    centre = longest[(len(longest) - 1) // 2]
    way = [centre]
    while way[-1] != root:
        way.append(parents[way[-1]])
    return way[-2::-1]


def _farthest(start: int, near: Mapping[int, list[int]]) -> list[int]:
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
