"""The command `discern new`: a first bank by an interview, or a starter bank."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from survey_service.cli.terminal import WRITABLE, refuse

if TYPE_CHECKING:
    from question_bank.starters.first_bank import ChoiceQuestion, NamedPersona

Read = TypeVar("Read")
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")


@click.command()
@click.argument("file", type=WRITABLE, metavar="[FILE]", required=False)
@click.option(
    "--starter", metavar="NAME", help="Begin with a starter bank: retail, travel, b2b-software or insurance (English and French)."
)
@click.option("--language", metavar="CODE", help="The language of the texts, such as en or fr; asked for when left out.")
@click.option(
    "--origin", metavar="URL", help="The site that may embed its surveys, such as https://shop.example; the interview asks for it."
)
@click.option("--force", is_flag=True, help="Replace FILE where it exists.")
def new(file: Path | None, starter: str | None, language: str | None, origin: str | None, force: bool) -> None:
    """Make a first bank: by an interview about your personas and what tells them apart, or from a starter bank.

    The interview asks for the personas, a name and a sentence each, and for questions with their answers. For each persona you say with
    ++ + 0 - -- who gives which answer more often. FILE is NAME.yaml when left out.
    """
    if file is not None and file.exists() and not force:
        refuse(f"{file} exists: name another file, or say --force to replace it")
    says = f'the name of the file names the bank, and "{file.stem}" ' if file is not None else ""
    name = _or_refuse(_bank_name, file.stem, says) if file is not None else None
    if starter is not None:
        from question_bank.starters.first_bank import starter_names, starter_text

        if starter not in starter_names():
            refuse(f'--starter: there is no "{starter}": {", ".join(starter_names())}')
        text = starter_text(starter, name or starter, _origin(origin or ""))
        target = file or Path(f"{starter}.yaml")
    else:
        name = name or _ask("A short name for the bank, such as car-buyers", _bank_name)
        target = file or Path(f"{name}.yaml")
        text = _interview(name, language, origin)
    if target.exists() and not force:
        refuse(f"{target} exists: name another file, or say --force to replace it")
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as wrong:
        refuse(f"{target} cannot be written: {wrong.strerror}")
    _say_what_follows(target, text)


def _interview(bank: str, language: str | None, origin: str | None) -> str:
    """Ask for everything and return the text of a bank that passes all checks without a warning."""
    from question_bank.files.load import check_bank
    from question_bank.starters.first_bank import first_bank, read_origin

    language = _language(language) if language else _ask("The language of its texts, such as en or fr", _language, default="en")
    title = _ask("Its title, as respondents see it", _filled)
    site = (
        _ask("The site that will show it, such as https://shop.example (none yet: leave it empty)", read_origin)
        if origin is None
        else _origin(origin)
    )
    personas = _personas()
    questions: list[ChoiceQuestion] = []
    while True:
        questions += _questions(personas, len(questions))
        text = first_bank(bank, language, title, personas, questions, site)
        report = check_bank(text, f"{bank}.yaml")
        if report.errors:
            refuse("\n".join(str(error) for error in report.errors))
        if not report.warnings:
            return text
        problems = [f"  {warning.where}: {warning.wrong}" for warning in report.warnings]
        _say("\n".join(["\nThis is not enough yet:", *problems, "Add a question, please."]))


def _personas() -> "list[NamedPersona]":
    from question_bank.starters.first_bank import FEWEST_PERSONAS, MOST_PERSONAS, NamedPersona

    _say("\nWho are they? One line each: a name, and a sentence after a colon. An empty line ends.")
    _say("  The driver: long motorway days, wants power")
    personas: list[NamedPersona] = []
    while len(personas) < MOST_PERSONAS:
        persona = NamedPersona.read(_line(f"persona {len(personas) + 1}"))
        if persona.name in {known.name for known in personas}:
            _say(f'  there is a "{persona.name}" already')
        elif persona.name:
            personas.append(persona)
        elif len(personas) < FEWEST_PERSONAS:
            _say(f"  at least {FEWEST_PERSONAS} are needed")
        else:
            break
    return personas


def _questions(personas: "Sequence[NamedPersona]", asked: int) -> "list[ChoiceQuestion]":
    from question_bank.starters.first_bank import ChoiceQuestion, read_options, read_words, tells_apart

    if not asked:
        _say("\nWhat tells them apart? A question that they answer differently. An empty line ends.\n  What made you choose it?")
    questions: list[ChoiceQuestion] = []
    while text := _line(f"question {asked + len(questions) + 1}", is_needed=not questions):
        options = _ask("  its answers, separated by commas", read_options)
        _say("  Who gives which answer? ++ far more than the others, + more, 0 average, - less, -- far less.")
        _say(f"  {' | '.join(options)}")
        words = [_ask(f"  {persona.name}", lambda line: read_words(line, len(options))) for persona in personas]  # noqa: B023
        if tells_apart(words):
            questions.append(ChoiceQuestion(text, options, words))
        else:
            _say("  All of them answer this alike, so it would tell nothing, and is left out.")
    return questions


def _say_what_follows(target: Path, text: str) -> None:
    from question_bank.files.load import read_bank
    from survey_service.banks.simulation import SimulationRequest, simulate_bank

    bank = read_bank(text, target.name)
    survey = bank.surveys[0].id
    found = simulate_bank(bank, SimulationRequest(survey))
    questions, right = found["questions"]["mean"], found["accuracy"]["mean"]
    click.echo(str(target))
    _say(
        f"\nIf people answer as you say, {survey} takes {questions:.1f} questions and is right about {right:.0%} of them (simulated).\n"
        f"  discern check {target} --watch      while you change it\n"
        f"  discern simulate {target} --survey {survey}\n"
        f"  discern publish {target}\n"
        f"  discern preview {survey}"
    )


def _ask(prompt: str, read: Callable[[str], Read], default: str | None = None) -> Read:
    """Ask until the answer can be read."""
    while True:
        try:
            return read(_line(prompt, default=default))
        except ValueError as wrong:
            _say(f"  {wrong}")


def _line(prompt: str, *, is_needed: bool = False, default: str | None = None) -> str:
    line: Any = click.prompt(prompt, default="" if default is None else default, show_default=default is not None, err=True)
    if is_needed and not line.strip():
        _say("  one is needed")
        return _line(prompt, is_needed=True)
    return str(line).strip()


def _say(text: str) -> None:
    click.echo(text, err=True)


def _origin(given: str) -> str:
    from question_bank.starters.first_bank import read_origin

    return _or_refuse(read_origin, given, "--origin: ")


def _or_refuse(read: Callable[[str], Read], given: str, says: str) -> Read:
    """Return what was read from an argument. Exits with what is wrong with it."""
    try:
        return read(given)
    except ValueError as wrong:
        refuse(f"{says}{wrong}")


def _filled(line: str) -> str:
    if not line:
        raise ValueError("this is needed")
    return line


def _bank_name(line: str) -> str:
    from question_bank.files.fields import SLUG, SLUG_TODO

    if not SLUG.fullmatch(line):
        raise ValueError(f"is not an id: {SLUG_TODO}")
    return line


def _language(line: str) -> str:
    if not LANGUAGE.fullmatch(line):
        raise ValueError("write a code such as en, fr or pt-BR")
    return line
