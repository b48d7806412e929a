"""Read numbers as people write them: with currencies, units, separators of thousands, and a decimal comma or point."""

import re
from collections.abc import Collection
from dataclasses import dataclass

PLAIN = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,2})?", re.ASCII)
"""A number as programs write it."""
CURRENCY = r"€|\$|£|¥|₹|zł|kr\.?|eur|usd|gbp|chf|sek|nok|dkk|pln|czk|jpy|aud|cad|us\$|fr\."
_WRITTEN = re.compile(
    rf"(?P<before>{CURRENCY})?\s*(?P<sign>[+\-−])?\s*(?P<before2>{CURRENCY})?\s*"
    r"(?P<digits>[0-9](?:[0-9.,'’\s]*[0-9])?|[.,][0-9]+)(?P<dash>[.,]?[-–—]{1,2})?\s*"
    rf"(?P<unit>{CURRENCY}|%|[^\W\d_][\w²³./]{{0,11}})?",
    re.IGNORECASE,
)
ROUND = re.compile(r"\d[.,]\d00\D*$")
"""``25.000`` and ``1,500``: where most numbers end so, the sign separates thousands."""
LONGEST = 40


@dataclass(frozen=True)
class Written:
    """How the numbers of a column are written: their decimal sign, and the unit or currency that all of them have.

    `is_ambiguous` says that ``1.234`` may be one or a thousand.
    """

    decimal: str = "."
    unit: str | None = None
    is_ambiguous: bool = False

    def read(self, text: str) -> float | None:
        """Return the number of a cell, None where it is none.

        >>> Written(",").read("1.234,56"), Written(".").read("$45,000"), Written(",", "€").read("45\\u202f000 €")
        (1234.56, 45000.0, 45000.0)
        """
        text = text.strip()
        if self.decimal == "." and PLAIN.fullmatch(text):
            return float(text)
        found = _match(text)
        if found is None:
            return None
        digits = _digits(found["digits"], self.decimal)
        if digits is None:
            return None
        return -float(digits) if found["sign"] in ("-", "−") else float(digits)


def _match(text: str) -> re.Match[str] | None:
    return _WRITTEN.fullmatch(text.strip()) if len(text) <= LONGEST else None


def _digits(text: str, decimal: str) -> str | None:
    """Return digits with a decimal point, None where the separators of thousands do not stand between groups of three."""
    whole, sign, part = text.strip().rpartition(decimal) if decimal in text else (text.strip(), "", "")
    if decimal in whole or (part and not part.isdigit()):
        return None
    other = "." if decimal == "," else ","
    groups = re.split(rf"[\s'’{re.escape(other)}]", whole)
    if len(groups) > 1 and not (1 <= len(groups[0]) <= 3 and all(len(group) == 3 for group in groups[1:])):
        return None
    digits = "".join(groups)
    return f"{digits or '0'}{'.' if sign else ''}{part}" if (digits or part).isdigit() else None


def find_writing(texts: Collection[str], *, decimal_commas: bool = False) -> Written | None:
    """Return how the numbers of a column are written, None where some cell is no number, or has another unit than the others.

    `decimal_commas` says that the rest of the file has decimal commas, which decides about ``1.234``.

    >>> find_writing(["45 000 €", "32\\u00a0500 €"]), find_writing(["1.234,56", "7,5"]), find_writing(["red"])
    (Written(decimal='.', unit='€', is_ambiguous=False), Written(decimal=',', unit=None, is_ambiguous=False), None)
    """
    written = _writing(texts, decimal_commas)
    return written if written and all(written.read(text) is not None for text in texts) else None


def _writing(texts: Collection[str], decimal_commas: bool) -> Written | None:
    units: set[str] = set()
    signs = {",": 0, ".": 0}
    doubtful = {",": 0, ".": 0}
    for text in texts:
        found = _match(text)
        if found is None:
            if not PLAIN.fullmatch(text.strip()):
                return None
            continue
        unit = (found["before"] or found["before2"] or found["unit"] or "").strip()
        if unit:
            units.add(unit.casefold().removesuffix("s") if unit.isalpha() and len(unit) > 3 else unit)
        _count_signs(found["digits"].strip(), signs, doubtful)
    if len(units) > 1:
        return None
    unit_of_all = next(iter(units), None)
    certain = [sign for sign in ",." if signs[sign]]
    possible = [sign for sign in ",." if doubtful[sign]]
    if len(certain) > 1 or (not certain and len(possible) > 1):
        return None
    if certain or not possible:
        return Written(certain[0] if certain else ".", unit_of_all)
    return _ambiguous(texts, possible[0], unit_of_all, decimal_commas=decimal_commas)


def _ambiguous(texts: Collection[str], sign: str, unit: str | None, *, decimal_commas: bool) -> Written:
    """Return how numbers are written that all have one sign before three digits, which may separate thousands."""
    money = bool(unit and re.fullmatch(CURRENCY, unit, re.IGNORECASE))
    other = "," if sign == "." else "."
    if money or sum(bool(ROUND.search(text)) for text in texts) > len(texts) / 2:
        return Written(other, unit, is_ambiguous=not money)
    if sign == ".":
        return Written("," if decimal_commas else ".", unit, is_ambiguous=True)
    return Written("," if decimal_commas else ".", unit, is_ambiguous=decimal_commas)


def _count_signs(digits: str, signs: dict[str, int], doubtful: dict[str, int]) -> None:
    """Count what a number says of the decimal sign: certain in `signs`, possible in `doubtful`."""
    points, commas = digits.count("."), digits.count(",")
    spaced = bool(re.search(r"\d[\s'’]\d{3}", digits))
    if points and commas:
        signs["," if digits.rindex(",") > digits.rindex(".") else "."] += 1
    elif points > 1 or commas > 1:
        signs["," if points > 1 else "."] += 1
    elif points or commas:
        sign = "." if points else ","
        whole, _, part = digits.partition(sign)
        if len(part) == 3 and not spaced and 1 <= len(whole) <= 3 and whole.strip("0"):
            doubtful[sign] += 1
        else:
            signs[sign] += 1
