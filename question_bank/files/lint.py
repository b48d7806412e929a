"""Lint: warnings about a valid bank that probably does not mean what its author intended."""

import re
from collections.abc import Iterator, Mapping
from math import fsum
from typing import Any

from question_bank.definitions import Bank, Question, Row, Survey
from question_bank.files.likelihood_rows import TOLERANCE
from question_bank.files.problems import Finding, join_names
from question_bank.files.question_rules import texts_of
from question_bank.probabilities import shares_of

LEAST_PRIOR = 0.01
LEAST_OUTLIERS = 0.01
SENTENCE = 3  # words from which on an equal text in two languages is more likely forgotten than a name
DIGITS = 12  # rows that agree to so many digits count as equal

RowValues = tuple[Any, ...]


def lint_bank(bank: Bank, data: Any) -> list[Finding]:
    """Return all warnings about a bank. `data` is the file as written, for fields that the definitions drop."""
    rows = {question.id: _rows_by_class(question, bank) for question in bank.questions}
    rules = (
        _personas(bank, rows),
        _questions(bank, rows),
        _ignored_tables(data),
        _translations(bank, data),
        _priors(data),
        _outliers(bank),
        _unreachable(bank),
        _origins(bank),
        _unasked(bank),
        _actions(bank),
        _attributes(bank),
        _barometers(bank),
    )
    return [finding for rule in rules for finding in rule]


def _rows_by_class(question: Question, bank: Bank) -> list[RowValues]:
    """Return, for each class, all values of the question's tables: the question cannot distinguish two classes with equal values."""
    if question.type == "text" or question.pilot:
        return [()] * len(bank.keys)
    silence = question.no_answer or dict.fromkeys(bank.keys)
    values: list[RowValues] = [(silence[key],) for key in bank.keys_in(silence)]
    tables = [question.likelihood] if question.likelihood else _given_each_outcome(question)
    for rows in tables:
        keys = bank.keys_in(rows)
        if question.type == "number":
            columns: list[Any] = [rows[key] for key in keys]
        else:
            columns = [tuple(row) for row in shares_of(question, rows, keys).round(DIGITS).tolist()]
        values = [(*before, column) for before, column in zip(values, columns, strict=True)]
    return values


def _given_each_outcome(question: Question) -> list[dict[str, Row]]:
    """Return the tables of a question with a parent, one for each outcome of the parent."""
    outcomes = list(next(iter(question.likelihood_given.values()), {}))
    return [{persona: rows[outcome] for persona, rows in question.likelihood_given.items()} for outcome in outcomes]


def _personas(bank: Bank, rows: dict[str, list[RowValues]]) -> Iterator[Finding]:
    groups: dict[frozenset[tuple[RowValues, float]], list[int]] = {}
    by_class = list(zip(bank.persona_of, zip(*rows.values(), strict=True), bank.shares, strict=True))
    for index, persona in enumerate(bank.personas):
        styles: dict[RowValues, float] = {}
        for k, values, share in by_class:
            if k == index:
                styles[values] = styles.get(values, 0.0) + share / persona.prior
        groups.setdefault(frozenset((values, round(share, DIGITS)) for values, share in styles.items()), []).append(index)
        if persona.prior < LEAST_PRIOR:
            wrong = f"is {persona.prior:.2g} of the population: hardly any survey will find it"
            yield Finding(("personas", index, "prior"), wrong, "join it with another persona, or raise its prior")
    for group in groups.values():
        if len(group) > 1:
            names = join_names(f'"{bank.personas[index].id}"' for index in group)
            yield Finding(
                ("personas", group[1]), f"no question can tell {names} apart", "join them, or add a question they answer differently"
            )


def _questions(bank: Bank, rows: dict[str, list[RowValues]]) -> Iterator[Finding]:
    for index, question in enumerate(bank.questions):
        if question.type != "text" and not question.pilot and len(set(rows[question.id])) == 1:
            wrong = "is uninformative: every persona answers alike"
            yield Finding(("questions", index, "likelihood"), wrong, "give the personas different rows, or remove the question")
        if question.seconds == 0:
            wrong = "takes no time at all, so it would always come first"
            yield Finding(("questions", index, "seconds"), wrong, "write the seconds an answer takes, or remove the line")


def _ignored_tables(data: Any) -> Iterator[Finding]:
    for index, question in enumerate(data["questions"]):
        if question.get("pilot") and "likelihood" in question:
            wrong = "is not used while pilot is true"
            yield Finding(("questions", index, "likelihood"), wrong, "remove pilot: true once the table is to be trusted")


def _translations(bank: Bank, data: Any) -> Iterator[Finding]:
    """Report texts that lack a language of the bank, and longer ones with the same words in two languages."""
    for path, text in texts_of(data):
        if (path[-1] == "unit" or path[0] == "brand") and not isinstance(text, Mapping):
            continue  # a plain unit, such as km, and the name of a company hold in every language
        words = dict(text) if isinstance(text, Mapping) else {bank.language: text}
        if missing := [language for language in bank.languages if language not in words]:
            wrong = f"has no {join_names(missing)}: it is shown in {join_names(words)}"
            yield Finding(path, wrong, f"write {{{', '.join(f'{language}: …' for language in bank.languages)}}}")
        for place, language in enumerate(words):
            same = next((other for other in list(words)[:place] if words[other] == words[language]), None)
            if same and len(str(words[language]).split()) >= SENTENCE:
                yield Finding((*path, language), f"has the same words as {same}", "translate it")


def _priors(data: Any) -> Iterator[Finding]:
    """Report priors that look like shares and do not add up to 1. Larger numbers are counts or percentages, which become shares."""
    priors = [persona["prior"] for persona in data["personas"] if "prior" in persona]
    if priors and max(priors) <= 1 and abs(fsum(priors) - 1) > TOLERANCE:
        wrong = f"have priors that add up to {fsum(priors):.6g}, not 1: each is divided by their sum"
        yield Finding(("personas",), wrong, "correct them, or write percentages that add up to 100")


def _outliers(bank: Bank) -> Iterator[Finding]:
    """Report number questions of which one answer can decide, because the bank has nearly no outliers."""
    for index, question in enumerate(bank.questions):
        if question.type == "number" and not question.pilot and bank.outliers < LEAST_OUTLIERS:
            wrong = "can decide alone: one number far from a persona's mean rules the persona out"
            yield Finding(("questions", index, "likelihood"), wrong, "remove outliers from the bank, or write outliers: 0.05")


def _barometers(bank: Bank) -> Iterator[Finding]:
    """Report barometers that no survey can ask."""
    for index, barometer in enumerate(bank.barometers):
        if not any(barometer.question in survey.questions for survey in bank.surveys):
            wrong = f'is never asked: no survey has the question "{barometer.question}"'
            yield Finding(("barometers", index), wrong, "add the question to a survey")


def _attributes(bank: Bank) -> Iterator[Finding]:
    """Report attributes that reveal what article 9 of the GDPR protects, or stand for it."""
    for name in bank.attribution.attributes if bank.attribution else ():
        words = set(re.split(r"[\W_]+", name.lower()))
        for field, markers in PROTECTED.items():
            if words & markers:
                wrong = f"may reveal {field}, which article 9 of the GDPR protects"
                todo = f"move it to never: [{name}], unless each contact has agreed explicitly to this use"
                yield Finding(("attribution", "attributes", name), wrong, todo)


PROTECTED = {
    "health": {
        "health",
        "sante",
        "santé",
        "disease",
        "maladie",
        "disability",
        "handicap",
        "allergy",
        "allergies",
        "pregnant",
        "medication",
    },
    "religion or belief": {"religion", "faith", "church", "diet", "kosher", "halal", "belief"},
    "ethnic origin": {"ethnicity", "ethnie", "race", "nationality", "nationalité", "nationalite", "birthplace", "origin", "origine"},
    "political opinion": {"party", "parti", "politics", "vote", "voting"},
    "membership of a union": {"union", "syndicat"},
    "sex life or orientation": {"orientation", "sexuality", "sexualité"},
    "genetic or biometric data": {"genetic", "biometric", "dna", "fingerprint", "adn"},
}
"""Words in names of attributes, by what they reveal or stand for."""


def _unreachable(bank: Bank) -> Iterator[Finding]:
    """Report questions that no survey asks, and questions whose condition no survey can meet."""
    if not bank.surveys:
        yield Finding((), "has no survey, so nothing can be asked", "add surveys: [{id: post-purchase, questions: all}]")
        return
    questions = {question.id: question for question in bank.questions}
    blamed: set[str] = set()
    for index, survey in enumerate(bank.surveys):
        asked = frozenset(survey.questions)
        for name in survey.questions:
            outside = [condition for condition in questions[name].ask_if if condition not in asked]
            if outside:
                blamed.add(name)
                wrong = f'can never ask "{name}", which waits for {join_names(outside)}, not in this survey'
                yield Finding(("surveys", index, "questions"), wrong, "add what it waits for, or leave it out")
    reached = {name for survey in bank.surveys for name in _reachable(questions, survey)}
    for index, question in enumerate(bank.questions):
        if question.id not in reached and question.id not in blamed:
            yield Finding(("questions", index), "no survey can reach it", "add it to the questions of a survey, or remove it")


def _reachable(questions: Mapping[str, Question], survey: Survey) -> set[str]:
    """Return the questions of a survey whose conditions can be met by questions that are reachable themselves."""
    reached: set[str] = set()
    waiting, before = survey.questions, None
    while waiting != before:
        reached.update(name for name in waiting if set(questions[name].ask_if) <= reached)
        waiting, before = tuple(name for name in waiting if name not in reached), waiting
    return reached


def _origins(bank: Bank) -> Iterator[Finding]:
    for index, survey in enumerate(bank.surveys):
        if "*" in survey.origins:
            at = ("surveys", index, "origins", survey.origins.index("*"))
            yield Finding(at, "lets every site on the web embed this survey", "name the sites that may")


def _unasked(bank: Bank) -> Iterator[Finding]:
    """Report text questions that are neither first nor required: they have no gain, so they are never chosen."""
    first = {name for survey in bank.surveys for name in survey.first}
    for index, question in enumerate(bank.questions):
        if question.type == "text" and not question.required and question.id not in first:
            yield Finding(
                ("questions", index), "is never asked: a text has no gain", "name it in a survey's first, or write required: true"
            )


def _actions(bank: Bank) -> Iterator[Finding]:
    for index, survey in enumerate(bank.surveys):
        if survey.objective == "value" and (best := survey.dominant_action):
            wrong = f'"{best}" is best for every persona, so no answer changes what to do and the survey chooses by information'
            yield Finding(("surveys", index, "actions"), wrong, "give an action that is worth more with some personas only, costs included")
