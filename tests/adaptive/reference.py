"""A reference implementation of the engine: plain loops over personas and outcomes, from the definitions of a bank.

It imports neither `adaptive` nor the compiled form. It is slow, and short enough to be checked against the formulas by eye.
"""

import math
from collections.abc import Mapping
from itertools import pairwise, product
from statistics import NormalDist
from typing import Any

from question_bank.definitions import Bank, LogNormal, Normal, Question, Shares, Survey

FLOOR = 1e-4
Given = Mapping[str, Any]  # question id -> canonical value, None for an explicit silence


def classes(bank: Bank) -> dict[str, tuple[str, float]]:
    """Persona and prior of each class: of each style, or of the persona that has none."""
    found = {}
    for persona in bank.personas:
        for style in persona.styles:
            found[f"{persona.id}/{style.id}"] = persona.id, persona.prior * style.share
        if not persona.styles:
            found[persona.id] = persona.id, persona.prior
    return found


def entry(table: Mapping[str, Any], key: str) -> Any:
    """What a table says of a class: under its own key, or under that of its persona."""
    return table[key] if key in table else table[key.partition("/")[0]]


def chances(bank: Bank, question: Question, persona: str) -> dict[Any, float]:
    """P(outcome | class) of every outcome; None is the silence. Pilots and texts have one outcome: they were answered."""
    if question.pilot:
        return {"answered": 1.0}
    silent = 0.0 if question.no_answer is None else entry(question.no_answer, persona)
    answered = _answer_chances(bank, question, persona)
    table: dict[Any, float] = {outcome: p * (1 - silent) for outcome, p in answered.items()}
    if question.no_answer is not None:
        table[None] = silent
    return table


def _answer_chances(bank: Bank, question: Question, persona: str) -> dict[Any, float]:
    if question.type == "text":
        return {"answered": 1.0}
    row = entry(question.likelihood, persona)
    if question.type == "multiple":
        assert isinstance(row, Shares)
        table = {}
        for ticks in product([False, True], repeat=len(row.values)):
            p = 1.0
            for ticked, chance in zip(ticks, row.values, strict=True):
                p *= chance if ticked else 1 - chance
            table[ticks] = p
        return table
    if question.type == "number":
        return _cells(bank, question, persona)
    assert isinstance(row, Shares)
    return dict(zip(question.outcomes, row.values, strict=True))


def _distribution(question: Question, persona: str) -> tuple[NormalDist, bool]:
    row = entry(question.likelihood, persona)
    if isinstance(row, LogNormal):
        return NormalDist(math.log(row.median), math.log(row.spread)), True
    assert isinstance(row, Normal)
    return NormalDist(row.mean, row.sd), False


def _cdf(question: Question, persona: str, x: float) -> float:
    law, logarithmic = _distribution(question, persona)
    if logarithmic:
        return law.cdf(math.log(x)) if x > 0 else 0.0
    return law.cdf(x)


def between(bank: Bank, question: Question, persona: str, low: float, high: float) -> float:
    """P(low <= number <= high | persona), truncated to the range of the question, with outliers, floored by its share of that length."""
    assert question.minimum is not None
    assert question.maximum is not None
    share = (high - low) / (question.maximum - question.minimum)

    def own(name: str) -> float:
        kept = _cdf(question, name, question.maximum) - _cdf(question, name, question.minimum)
        return (_cdf(question, name, high) - _cdf(question, name, low)) / kept

    return max(_with_outliers(bank, persona, {name: own(name) for name in classes(bank)}, share), FLOOR * share)


def _with_outliers(bank: Bank, persona: str, own: dict[str, float], uniform: float) -> float:
    """An outlier is uniform half of the time, else it is a number of anybody."""
    common = 0.5 * uniform + 0.5 * sum(own.values()) / len(own)
    return (1 - bank.outliers) * own[persona] + bank.outliers * common


def _cells(bank: Bank, question: Question, persona: str) -> dict[Any, float]:
    """Cells between the 10, 30, 50, 70 and 90 % points of every persona."""
    assert question.minimum is not None
    assert question.maximum is not None
    edges = {question.minimum, question.maximum}
    for other in classes(bank):
        law, logarithmic = _distribution(question, other)
        low, high = _cdf(question, other, question.minimum), _cdf(question, other, question.maximum)
        for part in (0.1, 0.3, 0.5, 0.7, 0.9):
            point = law.inv_cdf(low + part * (high - low))
            edges.add(math.exp(point) if logarithmic else point)
    line = sorted(edges)
    cells = {(a, b): between(bank, question, persona, a, b) for a, b in pairwise(line)}
    total = sum(cells.values())
    return {cell: p / total for cell, p in cells.items()}


def likelihood(bank: Bank, question: Question, persona: str, value: Any) -> float:
    """P(what was given | persona)."""
    if value is None:
        return 1.0 if question.no_answer is None or question.pilot else entry(question.no_answer, persona)
    answered = 1.0 if question.no_answer is None or question.pilot else 1 - entry(question.no_answer, persona)
    if question.pilot or question.type == "text":
        return 1.0
    if in_tree(bank, question):
        return answered  # what was said is counted with its tree
    row = entry(question.likelihood, persona)
    if question.type == "multiple":
        assert isinstance(row, Shares)
        ticked, seen = (value["ticked"], value["seen"]) if isinstance(value, dict) else (value, question.outcomes)
        for option, chance in zip(question.outcomes, row.values, strict=True):
            if option in seen:
                answered *= chance if option in ticked else 1 - chance
        return answered
    if question.type == "number":
        return answered * _number(bank, question, persona, value)
    assert isinstance(row, Shares)
    return answered * dict(zip(question.outcomes, row.values, strict=True))[str(value)]


def _number(bank: Bank, question: Question, persona: str, value: Any) -> float:
    assert question.minimum is not None
    assert question.maximum is not None
    if isinstance(value, dict):
        return between(bank, question, persona, value.get("from", question.minimum), value.get("to", question.maximum))

    def own(name: str) -> float:
        law, logarithmic = _distribution(question, name)
        kept = _cdf(question, name, question.maximum) - _cdf(question, name, question.minimum)
        return (law.pdf(math.log(value)) / value if logarithmic else law.pdf(value)) / kept

    uniform = 1 / (question.maximum - question.minimum)
    return max(_with_outliers(bank, persona, {name: own(name) for name in classes(bank)}, uniform), FLOOR * uniform)


def tree_around(bank: Bank, question: Question) -> list[Question]:
    """The questions that depend on one another with this one, itself included; in bank order, so parents come first."""

    def root(question: Question) -> str:
        return question.id if question.parent is None else root(bank.question(question.parent))

    return [other for other in bank.questions if root(other) == root(question)]


def in_tree(bank: Bank, question: Question) -> bool:
    return len(tree_around(bank, question)) > 1


def tree_chance(bank: Bank, tree: list[Question], persona: str, known: Mapping[str, str]) -> float:
    """P(the known answers | persona): every way to fill in the unknown ones, added up."""
    total = 0.0
    free = [[known[question.id]] if question.id in known else list(question.outcomes) for question in tree]
    for filling in product(*free):
        answers = dict(zip([question.id for question in tree], filling, strict=True))
        p = 1.0
        for question in tree:
            row = (
                entry(question.likelihood_given, persona)[answers[question.parent]]
                if question.parent
                else entry(question.likelihood, persona)
            )
            assert isinstance(row, Shares)
            p *= dict(zip(question.outcomes, row.values, strict=True))[answers[question.id]]
        total += p
    return total


def known_answers(bank: Bank, tree: list[Question], given: Given) -> dict[str, str]:
    return {question.id: str(given[question.id]) for question in tree if given.get(question.id) is not None}


def belief(bank: Bank, given: Given) -> dict[str, float]:
    """p(persona | evidence), the classes of a persona added up."""
    believed = class_belief(bank, given)
    return {persona.id: sum(p for key, p in believed.items() if classes(bank)[key][0] == persona.id) for persona in bank.personas}


def class_belief(bank: Bank, given: Given) -> dict[str, float]:
    """p(class | evidence) ∝ prior * product of P(given | persona) ** weight, repeats within a topic at `repeat_weight`.

    All weights are divided by the design effect of n correlated answers, 1 + (n - 1) `answer_correlation`.
    """
    trees = {tree_around(bank, question)[0].id: tree_around(bank, question) for question in bank.questions if in_tree(bank, question)}
    count = sum(is_evidence(bank.question(question_id), value) for question_id, value in given.items())
    discount = 1 + max(count - 1, 0) * bank.answer_correlation
    weights = {}
    for question in bank.questions:
        if question.id in given:
            weights[question.id] = bank.evidence_weight * question.evidence_weight
            if _repeats(bank, question, given):
                weights[question.id] *= bank.repeat_weight
    mass = {}
    for key, (_, prior) in classes(bank).items():
        p = prior
        for question_id, weight in weights.items():
            p *= likelihood(bank, bank.question(question_id), key, given[question_id]) ** (weight / discount)
        for tree in trees.values():
            p *= tree_chance(bank, tree, key, known_answers(bank, tree, given)) ** (bank.evidence_weight / discount)
        mass[key] = p
    total = sum(mass.values())
    return {key: p / total for key, p in mass.items()}


def is_evidence(question: Question, value: Any) -> bool:
    """Whether an answer, or a skip where `value` is None, can say anything about the persona."""
    if question.pilot:
        return False
    return question.no_answer is not None or (value is not None and question.type != "text")


def _repeats(bank: Bank, question: Question, given: Given) -> bool:
    """Whether another given question of the topic comes before: answers before silences, then by the order of the bank."""
    if question.topic is None or in_tree(bank, question):
        return False
    rank = [other.id for other in bank.questions]

    def place(question_id: str) -> tuple[bool, int]:
        return given[question_id] is None, rank.index(question_id)

    rivals = [other.id for other in bank.questions if other.topic == question.topic and other.id in given and other.id != question.id]
    return any(place(rival) < place(question.id) for rival in rivals)


def entropy(shares: list[float]) -> float:
    return -sum(p * math.log2(p) for p in shares if p > 0)


def chances_given(bank: Bank, question: Question, persona: str, given: Given) -> dict[Any, float]:
    """As `chances`, knowing what was answered to the questions that this one depends on."""
    if not in_tree(bank, question):
        return chances(bank, question, persona)
    tree = tree_around(bank, question)
    known = {other: value for other, value in known_answers(bank, tree, given).items() if other != question.id}
    silent = 0.0 if question.no_answer is None else entry(question.no_answer, persona)
    joint = {outcome: tree_chance(bank, tree, persona, {**known, question.id: outcome}) for outcome in question.outcomes}
    table: dict[Any, float] = {outcome: p / sum(joint.values()) * (1 - silent) for outcome, p in joint.items()}
    return table if question.no_answer is None else {**table, None: silent}


def gain(bank: Bank, question: Question, given: Given) -> float:
    """EIG = H(outcome) - sum over personas of belief * H(outcome | persona), in bits, times the weight of the question, at most 1.

    P(outcome | persona) is the sum over its styles of p(style | persona, evidence) * P(outcome | style).
    """
    styled, believed = class_belief(bank, given), belief(bank, given)
    tables = {key: chances_given(bank, question, key, given) for key in styled}
    outcomes = list(next(iter(tables.values())))
    by_persona = {
        persona: [sum(styled[key] / p * tables[key][o] for key in styled if classes(bank)[key][0] == persona) for o in outcomes]
        for persona, p in believed.items()
    }
    expected = [sum(p * by_persona[persona][place] for persona, p in believed.items()) for place in range(len(outcomes))]
    bits = entropy(expected) - sum(p * entropy(by_persona[persona]) for persona, p in believed.items())
    return min(question.evidence_weight, 1) * bits


def repeated(bank: Bank, question: Question, given: Given) -> float:
    """The share that counts of what a question adds: the repeat weight where its topic has an answer, which trees do not need."""
    answered = [other for other, value in given.items() if value is not None and other != question.id]
    repeats = question.topic is not None and question.topic in [bank.question(other).topic for other in answered]
    return bank.repeat_weight if repeats and not in_tree(bank, question) else 1.0


def open_questions(bank: Bank, survey: Survey, given: Given) -> list[Question]:
    """Questions that may be asked now, in bank order."""
    found = []
    for question in bank.questions:
        met = True
        for other, wanted in question.ask_if.items():
            value = given.get(other)
            ticked = value["ticked"] if isinstance(value, dict) else value if isinstance(value, list) else [str(value)]
            met = met and value is not None and bool(set(ticked) & set(wanted))
        if question.id in survey.questions and question.id not in given and met:
            found.append(question)
    return found


def utility(bank: Bank, survey: Survey, mass: Mapping[str, float]) -> float:
    """max p - .2 H(p) over the personas, and .05 where the survey is sure enough, times the total mass of the classes."""
    total = sum(mass.values())
    personas = [sum(p for key, p in mass.items() if classes(bank)[key][0] == persona.id) / total for persona in bank.personas]
    sure = survey.stop.confidence is not None and max(personas) >= survey.stop.confidence
    return total * (max(personas) - 0.2 * entropy(personas) + 0.05 * sure)


def branches(bank: Bank, question: Question, mass: Mapping[str, float], given: Given) -> dict[Any, dict[str, float]]:
    """The mass of each class after each outcome of a question."""
    tables = {key: chances_given(bank, question, key, given) for key in mass}
    return {outcome: {key: p * tables[key][outcome] for key, p in mass.items()} for outcome in next(iter(tables.values()))}


def added(bank: Bank, survey: Survey, question: Question, mass: Mapping[str, float], given: Given) -> float:
    reached = sum(utility(bank, survey, after) for after in branches(bank, question, mass, given).values())
    return repeated(bank, question, given) * min(question.evidence_weight, 1) * max(reached - utility(bank, survey, mass), 0.0)


def last_one(bank: Bank, survey: Survey, question: Question, given: Given) -> float:
    return added(bank, survey, question, class_belief(bank, given), given)


def last_two(bank: Bank, survey: Survey, first: Question, given: Given) -> float:
    """The utility that the best pair beginning with `first` adds; trees stay as the answers so far left them."""
    mass = class_belief(bank, given)
    alone, later = -utility(bank, survey, mass), 0.0
    for outcome, after in branches(bank, first, mass, given).items():
        best = max(
            (added(bank, survey, second, after, given) for second in seconds_of_a_pair(bank, survey, first, outcome, given)), default=0.0
        )
        alone += utility(bank, survey, after)
        later += best if best > 1e-9 else 0.0
    return max(repeated(bank, first, given) * min(first.evidence_weight, 1) * alone + later, 0.0)


def seconds_of_a_pair(bank: Bank, survey: Survey, first: Question, outcome: Any, given: Given) -> list[Question]:
    """What may follow an outcome of `first`: other questions of other topics, open now or opened by this outcome alone."""
    found = open_questions(bank, survey, given)
    for question in bank.questions:
        is_opened = list(question.ask_if) == [first.id] and outcome is not None and not first.pilot
        if is_opened and question.id in survey.questions and question.id not in given:
            named = [o for o, ticked in zip(first.outcomes, outcome, strict=True) if ticked] if first.type == "multiple" else [str(outcome)]
            if set(named) & set(question.ask_if[first.id]):
                found.append(question)
    return [q for q in found if q.id != first.id and (q.topic is None or q.topic != first.topic)]


def choice(bank: Bank, survey: Survey, given: Given, left: int = 1000) -> str | None:
    """The next question of a survey without stop rules: `first`, then untouched topics, then repeats, by gain per effort, and by what
    they add to the utility where only one or two questions are `left`.
    """
    asking = open_questions(bank, survey, given)
    for question_id in survey.first:
        if question_id in [question.id for question in asking]:
            return question_id
    gains = {question.id: repeated(bank, question, given) * gain(bank, question, given) for question in asking}
    worth = [question for question in asking if gains[question.id] > 1e-12]
    touched = {bank.question(question_id).topic for question_id in given} - {None}
    pool = [question for question in worth if question.topic not in touched] or worth
    best, best_score = None, 0.0
    for question in pool:
        score = gains[question.id] / (question.seconds + 2) ** survey.effort
        if left <= 2:
            score = last_one(bank, survey, question, given) if left == 1 else last_two(bank, survey, question, given)
        if best is None or score > best_score * (1 + 1e-9):
            best, best_score = question.id, score
    return best
