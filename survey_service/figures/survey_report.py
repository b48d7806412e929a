"""The report of a survey: who was asked, who answered how much, who is known well enough, and what each question gained and cost."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import reduce
from typing import Any

from sqlmodel import Session, col, select

from survey_service.errors import Invalid, NotFound
from survey_service.figures.survey_days import add
from survey_service.outbox.pending_work import SURVEY_DAYS
from survey_service.store.tables.core import SurveyRow
from survey_service.store.tables.figures import RecurringWork, SurveyDay

NO_ANSWER = ("skip", "dont_know", "refuse")
DIMENSIONS = ("version", "channel", "language", "day")


@dataclass(frozen=True)
class ReportQuery:
    """What a report is about: days (both included), and one version, channel or language."""

    first: date | None = None
    last: date | None = None
    version: int | None = None
    channel: str | None = None
    language: str | None = None


def survey_report(session: Session, survey: str, query: ReportQuery) -> dict[str, Any]:
    """Return the report from the counts of days. Raises NotFound, and Invalid where the last day is before the first."""
    row = session.get(SurveyRow, survey)
    if row is None:
        raise NotFound(f'There is no survey "{survey}".')
    if query.first and query.last and query.last < query.first:
        raise Invalid(errors=[{"path": "to", "message": "must not be before `from`"}])
    groups = list(_groups(session, survey, query))
    total = _total(groups)
    counted = session.exec(select(RecurringWork.done_at).where(RecurringWork.name == SURVEY_DAYS)).first()
    return {
        "survey": survey,
        "bank": row.bank,
        "from": query.first and query.first.isoformat(),
        "to": query.last and query.last.isoformat(),
        "counted_at": counted and counted.isoformat(),
        "funnel": {**_funnel(total), "answered": _at_least(total), "sure_after": _sure_within(total)},
        "status": {status: total["status"].get(status, 0) for status in ("open", "complete", "finished", "expired")},
        "left": total["left"],
        "seconds": round(total["seconds"] / total["started"], 1) if total["started"] else None,
        "by": {name: _by(groups, name) for name in DIMENSIONS},
        "questions": [_question(name, counts) for name, counts in sorted(total["questions"].items())],
    }


EMPTY: Mapping[str, Any] = {
    **dict.fromkeys(("invited", "shown", "direct", "started", "left", "sure", "pushed", "seconds"), 0),
    **{"answered": {}, "sure_after": {}, "status": {}, "questions": {}},
}


def _groups(session: Session, survey: str, query: ReportQuery) -> Iterator[dict[str, Any]]:
    rows = select(SurveyDay).where(SurveyDay.survey == survey).order_by(col(SurveyDay.day))
    if query.first is not None:
        rows = rows.where(SurveyDay.day >= query.first.isoformat())
    if query.last is not None:
        rows = rows.where(SurveyDay.day <= query.last.isoformat())
    wanted = {name: getattr(query, name) for name in ("version", "channel", "language") if getattr(query, name) is not None}
    for row in session.exec(rows):
        for group in row.groups:
            if all(group[name] == value for name, value in wanted.items()):
                yield {"day": row.day, **group}


def _total(groups: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return the sum of groups."""
    # A day that an earlier version has counted lacks what came later, until it is counted again.
    return reduce(add, ({key: group.get(key, nothing) for key, nothing in EMPTY.items()} for group in groups), dict(EMPTY))


def _funnel(total: Mapping[str, Any]) -> dict[str, int]:
    return {
        "eligible": total["invited"] + total["direct"],
        "shown": total["shown"],
        "started": total["started"],
        "sure": total["sure"],
        "pushed": total["pushed"],
    }


def _at_least(total: Mapping[str, Any]) -> list[dict[str, int]]:
    """Return how many sessions have at least 1, 2, 3, … answers."""
    counts = {int(answers): sessions for answers, sessions in total["answered"].items()}
    most = max(counts, default=0)
    return [{"answers": least, "sessions": sum(n for answers, n in counts.items() if answers >= least)} for least in range(1, most + 1)]


def _sure_within(total: Mapping[str, Any]) -> list[dict[str, int]]:
    """Return how many sessions were sure with 0, 1, 2, … answers or fewer."""
    counts = {int(answers): sessions for answers, sessions in total["sure_after"].items()}
    return [
        {"answers": most, "sessions": sum(n for answers, n in counts.items() if answers <= most)}
        for most in range(max(counts, default=-1) + 1)
    ]


def _by(groups: Iterable[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    parts: dict[Any, list[dict[str, Any]]] = {}
    for group in groups:
        parts.setdefault(group[name], []).append(group)
    return [{"value": str(value), **_funnel(_total(of_value))} for value, of_value in sorted(parts.items())]


def _question(name: str, counts: Mapping[str, float]) -> dict[str, Any]:
    given = sum(counts[kind] for kind in ("answer", *NO_ANSWER))
    bits = counts["bits"] / given if given else None
    seconds = counts["seconds"] / counts["timed"] if counts["timed"] else None
    return {
        "id": name,
        "asked": int(given + counts["left"] + counts["open"]),
        "answered": int(counts["answer"]),
        **{kind: int(counts[kind]) for kind in NO_ANSWER},
        "left": int(counts["left"]),
        "seconds": None if seconds is None else round(seconds, 1),
        "bits": None if bits is None else round(bits, 4),
        "bits_per_minute": None if bits is None or not seconds else round(60 * bits / seconds, 3),
    }
