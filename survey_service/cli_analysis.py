"""The commands that measure: simulate, replay, refit."""

import json
from pathlib import Path
from typing import Any

import click

from survey_service.terminal import READABLE, REPORT, WRITABLE, bank_of, refuse, settings_of_environment, store_of


@click.command()
@click.argument("bank", type=READABLE)
@click.option("--survey", help="Which survey of the bank; may be left out where there is only one.")
@click.option("--respondents", default=2000, show_default=True, type=click.IntRange(1, 1_000_000))
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0))
@click.option(
    "--skip",
    default=0.0,
    show_default=True,
    type=click.FloatRange(0, 1, max_open=True),
    help="Chance that a question without no_answer is skipped.",
)
@click.option(
    "--drop-out",
    type=click.FloatRange(0, 1, max_open=True),
    help="Chance of leaving before each further question; default as the survey's drop_out says, else nobody leaves.",
)
@REPORT
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def simulate(bank: Path, report: Path | None, as_json: bool, **wanted: Any) -> None:
    """Let respondents drawn from a bank take one of its surveys: how long will it be, how often right?"""
    from survey_service.simulating import Wish, figures, simulate_survey, told

    try:
        done = simulate_survey(bank_of(bank), Wish(**wanted))
        if report is not None:
            from survey_service.reports.simulated import report_simulation

            report_simulation(done, report)
    except ValueError as wrong:
        refuse(str(wrong))
    found = figures(done)
    click.echo(json.dumps(found) if as_json else told(found))


@click.command()
@click.argument("bank", type=READABLE)
@click.option("--answers", required=True, type=READABLE, help="CSV of real answers.")
@click.option("--columns", type=READABLE, help="Column map; default BANK.columns.yaml.")
@click.option("--survey", help="Questions of this survey only; default the whole bank.")
@click.option("--label", metavar="COLUMN", help="Column with the true persona; default the belief after all answers.")
@click.option("--orders", default="adaptive,fixed,random", show_default=True)
@click.option("--steps", default="1,2,3,4,5,6,8,10", show_default=True, help="Numbers of questions to measure at.")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0))
@click.option(
    "--stop",
    metavar="CONFIDENCE",
    type=click.FloatRange(0, 1, min_open=True),
    help="Stop at this confidence, not as the survey says.",
)
@REPORT
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def replay(bank: Path, answers: Path, columns: Path | None, report: Path | None, as_json: bool, **wanted: Any) -> None:
    """Run real respondents from a file through the engine and measure how soon it knows them."""
    from survey_service.replaying import Wish, figures, replay_file, told

    beside = bank.with_suffix(".columns.yaml")
    wish = Wish(**wanted | {name: tuple(wanted[name].split(",")) for name in ("orders", "steps")})
    try:
        done = replay_file(bank_of(bank), answers, columns or (beside if beside.exists() else None), wish)
        if report is not None:
            from survey_service.reports.replayed import report_replay

            report_replay(done, answers.name, report)
    except ValueError as wrong:
        refuse(str(wrong))
    found = figures(done)
    click.echo(json.dumps(found) if as_json else told(found))


@click.command()
@click.argument("survey")
@click.option("--out", type=WRITABLE, help="The draft; default BANK.draft.yaml.")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0))
@REPORT
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def refit(survey: str, out: Path | None, seed: int, report: Path | None, as_json: bool) -> None:
    """Let the stored answers teach the published bank of a survey; writes a draft, publishes nothing."""
    from survey_service.refitting import comparison, refit_survey, told, write_draft
    from survey_service.store.banks import Banks

    with store_of(settings_of_environment()) as store, store.reading() as session:
        try:
            done = refit_survey(session, Banks(), survey, seed)
            out = out or Path(f"{done.published.bank.id}.draft.yaml")
            write_draft(done, out)
            found = comparison(done)
            if report is not None:
                from survey_service.reports.refitted import report_refit

                report_refit(done, found, report)
        except ValueError as wrong:
            refuse(str(wrong))
    click.echo(json.dumps(found) if as_json else told(found, out))
