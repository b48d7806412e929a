"""What would follow: the futures of a respondent, one for each outcome of the question that is asked now."""

from typing import Any

import numpy as np

from adaptive.forest import NOT_GIVEN
from adaptive.likelihood import Bools, Floats
from adaptive.posterior import Evidence
from adaptive.stopping import Progress
from adaptive.tables import Integers, ResponseTables


def suppose(
    tables: ResponseTables, evidence: Evidence, progress: Progress, question: int, rows: Floats, opens: Bools
) -> tuple[Evidence, Progress]:
    """The futures of one respondent (B = 1) in which `question` gets each of its outcomes, the last being no answer.

    `rows` is (A + 1, K) and `opens` is (A + 1, Q), one line an outcome. The time the question will take is its expected effort.
    """
    futures = len(rows)

    def repeated(one: Bools | Floats | Integers) -> Any:
        return np.repeat(one, futures, axis=0)

    answered, silent, done = repeated(evidence.answered), repeated(evidence.silent), repeated(progress.done)
    answered[:-1, question], answered[-1, question] = True, False
    silent[:-1, question], silent[-1, question] = False, True
    done[:, question] = True
    codes = repeated(evidence.codes)
    codes[:, question] = np.append(np.arange(futures - 1), NOT_GIVEN)
    taken, spent = repeated(progress.taken) + 1, repeated(progress.spent) + tables.seconds[question]
    then = Progress(done, opens, taken, spent, repeated(progress.limit))
    return Evidence(answered, silent, evidence.rows, codes, repeated(evidence.signals), (question, rows)), then
