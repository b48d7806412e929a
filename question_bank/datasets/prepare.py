"""Decide what each column of a file of answers is, and clean its cells: silence, ticks, ordered words, written numbers.

What people have are exports of survey tools and spreadsheets. Each decision that could be wrong is a sentence in `Prepared.notes` with
the option that changes it.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from question_bank.datasets.option_groups import OptionGroup, find_groups
from question_bank.datasets.read_options import ReadOptions
from question_bank.exports.not_questions import FREE_TEXT_NAME, is_counted, is_free_text, looks_like_id, reason_of_content, reason_of_name
from question_bank.exports.numbers import PLAIN, Written, find_writing
from question_bank.exports.scales import FEWEST_POINTS, Points, complete, families_of, numbered_points, ranks_of, word_points
from question_bank.exports.silence import Silence, find_silence, kind_of_code
from question_bank.exports.table_files import Cells
from question_bank.exports.ticks import CellTicks, find_cell_ticks, option_column, stem_of
from question_bank.exports.words import are_binary, plain, silence_of
from question_bank.files.problems import count_of

MOST_LEVELS = 40
FEWEST_LINES_OF_ID = 10
"""From so many lines on, a column whose values are all different is taken for an id."""
HAVE_DIGITS = ("a phone number", "a postcode", "a bank account", "an IP address")
FEWEST_FOR_OWN_WORDS = 20
"""From so many answers on, a longer text that one respondent wrote is no option of the question."""
OTHER = re.compile(r"(other|autre|sonstiges|sonstige|andere|otro|otra|altro|anders)\b")
SCORE = ("score", "punktzahl", "note", "puntuación", "points")
"""How forms name what a quiz gives, as 3 / 5."""
NUMBERED_NAME = re.compile(r"[A-Za-z]+\d{1,3}[a-z]?")
WIDEST = 21
"""Points of the widest scale."""


@dataclass(frozen=True)
class PreparedColumn:
    """A column that is a question: its text, its cells with silence emptied and numbers as programs write them, and how they were read.

    `points` are those of ordered words, `ticks` several options in a cell, `empty` the value of an empty cell where that is an answer
    and `marks` what the others hold.
    `bounds` are the ends of a scale of which other columns hold points that nobody chose here. With `has_own_words` some respondents wrote
    another answer behind "other", which was emptied.
    """

    name: str
    text: str
    values: Sequence[str]
    silence: Silence = field(default_factory=Silence)
    points: Points | None = None
    ticks: CellTicks | None = None
    writing: Written | None = None
    bounds: tuple[int, int] | None = None
    labels: Sequence[tuple[str, str]] = ()
    empty: str | None = None
    marks: tuple[str, ...] = ()
    is_nominal: bool = False
    doubts: tuple[str, ...] = ()
    has_own_words: bool = False


@dataclass(frozen=True)
class Prepared:
    """The questions of a file: single columns and groups of options by the name of their first column, columns left out, and notes."""

    columns: Mapping[str, PreparedColumn]
    groups: Mapping[str, OptionGroup]
    left_out: Mapping[str, str]
    notes: tuple[str, ...]


def prepare(cells: Cells, options: ReadOptions) -> Prepared:
    """Return what the columns of a file are, of those that `options` do not leave out."""
    used = [name for name in cells.header if options.is_question(name)]
    left_out = {name: reason for name in used if not options.is_asked_for(name) and (reason := _no_question(cells, name))}
    used = [name for name in used if name not in left_out or left_out[name] == "empty"]
    groups = find_groups(cells, [name for name in used if name not in options.kinds], lambda name: options.kinds.get(name) == "multiple")
    grouped = {name for group in groups for name in group.columns}
    left_out = {name: reason for name, reason in left_out.items() if name not in grouped}
    left_out |= {
        name: "free text" for name in used if name not in grouped and not options.is_asked_for(name) and _is_specified(cells, name, groups)
    }
    used = [name for name in used if name not in left_out]
    columns = _columns(cells, [name for name in used if name not in grouped], options)
    for name, column in list(columns.items()):
        no_answers = None if options.is_asked_for(name) else _no_answers(column, is_open=name in cells.open_ended)
        if no_answers:
            left_out[name] = no_answers
            del columns[name]
    columns = _with_scales(cells, columns, options)
    return Prepared(
        columns,
        {next(iter(group.columns)): group for group in groups},
        left_out,
        (*cells.notes, *_notes(columns, groups, left_out)),
    )


def _is_specified(cells: Cells, name: str, groups: Sequence[OptionGroup]) -> bool:
    """Return whether a column is what people wrote behind "other, please specify" of a question with options."""
    text = cells.texts.get(name, "")
    if not FREE_TEXT_NAME.fullmatch(plain(f"{name} {text}")):
        return False
    question = (cells.options.get(name) or stem_of(name) or ("", ""))[0]
    return bool(question) and (
        plain(name).endswith("_text") or any(question in (group.name, *group.columns) for group in groups) or name in cells.options
    )


def _no_question(cells: Cells, name: str) -> str | None:
    """Return why a column is no question, from its name, its text and the form of its cells."""
    values = cells.column(name)
    answers = {value for value in set(values) if value and silence_of(value) is None}
    filled = [value for value in values if value in answers]
    if not filled:
        return "empty"
    reason = reason_of_name([name, cells.texts.get(name, "")])
    if reason in HAVE_DIGITS and sum(any(sign.isdigit() for sign in value) for value in filled) < len(filled) / 2:
        reason = None  # which phone, not its number
    if plain(name) in SCORE and all("/" in value for value in filled):
        return "about the interview"
    return reason or reason_of_content(filled)


def _no_answers(column: PreparedColumn, *, is_open: bool) -> str | None:
    """Return why the cells of a column are no answers to a question: all differ, or they are what people wrote freely."""
    filled = [value for value in column.values if value]
    if not filled:
        return "empty"
    if column.points or (column.ticks and not is_open) or column.empty is not None:
        return None
    if column.writing is None and (is_open or is_free_text(column.name, column.text, filled, most_options=MOST_LEVELS)):
        return "free text"
    return _same_on_no_line(column, filled)


def _same_on_no_line(column: PreparedColumn, filled: Sequence[str]) -> str | None:
    """Return what a column is whose values all differ: an id, a number that counts the lines, or words that nobody shares."""
    if len(set(filled)) < len(filled) or len(filled) < 3:
        return None
    is_long = len(filled) >= FEWEST_LINES_OF_ID
    if looks_like_id(column.name) or (is_long and is_counted(filled)):
        return "an id"
    if is_long and column.writing is not None and all(float(a) < float(b) for a, b in pairwise(filled)):
        return "an id: it grows from line to line"
    is_word = column.writing is None and sum(bool(PLAIN.fullmatch(value)) for value in filled) < len(filled) / 2
    return "another value on every line" if is_long and is_word else None


def _columns(cells: Cells, names: Sequence[str], options: ReadOptions) -> dict[str, PreparedColumn]:
    first = {name: _silence(cells, name, options, ()) for name in names}
    ranges: dict[str, list[tuple[str, tuple[float, float]]]] = {}
    for name, silence in first.items():
        numbers = [float(value) for value in set(cells.column(name)) if value and value not in silence.kinds and PLAIN.fullmatch(value)]
        if (grid := _grid(cells, name)) and len(numbers) > 2:
            ranges.setdefault(grid, []).append((name, (min(numbers), max(numbers))))
    columns = {}
    for name in names:
        siblings = [own for other, own in ranges.get(_grid(cells, name), ()) if other != name]
        silence = _silence(cells, name, options, siblings) if siblings else first[name]
        answers = [value for value in first[name].kinds if value not in silence.kinds]
        doubts = tuple(
            f'"{value}" is read as an answer, as in the columns of its kind: if it means no answer, say --missing "{name}={value}"'
            for value in answers
        )
        columns[name] = _column(cells, name, options, replace(silence, doubts=silence.doubts + doubts))
    return columns


def _grid(cells: Cells, name: str) -> str:
    """Return the question of which a column is a row or an option; "" where its name only ends with a number, as Q1 and Q2 do."""
    found = cells.options.get(name) or (None if NUMBERED_NAME.fullmatch(name) else stem_of(name))
    return found[0] if found else ""


def _silence(cells: Cells, name: str, options: ReadOptions, siblings: Sequence[tuple[float, float]]) -> Silence:
    values = cells.column(name)
    if name in options.missing and not options.missing[name]:
        return Silence()
    declared = dict(cells.silent.get(name, {}))
    for value in (*options.missing.get("", ()), *options.missing.get(name, ())):
        kind = silence_of(value) or (kind_of_code(float(value)) if PLAIN.fullmatch(value) else "skip")
        declared |= dict.fromkeys((cell for cell in values if plain(cell) == plain(value)), kind)
    for _, text in cells.labels.get(name, ()):
        if text not in declared and (said := silence_of(text)) is not None:
            declared[text] = said
    wanted = options.kinds.get(name)
    no_codes = wanted in ("number", "multiple") or name in options.missing or bool(cells.labels.get(name)) or bool(cells.silent.get(name))
    return find_silence(name, values, declared, siblings, is_tick=no_codes)


def _column(cells: Cells, name: str, options: ReadOptions, silence: Silence) -> PreparedColumn:
    values = ["" if value in silence.kinds else value for value in cells.column(name)]
    text = " ".join(cells.texts.get(name, name).split())
    column = PreparedColumn(name, text, values, silence, labels=cells.labels.get(name, ()), is_nominal=name in cells.nominal)
    kind = options.kinds.get(name)
    distinct = sorted({value for value in values if value})
    if not distinct:
        return column
    if kind is None and len({plain(value) for value in distinct}) == 1 and "" in values:
        mark = option_column(name, name, values, in_group=False)
        if mark is not None and mark.empty_is_unticked and not silence.kinds:
            return replace(column, values=["yes" if value else "no" for value in values], empty="no", marks=tuple(distinct))
    if kind in (None, "scale"):
        points = numbered_points(distinct, sure=kind == "scale")
        if points is not None:
            return replace(column, points=points)
    if kind in (None, "multiple") and not _only_numbers(distinct):
        ticks = find_cell_ticks(values)
        if ticks is not None:
            return _without_own_words(replace(column, ticks=ticks))
    number = None if kind == "single" else _as_numbers(column, distinct, decimal_commas=cells.decimal_commas)
    return number or (column if kind is not None else _without_own_words(column))


def _as_numbers(column: PreparedColumn, distinct: Sequence[str], *, decimal_commas: bool) -> PreparedColumn | None:
    """Return the column with its numbers as programs write them, None where it has none; two written amounts are two options."""
    writing = find_writing(distinct, decimal_commas=decimal_commas)
    if writing is None:
        return None
    values = [_plain_number(writing, value) for value in column.values]
    if not _only_numbers(distinct) and len(set(filter(None, values))) <= 2:
        return None
    doubts = (_doubt_of_writing(writing, distinct),) if writing.is_ambiguous else ()
    return replace(column, values=values, writing=writing, doubts=doubts)


def _without_own_words(column: PreparedColumn) -> PreparedColumn:
    """Return the column without what single respondents wrote behind "other": it may be personal, and nobody else chose it."""
    ticks = column.ticks
    cells = [[plain(value)] if ticks is None else ticks.ticked(value) for value in column.values if value]
    counts = Counter(word for own in cells for word in own)
    shared = [word for word, count in counts.items() if count >= 3]
    own = {word for word, count in counts.items() if count == 1 and (word.count(" ") >= 2 or OTHER.match(word))}
    if not own or len(shared) < 2 or len(cells) < FEWEST_FOR_OWN_WORDS or families_of([*shared, *own]) or len(own) > len(cells) / 2:
        return column
    said = f"{count_of(len(own), 'answer')} in own words, given once each, left out"
    if ticks is not None:
        options = tuple(option for option in ticks.options if plain(option) not in own)
        return replace(column, ticks=replace(ticks, options=options), has_own_words=True, doubts=(said,))
    values = ["" if plain(value) in own else value for value in column.values]
    return replace(column, values=values, has_own_words=True, doubts=(said,))


def _doubt_of_writing(writing: Written, distinct: Sequence[str]) -> str:
    sample = next(value for value in distinct if "." in value or "," in value)
    number = f"{writing.read(sample) or 0:g}" if abs(writing.read(sample) or 0) < 1e6 else _plain_number(writing, sample)
    return f'"{sample}" is read as {number}: if that is wrong, write the numbers without separators of thousands'


def _only_numbers(distinct: Sequence[str]) -> bool:
    return all(PLAIN.fullmatch(value) for value in distinct)


def _plain_number(writing: Written, value: str) -> str:
    if not value or (writing.decimal == "." and PLAIN.fullmatch(value)):
        return value
    number = writing.read(value)
    return "" if number is None else repr(number).removesuffix(".0")


def _with_scales(cells: Cells, columns: dict[str, PreparedColumn], options: ReadOptions) -> dict[str, PreparedColumn]:
    """Return the columns with the points of ordered words, which they share with the others of their kind, and the bounds of numbers."""
    families: dict[str, str] = {}
    for name, column in columns.items():
        distinct = [value for value in set(column.values) if value]
        if column.points or column.ticks or column.empty is not None or column.writing or options.kinds.get(name) not in (None, "scale"):
            continue
        if distinct and not are_binary(distinct):
            found = families_of([*distinct, *(text for _, text in column.labels if silence_of(text) is None)]) or families_of(distinct)
            if found:
                families[name] = _usual_family(found, families)
    words = {name: _words_by_rank(columns[name], family) for name, family in families.items()}
    done = dict(columns)
    for name, family in families.items():
        column = columns[name]
        own = set(words[name])
        for other, ranks in words.items():
            if families[other] == family and _are_alike(words[name], ranks):
                own |= set(ranks)
        offered = complete(own, family)
        if len(offered) >= FEWEST_POINTS:
            done[name] = replace(column, points=word_points(sorted({value for value in column.values if value}), family, offered))
    return _with_bounds(cells, done)


def _words_by_rank(column: PreparedColumn, family: str) -> dict[int, str]:
    """Return the words of a column by their rank: those that were answered, and those that the file names as labels."""
    texts = [value for value in set(column.values) if value]
    texts += [text for _, text in column.labels if silence_of(text) is None and family in families_of([text])]
    return {rank: plain(text) for text, rank in ranks_of(texts, family).items()}


def _are_alike(own: Mapping[int, str], other: Mapping[int, str]) -> bool:
    """Return whether two columns are answered on one scale: they have the same word for each rank that both have."""
    shared = own.keys() & other.keys()
    together = len(own.keys() | other.keys())
    return all(own[rank] == other[rank] for rank in shared) and (together <= 5 or own.keys() <= other.keys())


def _usual_family(found: Sequence[str], families: Mapping[str, str]) -> str:
    """Return the family that other columns have already, where the words of a column belong to several."""
    counts = Counter(families.values())
    return max(found, key=lambda family: (counts[family], -found.index(family)))


def _with_bounds(cells: Cells, columns: dict[str, PreparedColumn]) -> dict[str, PreparedColumn]:
    """Return scales of numbers with the ends of the scale that other columns of their kind have.

    The rows of one grid are of a kind. Questions such as Q1, Q2 and Q3 are, where at least three have the same scale.
    """
    ranges = {name: own for name, column in columns.items() if (own := _range(column)) is not None}
    kinds: dict[str, list[str]] = {}
    for name in ranges:
        kinds.setdefault(_grid(cells, name) or name.rstrip("0123456789"), []).append(name)
    done = dict(columns)
    for names in kinds.values():
        shapes = Counter(ranges[name] for name in names)
        for name in names:
            low, high = ranges[name]
            least, most_missing = (1, 2) if _grid(cells, name) else (3, 1)
            near = [
                (first, last)
                for (first, last), count in shapes.items()
                if count >= least and 0 <= low - first <= 1 and 0 <= last - high <= most_missing and last - first <= 10
            ]
            best = max(near, key=lambda shape: (shape[1] - shape[0], shapes[shape]), default=(low, high))
            if best != (low, high):
                done[name] = replace(columns[name], bounds=best)
    return done


def _range(column: PreparedColumn) -> tuple[int, int] | None:
    """Return the ends of a scale of whole numbers."""
    if column.points is not None:
        return None if column.points.family else (column.points.minimum, column.points.maximum)
    filled = {value for value in column.values if value}
    if column.writing is None or column.writing.unit or column.is_nominal or not filled:
        return None
    numbers = [float(value) for value in filled]
    whole = all(number.is_integer() for number in numbers) and max(numbers) - min(numbers) < WIDEST
    return (int(min(numbers)), int(max(numbers))) if whole and len(filled) > 2 else None


def _notes(columns: Mapping[str, PreparedColumn], groups: Sequence[OptionGroup], left_out: Mapping[str, str]) -> list[str]:
    notes = []
    if left_out:
        shown = ", ".join(f'"{name}" ({reason})' for name, reason in left_out.items())
        notes.append(f"left out: {shown}; --type COLUMN=KIND takes one in")
    silent = [f'"{name}": {column.silence.described()}' for name, column in columns.items() if column.silence.kinds]
    if silent:
        notes.append(f"no answer: {'; '.join(silent)}; --missing COLUMN= reads them as answers")
    for name, column in columns.items():
        notes += [f'column "{name}": {doubt}' for doubt in (*column.silence.doubts, *column.doubts)]
        notes += _column_notes(name, column)
    for group in groups:
        joined = ", ".join(group.options.values())
        said = (
            "an empty cell is an option not ticked where another one is ticked"
            if group.empty_is_unticked
            else "an empty cell is an option not seen"
        )
        notes.append(f'several options: "{group.text}" in {len(group.columns)} columns: {joined}; {said}')
    return notes


def _column_notes(name: str, column: PreparedColumn) -> list[str]:
    if column.ticks is not None:
        shown = ", ".join(f'"{option}"' for option in column.ticks.options)
        sign = {"\n": "a line break", ",": '","'}.get(column.ticks.separator, f'"{column.ticks.separator}"')
        return [f'several options in a cell: "{name}", separated by {sign}: {shown}; --type "{name}=single" reads whole cells']
    if column.points is not None and column.points.labels:
        ends = [
            f'{point} "{column.points.labels[point]}"'
            for point in (column.points.minimum, column.points.maximum)
            if point in column.points.labels
        ]
        of = f" ({column.points.family})" if column.points.family else ""
        return [f'a scale: "{name}" from {" to ".join(ends)}{of}; --type "{name}=single" reads the words without order']
    if column.empty is not None:
        return [f'yes or no: "{name}" holds a mark or nothing; an empty cell is read as no']
    if column.bounds is not None:
        return [f'a scale: "{name}" from {column.bounds[0]} to {column.bounds[1]}, as the columns of its kind; nobody chose every point']
    return []
