"""The answers that ship with the example bank are the published ones."""

import csv

from benchmarks.recode_car_buyers import recode
from question_bank.files.load import read_bank
from tests.real_answers import CAR_BUYERS, shared_file

BANK = read_bank(CAR_BUYERS.with_name("car-buyers.yaml").read_text(), "car-buyers.yaml")


def test_the_shipped_answers_are_the_published_ones_under_our_ids():
    """Line by line; no other column of the published file is in it."""
    with CAR_BUYERS.open(newline="") as file:
        shipped = list(csv.reader(file))

    assert shipped == recode(shared_file("auto.csv").read_text(), BANK)


def test_every_column_of_the_shipped_answers_is_a_question_or_an_option():
    """All sixteen questions have one."""
    header = CAR_BUYERS.read_text().split("\n", 1)[0].split(",")

    assert set(header) == {
        f"{question.id}.{option.id}" if question.type == "multiple" else question.id
        for question in BANK.questions
        for option in (question.options if question.type == "multiple" else [None])
    }
