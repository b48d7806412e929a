"""Replace single values in the text of a bank: every other character stays, comments and layout included."""

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


def replace_values(text: str, values: Mapping[Path, str]) -> str:
    """Return the YAML or JSON `text` with the scalars at these paths replaced, each by a scalar that is written as given.

    Raises CannotEdit for a path that leads to no scalar, and for a value that is written once and used in several places (`&`, `*`): a
    change of it would change the others too. The text must be readable: raises yaml.YAMLError.

    >>> print(replace_values("a: [1, 2]  # shares", {("a", 1): "3"}))
    a: [1, 3]  # shares
    """
    root = yaml.compose(text, Loader=yaml.CSafeLoader)
    uses = Counter(id(node) for node in _nodes(root))
    places: list[tuple[int, int, str]] = []
    for path, value in values.items():
        node = root
        for depth, key in enumerate(path):
            node = _child(node, key, path)
            if uses[id(node)] > 1:
                raise CannotEdit(path[: depth + 1], "is written once and used in several places: change it in the text")
        if not isinstance(node, yaml.ScalarNode):
            raise CannotEdit(path, "is not a single value")
        if str(node.value) != value:
            places.append((node.start_mark.index, node.end_mark.index, value))
    for start, end, value in sorted(places, reverse=True):
        text = text[:start] + value + text[end:]
    return text


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
