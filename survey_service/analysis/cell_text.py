"""How a value of a table file is written as the cell of a CSV file."""

from datetime import datetime, time
from typing import Any


def cell_text(value: Any) -> str:
    """Return a value as a CSV file would write it.

    >>> cell_text(3.0), cell_text(None), cell_text(True), cell_text(datetime(2026, 1, 31))
    ('3', '', 'true', '2026-01-31')
    """
    if value is None or value != value:  # noqa: PLR0124  (NaN)
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value).strip()
