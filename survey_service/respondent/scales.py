"""How a scale is laid out, alike in the widget and on pages: columns, the words under its ends, or a list where points have words."""

from collections.abc import Mapping
from math import ceil
from types import MappingProxyType
from typing import Any

IN_ONE_ROW = 7
"""Points that stand in one row on every screen."""
WIDEST_ROW, WIDE = 11, "30em"
GAP = "6px"
LONGEST_LIST = 7


def columns_of(points: int) -> str:
    """Return the value of `grid-template-columns` for so many points: one row where there is room, else rows of equal length.

    Needs no container query: where the container is narrower than `WIDE`, the middle term of the clamp is large, else negative.
    """
    wide = ceil(points / ceil(points / WIDEST_ROW))
    narrow = points if points <= IN_ONE_ROW else _narrow(points)
    if narrow == wide:
        return f"repeat({wide},minmax(0,1fr))"
    return f"repeat(auto-fit,minmax(clamp({_width(wide)},({WIDE} - 100%)*999,{_width(narrow)}),1fr))"


def _narrow(points: int) -> int:
    """Return the columns on a phone: half of the points, else five, or six where five would leave one point alone."""
    half = ceil(points / 2)
    return half if half <= 6 else 6 if points % 5 == 1 else 5


def _width(columns: int) -> str:
    # Half a pixel less, or rounding would push the last column into a row of its own.
    return f"(100% - {columns - 1}*{GAP})/{columns} - .5px"


def layout_of(points: range, labels: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the points of a scale as `options`, and where they are cells of a grid its `columns`, and as `ends` the words below them.

    `labels` has `text`, and `lang` where that is not the language of the question, by point. Where (nearly) every point has words, the
    points are a list with their words; a cell has them as its `label`, for screen readers.
    """
    written = {point: labels[str(point)] for point in points if str(point) in labels}
    if len(points) <= LONGEST_LIST and len(written) > 3 and len(written) >= len(points) - 1:
        return {
            "options": [
                _option(point, f"{point} {written[point]['text']}", written) if point in written else _option(point) for point in points
            ]
        }
    cells = [_option(point) | ({"label": f"{point} {written[point]['text']}"} if point in written else {}) for point in points]
    ends = [_option(point, f"{point} · {label['text']}", written) for point, label in written.items()]
    return {"options": cells, "columns": columns_of(len(points)), **({"ends": ends} if ends else {})}


def _option(point: int, text: str | None = None, written: Mapping[int, Mapping[str, Any]] = MappingProxyType({})) -> dict[str, Any]:
    return {**written.get(point, {}), "id": str(point), "text": text or str(point)}
