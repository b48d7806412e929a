"""The report on a fitted bank: its personas, its residuals, and its metrics on the respondents it was fitted to."""

from pathlib import Path

from adaptive.evaluation.replay import Respondents
from adaptive.learning.residuals import bivariate_residuals
from question_bank.compile import CompiledBank, compile_bank
from question_bank.datasets.answer_table import read_answers, respondents_of
from question_bank.datasets.column_map import read_column_map
from question_bank.definitions import Bank
from survey_service.analysis.answer_files import read_cells
from survey_service.analysis.replay import ORDERS, replay_respondents, rules_of
from survey_service.analysis.reports import sections
from survey_service.analysis.reports.language import gettext as _
from survey_service.analysis.reports.language import mark, number, override
from survey_service.analysis.reports.page import Report, write
from survey_service.analysis.reports.replayed import headline, metric_sections

MOST_QUESTIONS = 10


def report_fitted_file(
    bank: Bank, answers: Path, columns: Path, label: str | None, path: Path, seed: int, sheet: str | None = None
) -> None:
    """Write the report on a bank and the file it was fitted to, read by its column map. Raises ValueError as `report_fit` does."""
    names = read_column_map(columns.read_text(encoding="utf-8"), columns.name)
    table = read_answers(read_cells(answers, sheet), bank, answers.name, names, label)
    compiled = compile_bank(bank)
    report_fit(compiled, respondents_of(compiled, table), answers.name, path, seed)


def report_fit(bank: CompiledBank, people: Respondents, source: str, path: Path, seed: int = 1) -> None:
    """Write the report on a bank and the answers it was fitted to.

    Its language is the bank's default. `people.label` is the persona of each respondent, or None where personas were found; `source` names
    the answers. Raises ValueError where the file cannot be written or charts cannot be drawn.
    """
    rules = rules_of(bank, next(iter(bank.rules), None))
    steps = list(range(1, min(int(rules.included.sum()), MOST_QUESTIONS) + 1))
    done = replay_respondents(bank, rules, people, ORDERS, steps, seed)
    with override(bank.bank.language):
        size = number(len(done.label))
        clear = sections.confusion_section(
            bank,
            done.full,
            done.full.argmax(axis=1),
            _(
                "If every question were answered: each line is a persona by the probabilities of all answers, the columns "
                "the likeliest one."
            ),
            mark("How clearly the personas differ"),
        )
        report = Report(
            _("{bank}: the fitted bank", bank=bank.bank.id),
            _("Fitted on {number} respondents from {source}, and shown here on the same respondents.", number=size, source=source),
            [(size, _("respondents")), *headline(done)],
            [
                sections.personas_section(bank),
                clear,
                sections.residuals_section(bank, bivariate_residuals(bank.tables, people.answers, done.full)),
                *metric_sections(done),
            ],
            [
                _(
                    "The bank was fitted to these respondents: accuracy on new ones will be a little lower. "
                    "Replay answers that it has not seen."
                )
            ],
        )
        write(report, path)
