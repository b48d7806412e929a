"""A fitted attribution as one SQL statement for a data warehouse: the same tables as CASE expressions, the same probabilities.

Numbers are read as floating point, dates as dates, categories and texts as trimmed text; a value that cannot be read is missing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from adaptive.arrays import Floats
from adaptive.lookalike.encode import Encoding
from adaptive.lookalike.model import NATS_PER_BIT, AttributionModel


@dataclass(frozen=True)
class Dialect:
    """How a warehouse writes names, and reads numbers, days since 1970, text and words; each takes a quoted column."""

    quote: str
    escapes_backslash: bool
    number: str
    is_nan: str
    days: str
    text: str
    words: str
    holds_word: str

    def name(self, name: str) -> str:
        """Return a quoted name. Raises ValueError where it cannot be quoted."""
        if self.quote in name or "\0" in name or (self.escapes_backslash and "\\" in name):
            raise ValueError(f'the name "{name}" cannot be written in this dialect: rename the column')
        return f"{self.quote}{name}{self.quote}"

    def string(self, text: str) -> str:
        """Return a quoted string."""
        if self.escapes_backslash:
            return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r") + "'"
        return "'" + text.replace("'", "''") + "'"


DIALECTS = {
    "duckdb": Dialect(
        '"',
        False,
        "TRY_CAST({0} AS DOUBLE)",
        "NOT isfinite({0})",  # isnan is taken for false where a Parquet file's statistics, which leave NaN out, end below it
        "date_diff('day', DATE '1970-01-01', TRY_CAST({0} AS DATE))",
        "NULLIF(TRIM(CAST({0} AS VARCHAR)), '')",
        "regexp_extract_all(lower({0}), '\\p{{L}}{{2,}}')",
        "list_contains({0}, {1})",
    ),
    "bigquery": Dialect(
        "`",
        True,
        "SAFE_CAST({0} AS FLOAT64)",
        "IS_NAN({0}) OR IS_INF({0})",
        "DATE_DIFF(SAFE_CAST({0} AS DATE), DATE '1970-01-01', DAY)",
        "NULLIF(TRIM(CAST({0} AS STRING)), '')",
        "REGEXP_EXTRACT_ALL(LOWER({0}), r'\\pL{{2,}}')",
        "{1} IN UNNEST({0})",
    ),
    "snowflake": Dialect(
        '"',
        True,
        "TRY_TO_DOUBLE(TO_VARCHAR({0}))",
        "{0} = 'NaN'::FLOAT OR ABS({0}) = 'inf'::FLOAT",
        "DATEDIFF('day', DATE '1970-01-01', TRY_TO_DATE(TO_VARCHAR({0})))",
        "NULLIF(TRIM(TO_VARCHAR({0})), '')",
        "REGEXP_SUBSTR_ALL(LOWER({0}), '[[:alpha:]]{{2,}}')",
        "ARRAY_CONTAINS({1}::VARIANT, {0})",
    ),
}


def statement(model: AttributionModel, dialect: str, table: str, id_column: str) -> str:
    """Return a SELECT of `external_id, p_<persona> …, top, confidence, is_assigned` from a table with a column for each attribute.

    Hysteresis is not part of it: it needs what a contact was assigned to before. Raises ValueError for names that cannot be quoted.
    """
    sql = DIALECTS[dialect]
    personas = range(len(model.personas))
    read = [f"  {_value(sql, encoding)} AS v{place}" for place, encoding in enumerate(model.encodings)]
    levels = [f"  {_level(sql, encoding, f'v{place}')} AS l{place}" for place, encoding in enumerate(model.encodings)]
    start = np.log(model.prior) + NATS_PER_BIT * model.intercept
    tables = [NATS_PER_BIT * bits for bits in model.tables]
    evidence = [
        "  "
        + "\n  + ".join([_real(start[k]), *(_evidence(sql, *pair, k) for pair in enumerate(zip(model.encodings, tables, strict=True)))])
        + f" AS e{k}"
        for k in personas
    ]
    odds = [f"  EXP(e{k} - GREATEST({', '.join(f'e{j}' for j in personas)})) AS o{k}" for k in personas]
    total = " + ".join(f"o{k}" for k in personas)
    shares = [f"  o{k} / ({total}) AS {sql.name(f'p_{persona}')}" for k, persona in enumerate(model.personas)]
    names = [sql.name(f"p_{persona}") for persona in model.personas]
    most = f"GREATEST({', '.join(names)})"
    top = " ".join(f"WHEN {name} = {most} THEN {sql.string(persona)}" for name, persona in zip(names, model.personas, strict=True))
    is_assigned = "FALSE" if model.threshold is None else f"{most} >= {_real(model.threshold)}"
    return "\n".join(
        [
            _with("contacts_read", [f"  {sql.name(id_column)} AS external_id", *read], table, first=True),
            _with("contact_levels", ["  *", *levels], "contacts_read"),
            _with("contact_evidence", ["  external_id", *evidence], "contact_levels"),
            _with("contact_odds", ["  external_id", *odds], "contact_evidence"),
            _with("contact_personas", ["  external_id", *shares], "contact_odds").rstrip(","),
            "SELECT",
            f"  external_id, {', '.join(names)},",
            f"  CASE {top} END AS top,",
            f"  {most} AS confidence,",
            f"  {is_assigned} AS is_assigned",
            "FROM contact_personas",
        ]
    )


def _with(name: str, columns: Sequence[str], source: str, *, first: bool = False) -> str:
    body = ",\n".join(columns)
    return f"{'WITH ' if first else ''}{name} AS (\nSELECT\n{body}\nFROM {source}\n),"


def _value(sql: Dialect, encoding: Encoding) -> str:
    readers: dict[str, Callable[[str], str]] = {
        "number": sql.number.format,
        "date": sql.days.format,
        "category": sql.text.format,
        "text": sql.text.format,
    }
    return readers[encoding.kind](sql.name(encoding.name))


def _level(sql: Dialect, encoding: Encoding, value: str) -> str:
    """Return the row of the table; of a text its words."""
    if encoding.kind == "text":
        return f"CASE WHEN {value} IS NOT NULL THEN {sql.words.format(value)} END"
    if encoding.kind == "category":
        cases = [f"WHEN {value} = {sql.string(level)} THEN {row}" for row, level in enumerate(encoding.levels)]
        other = len(encoding.levels)
    else:
        cases = [f"WHEN {value} <= {_real(edge)} THEN {row}" for row, edge in enumerate(encoding.edges)]
        other = len(encoding.edges)
        if encoding.kind == "number":
            cases = [f"WHEN {sql.is_nan.format(value)} THEN {encoding.missing}", *cases]
    return f"CASE WHEN {value} IS NULL THEN {encoding.missing} {' '.join(cases)} ELSE {other} END"


def _evidence(sql: Dialect, place: int, known: tuple[Encoding, Floats], persona: int) -> str:
    encoding, table = known
    if encoding.kind == "text":
        words = [
            f"CASE WHEN {sql.holds_word.format(f'l{place}', sql.string(word))} THEN {_real(table[row, persona])} ELSE 0 END"
            for row, word in enumerate(encoding.levels)
        ]
        sums = " + ".join([_real(table[-2, persona]), *words])
        return f"CASE WHEN v{place} IS NULL THEN {_real(table[-1, persona])} ELSE {sums} END"
    cases = " ".join(f"WHEN {row} THEN {_real(bits)}" for row, bits in enumerate(table[:, persona]))
    return f"CASE l{place} {cases} END"


def _real(value: float) -> str:
    """Return a number that every dialect reads as floating point, to its last bit."""
    return f"{value:.17e}"
