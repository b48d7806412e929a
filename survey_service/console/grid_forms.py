"""The three forms in which a likelihood grid is shown and written: in a hundred, as counts, and in words (`++ + 0 - --`).

A row that its author wrote in another form is converted to be shown. It is written in the new form where a cell of it was changed, and
else stays as it is.
"""

import re
from collections.abc import Mapping, Sequence
from math import log2
from typing import Any

from question_bank.definitions import WORDS, Counts, Option, Question, Row, Shares, Words
from question_bank.files.likelihood_rows import RowError, read_row
from question_bank.probabilities import TICKED_BY_WORD, WEIGHT_OF_WORD, shares_of

HUNDRED, COUNTS, IN_WORDS = FORMS = ("hundred", "counts", "words")
MOST_STEPS = 20
OF = "of"
"""The line of how many people were asked, in counts of a question with several answers."""
ASKED = 100
"""How many people converted counts are of."""


def form_of(raw: Any) -> str | None:
    """Return the form in which a row is written; None for a mean and spread, which has no other, and for what is no row."""
    if isinstance(raw, dict) and isinstance(raw.get("counts"), list | dict):
        return COUNTS
    if isinstance(raw, dict) and not raw.keys().isdisjoint(("mean", "sd", "median", "spread")):
        return None
    values = raw if isinstance(raw, list) else list(raw.values()) if isinstance(raw, dict) else []
    if not values:
        return None
    return IN_WORDS if any(value in WORDS for value in values) else HUNDRED


def converted(question: Mapping[str, Any], rows: Mapping[str, Any], form: str) -> dict[str, dict[str, str]]:
    """Return what cells show of the rows that are written in another form, by persona and outcome, as far as these can be read."""
    kind, outcomes = question.get("type"), outcomes_of(question)
    if kind not in ("single", "multiple", "scale") or not outcomes:
        return {}
    readable: dict[str, Row] = {}
    for persona, raw in rows.items():
        try:
            row = read_row(raw, kind, outcomes)
        except RowError:
            continue
        if isinstance(row, Shares | Counts | Words):
            readable[persona] = row
    options = tuple(Option(outcome, {}) for outcome in outcomes) if kind != "scale" else ()
    asked = Question("shown", kind, {}, options=options, minimum=question.get("min"), maximum=question.get("max"))
    table = shares_of(asked, readable, list(readable)) if readable else ()
    return {
        persona: dict(zip(outcomes, cells, strict=True)) | ({OF: str(ASKED)} if form == COUNTS and kind == "multiple" else {})
        for persona, shares in zip(readable, table, strict=True)
        if form_of(rows[persona]) != form
        for cells in [_cells(shares.tolist(), form, kind)]
    }


def outcomes_of(question: Mapping[str, Any]) -> list[str]:
    """Return the outcomes of a question as it is written, none where they cannot be read."""
    options = question.get("options")
    if isinstance(options, list):
        return [str(option["id"]) for option in options if isinstance(option, dict) and "id" in option]
    low, high = question.get("min"), question.get("max")
    if question.get("type") != "scale" or not isinstance(low, int) or not isinstance(high, int) or not 0 < high - low <= MOST_STEPS:
        return []
    return [str(point) for point in range(low, high + 1)]


def _cells(shares: Sequence[float], form: str, kind: str) -> list[str]:
    if form == IN_WORDS:
        return [_word(share, kind, len(shares)) for share in shares]
    units = 10 if form == HUNDRED else 1  # tenths of a hundredth, or whole people of a hundred
    parts = [round(100 * units * share) for share in shares] if kind == "multiple" else _adding_up(shares, 100 * units)
    return [f"{part / units:g}" for part in parts]


def _adding_up(shares: Sequence[float], total: int) -> list[int]:
    """Return whole parts of a total in proportion to the shares, which add up to it (largest remainders)."""
    parts = [int(total * share) for share in shares]
    most_left = sorted(range(len(shares)), key=lambda place: parts[place] - total * shares[place])
    for place in most_left[: total - sum(parts)]:
        parts[place] += 1
    return parts


def _word(share: float, kind: str, outcomes: int) -> str:
    """Return the word that comes nearest to a share: by odds where each answer is ticked or not, else by its ratio to an equal share."""
    if kind == "multiple":
        return min(WORDS, key=lambda word: abs(_log_odds(TICKED_BY_WORD[word]) - _log_odds(share)))
    return min(WORDS, key=lambda word: abs(log2(WEIGHT_OF_WORD[word]) - log2(max(share * outcomes, 1e-9))))


def _log_odds(share: float) -> float:
    return log2(share / (1 - share))


def row_text(raw: Any, form: str, cells: Mapping[str, str], *, is_json: bool) -> str:
    """Return a row in a form, from what each cell says, as it is written in the text: a list where the author wrote one, else a map.

    `cells` are written already, as numbers or quoted words; `of` is that of counts.
    """
    asked = cells.get(OF)
    values = {outcome: value for outcome, value in cells.items() if outcome != OF}
    inner = raw["counts"] if form_of(raw) == COUNTS else raw
    if isinstance(inner, list):
        row = f"[{', '.join(values.values())}]"
    else:
        row = "{" + ", ".join(f"{_key(outcome, is_json=is_json)}: {value}" for outcome, value in values.items()) + "}"
    if form != COUNTS:
        return row
    of = "" if asked is None else f", {_key(OF, is_json=is_json)}: {asked}"
    return "{" + f"{_key('counts', is_json=is_json)}: {row}{of}" + "}"


PLAIN = re.compile(r"(?!(?:yes|no|on|off|y|n|true|false|null)$)[a-z][a-z_-]*")
"""Keys that YAML reads as this text without quotes."""


def _key(name: str, *, is_json: bool) -> str:
    return name if PLAIN.fullmatch(name) and not is_json else f'"{name}"'
