"""Random banks with every type of question, and random answers to them."""

from dataclasses import replace
from random import Random
from typing import Any

from adaptive.stopping import StopRule
from question_bank.definitions import Bank, LogNormal, Normal, Option, Persona, Question, Row, Shares, Style, Survey

TYPES = ("single", "multiple", "scale", "number", "text")


def a_random_bank(dice: Random, *, styled: bool = False) -> Bank:
    """2 to 6 personas and 3 to 12 questions of all types, with no-answer tables, topics, conditions, own weights, sometimes a pilot.

    With `styled` some personas have 2 or 3 styles, and some tables differ between them.
    """
    ids = [f"p{k}" for k in range(dice.randint(2, 6))]
    shares = _shares(dice, len(ids))
    personas = [Persona(name, {"en": name}, share) for name, share in zip(ids, shares, strict=True)]
    if styled:
        personas = [replace(persona, styles=_styles(dice) if dice.random() < 0.6 or not k else ()) for k, persona in enumerate(personas)]
    questions: list[Question] = []
    for number in range(dice.randint(3, 12)):
        questions.append(_question(dice, f"q{number}", personas, questions))
    parents = {question.parent for question in questions}
    alone = [question.parent is None and question.id not in parents for question in questions]
    questions = [
        replace(question, evidence_weight=dice.choice([1.0, 1.0, 0.4, 1.3]) if is_alone else 1.0)
        for question, is_alone in zip(questions, alone, strict=True)
    ]
    ids = [question.id for question in questions]
    survey = Survey(
        "s",
        {"en": "S"},
        tuple(sorted(dice.sample(ids, dice.randint(2, len(ids))), key=ids.index)),
        stop=StopRule(at_least=0),
        effort=dice.choice([0.0, 0.5, 1.0]),
    )
    survey = Survey(**{**survey.__dict__, "first": tuple(dice.sample(survey.questions, dice.choice([0, 0, 1])))})
    weights = {"evidence_weight": dice.choice([1.0, 0.85, 0.6]), "repeat_weight": dice.choice([0.5, 0.0, 1.0])}
    weights["answer_correlation"] = dice.choice([0.0, 0.0, 0.1, 0.4])
    return Bank("b", {"en": "B"}, ("en",), tuple(personas), tuple(questions), surveys=(survey,), **weights)


def _styles(dice: Random) -> tuple[Style, ...]:
    return tuple(Style(f"s{number}", share) for number, share in enumerate(_shares(dice, dice.randint(2, 3))))


def keys(dice: Random, personas: list[Persona]) -> list[str]:
    """Return the keys of one table: some for all styles of a persona, some per style."""
    return [key for persona in personas for key in (persona.keys if persona.styles and dice.random() < 0.8 else (persona.id,))]


def _question(dice: Random, name: str, personas: list[Persona], earlier: list[Question]) -> Question:
    kind = dice.choices(TYPES, [5, 3, 3, 3, 1])[0]
    low, high = (1.0, float(dice.randint(3, 5))) if kind == "scale" else (1.0, 100.0)
    options = tuple(Option(f"o{a}", {"en": f"O{a}"}) for a in range(dice.randint(2, 5))) if kind in ("single", "multiple") else ()
    logarithmic = dice.random() < 0.5
    size = len(options) or int(high)
    conditions = [question for question in earlier if question.type in ("single", "multiple", "scale")]
    ask_if = {}
    if conditions and dice.random() < 0.3:
        other = dice.choice(conditions)
        ask_if = {other.id: tuple(dice.sample(other.outcomes, dice.randint(1, len(other.outcomes))))}
    pilot = kind != "text" and dice.random() < 0.08
    rows: dict[str, Row] = {persona: _row(dice, kind, size, logarithmic or dice.random() < 0.2) for persona in keys(dice, personas)}
    parent = _parent(dice, earlier) if kind in ("single", "scale") and not pilot else None
    given = (
        {persona: {outcome: _row(dice, kind, size, False) for outcome in parent.outcomes} for persona in keys(dice, personas)}
        if parent
        else {}
    )
    return Question(
        name,
        kind,  # type: ignore[arg-type]
        {"en": name},
        topic=dice.choice([None, None, "t1", "t2"]),
        pilot=pilot,
        seconds=dice.choice([2.0, 5.0, 9.5]),
        options=options,
        minimum=low if kind in ("scale", "number") else None,
        maximum=high if kind in ("scale", "number") else None,
        parent=parent.id if parent else None,
        likelihood={} if pilot or kind == "text" or parent else rows,
        likelihood_given=given,
        no_answer={persona: dice.uniform(0.01, 0.6) for persona in keys(dice, personas)}
        if kind != "text" and dice.random() < 0.4
        else None,
        ask_if=ask_if,
    )


def _parent(dice: Random, earlier: list[Question]) -> Question | None:
    """Return, in some cases, an earlier question of a tree that is still small enough to be enumerated."""
    sizes = {question.id: sum(root_of(other, earlier) == root_of(question, earlier) for other in earlier) for question in earlier}
    fitting = [q for q in earlier if q.type in ("single", "scale") and not q.pilot and sizes[q.id] < 4]
    return dice.choice(fitting) if fitting and dice.random() < 0.4 else None


def root_of(question: Question, questions: list[Question]) -> str:
    """The id of the question at the top of its tree; its own where it stands alone."""
    known = {other.id: other for other in questions}
    while question.parent:
        question = known[question.parent]
    return question.id


def _row(dice: Random, kind: str, size: int, logarithmic: bool) -> Row:
    if kind == "multiple":
        return Shares(tuple(dice.uniform(0.02, 0.98) for _ in range(size)))
    if kind == "number":
        spread = dice.uniform(1.2, 3.0)
        return LogNormal(dice.uniform(3, 60), spread) if logarithmic else Normal(dice.uniform(5, 90), dice.uniform(3, 30))
    return Shares(tuple(_shares(dice, size)))


def _shares(dice: Random, size: int) -> list[float]:
    raw = [dice.uniform(0.05, 1) for _ in range(size)]
    return [share / sum(raw) for share in raw]


def a_random_value(dice: Random, question: Question) -> Any:
    """Return a canonical value, or None for a skip."""
    if dice.random() < 0.2:
        return None
    if question.type == "single":
        return dice.choice(question.outcomes)
    if question.type == "scale":
        return dice.choice(question.points)
    if question.type == "multiple":
        ticked = [option for option in question.outcomes if dice.random() < 0.5]
        seen = [option for option in question.outcomes if option in ticked or dice.random() < 0.6]
        partial = dice.random() < 0.4 and 0 < len(seen) < len(question.outcomes)
        return {"ticked": ticked, "seen": seen} if partial else ticked
    if question.type == "number":
        low, high = sorted(dice.uniform(1, 100) for _ in range(2))
        return dice.choice([low, {"from": low, "to": high}, {"from": low}, {"to": high}])
    return "words"


def some_answers(dice: Random, bank: Bank) -> dict[str, Any]:
    """Return the answers of one random respondent to some of the questions."""
    count = dice.randint(0, len(bank.questions) - 1)
    return {question.id: a_random_value(dice, question) for question in dice.sample(bank.questions, count)}
