"""Is what is installed what the lock files say, file by file; and is a weakness known of what we ship?

.venv/bin/python requirements/audit.py

Says which of the two it could do. It fails where something differs or a weakness is known, and not where nobody can be asked.
"""

import base64
import csv
import hashlib
import io
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path

HERE = Path(__file__).resolve().parent
LOCKS = ("dev.txt", "build.txt", "uv.txt")
SHIPPED = HERE / "analysis.txt"
OWN = {"discern-survey"}
WITH_EVERY_VENV = {"pip", "setuptools"}
PATIENCE = 180


def plain(name: str) -> str:
    """A name as all its spellings are compared.

    >>> plain("Flask_SQLAlchemy.x")
    'flask-sqlalchemy-x'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(text: str) -> dict[str, str]:
    """The version of each package of a lock file. Raises ValueError for one that has no hash."""
    found = {}
    for entry in re.split(r"\n(?=\S)", text.replace("\\\n", " ")):
        if read := re.match(r"([A-Za-z0-9._-]+)==(\S+)", entry):
            if "--hash=sha256:" not in entry:
                raise ValueError(f"{read[1]} has no hash in the lock")
            found[plain(read[1])] = read[2]
    return found


def differences(wanted: Mapping[str, str], present: Mapping[str, str]) -> Iterator[str]:
    """Every package that is not the locked one, or in no lock at all."""
    for name, version in sorted(present.items()):
        if name in wanted and wanted[name] != version:
            yield f"{name} is {version}, and {wanted[name]} in the lock: make clean, and install again"
        elif name not in wanted and name not in OWN | WITH_EVERY_VENV:
            yield f"{name} {version} is in no lock file: make clean, and install again"
    for name in sorted(wanted.keys() - present.keys()):
        yield f"{name} {wanted[name]} is in the lock, and is not installed: run requirements/install.sh dev"


def altered(distribution: Distribution) -> Iterator[str]:
    """The files of a package that are not as they were when it was installed."""
    for file, digest, _size in csv.reader(io.StringIO(distribution.read_text("RECORD") or "")):
        kind, _, expected = digest.partition("=")
        if not expected:
            continue
        place = Path(str(distribution.locate_file(file)))
        if not place.is_file():
            yield f"{distribution.name}: {file} is missing"
        elif base64.urlsafe_b64encode(hashlib.new(kind, place.read_bytes()).digest()).rstrip(b"=").decode() != expected:
            yield f"{distribution.name}: {file} has been changed"


@dataclass(frozen=True)
class Advice:
    """What the index of advisories said: of how many packages it knew anything at all, and which weaknesses."""

    asked: int
    weaknesses: tuple[str, ...]


def advice_of(printed: str) -> Advice | None:
    """What pip-audit printed; None where that is no answer."""
    try:
        told = json.loads(printed)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return None
    known = [told_item for told_item in told if "vulns" in told_item]
    found = (
        f"{known_item['name']} {known_item['version']}: {weakness['id']}{_mended(weakness)}"
        for known_item in known
        for weakness in known_item["vulns"]
    )
    return Advice(len(known), tuple(found))


def _mended(weakness: Mapping[str, list[str]]) -> str:
    versions = weakness.get("fix_versions") or []
    return f", mended in {', '.join(versions)}: make lock UPGRADE=--upgrade" if versions else ", not mended yet"


def ask() -> Advice | None:
    """None where nobody could be asked."""
    options = ("--require-hashes", "--disable-pip", "--progress-spinner", "off", "--timeout", "10", "--format", "json")
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(SHIPPED), *options]
    try:
        return advice_of(subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False).stdout)
    except subprocess.TimeoutExpired:
        return None


def report(advice: Advice | None) -> Iterable[str]:
    """What became of asking, honestly: a package that the index does not know was not asked for."""
    if advice is None:
        return ("advisories: not asked for, the index cannot be reached from here",)
    if not advice.asked:
        return ("advisories: not asked for, the index that is reached from here has none",)
    return (f"advisories: {advice.asked} packages asked for, {len(advice.weaknesses)} weaknesses known", *advice.weaknesses)


def main() -> int:
    wanted: dict[str, str] = {}
    for lock in LOCKS:
        wanted |= locked((HERE / lock).read_text())
    present = {plain(distribution.name): distribution for distribution in distributions()}
    problems = list(differences(wanted, {name: item.version for name, item in present.items()}))
    problems += [problem for name, item in sorted(present.items()) if name in wanted for problem in altered(item)]
    print(f"lock: {len(present.keys() & wanted.keys())} packages with all their files, {len(problems)} differences")
    advice = ask()
    for line in (*problems, *report(advice)):
        print(line)
    return 1 if problems or (advice is not None and advice.weaknesses) else 0


if __name__ == "__main__":
    sys.exit(main())
