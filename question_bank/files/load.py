"""Load the text of a bank: return its definitions, or all problems at once, each with its line."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from question_bank.compile import compile_bank
from question_bank.definitions import Bank, Survey
from question_bank.files.build import build
from question_bank.files.draft import Draft
from question_bank.files.json_source import read_json
from question_bank.files.likelihood_rules import likelihood_rules, persona_rules
from question_bank.files.lint import lint_bank
from question_bank.files.problems import BankInvalid, Finding, Path, Problem, where_of
from question_bank.files.question_rules import question_rules, text_rules
from question_bank.files.schema import load_fields
from question_bank.files.source import Source, Unreadable, decode_text
from question_bank.files.survey_rules import journey_rules, survey_rules
from question_bank.files.yaml_source import read_yaml

__all__ = ["BankInvalid", "Problem", "Report", "check_bank", "check_together", "load_stored", "read_bank", "read_source"]

RULES = (text_rules, persona_rules, question_rules, likelihood_rules, survey_rules, journey_rules)
"""Checks across fields. All of them run, so that all problems are reported at once."""


@dataclass(frozen=True)
class Report:
    """The result of a check: `bank` is None exactly when there are errors; warnings do not prevent loading."""

    bank: Bank | None
    errors: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


def read_bank(text: str | bytes, file: str = "bank.yaml") -> Bank:
    """Return the bank written in `text`, YAML or JSON. Raises BankInvalid with all its problems."""
    report = check_bank(text, file)
    if report.bank is None:
        raise BankInvalid(report.errors)
    return report.bank


def load_stored(text: str) -> Bank:
    """Return the bank of a published version from its canonical JSON. It was checked when it was published, and is not checked again.

    A version that was published before banks had `outliers` has none, and one from before `endgame` chooses by information to the end:
    its beliefs and its questions stay what they were.
    """
    data = json.loads(text)
    fields, _ = load_fields(data)
    bank = build(Draft(fields, frozenset(), data))
    if bank.has_numbers and "outliers" not in data:
        bank = replace(bank, outliers=0.0)
    surveys = zip(bank.surveys, data.get("surveys", []), strict=True)
    return replace(
        bank, surveys=tuple(survey if "endgame" in written.get("stop", {}) else _by_information(survey) for survey, written in surveys)
    )


def _by_information(survey: Survey) -> Survey:
    return replace(survey, stop=replace(survey.stop, endgame="none"))


def check_bank(text: str | bytes, file: str = "bank.yaml") -> Report:
    """Return the bank written in `text`, with all errors or all warnings, sorted by line."""
    try:
        source = read_source(decode_text(text))
    except Unreadable as error:
        return Report(None, (_problem(error.finding, Source(None, {}), file),))
    fields, field_findings = load_fields(source.data)
    broken = frozenset(finding.path for finding in (*source.findings, *field_findings) if finding.line is None)
    unreadable = {finding.path for finding in source.findings}
    findings = [*source.findings, *(finding for finding in field_findings if finding.path not in unreadable)]
    draft = Draft(fields, broken, source.data)
    findings += [finding for rules in RULES for finding in rules(draft)]
    if findings:
        return Report(None, _sorted(findings, source, file), _sorted(list(source.warnings), source, file))
    bank = build(draft)
    try:
        with np.errstate(all="ignore"):
            compile_bank(bank)
    except (ValueError, OverflowError) as fault:
        beyond = Finding(("questions",), f"cannot be computed: {fault}", "look for numbers that are far too large or too small")
        return Report(None, (_problem(beyond, source, file),))
    return Report(bank, (), _sorted([*source.warnings, *lint_bank(bank, source.data)], source, file))


def check_together(files: Sequence[tuple[str, bytes]], published: Mapping[str, str] = MappingProxyType({})) -> Report:
    """Return the problems of several banks, given by file name and text, with a warning for a survey id that two banks have.

    `published` has the bank of each survey in the database. `bank` of the report is the last one, None where any file has errors.
    """
    errors: list[Problem] = []
    warnings: list[Problem] = []
    bank: Bank | None = None
    owners = {survey: (owner, "the database") for survey, owner in published.items()}
    for file, text in files:
        report = check_bank(text, file)
        bank = report.bank
        errors += report.errors
        warnings += report.warnings
        if bank is None:
            continue
        source = read_source(decode_text(text))
        for index, survey in enumerate(bank.surveys):
            owner, where = owners.setdefault(survey.id, (bank.id, file))
            if owner != bank.id:
                wrong = f'"{survey.id}" is also a survey of the bank "{owner}" in {where}: survey ids are unique in a service'
                warnings.append(_problem(Finding(("surveys", index, "id"), wrong, "give one of the two another id"), source, file))
    return Report(None if errors else bank, tuple(errors), tuple(warnings))


def read_source(text: str) -> Source:
    """Parse JSON if the text starts with a brace, else YAML; a YAML flow map starts with a brace too, hence the second try."""
    if not text.lstrip().startswith("{"):
        source = read_yaml(text)
    else:
        try:
            source = read_json(text)
        except Unreadable as not_json:
            try:
                source = read_yaml(text)
            except Unreadable:
                raise not_json from None
    if not isinstance(source.data, dict):
        raise Unreadable("is not a map of fields", "start with bank: followed by a short name, then personas: and questions:")
    return source


def _sorted(findings: list[Finding], source: Source, file: str) -> tuple[Problem, ...]:
    problems = {_problem(finding, source, file): None for finding in findings}
    return tuple(sorted(problems, key=lambda problem: problem.line))


def _problem(finding: Finding, source: Source, file: str) -> Problem:
    path: Path = finding.path
    line = finding.line or source.line(path)
    return Problem(file, line, where_of(path, source.data), finding.wrong, finding.todo, ".".join(str(key) for key in path))
