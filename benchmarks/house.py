"""Print how the code is laid out, from its own imports: rooms, circles, imports that run upwards, and the sizes of files.

A room is a package, or a module that stands alone at the top of `survey_service`. Files are counted without `__init__.py`.
`tests/test_layers.py` has the order of the rooms and holds each figure to its bound.

    PYTHONPATH=. .venv/bin/python -P benchmarks/house.py
"""

import ast
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("adaptive", "question_bank", "survey_service")
SHORT = 60


class House:
    """The modules of the three packages and what each imports of the others."""

    def __init__(self, root: Path = ROOT) -> None:
        self.files = {
            ".".join(path.relative_to(root).with_suffix("").parts): path
            for package in PACKAGES
            for path in sorted((root / package).rglob("*.py"))
            if path.name != "__init__.py"
        }

    @cached_property
    def imports(self) -> Mapping[str, set[str]]:
        """Module -> the modules of ours that it imports, inside functions and for type checking too."""
        return {name: set(self._imported(path)) - {name} for name, path in self.files.items()}

    def _imported(self, path: Path) -> Iterator[str]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    full = f"{node.module}.{alias.name}"
                    yield from (name for name in (full, node.module) if name in self.files)
            elif isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names if alias.name in self.files)

    @staticmethod
    def room(module: str) -> str:
        """Return the package of a module, or the module itself where it stands alone at the top of `survey_service`."""
        package = module.rpartition(".")[0]
        return module if package == "survey_service" else package

    @cached_property
    def rooms(self) -> list[str]:
        """Every room, by name."""
        return sorted({self.room(module) for module in self.files})

    @cached_property
    def room_imports(self) -> Mapping[str, set[str]]:
        """Room -> the other rooms that its modules import."""
        found: dict[str, set[str]] = {room: set() for room in self.rooms}
        for module, imported in self.imports.items():
            found[self.room(module)] |= {self.room(other) for other in imported} - {self.room(module)}
        return found

    def upward(self, order: Sequence[str]) -> list[str]:
        """Return the imports between rooms that do not lead downwards in `order`, a list from the top to the bottom."""
        height = {room: len(order) - place for place, room in enumerate(order)}
        return [
            f"{module} imports {other}"
            for module, imported in sorted(self.imports.items())
            for other in sorted(imported)
            if self.room(module) != self.room(other) and height.get(self.room(module), 0) <= height.get(self.room(other), 0)
        ]

    def line_counts(self) -> dict[str, int]:
        """Return the number of lines of each module."""
        return {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in self.files.items()}

    def gerunds(self) -> list[str]:
        """Return the modules that are named by a gerund."""
        return [name for name in self.files if name.endswith("ing")]

    def loose_modules(self) -> list[str]:
        """Return the modules that stand alone at the top of `survey_service`."""
        return [name for name in self.files if name.count(".") == 1 and name.startswith("survey_service.")]

    def folder_sizes(self) -> Counter[str]:
        """Return how many files each folder has."""
        return Counter(str(path.parent.relative_to(ROOT)) for path in self.files.values())


def circles(imports: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the groups of names that import one another (Tarjan, 1972: strongly connected components of more than one node)."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    path: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        number[name] = lowest[name] = len(number)
        path.append(name)
        for other in imports[name]:
            if other not in number:
                visit(other)
                lowest[name] = min(lowest[name], lowest[other])
            elif other in path:
                lowest[name] = min(lowest[name], number[other])
        if lowest[name] == number[name]:
            group = [path.pop()]
            while group[-1] != name:
                group.append(path.pop())
            if len(group) > 1:
                found.append(sorted(group))

    for name in imports:
        if name not in number:
            visit(name)
    return found


def main() -> None:
    """Print the figures."""
    from tests.test_layers import ORDER

    house = House()
    lines = house.line_counts()
    folder, files = house.folder_sizes().most_common(1)[0]
    upward = house.upward(ORDER)
    print(f"modules                       {len(lines)}, {sum(lines.values()):,} lines, median {median(lines.values()):.0f}")
    print(f"rooms                         {len(house.rooms)}")
    print(f"circles of modules            {len(circles(house.imports))}")
    print(f"circles of rooms              {len(circles(house.room_imports))}")
    print(f"imports upwards               {len(upward)}")
    print(f"modules alone at the top      {len(house.loose_modules())}: {', '.join(name.split('.')[1] for name in house.loose_modules())}")
    print(f"most files in a folder        {files} in {folder}")
    print(f"modules under {SHORT} lines        {sum(count < SHORT for count in lines.values())}")
    print(f"modules named by a gerund     {len(house.gerunds())}: {', '.join(house.gerunds())}")
    print(f"longest module                {max(lines, key=lines.__getitem__)}, {max(lines.values())} lines")
    for problem in upward:
        print(f"  {problem}")


if __name__ == "__main__":
    main()
