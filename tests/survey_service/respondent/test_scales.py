"""How scales are laid out: one row where there is room, rows of equal length else, and a list where points have words."""

import re

import pytest

from survey_service.respondent.scales import columns_of, layout_of


def columns(points: int) -> list[int]:
    """Return the columns on a wide and on a narrow screen."""
    fixed = re.fullmatch(r"repeat\((\d+),minmax\(0,1fr\)\)", columns_of(points))
    return [int(fixed[1])] * 2 if fixed else [int(number) for number in re.findall(r"px\)/(\d+) ", columns_of(points))]


@pytest.mark.parametrize(
    ("points", "wide", "narrow"),
    [(2, 2, 2), (5, 5, 5), (7, 7, 7), (8, 8, 4), (10, 10, 5), (11, 11, 6), (13, 7, 5), (16, 8, 6), (21, 11, 6)],
)
def test_rows_are_of_equal_length_where_they_can_be(points, wide, narrow):
    """Eleven points stand in one row, or in six and five."""
    assert columns(points) == [wide, narrow]


def test_a_few_words_stand_below_the_points():
    """A point that has some says them to screen readers too."""
    layout = layout_of(range(1, 6), {"1": {"text": "Not at all", "lang": "en"}, "5": {"text": "Completely"}})
    assert layout["ends"] == [{"text": "1 · Not at all", "lang": "en", "id": "1"}, {"text": "5 · Completely", "id": "5"}]
    assert [option["text"] for option in layout["options"]] == ["1", "2", "3", "4", "5"]
    assert layout["options"][4]["label"] == "5 Completely"


def test_points_with_words_are_a_list():
    """Where nearly every point has some, and there are few enough to be read."""
    words = {str(point): {"text": word} for point, word in enumerate(("Never", "Rarely", "Often", "Always"), 1)}
    assert [option["text"] for option in layout_of(range(1, 6), words)["options"]] == ["1 Never", "2 Rarely", "3 Often", "4 Always", "5"]
    assert "columns" not in layout_of(range(1, 5), words)
    assert "columns" in layout_of(range(1, 8), words)
