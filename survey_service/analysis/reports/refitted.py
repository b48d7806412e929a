"""The report of `discern refit`: the changes of the draft, and their held-out gain."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from survey_service.analysis.refit import Refitted
from survey_service.analysis.reports import charts, sections
from survey_service.analysis.reports.labels import persona_name, question_text
from survey_service.analysis.reports.page import Report, Section, Table, write


def report_refit(result: Refitted, found: Mapping[str, Any], path: Path) -> None:
    """Write the report; `found` is the comparison. Raises ValueError where the file cannot be written or pictures cannot be drawn."""
    score, before, after = found["held_out_log_score"], found["simulated"]["before"], found["simulated"]["after"]
    worth = Section(
        "What it is worth",
        "Held-out respondents: how likely their answers are under the published tables and under the draft (a higher "
        f"log score is better; the difference is {score['gain']:+.3f} ± {score['standard_error']:.3f}). Below it, both banks simulated.",
        tables=[
            Table(
                "Before and after",
                ("", "published", "draft"),
                [
                    ["log score of held-out answers", f"{score['before']:.3f}", f"{score['after']:.3f}"],
                    ["questions, simulated", f"{before['questions']:.2f}", f"{after['questions']:.2f}"],
                    ["seconds, simulated", f"{before['seconds']:.0f}", f"{after['seconds']:.0f}"],
                    ["right persona, simulated", sections.percent(before["accuracy"]), sections.percent(after["accuracy"])],
                ],
            )
        ],
    )
    report = Report(
        f"{found['bank']}: a draft after version {found['version']}",
        f"{found['answers']:,} answers of {found['respondents']:,} respondents were added to the published tables, which count as "
        f"{found['published_counts_as']:g} respondents of each persona. Nothing is published.",
        [
            (f"{found['respondents']:,}", "respondents"),
            (f"{score['gain']:+.2f}", "log score of held-out answers"),
            (f"{after['questions']:.1f}", f"questions, {before['questions']:.1f} before"),
            (sections.percent(after["accuracy"]), f"right persona, {sections.percent(before['accuracy'])} before"),
        ],
        [worth, _changes_section(result, found), _shares_section(result), *_pilot_sections(found), sections.personas_section(result.draft)],
        ["Right and questions are simulated: each bank is asked about respondents who behave as its own tables say."],
    )
    write(report, path)


def _changes_section(result: Refitted, found: Mapping[str, Any]) -> Section:
    bank = result.published
    text = {question.id: question_text(bank.bank, q) for q, question in enumerate(bank.bank.questions)}
    name = {persona.id: persona_name(bank.bank, k) for k, persona in enumerate(bank.bank.personas)}
    changed = [question for question in found["questions"] if question["moved"] > 0]
    bars = [
        (text[question["question"]], question["moved"], f"{question['moved']:.1%} · {question['answers']} answers") for question in changed
    ]
    rows = [
        [
            text[question["question"]],
            question["question"],
            str(question["answers"]),
            f"{question['moved']:.1%}",
            name[question["most"]["persona"]],
            f"{question['most']['moved']:.1%}",
        ]
        for question in found["questions"]
    ]
    return Section(
        "What moved",
        "Each bar: of a hundred respondents, how many would now be expected to answer otherwise than the published table says (mean over "
        "the personas).",
        charts.bar_chart("moved", f"How far the table of each question moved: {len(changed)} questions moved", bars) if bars else None,
        figures=[Table("Questions", ("Question", "id", "answers", "moved", "most for", "by"), rows, words=2)],
    )


def _shares_section(result: Refitted) -> Section:
    pairs = enumerate(zip(result.published.bank.personas, result.draft.bank.personas, strict=True))
    rows = [[persona_name(result.published.bank, k), sections.percent(old.prior), sections.percent(new.prior)] for k, (old, new) in pairs]
    return Section(
        "How many of each persona there are",
        "The share of each persona before anything is known of a respondent.",
        tables=[Table("Shares", ("Persona", "published", "draft"), rows)],
    )


def _pilot_sections(found: Mapping[str, Any]) -> list[Section]:
    rows = [
        [pilot["question"], str(pilot["answers"]), "yes" if pilot["has_table"] else f"no, {pilot['needed'] - pilot['answers']} more"]
        for pilot in found["pilots"]
    ]
    if not rows:
        return []
    reading = "Questions that are tried out. With enough answers they get a table in the draft, and count from its publication on."
    return [Section("Pilot questions", reading, tables=[Table("Pilots", ("Question", "answers", "has a table"), rows)])]
