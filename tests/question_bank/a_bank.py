"""A small bank in which nothing is wrong, to be changed at one place by each test."""

import json
from copy import deepcopy
from typing import Any

from question_bank.files.load import Problem, Report, check_bank

ABSENT = object()

GOOD: dict[str, Any] = {
    "bank": "cars",
    "title": {"en": "Cars", "fr": "Voitures"},
    "languages": ["en", "fr"],
    "personas": [
        {"id": "driver", "name": "The driver", "prior": 0.3},
        {"id": "family", "name": {"en": "The family"}, "prior": 0.7},
    ],
    "questions": [
        {
            "id": "owns",
            "type": "single",
            "text": "Do you own one?",
            "options": [{"id": "yes", "text": "Yes"}, {"id": "no", "text": "No"}],
            "likelihood": {"driver": [0.9, 0.1], "family": {"yes": 0.5, "no": 0.5}},
        },
        {
            "id": "reasons",
            "type": "multiple",
            "text": "Why?",
            "topic": "choice",
            "options": [{"id": "safety", "text": "Safe"}, {"id": "power", "text": "Fast"}],
            "likelihood": {"driver": {"counts": [1, 9], "of": 10}, "family": {"safety": "++"}},
            "no_answer": {"driver": 0.1, "family": 0.2},
            "ask_if": {"owns": ["yes"]},
        },
        {
            "id": "happy",
            "type": "scale",
            "text": "Happy?",
            "min": 1,
            "max": 3,
            "labels": {"1": "No"},
            "parent": "owns",
            "likelihood": {
                "driver": {"yes": [0.2, 0.3, 0.5], "no": {"mean": 2, "sd": 1}},
                "family": {"yes": ["--", 0, "++"], "no": {"counts": [1, 2, 3]}},
            },
        },
        {
            "id": "age",
            "type": "number",
            "text": "Age?",
            "min": 18,
            "likelihood": {"driver": {"mean": 30, "sd": 9}, "family": {"median": 40, "spread": 1.3}},
        },
        {"id": "more", "type": "text", "text": "Anything else?", "required": True},
        {
            "id": "colour",
            "type": "single",
            "text": "?",
            "pilot": True,
            "options": [{"id": "red", "text": "R"}, {"id": "blue", "text": "B"}],
        },
    ],
    "signals": [{"id": "brochure", "match": {"event": "Seen"}, "likelihood": {"driver": 0.1, "family": 0.4}}],
    "surveys": [
        {
            "id": "after",
            "title": "After",
            "questions": "all",
            "objective": "value",
            "actions": {"call": {"driver": -5, "family": 40}},
            "stop": {"confidence": 0.9, "at_most": 6},
            "first": ["owns"],
            "consent": {"text": "Fine?"},
            "origins": ["https://shop.example"],
            "result": {"default": {"text": "Thanks"}, "driver": {"redirect": "https://shop.example/d"}},
        }
    ],
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """The good bank with one value replaced, added, or (ABSENT) removed."""
    bank: Any = deepcopy(GOOD)
    *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    place = bank
    for step in way:
        place = place[step] if isinstance(place, list) else place[str(step)]
    key = last if isinstance(place, list) else str(last)
    if value is ABSENT:
        del place[key]
    elif isinstance(place, list) and key == len(place):
        place.append(value)
    else:
        place[key] = value
    return dict(bank)


def report_of(bank: Any) -> Report:
    return check_bank(json.dumps(bank), "cars.json")


def only_error_after(path: str, value: Any) -> Problem:
    """The only error of the good bank after one change: followers of the same mistake are noise."""
    report = report_of(changed(path, value))
    assert report.bank is None
    (problem,) = report.errors
    return problem
