"""Match a path against a pattern with stars, in Python and in both databases, without backtracking.

SQLite's LIKE tries every way to spread a text over several stars: half a minute for a path of 1,000 slashes and four stars. It gets a
function of ours here. PostgreSQL's LIKE gives up early.
"""

from typing import Any

from sqlalchemy import Boolean, ColumnElement, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

SQLITE_FUNCTION = "discern_glob"


def glob_matches(glob: str, text: str | None) -> bool:
    """Whether `text` matches `glob`, in which a star stands for any characters, in time proportional to their lengths.

    >>> glob_matches("/shop/*/reviews*", "/shop/a/b/reviews?page=2"), glob_matches("/shop/*", "/shops")
    (True, False)
    """
    first, *middle = glob.split("*")
    if text is None or not text.startswith(first):
        return False
    if not middle:
        return text == first
    last = middle.pop()
    at, end = len(first), len(text) - len(last)
    for piece in middle:
        at = text.find(piece, at, max(end, 0))
        if at < 0:
            return False
        at += len(piece)
    return at <= end and text.endswith(last)


class _Matches(FunctionElement[bool]):
    """The condition that a column matches a glob: its clauses are the column, the glob, and the pattern of LIKE."""

    type = Boolean()
    inherit_cache = True


def matches_glob(column: Any, glob: str) -> ColumnElement[bool]:
    """Return the condition that the column matches `glob`, as `glob_matches` does. NULL matches nothing."""
    pattern = glob.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_").replace("*", "%")
    return _Matches(column, literal(glob), literal(pattern))


@compiles(_Matches)
def _as_like(element: _Matches, compiler: Any, **more: Any) -> str:
    column, _, pattern = element.clauses
    return f"{compiler.process(column, **more)} LIKE {compiler.process(pattern, **more)} ESCAPE '\\'"


@compiles(_Matches, "sqlite")
def _as_function(element: _Matches, compiler: Any, **more: Any) -> str:
    column, glob, _ = element.clauses
    return f"{SQLITE_FUNCTION}({compiler.process(glob, **more)}, {compiler.process(column, **more)})"
