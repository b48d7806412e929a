"""The command `discern check`."""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from survey_service.cli.terminal import published_surveys

if TYPE_CHECKING:
    from question_bank.files.load import Report

State = list[tuple[int, int, int] | None]
EVERY = 0.3
"""Seconds between two looks at watched files. Looking works on network drives and in containers, where notifications are lost."""


@click.command()
@click.argument("banks", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--watch", is_flag=True, help="Check again whenever a file is saved, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def check(banks: tuple[Path, ...], watch: bool, as_json: bool) -> None:
    """Report every problem of bank files at once, and survey ids that two of them share or that another bank in the database has."""
    before = _state_of(banks)  # what is saved while the check runs is a change
    report = _check(banks)
    _print(report, as_json)
    try:
        for _ in _changes(banks, before) if watch else ():
            report = _check(banks)
            click.echo(f"\n{time.strftime('%H:%M:%S')} {', '.join(bank.name for bank in banks)}", err=True)
            _print(report, as_json)
    except KeyboardInterrupt:
        pass
    sys.exit(1 if report.errors else 0)


def _check(banks: Sequence[Path]) -> "Report":
    from question_bank.files.load import check_together

    return check_together([(bank.name, bank.read_bytes()) for bank in banks], published_surveys())


def _print(report: "Report", as_json: bool) -> None:
    from question_bank.files.problems import count_of

    if as_json:
        found = {kind: [_finding(item) for item in getattr(report, kind)] for kind in ("errors", "warnings")}
        click.echo(json.dumps(found, ensure_ascii=False))
    for error in (*report.errors, *report.warnings):
        click.echo(f"{'' if error in report.errors else 'warning: '}{error}", err=as_json)
    click.echo(f"{count_of(len(report.errors), 'problem')}, {count_of(len(report.warnings), 'warning')}", err=True)


def _changes(files: Sequence[Path], before: State) -> Iterator[None]:
    """Yield whenever one of the files has changed since `before`, but not while one is missing: editors replace files."""
    while True:
        time.sleep(EVERY)
        after = _state_of(files)
        if None not in after and after != before:
            before = after
            yield


def _state_of(files: Sequence[Path]) -> State:
    """Return what changes with each saving of a file, None for one that is missing."""
    return [_state(file) for file in files]


def _state(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _finding(item: Any) -> dict[str, Any]:
    return {"file": item.file, "line": item.line, "where": item.where, "wrong": item.wrong, "todo": item.todo, "path": item.path}
