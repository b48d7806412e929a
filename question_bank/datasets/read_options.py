"""What the user says of a file of answers: its questions, its labels, the kinds of columns, the codes for no answer."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from question_bank.exports.ticks import stem_of

KINDS = ("single", "multiple", "scale", "number", "ignore")


@dataclass(frozen=True)
class ReadOptions:
    """How to read a file: `columns` that are questions (None: all), columns `without`, and the kind of some.

    Personas are named in the column `label`, or given as P(persona) in the columns `probabilities`, or unknown. `missing` is column ->
    the cells that mean no answer, "" for all columns; a column with an empty list has none. Texts are in `language`.
    """

    columns: Sequence[str] | None = None
    label: str | None = None
    probabilities: Sequence[str] = ()
    without: Sequence[str] = ()
    kinds: Mapping[str, str] = field(default_factory=dict)
    keep_repeats: bool = False
    missing: Mapping[str, Sequence[str]] = field(default_factory=dict)
    language: str = "en"

    def is_question(self, name: str) -> bool:
        """Return whether a column is to be read as a question."""
        reserved = (self.label, *self.probabilities, *self.without)
        return name not in reserved and self.kinds.get(name) != "ignore" and (self.columns is None or name in self.columns)

    def is_asked_for(self, name: str) -> bool:
        """Return whether the user names a column as a question: then it is none that is left out."""
        return name in self.kinds or (self.columns is not None and name in self.columns)


def option_problems(header: Sequence[str], options: ReadOptions, questions: Sequence[str] = ()) -> Iterator[str]:
    """Yield what is wrong with the options for a file with such columns; `questions` are those that rows of names join columns to."""
    available = f"the file has {', '.join(header)}"
    prefixes = {found[0] for name in header if (found := stem_of(name))} | set(questions)
    asked = {
        "label": [options.label] if options.label is not None else [],
        "label-probabilities": options.probabilities,
        "columns": options.columns or (),
        "without": options.without,
        "type": [name for name, kind in options.kinds.items() if not (kind == "multiple" and name in prefixes)],
        "missing": [name for name in options.missing if name],
    }
    for option, names in asked.items():
        for name in names:
            if name not in header:
                yield f'--{option}: there is no column "{name}": {available}'
    for name, kind in options.kinds.items():
        if kind not in KINDS:
            yield f'--type: "{kind}" for {name} is not one of {", ".join(KINDS)}'
    yield from probability_problems(options.probabilities)
    if not any(options.is_question(name) for name in header):
        yield f"--{'columns' if options.columns is not None else 'without'}: names no question: name the columns that hold answers"


def probability_problems(names: Sequence[str]) -> Iterator[str]:
    """Yield what is wrong with the columns that `--label-probabilities` names."""
    if len(names) == 1:
        yield "--label-probabilities: names one persona: name the columns of two or more"
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f'--label-probabilities: names "{name}" twice: name each column once'
