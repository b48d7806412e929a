"""What the pages of surveys show, as plain values: the report, what was promised at publishing, and the shares of personas."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from sqlmodel import Session

from adaptive.estimation.figures import beta_interval
from question_bank.definitions import Bank, in_language
from survey_service.banks.publishing import get_survey, get_version, published_surveys
from survey_service.banks.simulation import promise
from survey_service.belief.belief import DECIDED_AT
from survey_service.console.html import FEWEST, plain
from survey_service.errors import DiscernError
from survey_service.figures.kpi import kpi_report
from survey_service.figures.sums import KpiQuery, read_snapshot
from survey_service.figures.survey_report import ReportQuery, survey_report
from survey_service.store.banks import Banks
from survey_service.store.tables.core import SurveyRow

MOST_SURVEYS = 200


@dataclass(frozen=True)
class Filters:
    """The filters of a survey's page, as they stand in its address."""

    version: int | None = None
    since: date | None = None
    channel: str | None = None
    lang: str | None = None

    @property
    def query(self) -> ReportQuery:
        return ReportQuery(first=self.since, version=self.version, channel=self.channel, language=self.lang)

    @property
    def as_address(self) -> dict[str, Any]:
        """The query of the address, without what is not set."""
        return plain({**asdict(self), "since": self.since and self.since.isoformat()})


@dataclass(frozen=True)
class Share:
    """`part` of `whole`, with the 95 % interval of the share. `shown` is false where too few people are behind it."""

    part: int
    whole: int

    @property
    def shown(self) -> bool:
        return self.whole >= FEWEST

    @property
    def value(self) -> float:
        return self.part / self.whole if self.whole else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        return beta_interval(self.value, self.whole) if self.whole else (0.0, 1.0)

    @property
    def low(self) -> float:
        return self.interval[0]

    @property
    def high(self) -> float:
        return self.interval[1]


def survey_lines(session: Session, banks: Banks, language: str) -> list[dict[str, Any]]:
    """Return each survey with its one sentence: of how many people it knows who they are."""
    return [_line(session, banks, row, language) for row in published_surveys(session, None, MOST_SURVEYS)]


def _line(session: Session, banks: Banks, row: SurveyRow, language: str) -> dict[str, Any]:
    bank = banks.version(session, row.bank, row.version).bank
    report = survey_report(session, row.id, ReportQuery())
    return {
        "id": row.id,
        "bank": row.bank,
        "version": row.version,
        "state": row.state,
        "title": in_language(bank.survey(row.id).title, language, bank.language) or row.id,
        "sure": Share(report["funnel"]["sure"], report["funnel"]["shown"]),
        "threshold": threshold_of(bank, row.id),
    }


def threshold_of(bank: Bank, survey: str) -> float:
    """Return the confidence from which the survey counts somebody as known."""
    confidence = bank.survey(survey).stop.confidence
    return DECIDED_AT if confidence is None else confidence


def survey_page(session: Session, banks: Banks, survey: str, filters: Filters, language: str) -> dict[str, Any]:
    """Return everything that a survey's page shows. Raises NotFound."""
    compiled, current = banks.current(session, survey)
    report = survey_report(session, survey, filters.query)
    everything = report if not filters.as_address else survey_report(session, survey, ReportQuery())
    version = filters.version or current
    if version != current:
        compiled = banks.version(session, compiled.bank.id, version)
    bank = compiled.bank if survey in compiled.bank.survey_by_id else banks.current(session, survey)[0].bank
    promised = _promise(session, bank.id, version, survey)
    leaving = _promise(session, bank.id, version, survey, _drop_out(report)) if promised is not None and _drop_out(report) else None
    shown = report["funnel"]["shown"]
    sure = Share(report["funnel"]["sure"], shown)
    figures = {"shares": [], "answers": []} if filters.as_address else _figures(session, banks, bank)
    return {
        "survey": survey,
        "bank": bank.id,
        "state": get_survey(session, survey).state,
        "title": in_language(bank.survey(survey).title, language, bank.language) or survey,
        "version": version,
        "current": current,
        "filters": filters,
        "choices": _choices(everything),
        "shown": shown,
        "started": report["funnel"]["started"],
        "sure": sure,
        "threshold": threshold_of(bank, survey),
        "counted_at": report["counted_at"],
        "seconds": report["seconds"],
        "answers": _mean_answers(report),
        "ends": _ends(report),
        "promised": promised,
        "leaving": leaving,
        "kept": _kept(sure, promised),
        "steps": _steps(report, promised),
        "questions": _questions(report, bank, language),
        "personas": _personas(figures["shares"], bank, language),
        "scale": _scale(figures["answers"], bank, survey, language),
        "example": promised if not shown else None,
    }


def _choices(report: Mapping[str, Any]) -> dict[str, list[str]]:
    return {name: [row["value"] for row in report["by"][name]] for name in ("version", "channel", "language")}


def _mean_answers(report: Mapping[str, Any]) -> float | None:
    started = report["funnel"]["started"]
    return sum(step["sessions"] for step in report["funnel"]["answered"]) / started if started else None


def _ends(report: Mapping[str, Any]) -> dict[str, int]:
    """Return how many people are known, are not known though they went to the end, left before, and are still answering: together all.

    Who left and is known all the same counts as known. Who left may come back for a while: their sessions are open, or expired.
    """
    shown, sure, status = report["funnel"]["shown"], report["funnel"]["sure"], report["status"]
    left = min(report["left"], shown - sure)
    answering = max(status["open"] - max(report["left"] - status["expired"], 0), 0)
    still = min(answering, shown - sure - left)
    return {"sure": sure, "unsure": shown - sure - left - still, "left": left, "open": still}


def _drop_out(report: Mapping[str, Any]) -> float | None:
    """Return how many people left at a question, of those who were asked it, on average over the questions; None for too few people."""
    asked, left = (sum(row[name] for row in report["questions"]) for name in ("asked", "left"))
    return round(left / asked, 2) if asked and report["funnel"]["shown"] >= FEWEST else None


def _promise(session: Session, bank: str, version: int, survey: str, drop_out: float | None = None) -> dict[str, Any] | None:
    """Return what the simulation of the published version says; None for a bank that is too large to be simulated here."""
    try:
        return promise(get_version(session, bank, version).source, survey, drop_out)
    except DiscernError:
        return None


def _kept(sure: Share, promised: Mapping[str, Any] | None) -> str:
    """Whether as many people are known as was promised: too_few, as_promised, less or more, by the interval."""
    if promised is None or not sure.shown:
        return "too_few"
    if sure.low <= promised["sure"][-1] <= sure.high:
        return "as_promised"
    return "less" if sure.value < promised["sure"][-1] else "more"


def _steps(report: Mapping[str, Any], promised: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Return for 0, 1, 2, … answers how many people gave at least so many, how many were sure by then, and how many were promised to be."""
    shown = report["funnel"]["shown"]
    gave = [shown, *(step["sessions"] for step in report["funnel"]["answered"])]
    sure = [step["sessions"] for step in report["funnel"]["sure_after"]] or [0]
    expected = [] if promised is None else list(promised["sure"])
    longest = max(len(gave), len(sure), len(expected))
    return [
        {
            "answers": n,
            "gave": gave[n] if n < len(gave) else 0,
            "happened": Share(sure[min(n, len(sure) - 1)], shown),
            "promised": expected[min(n, len(expected) - 1)] if expected else None,
        }
        for n in range(longest)
    ]


def _questions(report: Mapping[str, Any], bank: Bank, language: str) -> list[dict[str, Any]]:
    """Return what each question taught and cost, the most asked first."""
    most = max((row["bits"] or 0.0 for row in report["questions"]), default=0.0)
    rows = []
    for row in sorted(report["questions"], key=lambda row: -row["asked"]):
        question = bank.question_by_id.get(row["id"])
        text = in_language(question.text, language, bank.language) if question else None
        rows.append(
            {
                **row,
                "text": text or row["id"],
                "exists": question is not None,
                "of_most": (row["bits"] or 0.0) / most if most else 0.0,
                "cost": Share(row["left"], row["asked"]),
                "silent": row["skip"] + row["dont_know"] + row["refuse"],
            }
        )
    return rows


def _figures(session: Session, banks: Banks, bank: Bank) -> dict[str, Any]:
    """Return the figures per persona of the bank's last snapshot, nothing where there is none."""
    try:
        return kpi_report(read_snapshot(session, banks, bank.id), KpiQuery())
    except DiscernError:
        return {"shares": [], "answers": []}


def _personas(shares: Sequence[Mapping[str, Any]], bank: Bank, language: str) -> list[dict[str, Any]]:
    """Return the share of each persona in all contacts of the bank, with its interval, beside the share that the bank says."""
    figures = {figure["persona"]: figure if figure["state"] == "shown" else None for figure in shares}
    return [
        {
            "id": persona.id,
            "place": place,
            "name": in_language(persona.name, language, bank.language) or persona.id,
            "prior": persona.prior,
            "figure": figures.get(persona.id),
        }
        for place, persona in enumerate(bank.personas)
        if figures
    ]


def _scale(answers: Sequence[Mapping[str, Any]], bank: Bank, survey: str, language: str) -> dict[str, Any] | None:
    """Return the mean answer of each persona to the first scale of the survey of which one is shown, None where there is none."""
    for name in bank.survey(survey).questions:
        question = bank.question(name)
        found = next((row["figures"] for row in answers if row["question"] == name and row["option"] is None), ())
        if question.type == "scale" and any(figure["state"] == "shown" for figure in found):
            low, high = question.points[0], question.points[-1]
            labels = {point: in_language(question.labels.get(point), language, bank.language) for point in (low, high)}
            return {
                "text": in_language(question.text, language, bank.language) or name,
                **{"low": low, "high": high, "labels": {point: words for point, words in labels.items() if words}},
                "rows": _personas(found, bank, language),
            }
    return None


def weakest(questions: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the question that costs most people, None where nobody left."""
    costly = [row for row in questions if row["left"]]
    return max(costly, key=lambda row: row["left"]) if costly else None
