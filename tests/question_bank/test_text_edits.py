"""Values are replaced in the text of a bank without touching anything else."""

import pytest

from question_bank.text_edits import CannotEdit, replace_values

TEXT = """# Shares of 2024 – été
questions:
  - id: why   # asked first
    likelihood:
      driver: [0.2, 0.8]   # from the panel
      family: {safety: 0.7, power: 0.2}
      style: &other {mean: 4, sd: 1}
      last: *other
"""


def test_only_the_lines_of_changed_values_change():
    """Comments, order, indentation and letters beyond ASCII stay."""
    path = ("questions", 0, "likelihood")

    edited = replace_values(TEXT, {(*path, "driver", 1): "0.75", (*path, "family", "power"): "0.25", (*path, "driver", 0): "0.2"})

    changed = [(old, new) for old, new in zip(TEXT.splitlines(), edited.splitlines(), strict=True) if old != new]
    assert changed == [
        ("      driver: [0.2, 0.8]   # from the panel", "      driver: [0.2, 0.75]   # from the panel"),
        ("      family: {safety: 0.7, power: 0.2}", "      family: {safety: 0.7, power: 0.25}"),
    ]


@pytest.mark.parametrize("path", [("last", "mean"), ("driver",), ("driver", 2), ("nobody", 0), ("driver", 0, "x")])
def test_what_cannot_be_replaced_by_itself_is_refused(path):
    """A value that two places share, a row, and what is not there."""
    with pytest.raises(CannotEdit):
        replace_values(TEXT, {("questions", 0, "likelihood", *path): "1"})
