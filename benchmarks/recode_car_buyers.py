"""Write the published questionnaires of car buyers under the ids of the example bank: the file that ships with it.

    python benchmarks/recode_car_buyers.py auto.csv

`auto.csv` is the data set `auto` of the R package flexclust, as CSV with an empty cell for each missing answer. The same file gives the
same answers; `question_bank/examples/README.md` names the source.
"""

import csv
import sys
from pathlib import Path

from question_bank.answer_values import Value
from question_bank.datasets.answer_table import read_answers
from question_bank.datasets.column_map import read_column_map
from question_bank.definitions import Bank, Question
from question_bank.files.load import read_bank

EXAMPLES = Path(__file__).resolve().parent.parent / "question_bank" / "examples"
SHIPPED = EXAMPLES / "car-buyers.answers.csv"
COLUMNS = EXAMPLES / "car-buyers-published.columns.yaml"


def recode(text: str, bank: Bank) -> list[list[str]]:
    """Return the lines of the shipped file, the header first: one column per question, one per option of a multiple question."""
    answers = read_answers(text, bank, "auto.csv", read_column_map(COLUMNS.read_text(), COLUMNS.name))
    columns = [column for question in bank.questions for column in columns_of(question)]
    header = [question.id if option is None else f"{question.id}.{option}" for question, option in columns]
    return [header, *([cell(option, row.get(question.id)) for question, option in columns] for row in answers.rows)]


def columns_of(question: Question) -> list[tuple[Question, str | None]]:
    return [(question, option.id) for option in question.options] if question.type == "multiple" else [(question, None)]


def cell(option: str | None, value: Value | None) -> str:
    """An empty cell is a missing answer; a box is 1 where it is ticked."""
    if value is None:
        return ""
    if option is None:
        return str(value)
    if isinstance(value, dict):
        return str(int(option in value["ticked"])) if option in value["seen"] else ""
    return str(int(option in value))  # type: ignore[operator]


def main(published: str) -> None:
    bank = read_bank((EXAMPLES / "car-buyers.yaml").read_text(), "car-buyers.yaml")
    lines = recode(Path(published).read_text(), bank)
    with SHIPPED.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(lines)
    print(f"{SHIPPED.name}: {len(lines) - 1} respondents, {len(lines[0])} columns")


if __name__ == "__main__":
    main(sys.argv[1])
