"""Read and write numbers as people type them in their language."""

import re
import unicodedata
from decimal import Decimal

from babel.numbers import NumberFormatError, parse_decimal

from question_bank.languages import locale_of

LONGEST = 100

_MARKS = str.maketrans(
    {
        **dict.fromkeys("−－﹣", "-"),
        **dict.fromkeys("＋﹢", "+"),
        **dict.fromkeys("．﹒", "."),
        **dict.fromkeys("，﹐،", ","),
        **dict.fromkeys("'’‘ʼ＇", "'"),
        **dict.fromkeys("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069", None),
    }
)
_SYSTEM_OF_ZERO = {"٠": "arab", "۰": "arabext", "０": "latn", "0": "latn"}
_SHAPE = re.compile(r"([+-]?) ?((?:\d|[.,٫٬ ']\d)(?:\d|[.,٫٬ '](?=\d))*[.,٫]?)")
_COULD_BE_GROUPED = re.compile(r"[1-9]\d{0,2}.\d{3}")


class UnreadableNumber(ValueError):
    """The text is no number, `key` "number", or can be read in two ways, `key` "plain"."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def read_number(text: str, language: str) -> float:
    """Return the number that a person typed in a language.

    Digits of any script are read. A text that is well formed in the language is read by its conventions: ``1,500`` is 1500 in English and
    1.5 in French. Any other text is read where only one reading is possible: ``7,5`` in English, ``1500.5`` in French. Raises
    UnreadableNumber.

    >>> [read_number(*typed) for typed in [("1.500", "de"), ("1,5", "de"), ("١٢", "ar"), ("−1 500,5", "fr"), ("7,5", "en")]]
    [1500.0, 1.5, 12.0, -1500.5, 7.5]
    """
    digits = "".join(_digit(character) for character in text[: LONGEST + 1].translate(_MARKS).strip())
    shape = _SHAPE.fullmatch(re.sub(r"\s", " ", digits))
    if shape is None or len(text) > LONGEST:
        raise UnreadableNumber("number")
    sign, body = shape.groups()
    by_convention = _by_convention(body, language, _system(text))
    number = float(_unambiguous(body) if by_convention is None else by_convention)
    return -number if sign == "-" else number


def write_number(number: float, language: str) -> str:
    """Return a number as `read_number` reads it in the language, without groups.

    >>> write_number(1.125, "fr"), write_number(1500.0, "fr")
    ('1,125', '1500')
    """
    whole, _, fraction = format(Decimal(repr(number)), "f").partition(".")
    if not fraction.strip("0"):
        return whole
    marks = _conventions(language, "latn")
    if marks is None and len(fraction) == 3:
        fraction += "0"  # three digits behind a point could be thousands
    return f"{whole}{'.' if marks is None else marks[1]}{fraction}"


def _digit(character: str) -> str:
    """Return a decimal digit of any script as an ASCII digit, and any other character unchanged."""
    value = unicodedata.decimal(character, None)
    return character if value is None else str(value)


def _system(text: str) -> str | None:
    """Return the name that CLDR has for the digits of a text, None where no conventions are known for them."""
    digit = next((character for character in text if unicodedata.decimal(character, None) is not None), "0")
    return _SYSTEM_OF_ZERO.get(chr(ord(digit) - unicodedata.decimal(digit)))


def _conventions(language: str, system: str | None) -> tuple[str, str] | None:
    """Return the marks of groups and of decimals of a language."""
    locale = locale_of(language)
    symbols = locale and locale.number_symbols.get(system or "")
    return (symbols["group"], symbols["decimal"]) if symbols else None


def _by_convention(body: str, language: str, system: str | None) -> Decimal | None:
    """Return the number where the text is well formed in the language, else None."""
    marks = _conventions(language, system)
    if marks is None:
        return None
    group, decimal = marks
    written = body.replace(" ", group) if group.isspace() else body.replace("'", group) if group == "’" else body
    if set(written) - set("0123456789") - {group, decimal}:
        return None
    try:
        return parse_decimal(written, locale_of(language), strict=True, numbering_system=system or "latn")
    except NumberFormatError:
        return None


def _unambiguous(body: str) -> Decimal:
    """Return the number where only one reading is possible in any language. Raises UnreadableNumber."""
    marks = list(dict.fromkeys(mark for mark in body if not mark.isdigit()))
    last = marks[-1] if marks else ""
    groups, decimal = marks, ""
    if last and last in ".,٫" and body.count(last) == 1:
        if len(marks) == 1 and last != "٫" and _COULD_BE_GROUPED.fullmatch(body):
            raise UnreadableNumber("plain")
        groups, decimal = marks[:-1], last
    whole, _, fraction = body.partition(decimal) if decimal else (body, "", "")
    is_grouped = len(groups) == 1 and "٫" not in groups and re.fullmatch(rf"\d{{1,3}}(?:{re.escape(groups[0])}\d{{3}})+", whole)
    if (groups and not is_grouped) or not (fraction.isdigit() or not fraction):
        raise UnreadableNumber("plain")
    return Decimal("".join(filter(str.isdigit, whole)) + f".{fraction}0" if whole else f"0.{fraction}")
