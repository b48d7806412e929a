"""The report of `discern kpi`: figures per persona on one page."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from adaptive.estimation.words import terms_of
from question_bank.definitions import Bank, in_language
from survey_service.analysis.reports import charts
from survey_service.analysis.reports.charts import Interval
from survey_service.analysis.reports.page import Quote, Report, Section, Table, write

TOO_FEW = "too few"
RATES = {
    "bounce": "Visits of one page and nothing else",
    "purchase": "Visits with an order",
    "lead": "Leads who ask for a quote within 30 days",
    "quote_won": "Quotes won",
}
QUOTES = 3
"""Quotes of a persona that are printed."""

HEAD = ("Persona", "figure", "95 % interval", "people", "effective")


def report_kpi(report: Mapping[str, Any], bank: Bank, path: Path, quotes: Sequence[Mapping[str, Any]] = ()) -> None:
    """Write the report. `quotes` are approved ones, as `GET /quotes` shows them; those that contain a distinctive word are printed.

    Raises ValueError where the file cannot be written.
    """
    names = {persona.id: in_language(persona.name, bank.language, bank.language) or persona.id for persona in bank.personas}
    everyone = report["population"] == "everyone"
    headline = [
        (f"{report['contacts']:,}", "contacts"),
        _weeks(report),
        (
            "all" if everyone else "some",
            "everyone who can be asked" if everyone else "the figures are about people like those who answered",
        ),
        (str(len(report["findings"])), "differences that are not chance"),
    ]
    sections = [_shares(report, names), *_journeys(report, bank, names), *_rates(report, names), *_barometers(report, bank, names)]
    sections += [*_channels(report, names), *_campaigns(report, names), *_findings(report, names)]
    sections += _irritants(report, names, quotes)
    notes = [
        "A persona is a probability. Counting the likeliest one is biased; these figures are corrected, and their intervals include it.",
        "A figure of fewer than 11 people, or of whom all or none have the outcome, reads “too few”. A hollow dot is uncertain.",
    ]
    if not everyone:
        notes.append("Without answered probes the figures are of people like those who answered: discern attribute probe draws some.")
    if report["is_unsure"]:
        notes.append("The answers say little about who the contacts are: read the intervals.")
    title = in_language(bank.title, bank.language, bank.language) or bank.id
    about = f"Figures per persona, as of {report['snapshot']}, version {report['bank_version']} of the bank."
    write(Report(f"{title}: figures per persona", about, headline, sections, notes), path)


def _weeks(report: Mapping[str, Any]) -> tuple[str, str]:
    """Return the number of weeks, and which they are."""
    known = report["weeks"] or {}
    first, last = report["from"] or known.get("first"), report["to"] or known.get("last")
    if not first or not last:
        return "0", "weeks"
    number = (date.fromisoformat(last) - date.fromisoformat(first)).days // 7 + 1
    return str(number), f"{'week' if number == 1 else 'weeks'}, from {first} to {last}"


def _shares(report: Mapping[str, Any], names: Mapping[str, str]) -> Section:
    reading = "How large each persona is among all contacts. The line is the 95 % interval."
    return Section("How large each persona is", reading, *_picture("shares", "Share of contacts", report["shares"], names, "%"))


def _journeys(report: Mapping[str, Any], bank: Bank, names: Mapping[str, str]) -> list[Section]:
    defined = {journey.id: journey for journey in bank.journeys}
    sections = []
    for found in report["journeys"]:
        journey = defined[found["id"]]
        titles = [in_language(stage.title, bank.language, bank.language) or stage.id for stage in journey.stages]
        for number, stage in enumerate(found["stages"][1:], start=1):
            reading = (
                f"Of 100 people of each persona at “{titles[0]}”, how many reach “{titles[number]}” within {journey.within_days:g} days."
            )
            key = f"{found['id']}-{stage['id']}"
            picture, tables = _picture(key, f"Share that reaches {titles[number]}", stage["from_first"], names, "%")
            more = [_table("From the stage before", stage["from_previous"], names, "%"), _table("Median days", stage["days"], names, "")]
            if stage["value"]:
                more.append(_table(f"Mean value in {stage['currency'] or 'no currency'}", stage["value"], names, ""))
            title = f"{in_language(journey.title, bank.language, bank.language)}: {titles[number]}"
            sections.append(Section(title, " ".join([reading, stage["problem"] or ""]).strip(), picture, (), [*tables, *more]))
    return sections


def _rates(report: Mapping[str, Any], names: Mapping[str, str]) -> list[Section]:
    return [
        Section(words, "The share of each persona.", *_picture(name, words, report["rates"][name], names, "%"))
        for name, words in RATES.items()
        if any(figure["value"] is not None for figure in report.get("rates", {}).get(name, ()))
    ]


def _barometers(report: Mapping[str, Any], bank: Bank, names: Mapping[str, str]) -> list[Section]:
    titles = {barometer.id: in_language(barometer.title, bank.language, bank.language) for barometer in bank.barometers}
    words = {"nps": "Net Promoter Score, from -100 to 100.", "mean": "Mean of the answers."}
    return [
        Section(
            titles[found["id"]] or found["id"],
            " ".join([words[found["kind"]], *_trends(found, names)]),
            *_picture(found["id"], found["id"], found["figures"], names, ""),
        )
        for found in report.get("barometers", ())
    ]


def _trends(found: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
    return [
        f"{names[trend['persona']]}: {trend['change']:+.2g} ({trend['low']:+.2g} to {trend['high']:+.2g}) since {trend['since']}."
        for trend in found["trends"]
    ]


def _channels(report: Mapping[str, Any], names: Mapping[str, str]) -> list[Section]:
    sections = []
    for found in report.get("channel_affinity", ()):
        if not any(figure["value"] is not None for figure in found["figures"]):
            continue
        reach = found["reachable"]
        reading = (
            "Share of links that are answered within 14 days, among people who had answered before: no effect of the channel is meant. "
        )
        reading += "" if reach is None else f"{100 * reach['share']:.0f}% of contacts can be reached through it."
        key = f"channel-{found['channel']}"
        sections.append(Section(f"Answers by {found['channel']}", reading, *_picture(key, found["channel"], found["figures"], names, "%")))
    return sections


def _campaigns(report: Mapping[str, Any], names: Mapping[str, str]) -> list[Section]:
    sections = []
    for campaign in report.get("campaigns", ()):
        rows, tables = [], []
        for stage in campaign["stages"]:
            effect, money = stage["effect"], stage["return_on_investment"]
            if effect is None:
                continue
            back = "" if money is None else f"{100 * money['value']:+.0f}% ({100 * money['low']:+.0f}% to {100 * money['high']:+.0f}%)"
            shown = [stage["stage"], f"{100 * effect['value']:+.1f}", f"{100 * effect['low']:+.1f} to {100 * effect['high']:+.1f}"]
            rows.append([*shown, str(effect["contacted"]), str(effect["held_out"]), back])
            if any(figure["value"] is not None for figure in stage["personas"]):
                tables.append(_table(f"{stage['stage']}, per persona", stage["personas"], names, "%"))
        if rows:
            reading = f"What the mailing changes: {campaign['share']:.0%} of its contacts were held out by lot and got nothing."
            head = ("Stage", "points", "95 % interval", "contacted", "held out", "return on investment")
            effects = Table("Share that reaches the stage, less that of those held out", head, rows, words=1)
            sections.append(Section(f"Campaign {campaign['id']}", reading, tables=[effects, *tables]))
    return sections


def _findings(report: Mapping[str, Any], names: Mapping[str, str]) -> list[Section]:
    if not report["findings"]:
        return []
    rows = [
        [names[item["persona"]], f"{item['subject']} {item['measure']}", f"{100 * item['value']:+.0f}", _interval(item, "%")]
        for item in report["findings"]
    ]
    reading = "Rates that differ from those of all other personas. Of all differences in this list, at most one in twenty is chance."
    return [Section("What differs", reading, tables=[Table("In points", ("Persona", "figure", "points", "95 % interval"), rows, words=2)])]


def _irritants(report: Mapping[str, Any], names: Mapping[str, str], quotes: Sequence[Mapping[str, Any]]) -> list[Section]:
    found = report.get("irritants")
    if not found:
        return []
    rows = [[names[item["persona"]], item["term"], str(item["people"]), f"{item['z']:.1f}"] for item in found]
    reading = "Words that a persona writes more often in its answers than the others do. At least 11 people wrote each."
    head = ("Persona", "term", "people", "z")
    tables = [Table("Words and pairs of words", head, rows, words=2)]
    return [Section("What people write", reading, tables=tables, quotes=[_quote(item, names) for item in _fitting(quotes, found)])]


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
    return Quote(quote["text"], f"{names[quote['persona']]} ({100 * quote['confidence']:.0f}% sure), {quote['day']}")


def _picture(key: str, label: str, figures: Sequence[Mapping[str, Any]], names: Mapping[str, str], unit: str) -> tuple[Any, Any]:
    """Return the chart of figures, and their table."""
    intervals = [
        Interval(names[item["persona"]], item["value"], item["low"], item["high"], _words(item, unit), item["state"] == "uncertain")
        for item in figures
    ]
    spoken = ", ".join(f"{item.name} {item.text}" for item in intervals)
    return charts.interval_chart(key, f"{label} per persona: {spoken}", intervals), [_table(label, figures, names, unit)]


def _table(caption: str, figures: Sequence[Mapping[str, Any]], names: Mapping[str, str], unit: str) -> Table:
    rows = [
        [names[item["persona"]], _words(item, unit).partition(" (")[0], _interval(item, unit), str(item["people"]), f"{item['n_eff']:.0f}"]
        for item in figures
    ]
    return Table(caption, HEAD, rows)


def _words(figure: Mapping[str, Any], unit: str) -> str:
    if figure["value"] is None:
        return TOO_FEW
    return f"{_number(figure['value'], unit)} ({_interval(figure, unit)})"


def _interval(figure: Mapping[str, Any], unit: str) -> str:
    return "" if figure["low"] is None else f"{_number(figure['low'], unit)} to {_number(figure['high'], unit)}"


def _number(value: float, unit: str) -> str:
    return f"{100 * value:.0f}%" if unit else f"{value:.3g}"
