"""The texts of a bank that reports show, in its default language."""

from adaptive.evaluation.persona_profiles import Outcome, Trait
from question_bank.definitions import Bank, in_language, unit_in

END_TEXTS = {
    "confidence": "sure enough of the persona",
    "at_most": "as many questions as allowed",
    "gain": "nothing left that is worth asking",
    "seconds": "time was up",
    "exhausted": "no question left",
    "decision": "no answer could change what is done",
    "respondent": "the respondent left",
}


def persona_name(bank: Bank, k: int) -> str:
    return in_language(bank.personas[k].name, bank.language, bank.language) or bank.personas[k].id


def question_text(bank: Bank, q: int) -> str:
    return in_language(bank.questions[q].text, bank.language, bank.language) or bank.questions[q].id


def end_text(name: str) -> str:
    """Return the text of the reason why an interview ended; an unknown reason is shown as it is."""
    return END_TEXTS.get(name, name)


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
        return f"{point} ({label})" if label else f"{point} of {question.points[0]}–{question.points[-1]}"
    text = in_language(question.options[outcome].text, bank.language, bank.language) or question.options[outcome].id
    return f"☑ {text}" if question.type == "multiple" else f"“{text}”"


def _interval(unit: str | None, low: float, high: float) -> str:
    unit = f" {unit}" if unit else ""
    if low == float("-inf"):
        return f"up to {high:.3g}{unit}"
    return f"over {low:.3g}{unit}" if high == float("inf") else f"{low:.3g} to {high:.3g}{unit}"
