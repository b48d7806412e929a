"""The report of `discern refit`: the changes of the draft, and their held-out gain."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from survey_service.analysis.refit import Refitted
from survey_service.analysis.reports import charts, sections
from survey_service.analysis.reports.labels import persona_name, question_text
from survey_service.analysis.reports.language import gettext as _
from survey_service.analysis.reports.language import number, override, percent
from survey_service.analysis.reports.page import Report, Section, Table, write


def report_refit(result: Refitted, found: Mapping[str, Any], path: Path) -> None:
    """Write the report in the bank's default language; `found` is the comparison. Raises ValueError where the file cannot be written."""
    with override(result.published.bank.language):
        write(_report(result, found), path)


def _report(result: Refitted, found: Mapping[str, Any]) -> Report:
    score, before, after = found["held_out_log_score"], found["simulated"]["before"], found["simulated"]["after"]
    return Report(
        _("{bank}: a draft after version {version}", bank=found["bank"], version=found["version"]),
        _(
            "{answers} answers of {respondents} respondents were added to the published tables, which count as {weight} respondents "
            "of each persona. Nothing is published.",
            answers=number(found["answers"]),
            respondents=number(found["respondents"]),
            weight=number(found["published_counts_as"], "g"),
        ),
        [
            (number(found["respondents"]), _("respondents")),
            (number(score["gain"], "+.2f"), _("log score of held-out answers")),
            (number(after["questions"], ".1f"), _("questions, {before} before", before=number(before["questions"], ".1f"))),
            (percent(after["accuracy"]), _("right persona, {before} before", before=percent(before["accuracy"]))),
        ],
        [
            _worth_section(score, before, after),
            _changes_section(result, found),
            _shares_section(result),
            *_pilot_sections(found),
            sections.personas_section(result.draft),
        ],
        [_("Right and questions are simulated: each bank is asked about respondents who behave as its own tables say.")],
    )


def _worth_section(score: Mapping[str, float], before: Mapping[str, float], after: Mapping[str, float]) -> Section:
    return Section(
        _("What it is worth"),
        _(
            "Held-out respondents: how likely their answers are under the published tables and under the draft (a higher "
            "log score is better; the difference is {gain} ± {error}). Below it, both banks simulated.",
            gain=number(score["gain"], "+.3f"),
            error=number(score["standard_error"], ".3f"),
        ),
        tables=[
            Table(
                _("Before and after"),
                ("", _("published"), _("draft")),
                [
                    [_("log score of held-out answers"), number(score["before"], ".3f"), number(score["after"], ".3f")],
                    [_("questions, simulated"), number(before["questions"], ".2f"), number(after["questions"], ".2f")],
                    [_("seconds, simulated"), number(before["seconds"]), number(after["seconds"])],
                    [_("right persona, simulated"), percent(before["accuracy"]), percent(after["accuracy"])],
                ],
            )
        ],
    )


def _changes_section(result: Refitted, found: Mapping[str, Any]) -> Section:
    bank = result.published
    text = {question.id: question_text(bank.bank, q) for q, question in enumerate(bank.bank.questions)}
    name = {persona.id: persona_name(bank.bank, k) for k, persona in enumerate(bank.bank.personas)}
    changed = [question for question in found["questions"] if question["moved"] > 0]
    bars = [
        (
            text[question["question"]],
            question["moved"],
            _("{share} · {number} answers", share=number(question["moved"], ".1%"), number=question["answers"]),
        )
        for question in changed
    ]
    rows = [
        [
            text[question["question"]],
            question["question"],
            str(question["answers"]),
            number(question["moved"], ".1%"),
            name[question["most"]["persona"]],
            number(question["most"]["moved"], ".1%"),
        ]
        for question in found["questions"]
    ]
    label = _("How far the table of each question moved: {number} questions moved", number=len(changed))
    head = (_("Question"), _("id"), _("answers"), _("moved"), _("most for"), _("by"))
    return Section(
        _("What moved"),
        _(
            "Each bar: of a hundred respondents, how many would now be expected to answer otherwise than the published table says "
            "(mean over the personas)."
        ),
        charts.bar_chart("moved", label, bars) if bars else None,
        figures=[Table(_("Questions"), head, rows, words=2)],
    )


def _shares_section(result: Refitted) -> Section:
    pairs = enumerate(zip(result.published.bank.personas, result.draft.bank.personas, strict=True))
    rows = [[persona_name(result.published.bank, k), percent(old.prior), percent(new.prior)] for k, (old, new) in pairs]
    return Section(
        _("How many of each persona there are"),
        _("The share of each persona before anything is known of a respondent."),
        tables=[Table(_("Shares"), (_("Persona"), _("published"), _("draft")), rows)],
    )


def _pilot_sections(found: Mapping[str, Any]) -> list[Section]:
    rows = [
        [
            pilot["question"],
            str(pilot["answers"]),
            _("yes") if pilot["has_table"] else _("no, {number} more", number=pilot["needed"] - pilot["answers"]),
        ]
        for pilot in found["pilots"]
    ]
    if not rows:
        return []
    reading = _("Questions that are tried out. With enough answers they get a table in the draft, and count from its publication on.")
    return [Section(_("Pilot questions"), reading, tables=[Table(_("Pilots"), (_("Question"), _("answers"), _("has a table")), rows)])]
