"""Made people: four personas, each of whose people answer twenty questions in one way or in two."""

import csv
import io

import numpy as np

PERSONAS, QUESTIONS, OPTIONS = 4, 20, 3


def answers(styles: int, respondents: int, seed: int) -> str:
    """CSV of the columns q0 to q19 and the label `who`. Other seeds give other people of the same world."""
    tables = np.random.default_rng(7).dirichlet(np.full(OPTIONS, 0.9), size=(QUESTIONS, PERSONAS, 2))
    rng = np.random.default_rng(seed)
    who, style = rng.integers(0, PERSONAS, respondents), rng.integers(0, styles, respondents)
    below = tables[:, who, style].cumsum(axis=2)  # (questions, respondents, options)
    given = (rng.random((QUESTIONS, respondents, 1)) > below[:, :, :-1]).sum(axis=2)
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow([*(f"q{q}" for q in range(QUESTIONS)), "who"])
    table.writerows([*("abc"[code] for code in given[:, n]), f"Persona {who[n]}"] for n in range(respondents))
    return text.getvalue()
