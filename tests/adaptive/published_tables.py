"""Frequency tables from the literature on latent classes, by pattern of answers: one digit per item, 0 for its first level.

They are the examples of the manual of the R package poLCA (Linzer and Lewis, 2011), which gives the maximum log-likelihoods.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class FrequencyTable:
    """How many respondents gave each pattern of answers; `levels` is the number of answers of each item."""

    levels: tuple[int, ...]
    counts: dict[str, int]

    @property
    def codes(self) -> np.ndarray:
        """(N, J) one row per respondent."""
        return np.array([[int(level) for level in pattern] for pattern, count in self.counts.items() for _ in range(count)])


# Seven pathologists (A to G) judge 118 slides: no carcinoma, carcinoma.
# A. Agresti, Categorical Data Analysis, 2nd edition, Wiley 2002, table 13.1, p. 542.
CARCINOMA = FrequencyTable(
    (2,) * 7,
    {
        "0000000": 34, "0000100": 2, "0100000": 6, "0100001": 1, "0100100": 4, "0100101": 5, "1000000": 2,
        "1010101": 1, "1100000": 2, "1100001": 1, "1100100": 2, "1100101": 7, "1100111": 1, "1101001": 1,
        "1101101": 2, "1101111": 3, "1110101": 13, "1110111": 5, "1111101": 10, "1111111": 16,
    },
)  # fmt: skip

# 319 undergraduates: lied to avoid an exam, lied to avoid a paper, bought a paper or an exam, copied in an exam; no, yes.
# C. M. Dayton, Latent Class Scaling Analysis, Sage 1998, pp. 33 and 85.
CHEATING = FrequencyTable(
    (2,) * 4,
    {
        "0000": 207, "0001": 46, "0010": 7, "0011": 5, "0100": 13, "0101": 4, "0110": 1, "0111": 2,
        "1000": 10, "1001": 3, "1010": 1, "1011": 2, "1100": 11, "1101": 4, "1110": 1, "1111": 2,
    },
)  # fmt: skip

# 1202 white respondents of the General Social Survey of 1982, on surveys: purpose (good, depends, waste of time), accuracy (mostly true,
# not true), understanding (good, fair or poor), cooperation (interested, cooperative, impatient or hostile).
# A. L. McCutcheon, Latent Class Analysis, Sage 1987, table 3.1, p. 30.
SURVEY_ATTITUDES = FrequencyTable(
    (3, 2, 2, 3),
    {
        "0000": 419, "0001": 35, "0002": 2, "0010": 71, "0011": 25, "0012": 5, "0100": 270, "0101": 25, "0102": 4, "0110": 42,
        "0111": 16, "0112": 5, "1000": 23, "1001": 4, "1002": 1, "1010": 6, "1011": 2, "1100": 43, "1101": 9, "1102": 2, "1110": 9,
        "1111": 3, "1112": 2, "2000": 26, "2001": 3, "2010": 1, "2011": 2, "2100": 85, "2101": 23, "2102": 6, "2110": 13, "2111": 12,
        "2112": 8,
    },
)  # fmt: skip

# 216 respondents in four situations of role conflict: particularistic, universalistic values.
# S. A. Stouffer and J. Toby, Role conflict and personality, American Journal of Sociology 56 (1951), 395-406;
# L. A. Goodman, Biometrika 61 (1974), 215-231.
ROLE_CONFLICT = FrequencyTable(
    (2,) * 4,
    {
        "0000": 20, "0001": 2, "0010": 9, "0011": 2, "0100": 6, "0101": 1, "0110": 4, "0111": 1,
        "1000": 38, "1001": 7, "1010": 24, "1011": 6, "1100": 25, "1101": 6, "1110": 23, "1111": 42,
    },
)  # fmt: skip
