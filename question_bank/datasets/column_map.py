"""The map from the columns of a foreign file to the questions of a bank, as `discern fit` writes it.

columns:
  ch_safety: reasons.safety            # 0/1, true/false or yes/no
  satisfaction: satisfaction
  sporty: {question: sportiness, values: {good: right, more sport: sportier}}
  extras: {question: extras, separator: ";", values: {Roof: roof, Radio: radio}}      # several options in a cell
  ch_price: {question: reasons.price, empty: unticked}   # anything is a tick, an empty cell is none where another option is ticked
  newsletter: {question: newsletter, values: {x: "yes"}, empty: "no"}                 # what an empty cell means
  brand: {question: brand, values: {A: a, B: b}, others: ignored}                      # own words behind "other" are no answer
  income: {question: income, decimal: ",", missing: {"-99": refuse}}  # 45.000,50 € is a number; skip, dont_know or refuse
ignore: [model, gear]
labels: {segment: {Drivers: driver}}   # the persona of each name in a label column
silent: [income]                       # an empty cell of these questions is a skip, as it was when the bank was fitted
keep_repeats: true                     # equal lines are different people
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from question_bank.exports.table_files import AnswersInvalid
from question_bank.files.source import Unreadable, decode_text
from question_bank.files.yaml_source import read_yaml


class _Dumper(yaml.SafeDumper):
    """Quotes strings that the reader of banks would take for numbers, such as ``1e5``."""


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style="'" if text[:1].isdigit() or text[:1] in ".+-" else None
    ),
)


@dataclass(frozen=True)
class ColumnMap:
    """Foreign column names: the question of each, the ignored ones, and the persona of each name in a label column."""

    columns: Mapping[str, Any] = field(default_factory=dict)
    ignore: frozenset[str] = frozenset()
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    silent: frozenset[str] = frozenset()
    keep_repeats: bool = False

    def written(self) -> str:
        """Return the YAML from which `read_column_map` reads this map."""
        entries: dict[str, object] = {"columns": dict(self.columns), "ignore": sorted(self.ignore)}
        if self.labels:
            entries["labels"] = {column: dict(names) for column, names in self.labels.items()}
        if self.silent:
            entries["silent"] = sorted(self.silent)
        if self.keep_repeats:
            entries["keep_repeats"] = True
        return yaml.dump(entries, Dumper=_Dumper, allow_unicode=True, sort_keys=False)


ENTRIES: Mapping[str, type] = {"columns": dict, "ignore": list, "labels": dict, "silent": list, "keep_repeats": bool}


def read_column_map(text: str, file: str) -> ColumnMap:
    """Return the column map written in `text`. Raises AnswersInvalid."""
    read = _parse(text, file)
    if not isinstance(read, dict) or not all(name in ENTRIES and isinstance(value, ENTRIES[name]) for name, value in read.items()):
        expected = "columns (a map from column to question) and ignore (a list of columns)"
        raise AnswersInvalid([f"{file}: give two entries: {expected}; and where needed labels, silent and keep_repeats"])
    if not all(isinstance(names, dict) for names in read.get("labels", {}).values()):
        expected = "a map from the names in the column to persona ids, such as {segment: {Drivers: driver}}"
        raise AnswersInvalid([f"{file}: labels: give {expected}"])
    return ColumnMap(
        read.get("columns", {}),
        frozenset(map(str, read.get("ignore", []))),
        {str(column): {str(name): str(persona) for name, persona in names.items()} for column, names in read.get("labels", {}).items()},
        frozenset(map(str, read.get("silent", []))),
        read.get("keep_repeats", False),
    )


def _parse(text: str, file: str) -> Any:
    """Parse YAML with the reader of banks, which limits aliases and depth."""
    try:
        source = read_yaml(decode_text(text))
    except Unreadable as wrong:
        raise AnswersInvalid([f"{file}:{wrong.finding.line}: {wrong.finding.wrong}"]) from None
    if source.findings:
        raise AnswersInvalid(
            [f"{file}:{finding.line or source.line(finding.path)}: {finding.wrong}: {finding.todo}" for finding in source.findings]
        )
    return source.data
