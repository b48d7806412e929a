"""A file of answers with two personas and one question that repeats another."""

import csv
import io

import numpy as np

WORDS = (("no", "yes"), ("1", "2", "3"), ("deep red", "Blue!", ""))


def planted(respondents: int = 300, seed: int = 1) -> str:
    """CSV: columns Q.0 to Q.8 of three kinds, the last one repeating the first nine times out of ten, and the label `Who?`."""
    rng = np.random.default_rng(seed)
    who = rng.integers(0, 2, respondents)
    chance = np.where(who[:, None] == 1, 0.8, 0.25)
    codes = (rng.random((respondents, 9)) < chance).astype(int)
    codes[:, 8] = np.where(rng.random(respondents) < 0.9, codes[:, 0], 1 - codes[:, 0])
    codes[:, 4] += codes[:, 4] * (rng.random(respondents) < 0.5)
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow([*(f"Q.{q}" for q in range(9)), "Who?"])
    for n in range(respondents):
        cells = [WORDS[q % 3][codes[n, q]] if rng.random() > 0.1 else "" for q in range(9)]
        table.writerow([*cells, ("Tall ones", "Smäll ones")[who[n]]])
    return text.getvalue()
