"""A first bank: from a few sentences on who the personas are and how they answer, or a starter for some trades, one YAML file each."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from question_bank.datasets.dataset import slug
from question_bank.definitions import WORDS
from question_bank.files.schema import ORIGIN
from question_bank.files.write import flow
from question_bank.probabilities import WEIGHT_OF_WORD

HEADER = """\
# A first guess, in words: ++ far more than the others, + more, 0 average, - less, -- far less.
# Change what is wrong, add questions, publish, and let answers teach the tables: discern refit {bank}
"""
FOLDER = Path(__file__).parent
BANK_LINE = re.compile(r"^bank: .*$", re.MULTILINE)
SURVEY_LINE = re.compile(r"^  - id: .*$", re.MULTILINE)
FEWEST_PERSONAS, MOST_PERSONAS = 2, 30
FEWEST_OPTIONS, MOST_OPTIONS = 2, 20


@dataclass(frozen=True)
class NamedPersona:
    """A persona by its name, and a sentence about it, which may be empty."""

    name: str
    about: str = ""

    @classmethod
    def read(cls, line: str) -> "NamedPersona":
        """Return the persona of a line such as "The driver: long motorway days"."""
        name, _, about = line.partition(":")
        return cls(name.strip(), about.strip())


@dataclass(frozen=True)
class ChoiceQuestion:
    """A question of which one option is chosen. `words` has for each persona, in order, a word for each option, in order."""

    text: str
    options: Sequence[str]
    words: Sequence[Sequence[str]]


def read_options(line: str) -> list[str]:
    """Return the options of a line, which separates them with semicolons, else with commas. Raises ValueError for too few, or doubled ones.

    >>> read_options("Safety, Power")
    ['Safety', 'Power']
    """
    options = [option.strip() for option in line.split(";" if ";" in line else ",") if option.strip()]
    if not FEWEST_OPTIONS <= len(options) <= MOST_OPTIONS:
        raise ValueError(f"write {FEWEST_OPTIONS} to {MOST_OPTIONS} answers, separated by commas")
    if len({option.casefold() for option in options}) < len(options):
        raise ValueError("each answer once: two of these are the same")
    return options


def read_words(line: str, options: int) -> list[str]:
    """Return one word for each option. Raises ValueError.

    >>> read_words("++ 0 −", 3)
    ['++', '0', '-']
    """
    words = line.replace("−", "-").replace("–", "-").replace(",", " ").replace(";", " ").split()
    if len(words) != options or not set(words) <= set(WORDS):
        raise ValueError(f"write {options} of {' '.join(WORDS)}, one for each answer, separated by spaces")
    return words


def tells_apart(words: Sequence[Sequence[str]]) -> bool:
    """Whether the personas answer differently, by their words.

    >>> tells_apart([["+", "+"], ["0", "0"]])
    False
    """
    rows = [[WEIGHT_OF_WORD[word] for word in row] for row in words]
    return len({tuple(round(weight / sum(row), 6) for weight in row) for row in rows}) > 1


def read_origin(line: str) -> str:
    """Return the origin of a site's address, "" for none. Raises ValueError.

    >>> read_origin("https://shop.example/checkout")
    'https://shop.example'
    """
    address = urlsplit(line)
    origin = f"{address.scheme}://{address.netloc}" if line else ""
    if line and not re.fullmatch(ORIGIN, origin):
        raise ValueError("write the address of a site, such as https://shop.example")
    return origin


def first_bank(
    bank: str, language: str, title: str, personas: Sequence[NamedPersona], questions: Sequence[ChoiceQuestion], origin: str = ""
) -> str:
    """Return the text of a bank with one survey, which has the id of the bank and may be embedded by `origin`."""
    taken: set[str] = set()
    ids = [slug(persona.name, taken) for persona in personas]
    lines = [HEADER.format(bank=bank) + f"bank: {flow(bank)}", f"title: {flow(title)}", f"languages: {flow([language])}", "personas:"]
    lines += [f"  - {flow(_persona(name, persona))}" for name, persona in zip(ids, personas, strict=True)]
    lines.append("questions:")
    taken = set()
    for question in questions:
        lines += _question_lines(slug(question.text, taken), question, ids)
    survey = {"id": bank, "title": title} | ({"origins": [origin]} if origin else {})
    lines += ["surveys:", f"  - {flow(survey)}"]
    return "\n".join(lines) + "\n"


def _persona(name: str, persona: NamedPersona) -> Mapping[str, str]:
    written = {"id": name, "name": persona.name}
    return written | {"description": persona.about} if persona.about else written


def _question_lines(name: str, question: ChoiceQuestion, personas: Sequence[str]) -> list[str]:
    taken: set[str] = set()
    options = [{"id": slug(text, taken), "text": text} for text in question.options]
    rows = [{option["id"]: word for option, word in zip(options, words, strict=True)} for words in question.words]
    return [
        f"  - {flow({'id': name}).strip('{}')}",
        "    type: single",
        f"    text: {flow(question.text)}",
        "    options:",
        *(f"      - {flow(option)}" for option in options),
        "    likelihood:",
        *(f"      {flow({persona: row})[1:-1]}" for persona, row in zip(personas, rows, strict=True)),
    ]


def starter_names() -> list[str]:
    """Return the names of the starter banks, in order."""
    return sorted(file.stem for file in FOLDER.glob("*.yaml"))


def starter_text(name: str, bank: str, origin: str = "") -> str:
    """Return the text of a starter with the id `bank` instead of its own, whose surveys may be embedded by `origin`.

    Raises KeyError for an unknown name.
    """
    if name not in starter_names():
        raise KeyError(name)
    text = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    before, surveys, after = BANK_LINE.sub(f"bank: {bank}", text, count=1).partition("\nsurveys:\n")
    own = SURVEY_LINE.sub(rf"\g<0>\n    origins: {flow([origin])}", after) if origin else after
    return f"{before}{surveys}{own}"
