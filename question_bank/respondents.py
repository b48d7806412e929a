"""The answers of a file as arrays, to be replayed."""

from collections.abc import Mapping, Sequence

import numpy as np

from adaptive.evaluation.replay import Respondents
from adaptive.posterior import Evidence
from question_bank.answer_files import AnswerTable
from question_bank.answers import Value
from question_bank.compiling import CompiledBank, Given


def respondents_of(bank: CompiledBank, table: AnswerTable) -> Respondents:
    """N respondents with everything they gave; conditions are met by their own answers. Equal answers are computed once.

    What is missing of the table's `silent` questions is a silence where the question was open to the respondent.
    """
    evidence = Evidence.none(bank.tables, len(table.rows))
    known: dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]] = {}
    for n, row in enumerate(table.rows):
        for question, value in row.items():
            q, name = bank.index[question], f"{question}\0{value!r}"
            if name not in known:
                known[name] = bank.row(Given(question, value))
            evidence.answered[n, q] = True
            evidence.rows[n, q] = known[name]
            evidence.codes[n, q] = bank.code(Given(question, value))
    opens = _opens(bank, table.rows)
    for question in table.silent:
        q = bank.index[question]
        evidence.silent[:, q] = opens[:, q] & ~evidence.answered[:, q]
        evidence.rows[evidence.silent[:, q], q] = bank.row(Given(question))
    label = None
    if table.labels is not None:
        label = np.array([bank.personas.index(persona) for persona in table.labels])
    return Respondents(evidence, opens, label)


def _opens(bank: CompiledBank, rows: Sequence[Mapping[str, Value]]) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    if not any(question.ask_if for question in bank.bank.questions):
        return np.ones((len(rows), len(bank.index)), dtype=bool)
    return np.array([bank.opens(Given(question, value) for question, value in row.items()) for row in rows])
