"""How long a fit takes at size: many respondents with few questions, and few respondents with many columns.

    PYTHONPATH=. python -P benchmarks/fit_size.py [--personas 6]

The answers are drawn from a made world in which one question in three depends on another. Latent classes and labels are fitted, as
`discern fit --personas 6` and `discern fit --label persona` do it. Beside each time stands that of scikit-learn's logistic regression on
the same answers with the same labels, in the same run, and the most memory of the process so far.
"""

import argparse
import resource
from time import perf_counter

import numpy as np
from sklearn.linear_model import LogisticRegression

from adaptive.arrays import Ints
from adaptive.learning.fit import fit_with_classes, fit_with_labels
from adaptive.learning.responses import Answers

SIZES = ((50_000, 16), (240, 300))
OPTIONS = 4
MISSING_SHARE = 0.05


def draw(people: int, questions: int, personas: int) -> tuple[Answers, Ints]:
    """Draw the answers of `people` to `questions`, and their personas."""
    rng = np.random.default_rng(5)
    who = rng.integers(0, personas, people)
    codes = np.empty((people, questions), dtype=np.int64)
    for q in range(questions):
        upto = rng.dirichlet(np.ones(OPTIONS) * 2, size=personas)[who].cumsum(axis=1)
        codes[:, q] = (rng.random((people, 1)) > upto[:, :-1]).sum(axis=1)
        if q % 3 == 2:  # half of the people answer as they answered before
            codes[:, q] = np.where(rng.random(people) < 0.5, codes[:, q - 1], codes[:, q])
    codes[rng.random(codes.shape) < MISSING_SHARE] = -1
    return Answers.of(codes, [OPTIONS] * questions), who


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--personas", type=int, default=6)
    personas = parser.parse_args().personas
    for people, questions in SIZES:
        answers, who = draw(people, questions, personas)
        start = perf_counter()
        LogisticRegression(max_iter=200).fit(answers.hot, who)
        rival = perf_counter() - start
        for name, fit in (
            ("labels", lambda answers=answers, who=who: fit_with_labels(answers, who, np.random.default_rng(1))),
            ("latent classes", lambda answers=answers: fit_with_classes(answers, personas, np.random.default_rng(1))),
        ):
            start = perf_counter()
            found = fit()
            seconds, memory = perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(
                f"{people:>7} x {questions:<4} {name:<15}{seconds:>7.1f} s, {seconds / rival:>6.1f} times logistic regression, "
                f"{memory:.0f} MB, {len(found.dependences.parents)} dependences",
                flush=True,
            )


if __name__ == "__main__":
    main()
