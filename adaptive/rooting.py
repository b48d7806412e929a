"""Which question of a tree stands on top: the one in the middle, because every level of a tree costs time.

The distribution is the same whatever the root: an edge turned round has the table P(parent's answer | persona, child's answer), by Bayes.
"""

from collections.abc import Mapping

import numpy as np

from adaptive.likelihood import Floats


def rooted_at_centres(
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
