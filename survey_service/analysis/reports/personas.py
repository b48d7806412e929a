"""The report of `discern kpi`: figures per persona on one page."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from adaptive.estimation.words import terms_of
from question_bank.definitions import Bank, in_language
from survey_service.analysis.reports import charts
from survey_service.analysis.reports.charts import Interval
from survey_service.analysis.reports.language import amount, mark, number, override
from survey_service.analysis.reports.language import gettext as _
from survey_service.analysis.reports.page import Quote, Report, Section, Table, write

RATES = {
    "bounce": mark("Visits of one page and nothing else"),
    "purchase": mark("Visits with an order"),
    "lead": mark("Leads who ask for a quote within 30 days"),
    "quote_won": mark("Quotes won"),
}
QUOTES = 3
"""Quotes of a persona that are printed."""

HEAD = (mark("Persona"), mark("figure"), mark("95 % interval"), mark("people"), mark("effective"))
KINDS = {"nps": mark("Net Promoter Score, from -100 to 100."), "mean": mark("Mean of the answers.")}


def report_kpi(report: Mapping[str, Any], bank: Bank, path: Path, quotes: Sequence[Mapping[str, Any]] = ()) -> None:
    """Write the report in the bank's default language. `quotes` are approved ones, as `GET /quotes` shows them; those that contain a
    distinctive word are printed.

    Raises ValueError where the file cannot be written.
    """
    with override(bank.language):
        write(_report(report, bank, quotes), path)


def _report(report: Mapping[str, Any], bank: Bank, quotes: Sequence[Mapping[str, Any]]) -> Report:
    names = {persona.id: in_language(persona.name, bank.language, bank.language) or persona.id for persona in bank.personas}
    everyone = report["population"] == "everyone"
    headline = [
        (number(report["contacts"]), _("contacts")),
        _weeks(report),
        (
            _("all") if everyone else _("some"),
            _("everyone who can be asked") if everyone else _("the figures are about people like those who answered"),
        ),
        (str(len(report["findings"])), _("differences that are not chance")),
    ]
    sections = [_shares(report, names), *_journeys(report, bank, names), *_rates(report, names), *_barometers(report, bank, names)]
    sections += [*_channels(report, names), *_campaigns(report, names), *_findings(report, names)]
    sections += _irritants(report, names, quotes)
    notes = [
        _("A persona is a probability. Counting the likeliest one is biased; these figures are corrected, and their intervals include it."),
        _("A figure of fewer than 11 people, or of whom all or none have the outcome, reads “too few”. A hollow dot is uncertain."),
    ]
    if not everyone:
        notes.append(_("Without answered probes the figures are of people like those who answered: discern attribute probe draws some."))
    if report["is_unsure"]:
        notes.append(_("The answers say little about who the contacts are: read the intervals."))
    title = in_language(bank.title, bank.language, bank.language) or bank.id
    about = _("Figures per persona, as of {day}, version {version} of the bank.", day=report["snapshot"], version=report["bank_version"])
    return Report(_("{title}: figures per persona", title=title), about, headline, sections, notes)


def _weeks(report: Mapping[str, Any]) -> tuple[str, str]:
    """Return the number of weeks, and which they are."""
    known = report["weeks"] or {}
    first, last = report["from"] or known.get("first"), report["to"] or known.get("last")
    if not first or not last:
        return "0", _("weeks")
    weeks = (date.fromisoformat(last) - date.fromisoformat(first)).days // 7 + 1
    words = (
        _("week, from {first} to {last}", first=first, last=last)
        if weeks == 1
        else _("weeks, from {first} to {last}", first=first, last=last)
    )
    return str(weeks), words


def _shares(report: Mapping[str, Any], names: Mapping[str, str]) -> Section:
    reading = _("How large each persona is among all contacts. The line is the 95 % interval.")
    return Section(_("How large each persona is"), reading, *_picture("shares", _("Share of contacts"), report["shares"], names, "%"))


def _journeys(report: Mapping[str, Any], bank: Bank, names: Mapping[str, str]) -> list[Section]:
    defined = {journey.id: journey for journey in bank.journeys}
    sections = []
    for found in report["journeys"]:
        journey = defined[found["id"]]
        titles = [in_language(stage.title, bank.language, bank.language) or stage.id for stage in journey.stages]
        for place, stage in enumerate(found["stages"][1:], start=1):
            reading = _(
                "Of 100 people of each persona at “{first}”, how many reach “{stage}” within {days} days.",
                first=titles[0],
                stage=titles[place],
                days=number(journey.within_days, "g"),
            )
            key = f"{found['id']}-{stage['id']}"
            picture, tables = _picture(key, _("Share that reaches {stage}", stage=titles[place]), stage["from_first"], names, "%")
            more = [
                _table(_("From the stage before"), stage["from_previous"], names, "%"),
                _table(_("Median days"), stage["days"], names, ""),
            ]
            if stage["value"]:
                currency = stage["currency"] or _("no currency")
                more.append(_table(_("Mean value in {currency}", currency=currency), stage["value"], names, ""))
            of_journey = in_language(journey.title, bank.language, bank.language)
            title = _("{journey}: {stage}", journey=of_journey, stage=titles[place])
            sections.append(Section(title, " ".join([reading, stage["problem"] or ""]).strip(), picture, (), [*tables, *more]))
    return sections


def _rates(report: Mapping[str, Any], names: Mapping[str, str]) -> list[Section]:
    return [
        Section(_(words), _("The share of each persona."), *_picture(name, _(words), report["rates"][name], names, "%"))
        for name, words in RATES.items()
        if any(figure["value"] is not None for figure in report.get("rates", {}).get(name, ()))
    ]


def _barometers(report: Mapping[str, Any], bank: Bank, names: Mapping[str, str]) -> list[Section]:
    titles = {barometer.id: in_language(barometer.title, bank.language, bank.language) for barometer in bank.barometers}
    return [
        Section(
            titles[found["id"]] or found["id"],
            " ".join([_(KINDS[found["kind"]]), *_trends(found, names)]),
            *_picture(found["id"], found["id"], found["figures"], names, ""),
        )
        for found in report.get("barometers", ())
    ]


def _trends(found: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
    return [
        _(
            "{persona}: {change} ({low} to {high}) since {since}.",
            persona=names[trend["persona"]],
            change=number(trend["change"], "+.2g"),
            low=number(trend["low"], "+.2g"),
            high=number(trend["high"], "+.2g"),
            since=trend["since"],
        )
        for trend in found["trends"]
    ]


def _channels(report: Mapping[str, Any], names: Mapping[str, str]) -> list[Section]:
    sections = []
    for found in report.get("channel_affinity", ()):
        if not any(figure["value"] is not None for figure in found["figures"]):
            continue
        reach = found["reachable"]
        reading = _(
            "Share of links that are answered within 14 days, among people who had answered before: no effect of the channel is meant."
        )
        if reach is not None:
            reading += " " + _("{share} of contacts can be reached through it.", share=number(reach["share"], ".0%"))
        key = f"channel-{found['channel']}"
        title = _("Answers by {channel}", channel=found["channel"])
        sections.append(Section(title, reading, *_picture(key, found["channel"], found["figures"], names, "%")))
    return sections


def _campaigns(report: Mapping[str, Any], names: Mapping[str, str]) -> list[Section]:
    sections = []
    for campaign in report.get("campaigns", ()):
        rows, tables = [], []
        for stage in campaign["stages"]:
            effect, money = stage["effect"], stage["return_on_investment"]
            if effect is None:
                continue
            back = "" if money is None else f"{number(money['value'], '+.0%')} ({_range(money, '+.0%')})"
            points = {name: 100 * effect[name] for name in ("value", "low", "high")}
            shown = [stage["stage"], number(points["value"], "+.1f"), _range(points, "+.1f")]
            rows.append([*shown, str(effect["contacted"]), str(effect["held_out"]), back])
            if any(figure["value"] is not None for figure in stage["personas"]):
                tables.append(_table(_("{stage}, per persona", stage=stage["stage"]), stage["personas"], names, "%"))
        if rows:
            share = number(campaign["share"], ".0%")
            reading = _("What the mailing changes: {share} of its contacts were held out by lot and got nothing.", share=share)
            head = (_("Stage"), _("points"), _("95 % interval"), _("contacted"), _("held out"), _("return on investment"))
            effects = Table(_("Share that reaches the stage, less that of those held out"), head, rows, words=1)
            sections.append(Section(_("Campaign {id}", id=campaign["id"]), reading, tables=[effects, *tables]))
    return sections


def _findings(report: Mapping[str, Any], names: Mapping[str, str]) -> list[Section]:
    if not report["findings"]:
        return []
    rows = [
        [names[item["persona"]], f"{item['subject']} {item['measure']}", number(100 * item["value"], "+.0f"), _interval(item, "%")]
        for item in report["findings"]
    ]
    reading = _("Rates that differ from those of all other personas. Of all differences in this list, at most one in twenty is chance.")
    head = (_("Persona"), _("figure"), _("points"), _("95 % interval"))
    return [Section(_("What differs"), reading, tables=[Table(_("In points"), head, rows, words=2)])]


def _irritants(report: Mapping[str, Any], names: Mapping[str, str], quotes: Sequence[Mapping[str, Any]]) -> list[Section]:
    found = report.get("irritants")
    if not found:
        return []
    rows = [[names[item["persona"]], item["term"], str(item["people"]), number(item["z"], ".1f")] for item in found]
    reading = _("Words that a persona writes more often in its answers than the others do. At least 11 people wrote each.")
    head = (_("Persona"), _("term"), _("people"), "z")
    tables = [Table(_("Words and pairs of words"), head, rows, words=2)]
    return [Section(_("What people write"), reading, tables=tables, quotes=[_quote(item, names) for item in _fitting(quotes, found)])]


def _fitting(quotes: Sequence[Mapping[str, Any]], irritants: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return up to `QUOTES` quotes of each persona that contain a word of its own, in the order of the words."""
    chosen: dict[str, list[Mapping[str, Any]]] = {item["persona"]: [] for item in irritants}
    for item in irritants:
        for quote in quotes:
            own = chosen[item["persona"]]
            is_fitting = quote["persona"] == item["persona"] and item["term"] in terms_of(quote["text"])
            if is_fitting and quote not in own and len(own) < QUOTES:
                own.append(quote)
    return [quote for own in chosen.values() for quote in own]


def _quote(quote: Mapping[str, Any], names: Mapping[str, str]) -> Quote:
    """Return a quote with the persona that its author most likely has, and how likely it is."""
    sure = number(quote["confidence"], ".0%")
    return Quote(quote["text"], _("{persona} ({share} sure), {day}", persona=names[quote["persona"]], share=sure, day=quote["day"]))


def _picture(key: str, label: str, figures: Sequence[Mapping[str, Any]], names: Mapping[str, str], unit: str) -> tuple[Any, Any]:
    """Return the chart of figures, and their table."""
    intervals = [
        Interval(names[item["persona"]], item["value"], item["low"], item["high"], _words(item, unit), item["state"] == "uncertain")
        for item in figures
    ]
    spoken = ", ".join(f"{item.name} {item.text}" for item in intervals)
    return charts.interval_chart(key, _("{figure} per persona: {list}", figure=label, list=spoken), intervals), [
        _table(label, figures, names, unit)
    ]


def _table(caption: str, figures: Sequence[Mapping[str, Any]], names: Mapping[str, str], unit: str) -> Table:
    rows = [
        [
            names[item["persona"]],
            _words(item, unit).partition(" (")[0],
            _interval(item, unit),
            str(item["people"]),
            number(item["n_eff"], ".0f"),
        ]
        for item in figures
    ]
    return Table(caption, [_(name) for name in HEAD], rows)


def _words(figure: Mapping[str, Any], unit: str) -> str:
    if figure["value"] is None:
        return _("too few")
    return f"{_number(figure['value'], unit)} ({_interval(figure, unit)})"


def _interval(figure: Mapping[str, Any], unit: str) -> str:
    return (
        ""
        if figure["low"] is None
        else _("{low} to {high}{unit}", low=_number(figure["low"], unit), high=_number(figure["high"], unit), unit="")
    )


def _number(value: float, unit: str) -> str:
    return number(value, ".0%") if unit else amount(value)


def _range(figure: Mapping[str, Any], written: str) -> str:
    return _("{low} to {high}{unit}", low=number(figure["low"], written), high=number(figure["high"], written), unit="")
