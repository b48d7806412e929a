"""The quality of a file of contacts: fill rates, constant and unique columns, levels that look like one another, impossible dates.

Counted batch by batch: a column is followed up to `MOST_DISTINCT` different values.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import SequenceMatcher

from adaptive.lookalike.encode import days_of
from question_bank.datasets.attribute_kinds import Kind, is_possible_date
from question_bank.exports.table_files import cell_text
from survey_service.analysis.contact_files import Batch, count_filled

MOST_DISTINCT = 20_000
MOST_COMPARED = 200
"""Levels of a category that are compared with one another, the most frequent ones."""
ALIKE = 0.88
"""Similarity of two words from which one is taken for a slip of the other."""
SHORTEST_ALIKE = 5


@dataclass
class ColumnCounts:
    """The values of a column: how many are `filled`, and how often each of them occurs while there are not too many."""

    filled: int = 0
    values: Counter[str] = field(default_factory=Counter)
    is_complete: bool = True


@dataclass(frozen=True)
class ColumnQuality:
    """What is known of a column of a file: the share `filled`, and the number of `distinct` values, None where they are too many.

    `warnings` are doubts about attributes; labels and ids raise none.
    """

    name: str
    kind: str
    filled: float
    distinct: int | None
    warnings: tuple[str, ...]


class DataQuality:
    """Counts what a file of contacts holds."""

    def __init__(self) -> None:
        self.rows = 0
        self.columns: dict[str, ColumnCounts] = {}

    def add(self, batch: Batch) -> None:
        """Count a batch."""
        self.rows += batch.rows
        for name, values in batch.columns.items():
            counts = self.columns.setdefault(name, ColumnCounts())
            counts.filled += count_filled(values)
            if counts.is_complete:
                for pair in values.value_counts().to_pylist():
                    counts.values[cell_text(pair["values"])] += pair["counts"]
                counts.values.pop("", None)
                counts.is_complete = len(counts.values) <= MOST_DISTINCT
                if not counts.is_complete:
                    counts.values.clear()

    def found(self, kinds: Mapping[str, Kind]) -> list[ColumnQuality]:
        """Return what is known of each column, with what is doubtful about it."""
        return [self._column(name, counts, kinds.get(name)) for name, counts in self.columns.items()]

    def _column(self, name: str, counts: ColumnCounts, kind: Kind | None) -> ColumnQuality:
        distinct = len(counts.values) if counts.is_complete else None
        warnings = [] if kind is None else list(_doubts(counts, kind, self.rows))
        return ColumnQuality(name, kind.kind if kind else "-", counts.filled / max(self.rows, 1), distinct, tuple(warnings))


def _doubts(counts: ColumnCounts, kind: Kind, rows: int) -> Iterator[str]:
    if not counts.filled:
        yield "is empty"
    elif counts.is_complete and len(counts.values) == 1:
        yield f'holds "{next(iter(counts.values))}" everywhere'
    elif counts.is_complete and len(counts.values) == counts.filled >= 10:
        yield "has another value on every line"
    if counts.filled and counts.filled < 0.4 * rows:
        yield f"is empty for {1 - counts.filled / rows:.0%} of the contacts"
    if kind.kind == "category":
        yield from (f'"{rare}" looks like "{common}"' for common, rare in look_alikes(counts.values))
    if kind.kind == "date":
        odd = [value for value in counts.values if not is_possible_date(days_of(value, kind.date_order or "ymd"))]
        if odd:
            yield f'has {len(odd)} impossible dates, such as "{odd[0]}"'


def look_alikes(values: Mapping[str, int]) -> list[tuple[str, str]]:
    """Return levels that differ from a more frequent one only by case, accents or signs, or by a slip: (the frequent, the rare).

    >>> look_alikes({"Paris": 10, "paris": 2, "Marseille": 9, "Marseile": 1, "Lyon": 5})
    [('Paris', 'paris'), ('Marseille', 'Marseile')]
    """
    ranked = [value for value, _ in Counter(values).most_common(MOST_COMPARED)]
    plain = {value: _plain(value) for value in ranked}
    found = []
    for place, rare in enumerate(ranked):
        common = next((other for other in ranked[:place] if _alike(plain[other], plain[rare])), None)
        if common is not None:
            found.append((common, rare))
    return found


def _plain(value: str) -> str:
    return "".join(letter for letter in unicodedata.normalize("NFKD", value).casefold() if letter.isalnum())


def _alike(first: str, second: str) -> bool:
    if first == second:
        return bool(first)
    if min(len(first), len(second)) < SHORTEST_ALIKE or any(letter.isdigit() for letter in first + second):
        return False
    match = SequenceMatcher(None, first, second, autojunk=False)
    return match.quick_ratio() >= ALIKE and match.ratio() >= ALIKE
