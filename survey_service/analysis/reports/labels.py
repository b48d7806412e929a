"""The texts of a bank that reports show, in its default language."""

from adaptive.evaluation.persona_profiles import Outcome, Trait
from question_bank.definitions import Bank, in_language, unit_in
from survey_service.analysis.reports.language import amount, mark
from survey_service.analysis.reports.language import gettext as _

END_TEXTS = {
    "confidence": mark("sure enough of the persona"),
    "at_most": mark("as many questions as allowed"),
    "gain": mark("nothing left that is worth asking"),
    "seconds": mark("time was up"),
    "exhausted": mark("no question left"),
    "decision": mark("no answer could change what is done"),
    "respondent": mark("the respondent left"),
}


def persona_name(bank: Bank, k: int) -> str:
    return in_language(bank.personas[k].name, bank.language, bank.language) or bank.personas[k].id


def question_text(bank: Bank, q: int) -> str:
    return in_language(bank.questions[q].text, bank.language, bank.language) or bank.questions[q].id


def end_text(name: str) -> str:
    """Return the text of the reason why an interview ended; an unknown reason is shown as it is."""
    return _(END_TEXTS[name]) if name in END_TEXTS else name


def trait_text(bank: Bank, trait: Trait) -> str:
    """Return an answer and its question."""
    return f"{outcome_text(bank, trait.question, trait.outcome)} · {question_text(bank, trait.question)}"


def outcome_text(bank: Bank, q: int, outcome: Outcome) -> str:
    """Return the text of an outcome: an option's text, a point of a scale with its label, an interval with its unit."""
    question = bank.questions[q]
    if isinstance(outcome, tuple):
        return _interval(unit_in(question, bank.language, bank.language), *outcome)
    if question.type == "scale":
        point = question.points[outcome]
        label = in_language(question.labels.get(point), bank.language, bank.language)
        return (
            f"{point} ({label})" if label else _("{point} of {low}–{high}", point=point, low=question.points[0], high=question.points[-1])
        )
    text = in_language(question.options[outcome].text, bank.language, bank.language) or question.options[outcome].id
    return f"☑ {text}" if question.type == "multiple" else _("“{text}”", text=text)


def _interval(unit: str | None, low: float, high: float) -> str:
    unit = f" {unit}" if unit else ""
    if low == float("-inf"):
        return _("up to {high}{unit}", high=amount(high), unit=unit)
    if high == float("inf"):
        return _("over {low}{unit}", low=amount(low), unit=unit)
    return _("{low} to {high}{unit}", low=amount(low), high=amount(high), unit=unit)
