"""Which outcomes open a conditional question, as arrays."""

import numpy as np

from adaptive.evaluation.simulate import Conditions
from question_bank.compiling import CompiledBank


def conditions_of(bank: CompiledBank) -> Conditions:
    """Mask over the outcomes of each question that an `ask_if` names, by the position of both questions."""
    return {
        q: {
            bank.index[other]: np.array([outcome in wanted for outcome in bank.bank.question(other).outcomes])
            for other, wanted in question.ask_if.items()
        }
        for q, question in enumerate(bank.bank.questions)
        if question.ask_if
    }
