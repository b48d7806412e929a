"""Pages of banks: the likelihood grid and the text of a draft, what it changes, publishing, and versions."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import yaml
from flask import Blueprint, Response, g, request
from sqlmodel import Session

from question_bank.definitions import Bank
from question_bank.differences import differences
from question_bank.files.load import Report, check_bank, load_stored
from question_bank.files.problems import Problem
from question_bank.text_edits import CannotEdit
from survey_service.banks.consequences import consequences
from survey_service.banks.drafts import (
    MOST_PROBLEMS,
    DraftChanged,
    all_drafts,
    begin_draft,
    discard_draft,
    etag_of,
    find_draft,
    get_draft,
    publish_draft,
    save_draft,
    text_of,
)
from survey_service.banks.publishing import get_version, latest_version, newest_versions, versions_of
from survey_service.banks.simulation import promise, simulate_usual
from survey_service.console.access import access, author, go_to, guard, language, page, rendered
from survey_service.console.check_sentences import place, translated
from survey_service.console.editor_view import bank_text, grid_view, live_view, names_in, of_new_bank
from survey_service.console.grid import NotEditable, edited, forms_of, questions_of, stored_cells
from survey_service.console.grid_forms import FORMS
from survey_service.errors import DiscernError, Invalid, NotFound
from survey_service.store.tables.core import BankVersion
from survey_service.web.context import parts

MOST_VERSIONS = 100
MOST_BANKS = 200

blueprint = Blueprint("console_banks", __name__, url_prefix="/console/b")
guard(blueprint)


@dataclass(frozen=True)
class Work:
    """What an author sees of a bank: the text of the draft, or of the newest version where there is no draft."""

    bank: str
    text: str
    etag: str
    base: int
    author: str | None
    updated_at: Any
    latest: BankVersion | None

    @property
    def is_draft(self) -> bool:
        return bool(self.etag)

    @property
    def published(self) -> Bank | None:
        return None if self.latest is None else load_stored(self.latest.source)


def _work(session: Session, bank: str) -> Work:
    """Return the draft or the newest version of a bank. Raises NotFound."""
    draft, latest = find_draft(session, bank), latest_version(session, bank)
    if draft is not None:
        return Work(bank, draft.text, etag_of(draft), draft.base, draft.author, draft.updated_at, latest)
    if latest is None:
        raise NotFound(f'There is no bank "{bank}".')
    return Work(bank, text_of(latest), "", latest.version, latest.author, latest.published_at, latest)


@blueprint.get("")
@access("read")
def banks() -> Response:
    """List banks with their versions and drafts, and begin a new one."""
    with parts().store.reading() as session:
        versions = newest_versions(session, None, MOST_BANKS)
        drafts = {draft.bank: draft for draft in all_drafts(session)}
    rows = [{"id": row.bank, "version": row, "draft": drafts.pop(row.bank, None)} for row in versions]
    rows += [{"id": name, "version": None, "draft": draft} for name, draft in drafts.items()]
    return page("banks.html", banks=rows, problem=None, given="")


@blueprint.post("")
@access("write")
def begin() -> Response:
    """Begin a bank as a draft that can be published as it is."""
    p, name = parts(), request.form.get("bank", "").strip()
    with p.store.writing() as session:
        begin_draft(session, name, of_new_bank(name), author(), p.now())
    return go_to(f"/console/b/{name}/draft/yaml")


@blueprint.get("/<string:bank>")
@access("read")
def open_bank(bank: str) -> Response:
    """Lead to the first question of the bank, or to its text where that cannot be read."""
    with parts().store.reading() as session:
        work = _work(session, bank)
    try:
        first = next(iter(questions_of(work.text)), None)
    except NotEditable:
        first = None
    return go_to(f"/console/b/{bank}/draft/yaml" if first is None else f"/console/b/{bank}/draft/q/{first['id']}")


@blueprint.get("/<string:bank>/draft/q/<string:question>")
@access("read")
def edit(bank: str, question: str) -> Response:
    """Show the likelihood grid of a question, with what the simulation says of the draft."""
    with parts().store.reading() as session:
        work = _work(session, bank)
    return _grid(work, question)


def _form() -> str | None:
    """Return the form in which the grid is shown, None for as its rows are written."""
    wanted = request.values.get("as")
    return wanted if wanted in FORMS else None


def _address(bank: str, question: str, **more: str) -> str:
    """Return the address of the grid of a question, in the form in which it is shown."""
    query = ({"as": form} if (form := _form()) else {}) | more
    return f"/console/b/{bank}/draft/q/{question}" + (f"?{urlencode(query)}" if query else "")


def _grid(work: Work, question: str, given: dict[str, str] | None = None, *, changed_by: str | None = None, status: int = 200) -> Response:
    """Return the page of the grid. `given` has the cells that somebody sent and that are not stored."""
    form = _form()
    try:
        text = edited(work.text, question, given or {}, form)
    except (NotEditable, CannotEdit, yaml.YAMLError):
        text = work.text
    report = check_bank(text, "bank")
    published = None if work.latest is None else text_of(work.latest)
    view = grid_view(text, question, report, published, language(), form)
    changes = [] if report.bank is None else differences(work.published, report.bank)
    live = _live(work, text, report, question)
    values: dict[str, Any] = {
        "work": work,
        "names": names_in(report.bank or work.published, language()),
        "question": question,
        "report": report,
        "changes": changes,
        "changed_by": changed_by,
        "stored": stored_cells(work.text, question, form),
        "as_form": form or "",
        "written_in": _written_in(work.text, question),
        "forms": FORMS,
        "live": live,
    }
    return page("editor.html", status, **values, **view)


def _written_in(text: str, question: str) -> set[str]:
    """Return the forms in which the rows of a question are written, none where it cannot be read."""
    try:
        return forms_of(text, question)
    except NotEditable:
        return set()


def _live(work: Work, text: str, report: Report, question: str) -> dict[str, Any]:
    """Return what the simulation says of a text, beside the published version."""
    draft, wrong = None, None
    survey = None if report.bank is None else next((s.id for s in report.bank.surveys if question in s.questions), None)
    if report.bank is not None and survey is not None:
        try:
            draft = simulate_usual(report.bank, survey)
        except DiscernError as error:
            wrong = error.detail
    before, published = None, work.published
    if work.latest is not None and published is not None and survey in published.survey_by_id:
        try:
            before = promise(work.latest.source, str(survey))
        except DiscernError:
            before = None
    return live_view(text, report, question, draft, before, wrong)


@blueprint.post("/<string:bank>/draft/q/<string:question>/try")
@access("write")
def try_cells(bank: str, question: str) -> Response:
    """Return what the simulation says of the cells, which are not stored: the part of the page beside the grid."""
    with parts().store.reading() as session:
        work = _work(session, bank)
    try:
        text = edited(work.text, question, request.form, _form())
    except (NotEditable, CannotEdit, yaml.YAMLError):
        text = work.text
    report = check_bank(text, "bank")
    return Response(rendered("live.html", live=_live(work, text, report, question), report=report))


@blueprint.post("/<string:bank>/draft/q/<string:question>")
@access("write")
def save_cells(bank: str, question: str) -> Response:
    """Store the cells in the draft, on the lines where they stand. Whoever comes second sees both, and loses nothing."""
    p, etag, form = parts(), request.form.get("etag", ""), request.form.to_dict()
    try:
        with p.store.writing() as session:
            work = _work(session, bank)
            if etag != work.etag:
                raise DraftChanged
            text = edited(work.text, question, form, _form())
            save_draft(session, bank, text, author(), p.now(), expected=work.etag or None)
    except DraftChanged:
        with p.store.reading() as session:
            work = _work(session, bank)
        return _grid(work, question, form, changed_by=work.author or "", status=412)
    except (NotEditable, CannotEdit, yaml.YAMLError) as wrong:
        raise Invalid(str(wrong) or "This question cannot be edited as a grid: edit the text.") from None
    return go_to(_address(bank, question, saved="1"))


@blueprint.get("/<string:bank>/draft/yaml")
@access("read")
def read_text(bank: str) -> Response:
    """Show the text of the draft."""
    with parts().store.reading() as session:
        work = _work(session, bank)
    return _text_page(work, check_bank(work.text, "bank"))


def _text_page(work: Work, report: Report, mine: str | None = None, status: int = 200) -> Response:
    """Return the page of the text, on which the editor may add its style sheet. `mine` is a text that came second."""
    g.has_editor = True
    return page("text.html", status, work=work, report=report, mine=mine)


@blueprint.post("/<string:bank>/draft/yaml/check")
@access("read")
def check_text(bank: str) -> dict[str, Any]:  # noqa: ARG001
    """Return what the check says of a text, line by line, for the editor. Nothing is stored."""
    report = check_bank(bank_text(request.form.get("text", "")), "bank")
    kinds = (("error", report.errors), ("warning", report.warnings))
    problems = [
        {"line": problem.line, "severity": kind, "message": _message(problem)} for kind, found in kinds for problem in found[:MOST_PROBLEMS]
    ]
    return {"problems": problems}


def _message(problem: Problem) -> str:
    """Return what is wrong and what to do, in the reader's language as far as it is translated."""
    wrong, todo = (translated(text, language()) or text for text in (problem.wrong, problem.todo))
    where = f"{place(problem.where, language())}: " if problem.where else ""
    return f"{where}{wrong}. {todo}."


@blueprint.post("/<string:bank>/draft/yaml")
@access("write")
def save_text(bank: str) -> Response:
    """Store a text as the draft. Whoever comes second gets the text back, beside the one that was stored meanwhile."""
    p, given = parts(), bank_text(request.form.get("text", ""))
    try:
        with p.store.writing() as session:
            save_draft(session, bank, given, author(), p.now(), expected=request.form.get("etag") or None)
    except DraftChanged:
        with p.store.reading() as session:
            work = _work(session, bank)
        return _text_page(work, check_bank(given, "bank"), given, 412)
    return go_to(f"/console/b/{bank}/draft/yaml?saved=1")


@blueprint.get("/<string:bank>/draft")
@access("read")
def review(bank: str) -> Response:
    """Show what publishing the draft would change: meaning and words, answers that stay, people who would be believed somebody else."""
    p = parts()
    with p.store.reading() as session:
        work = _work(session, bank)
        report = check_bank(work.text, "bank")
        found = None if report.bank is None else consequences(session, work.published, report.bank, p.now())
    return page("review.html", work=work, report=report, found=found, names=names_in(report.bank or work.published, language()))


@blueprint.post("/<string:bank>/draft/publish")
@access("admin")
def publish(bank: str) -> Response:
    """Publish the draft that was shown."""
    p = parts()
    with p.store.writing() as session:
        done = publish_draft(session, bank, request.form.get("etag") or None, author(), p.now())
    return go_to(f"/console/b/{bank}/versions?published={done.version}")


@blueprint.post("/<string:bank>/draft/rebase")
@access("write")
def take_into_account(bank: str) -> Response:
    """Say that the draft takes the newest version into account, after its differences were shown."""
    p = parts()
    with p.store.writing() as session:
        draft, latest = get_draft(session, bank), latest_version(session, bank)
        base = 0 if latest is None else latest.version
        save_draft(session, bank, draft.text, author(), p.now(), expected=request.form.get("etag") or None, base=base)
    return go_to(f"/console/b/{bank}/draft")


@blueprint.post("/<string:bank>/draft/discard")
@access("write")
def discard(bank: str) -> Response:
    """Delete the draft."""
    with parts().store.writing() as session:
        discard_draft(session, bank, request.form.get("etag") or None)
    return go_to("/console/b")


@blueprint.get("/<string:bank>/versions")
@access("read")
def versions(bank: str) -> Response:
    """List the versions of a bank, and what each changed."""
    with parts().store.reading() as session:
        rows = versions_of(session, bank, None, MOST_VERSIONS)
        work = _work(session, bank)
    contents = [load_stored(row.source) for row in rows]
    older = [*contents[1:], None]
    listed = [
        {
            "row": row,
            "changes": [] if before is None else differences(before, content),
            "is_first": before is None,
            "names": names_in(content, language()),
        }
        for row, content, before in zip(rows, contents, older, strict=True)
    ]
    return page("versions.html", bank=bank, versions=listed, work=work, published=request.args.get("published"))


@blueprint.get("/<string:bank>/versions/<int:version>")
@access("read")
def read_version(bank: str, version: int) -> Response:
    """Show the text of a version."""
    with parts().store.reading() as session:
        row = get_version(session, bank, version)
    return page("version.html", bank=bank, row=row, text=text_of(row))


@blueprint.post("/<string:bank>/versions/<int:version>/restore")
@access("write")
def restore(bank: str, version: int) -> Response:
    """Begin a draft from an earlier version. A draft that exists is not replaced."""
    p = parts()
    with p.store.writing() as session:
        text = text_of(get_version(session, bank, version))
        save_draft(session, bank, text, author(), p.now(), expected=None)
    return go_to(f"/console/b/{bank}/draft")
