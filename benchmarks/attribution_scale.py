"""Attribution of many contacts, Parquet to Parquet: CPU against scikit-learn's own pipeline and DuckDB, and memory as the base grows.

    PYTHONPATH=. .venv/bin/python -P benchmarks/attribution_scale.py                       # 10^6 and 10^7 contacts
    PYTHONPATH=. .venv/bin/python -P benchmarks/attribution_scale.py --sizes 100000

Every way runs in a process of its own, with 20 attributes and five personas; imports are not counted. Ratios hold where times do not. They
are of the first size; with the others only the kernel runs, for its memory.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from adaptive.arrays import Ints
from adaptive.lookalike.fit import fit_attribution
from survey_service.analysis.attribution_apply import read_model, write_model

PERSONAS = ("driver", "family", "saver", "student", "retired")
NUMBERS, DATES, CATEGORIES = 10, 2, 8
RESPONDENTS = 1000
ROWS = 100_000
WAYS = ("kernel", "duckdb", "sklearn")


def contacts(rows: int, seed: int) -> tuple[dict[str, Any], Ints]:
    """Return the attributes of contacts and the persona of each."""
    rng = np.random.default_rng(seed)
    who = rng.integers(0, len(PERSONAS), rows)
    columns: dict[str, Any] = {}
    for n in range(NUMBERS):
        columns[f"n{n}"] = np.where(rng.random(rows) < 0.05, np.nan, np.round(rng.normal(who * (n % 4) * 0.3, 1.0), 3))
    for n in range(DATES):
        columns[f"d{n}"] = np.datetime64("2015-01-01") + (rng.integers(0, 3000, rows) + 100 * who).astype("timedelta64[D]")
    for n in range(CATEGORIES):
        levels = np.array([f"level {level}" for level in range(4 + 6 * n)])
        columns[f"c{n}"] = levels[np.where(rng.random(rows) < 0.3, who % len(levels), rng.integers(0, len(levels), rows))]
    return columns, who


def write_contacts(path: Path, rows: int) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    writer = None
    for first in range(0, rows, ROWS):
        size = min(ROWS, rows - first)
        columns, _ = contacts(size, first + 1)
        table = pa.table(
            {"external_id": pa.array(np.arange(first, first + size)).cast(pa.string())}
            | {name: pa.array(values) for name, values in columns.items()}
        )
        writer = writer or parquet.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def fit_model(path: Path) -> None:
    columns, who = contacts(RESPONDENTS, 0)
    kinds = {name: {"n": "number", "d": "date", "c": "category"}[name[0]] for name in columns}
    write_model(fit_attribution(columns, kinds, np.eye(len(PERSONAS))[who], PERSONAS).model, path)


def run_kernel(model: Path, source: Path, out: Path) -> None:
    from survey_service.analysis.attribution_apply import apply_file

    apply_file(read_model(model), source, out)


def run_duckdb(model: Path, source: Path, out: Path) -> None:
    import duckdb

    from survey_service.analysis.attribution_sql import statement

    database = duckdb.connect()
    database.execute(f"CREATE VIEW contacts AS SELECT * FROM read_parquet('{source}')")
    database.execute(f"COPY ({statement(read_model(model), 'duckdb', 'contacts', 'external_id')}) TO '{out}' (FORMAT parquet)")


def run_sklearn(_model: Path, source: Path, out: Path) -> None:
    """Score with a ColumnTransformer of bins and one-hot codes and a logistic regression, in the same batches."""
    import pandas as pd
    import pyarrow as pa
    from pyarrow import parquet
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder

    def frame(columns: dict[str, Any]) -> Any:
        return pd.DataFrame(
            {name: values.astype("datetime64[D]").astype(np.int64) if name[0] == "d" else values for name, values in columns.items()}
        )

    columns, who = contacts(RESPONDENTS, 0)
    plain = [name for name in columns if name[0] != "c"]
    bins = make_pipeline(SimpleImputer(strategy="median"), KBinsDiscretizer(6, encode="onehot", quantile_method="averaged_inverted_cdf"))
    coded = ColumnTransformer(
        [("bins", bins, plain), ("levels", OneHotEncoder(handle_unknown="ignore"), [name for name in columns if name[0] == "c"])]
    )
    pipeline = make_pipeline(coded, LogisticRegression(C=0.1, max_iter=1000)).fit(frame(columns), who)
    begun = time.process_time()
    writer = None
    for batch in parquet.ParquetFile(source).iter_batches(65_536):
        arrays = {name: batch.column(name).to_numpy(zero_copy_only=False) for name in columns}
        vectors = pipeline.predict_proba(frame(arrays))
        top = vectors.argmax(axis=1)
        table = pa.record_batch(
            [
                batch.column("external_id"),
                *(pa.array(np.ascontiguousarray(column)) for column in vectors.T),
                pa.array(PERSONAS).take(pa.array(top)),
                pa.array(vectors.max(axis=1)),
            ],
            names=["external_id", *PERSONAS, "top", "confidence"],
        )
        writer = writer or parquet.ParquetWriter(out, table.schema)
        writer.write_batch(table)
    if writer is not None:
        writer.close()
    print(json.dumps({"begun": begun}))


def child(way: str, model: Path, source: Path, out: Path) -> None:
    """Run one way and print its CPU seconds, without imports, and the most memory that the process had."""
    for module in {
        "kernel": ("pyarrow.parquet", "pyarrow.csv", "pyarrow.compute"),
        "duckdb": ("duckdb", "survey_service.analysis.attribution_sql"),
    }.get(way, ()):
        import_module(module)
    begun = time.process_time()
    {"kernel": run_kernel, "duckdb": run_duckdb, "sklearn": run_sklearn}[way](model, source, out)
    print(
        json.dumps(
            {
                "cpu": time.process_time() - begun,
                "ended": time.process_time(),
                "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        )
    )


def measure(way: str, model: Path, source: Path, out: Path) -> tuple[float, float]:
    done = subprocess.run(
        [sys.executable, "-P", __file__, "--child", way, str(model), str(source), str(out)], capture_output=True, text=True, check=True
    )
    found: dict[str, float] = {}
    for line in done.stdout.splitlines():
        found |= json.loads(line)
    return (found["ended"] - found["begun"] if "begun" in found else found["cpu"]), found["megabytes"]


def agreement(first: Path, second: Path) -> float:
    """Return the largest difference between the probabilities of two files."""
    from pyarrow import parquet

    names = [f"p_{persona}" for persona in PERSONAS]
    one, other = (parquet.read_table(path, columns=["external_id", *names]).sort_by("external_id") for path in (first, second))
    return max(float(np.abs(one.column(name).to_numpy() - other.column(name).to_numpy()).max()) for name in names)


def rounds(sizes: list[int], folder: Path, ways: list[str]) -> Iterator[tuple[int, str, float, float]]:
    model = folder / "model.json"
    fit_model(model)
    for size in sizes:
        source = folder / f"{size}.parquet"
        write_contacts(source, size)
        for way in ways if size == sizes[0] else ways[:1]:
            yield (size, way, *measure(way, model, source, folder / f"{size}.{way}.parquet"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="*", type=int, default=[1_000_000, 10_000_000])
    parser.add_argument("--ways", nargs="*", default=list(WAYS))
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--child", nargs=4)
    options = parser.parse_args()
    if options.child:
        child(options.child[0], *map(Path, options.child[1:]))
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder, found = Path(name), {}
        print(f"{'contacts':>10}  {'way':<8}{'CPU s':>8}{'MB':>8}")
        for size, way, seconds, megabytes in rounds(options.sizes, folder, options.ways):
            found[size, way] = seconds, megabytes
            print(f"{size:>10}  {way:<8}{seconds:>8.2f}{megabytes:>8.0f}", flush=True)
        first, last = options.sizes[0], options.sizes[-1]
        bounds = {"sklearn": 0.5, "duckdb": 1.0}
        for way in options.ways[1:]:
            print(f"kernel / {way:<8} CPU at {first:<10}{found[first, 'kernel'][0] / found[first, way][0]:6.2f}  <= {bounds[way]}")
        if len(options.sizes) > 1:
            print(f"memory at {last} / {first}    {found[last, 'kernel'][1] / found[first, 'kernel'][1]:6.2f}  <= 1.1")
        if "duckdb" in options.ways:
            apart = agreement(folder / f"{first}.kernel.parquet", folder / f"{first}.duckdb.parquet")
            print(f"kernel and DuckDB differ by at most    {apart:.1e}  <= 1e-12")


if __name__ == "__main__":
    main()
