"""Replace single values, and whole rows, in the text of a bank: every other character stays, comments and layout included."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

Path = tuple[str | int, ...]


class CannotEdit(Exception):
    """The value at this path cannot be replaced by itself; `path` names it, `wrong` says why."""

    def __init__(self, path: Path, wrong: str) -> None:
        super().__init__(f"{'.'.join(map(str, path))}: {wrong}")
        self.path, self.wrong = path, wrong


def replace_values(text: str, values: Mapping[Path, str], rows: Mapping[Path, str] | None = None) -> str:
    """Return the YAML or JSON `text` with the scalars at these paths replaced, each by a scalar that is written as given.

    `rows` are lists and maps that are replaced as a whole, each by one that is written on one line, such as ``[1, 2]``.

    Raises CannotEdit for a path that leads to no scalar or row, for a row with comments inside, and for a value that is written once and
    used in several places (`&`, `*`): a change of it would change the others too. The text must be readable: raises yaml.YAMLError.

    >>> print(replace_values("a: [1, 2]  # shares", {("a", 1): "3"}))
    a: [1, 3]  # shares
    >>> print(replace_values("a:  # shares\\n- 1\\n- 2\\nb: 3", {}, {("a",): "{x: 1}"}))
    a: {x: 1}  # shares
    b: 3
    """
    root = yaml.compose(text, Loader=yaml.CSafeLoader)
    uses = Counter(id(node) for node in _nodes(root))
    places: list[tuple[int, int, str]] = []
    for path, value in values.items():
        node, _ = _find(root, path, uses)
        if not isinstance(node, yaml.ScalarNode):
            raise CannotEdit(path, "is not a single value")
        if str(node.value) != value:
            places.append((node.start_mark.index, node.end_mark.index, value))
    for path, row in (rows or {}).items():
        node, key = _find(root, path, uses)
        places.append(_row_place(text, node, key, path, row))
    for start, end, value in sorted(places, reverse=True):
        text = text[:start] + value + text[end:]
    return text


def _find(root: Any, path: Path, uses: Mapping[int, int]) -> tuple[Any, Any]:
    """Return the node at a path and the node of its key, None in a list. Raises CannotEdit."""
    node, name = root, None
    for depth, key in enumerate(path):
        name = next((own for own, _ in node.value if own.value == str(key)), None) if isinstance(node, yaml.MappingNode) else None
        node = _child(node, key, path)
        if uses[id(node)] > 1:
            raise CannotEdit(path[: depth + 1], "is written once and used in several places: change it in the text")
    return node, name


def _row_place(text: str, node: Any, key: Any, path: Path, row: str) -> tuple[int, int, str]:
    """Return where a list or map begins and ends in the text, and what stands there instead."""
    if isinstance(node, yaml.ScalarNode):
        raise CannotEdit(path, "is a single value")
    end = _end_of(node)
    if "#" in text[node.start_mark.index : end]:
        raise CannotEdit(path, "has comments inside: change it in the text")
    if node.flow_style or key is None:
        return node.start_mark.index, end, row
    # Of a list or map on lines of its own, the new row comes behind its key: there it may not begin where the key does.
    colon = text.index(":", key.end_mark.index) + 1
    line = text[colon : text.index("\n", colon)].rstrip()
    return colon, end, f" {row}{line}"


def _end_of(node: Any) -> int:
    """Return where a node ends. A list or map on lines of its own ends with its last value: its mark is behind the comments that follow."""
    if isinstance(node, yaml.ScalarNode) or node.flow_style or not node.value:
        return int(node.end_mark.index)
    last = node.value[-1]
    return _end_of(last[1] if isinstance(node, yaml.MappingNode) else last)


def _child(node: Any, key: str | int, path: Path) -> Any:
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        return node.value[key]
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == str(key):
                return value
    raise CannotEdit(path, "is not in the text")


def _nodes(root: Any) -> Iterator[Any]:
    """Yield every node once for each place that refers to it; what is inside a shared node is not yielded again."""
    waiting, seen = [root], set()
    while waiting:
        node = waiting.pop()
        yield node
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            waiting += [value for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value
