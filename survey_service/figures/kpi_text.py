"""Figures per persona as lines of a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from question_bank.definitions import Bank, in_language

TOO_FEW = "too few"
RATES = {
    "bounce": "visits that bounce",
    "purchase": "visits with an order",
    "lead": "leads with a quote",
    "quote_won": "quotes won",
}
NOT_PREDICTED = {"no_gain": "what is known of contacts tells no more than the base rate", "too_few": "too few contacts"}
WIDTH = 24


def kpi_text(report: Mapping[str, Any], bank: Bank) -> str:
    """Return a report as text: a line a figure, a column a persona."""
    return "\n".join(_lines(report, bank))


def _lines(report: Mapping[str, Any], bank: Bank) -> Iterator[str]:
    of = "everyone who can be asked" if report["population"] == "everyone" else "people like those who answered"
    yield f"{report['contacts']} contacts on {report['snapshot']}; figures are of {of}"
    if report["is_unsure"]:
        yield "the answers say little about who the contacts are: read the intervals"
    yield _line("", [persona.id for persona in bank.personas])
    yield from _figures("share", report["shares"], "%")
    for journey, defined in zip(report["journeys"], [item for item in bank.journeys if item.id in _ids(report)], strict=True):
        yield ""
        yield f"{journey['id']}, within {journey['within_days']:g} days"
        for stage, title in zip(journey["stages"], [item.title for item in defined.stages], strict=True):
            name = in_language(title, bank.language, bank.language) or stage["id"]
            yield from _figures(f"{name}", stage["from_first"], "%")
            yield from _figures("  days from the stage before", stage["days"], "")
            yield from _figures(f"  value in {stage['currency'] or 'no currency'}", stage["value"], "")
            if stage["problem"]:
                yield f"  {stage['problem']}"
            if stage["readiness"] is not None and stage["readiness"]["state"] != "used":
                yield f"  the next stage is not predicted: {NOT_PREDICTED[stage['readiness']['state']]}"
    if "rates" in report:
        yield ""
        for name, words in RATES.items():
            yield from _figures(words, report["rates"][name], "%")
        for barometer in report["barometers"]:
            yield from _figures(f"{barometer['id']} ({barometer['kind']})", barometer["figures"], "")
            for trend in barometer["trends"]:
                change, low, high = (_amount(trend[name], "+") for name in ("change", "low", "high"))
                yield f"  {trend['persona']}: {change} ({low} to {high}) since {trend['since']}"
        for channel in report["channel_affinity"]:
            yield from _figures(f"answers by {channel['channel']}", channel["figures"], "%")
            if channel["reachable"] is not None:
                yield f"  {channel['reachable']['share']:.0%} of contacts can be reached by {channel['channel']}"
    yield from _campaigns(report.get("campaigns", ()))
    yield from _findings(report["findings"])
    for item in report.get("irritants", ()):
        yield f"{item['persona']} writes more often: {item['term']} ({item['people']} people)"


def _ids(report: Mapping[str, Any]) -> set[str]:
    return {journey["id"] for journey in report["journeys"]}


def _campaigns(campaigns: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for campaign in campaigns:
        yield ""
        yield f"campaign {campaign['id']}, {campaign['share']:.0%} held out by lot"
        for stage in campaign["stages"]:
            effect = stage["effect"]
            if effect is not None:
                span = f"{effect['value']:+.1%} ({effect['low']:+.1%} to {effect['high']:+.1%})"
                yield _line(f"  {stage['stage']}", [f"{span}, {effect['contacted']} against {effect['held_out']}"])
                yield from _figures("    per persona", stage["personas"], "%")
            money = stage["return_on_investment"]
            if money is not None:
                yield _line("    return on investment", [f"{money['value']:+.0%} ({money['low']:+.0%} to {money['high']:+.0%})"])


def _findings(findings: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if findings:
        yield ""
        yield "differences that are not chance:"
    for found in findings:
        more = "more" if found["value"] > 0 else "less"
        yield f"  {found['persona']}: {abs(found['value']):.0%} {more} than all others in {found['subject']} {found['measure']}"


def _figures(name: str, figures: Sequence[Mapping[str, Any]], unit: str) -> Iterator[str]:
    if figures:
        yield _line(name, [_words(figure, unit) for figure in figures])


def _words(figure: Mapping[str, Any], unit: str) -> str:
    if figure["state"] == "too_few":
        return TOO_FEW
    value, low, high = (f"{100 * figure[name]:.0f}" if unit else _amount(figure[name]) for name in ("value", "low", "high"))
    return f"{value}{unit} ({low} to {high}){'?' if figure['state'] == 'uncertain' else ''}"


def _amount(value: float, sign: str = "") -> str:
    """Return a number with three significant digits, not as a power of ten.

    >>> _amount(22712.3), _amount(0.0123), _amount(5.0, "+")
    ('22,700', '0.0123', '+5')
    """
    return format(float(f"{value:.3g}"), f"{sign},.15g")


def _line(name: str, cells: Sequence[str]) -> str:
    return (name[:33].ljust(34) + "".join(cell.ljust(WIDTH) for cell in cells)).rstrip()
