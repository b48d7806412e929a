"""The starter banks that are shipped, one YAML file each."""

import re
from pathlib import Path

FOLDER = Path(__file__).parent
BANK_LINE = re.compile(r"^bank: .*$", re.MULTILINE)


def starter_names() -> list[str]:
    """Return the names of the starter banks, in order."""
    return sorted(file.stem for file in FOLDER.glob("*.yaml"))


def starter_text(name: str, bank: str) -> str:
    """Return the text of a starter with the id `bank` instead of its own. Raises KeyError for an unknown name."""
    if name not in starter_names():
        raise KeyError(name)
    text = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    return BANK_LINE.sub(f"bank: {bank}", text, count=1)
