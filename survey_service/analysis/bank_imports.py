"""Import a bank from a workbook, or its questions from a form of another tool: bytes and a name in, the bank's text and sentences out."""

import io
import json
import re
from pathlib import PurePath

from question_bank.exports.table_files import cell_text
from question_bank.files.fields import SLUG
from question_bank.files.load import check_bank
from question_bank.imports.bank_sheet import bank_of_sheets
from question_bank.imports.builder import Imported, NotImportable, bank_of_form
from question_bank.imports.forms import form_of_json
from question_bank.imports.limesurvey import form_of_limesurvey

LARGEST = 20_000_000
"""In bytes."""
SHEETS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")


def import_bank(name: str, content: bytes, language: str = "en") -> Imported:
    """Return the bank that a file describes, with a sentence for everything that could not be carried over.

    Read are workbooks with the sheets `personas` and `questions`, Typeform's and Google's JSON, and LimeSurvey's `.lss` and `.lsq`. Raises
    NotImportable.
    """
    bank_id = re.sub(r"[^a-z0-9_-]+", "-", PurePath(name).stem.lower()).strip("-_")[:64]
    bank_id = bank_id if SLUG.fullmatch(bank_id) else "imported"
    if len(content) > LARGEST:
        raise NotImportable(f"{name}: is larger than {LARGEST // 1_000_000} MB")
    try:
        imported = _imported(content, bank_id, language)
    except NotImportable as wrong:
        raise NotImportable(f"{name}: {wrong}") from None
    report = check_bank(imported.text.encode(), f"{bank_id}.yaml")
    if report.errors:
        raise NotImportable("\n".join([f"{name}: does not make a bank:", *map(str, report.errors), *imported.notes]))
    return imported


def _imported(content: bytes, bank_id: str, language: str) -> Imported:
    start = content.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if content.startswith(SHEETS):
        return bank_of_sheets(_sheets(content), bank_id, language)
    if start == b"<":
        return bank_of_form(form_of_limesurvey(content), bank_id)
    if start in (b"{", b"["):
        try:
            data = json.loads(content.decode("utf-8-sig"))
        except (ValueError, RecursionError) as wrong:
            raise NotImportable(f"is not readable JSON: {wrong}") from None
        return bank_of_form(form_of_json(data), bank_id)
    raise NotImportable("is no workbook, no JSON of Typeform or Google Forms, and no structure of LimeSurvey (.lss)")


def _sheets(content: bytes) -> dict[str, list[list[str]]]:
    try:
        from python_calamine import CalamineError, CalamineWorkbook
    except ImportError:
        raise NotImportable("reading workbooks needs python-calamine: pip install 'discern-survey[analysis]'") from None
    try:
        with CalamineWorkbook.from_filelike(io.BytesIO(content)) as book:
            return {
                name: [[cell_text(value) for value in row] for row in book.get_sheet_by_name(name).to_python(skip_empty_area=False)]
                for name in book.sheet_names
            }
    except (CalamineError, OSError, ValueError) as wrong:
        raise NotImportable(f"is not a readable workbook: {str(wrong).splitlines()[0]}") from None
