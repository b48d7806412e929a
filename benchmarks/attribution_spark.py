"""Run the Spark recipe of docs/attribution.md as it is written, on this machine, and compare it with the kernel.

It needs Java and PySpark, which is no dependency of the project: `pip install pyspark` beside it.

    PYTHONPATH=. .venv/bin/python -P benchmarks/attribution_spark.py
"""

import os
import re
import sys
import tempfile
from pathlib import Path

import numpy as np

from adaptive.lookalike.model import score
from benchmarks.attribution_scale import PERSONAS, fit_model, write_contacts
from survey_service.analysis.attribution_apply import columns_of, read_model

CONTACTS = 50_000
DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "attribution.md"


def recipe() -> str:
    """Return the Python block of the document that imports PySpark."""
    return next(
        block for block in re.findall(r"^```python\n(.*?)^```", DOCUMENT.read_text(encoding="utf-8"), re.M | re.S) if "pyspark" in block
    )


def main() -> None:
    try:
        import pyspark
    except ImportError:
        sys.exit("PySpark is not installed: pip install pyspark")
    from pyarrow import parquet

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fit_model(folder / "model.json")
        write_contacts(folder / "contacts.parquet", CONTACTS)
        os.chdir(folder)
        os.environ["PYSPARK_PYTHON"] = sys.executable
        exec(compile(recipe(), "docs/attribution.md", "exec"), {"__name__": "__main__"})
        found = parquet.read_table(folder / "attributed.parquet").sort_by("external_id")
        source = parquet.read_table(folder / "contacts.parquet").sort_by("external_id").combine_chunks()
        model = read_model(folder / "model.json")
        arrays = {column: source.column(column).chunk(0) for column in source.column_names}
        vectors = score(model, columns_of(model, arrays))
        apart = max(np.abs(found.column(f"p_{persona}").to_numpy() - vectors[:, k]).max() for k, persona in enumerate(PERSONAS))
        print(f"PySpark {pyspark.__version__}: {found.num_rows} contacts, kernel and Spark differ by at most {apart:.1e}  <= 1e-12")


if __name__ == "__main__":
    main()
