"""The sections of the reports: each presents numbers and explains how to read them."""

from collections.abc import Mapping, Sequence

import numpy as np

from adaptive.arrays import Bools, Floats
from adaptive.evaluation.metrics import Usage, confusion, end_reasons, length_distribution, reliability
from adaptive.evaluation.persona_profiles import traits
from adaptive.evaluation.replay import StepMetrics
from adaptive.evaluation.simulate import NO_QUESTION, Interviews
from adaptive.learning.calibration import calibration_error
from adaptive.learning.residuals import PairResidual
from question_bank.compile import CompiledBank
from survey_service.analysis.reports import charts
from survey_service.analysis.reports.labels import end_text, outcome_text, persona_name, question_text, trait_text
from survey_service.analysis.reports.language import gettext as _
from survey_service.analysis.reports.language import mark, number, percent
from survey_service.analysis.reports.page import Cell, Section, Table

TRAITS = 6
PAIRS = 12
LENGTHS = 13


def personas_section(bank: CompiledBank) -> Section:
    """Return the section on the traits of each persona."""
    tables = []
    for k, found in enumerate(traits(bank.tables)):
        rows = [[trait_text(bank.bank, row), percent(row.share), percent(row.others), _signed(row.bits)] for row in found[:TRAITS]]
        share = percent(float(bank.tables.persona_prior[k]))
        caption = _("{persona}: {share} of the respondents", persona=persona_name(bank.bank, k), share=share)
        tables.append(Table(caption, (_("Answer"), _("here"), _("others"), _("bits")), rows))
    reading = _(
        "The answers that set each persona apart most: how many give them here, and how many among the others. The bits say how such an "
        "answer changes the odds: +1 doubles the odds that it is this persona, −1 halves them, 0 leaves them as they are."
    )
    return Section(_("Who the personas are"), reading, tables=tables)


def _signed(bits: float) -> str:
    return number(bits, "+.1f").replace("-", "−")


def length_section(interviews: Interviews) -> Section:
    """Return the section on the number of questions."""
    shares = length_distribution(interviews)
    shown = _histogram(shares)
    mean = number(float(interviews.length.mean()), ".1f")
    label = _("Share of respondents by number of questions; {mean} on average", mean=mean)
    picture = charts.column_chart("length", label, shown, _("questions taken"))
    rows = [[end_text(name), percent(share)] for name, share in sorted(end_reasons(interviews).items(), key=lambda item: -item[1])]
    reading = _("Each column is the share of respondents who take so many questions. On average it takes {mean}.", mean=mean)
    return Section(
        _("How long it takes"),
        reading,
        picture,
        tables=[Table(_("What ends the survey"), (_("Reason"), _("respondents")), rows)],
        figures=[
            Table(_("Questions taken"), (_("Questions"), _("respondents")), [[str(n), percent(share)] for n, share in enumerate(shares)])
        ],
    )


def _histogram(shares: Floats) -> dict[str, float]:
    """Return the shares from the shortest interview on; a long tail is one column."""
    first = int(np.flatnonzero(shares)[0])
    shown = {str(n): float(shares[n]) for n in range(first, min(len(shares), first + LENGTHS))}
    rest = float(shares[first + LENGTHS :].sum())
    return {**shown, _("more"): rest} if rest else shown


def calibration_section(confidence: Floats, true: Floats, against: str) -> Section:
    """Return the section on calibration."""
    bins, error = reliability(confidence, true), number(calibration_error(confidence, true), ".3f")
    label = _("Stated confidence against truth; off by {error} on average", error=error)
    picture = charts.reliability_diagram("reliability", label, bins)
    reading = _(
        "When the service says “I am 80 % sure”, is it right in 80 of 100 cases? Dots on the grey line: yes. Below it the service is too "
        "sure, above it too modest. The larger a dot, the more respondents. On average it is off by {error}.",
        error=error,
    )
    rows = [
        [
            _("{low} to {high}{unit}", low=number(bin_.low, ".1f"), high=number(bin_.high, ".1f"), unit=""),
            str(bin_.respondents),
            percent(bin_.stated),
            percent(bin_.true),
        ]
        for bin_ in bins
    ]
    figures = Table(_("Stated and true"), (_("Confidence"), _("respondents"), _("stated"), _("true")), rows)
    return Section(_("Is the stated confidence true?"), f"{reading} {against}", picture, figures=[figures])


def confusion_section(
    bank: CompiledBank, truth: Floats, stated: np.ndarray, reading: str, title: str = mark("Which persona is taken for which")
) -> Section:
    """Return the section with the confusion table."""
    table = confusion(truth, stated)
    names = [persona_name(bank.bank, k) for k in range(len(table))]
    rows: list[list[str | Cell]] = []
    for name, line in zip(names, table, strict=True):
        row_shares = line / line.sum() if line.sum() else line
        who = _("{persona} ({share} of all)", persona=name, share=percent(float(line.sum())))
        rows.append([who, *(Cell(percent(share), share) for share in row_shares.tolist())])
    rest = _(
        "On the diagonal they are recognised. {error} of all respondents are taken for another persona than theirs (classification error).",
        error=percent(1 - float(np.trace(table))),
    )
    return Section(_(title), f"{reading} {rest}", tables=[Table(_("Of each persona, stated as"), (_("really"), *names), rows)])


def orders_section(orders: Mapping[str, Sequence[StepMetrics]], truth: str) -> Section:
    """Return the section on accuracy by number of questions, for each order."""
    words = {"agreement": _("right persona"), "confidence": _("stated confidence")}
    panels = {
        title: {order: [(measure.questions, getattr(measure, name)) for measure in measures] for order, measures in orders.items()}
        for name, title in words.items()
    }
    names = ", ".join(_(order) for order in orders)
    label = _("Right persona and stated confidence by number of questions, for {orders} order", orders=names)
    picture = charts.line_chart("soon", label, panels)
    rows = [
        [
            _(order),
            str(measure.questions),
            percent(measure.agreement),
            percent(measure.confidence),
            number(measure.calibration_error, ".3f"),
            number(measure.log_score, ".3f"),
        ]
        for order, measures in orders.items()
        for measure in measures
    ]
    reading = _(
        "How right and how sure the service is after each question, if nobody stopped. Adaptive: the next question depends on the answers, "
        "as in the live survey, and on the time that it takes. Fixed: one order for everybody, "
        "the best for the other half of these people. Random: any. "
        "The steeper the rise, the fewer questions are needed."
    )
    head = (_("Order"), _("questions"), _("right"), _("confidence"), _("calibration error"), _("log score"))
    return Section(_("How soon it knows"), f"{reading} {truth}", picture, figures=[Table(_("After so many questions"), head, rows)])


def questions_section(bank: CompiledBank, used: Usage, included: Bools) -> Section:
    """Return the section on the use and gain of each question."""
    ranked = [int(q) for q in np.lexsort((-used.gain, -used.asked.round(3))) if used.asked[q] > 0]
    bars = [
        (
            question_text(bank.bank, q),
            float(used.asked[q]),
            _("{share} · {gain} bit", share=percent(float(used.asked[q])), gain=number(used.gain[q], ".2f")),
        )
        for q in ranked
    ]
    label = _("Share of respondents who were asked each question: {number} questions were asked", number=len(ranked))
    picture = charts.bar_chart("questions", label, bars)
    rows = [
        [
            question_text(bank.bank, q),
            bank.bank.questions[q].id,
            percent(float(used.asked[q])),
            number(used.gain[q], ".3f"),
            number(used.place[q], ".1f"),
            percent(float(used.silent[q])),
        ]
        for q in ranked
    ]
    tables = []
    if never := [int(q) for q in np.flatnonzero(included & (used.asked == 0))]:
        tables.append(
            Table(
                _("Never asked"),
                (_("Question"), _("id")),
                [[question_text(bank.bank, q), bank.bank.questions[q].id] for q in never],
                words=2,
            )
        )
    head = (_("Question"), _("id"), _("asked of"), _("gain, bits"), _("place"), _("no answer"))
    reading = _(
        "Each bar is the share of respondents who are asked the question; behind it, the expected gain of an answer when it is "
        "asked (1 bit settles the choice between two equally likely personas). A question that is never asked costs nobody time; "
        "it may still be worth a look at its wording or its table."
    )
    return Section(_("Which questions earn their place"), reading, picture, tables, [Table(_("Questions by use"), head, rows, words=2)])


def dropout_section(bank: CompiledBank, interviews: Interviews, used: Usage, leaving: str) -> Section:
    """Return the section on dropout."""
    departed = interviews.left_at != NO_QUESTION
    share = float(departed.mean())
    if not share:
        return Section(
            _("Where respondents are lost"),
            _(
                "Nobody leaves in this simulation: it has no drop-out. Try --drop-out 0.05, a chance of 5 % to leave before each "
                "further question."
            ),
        )
    after = np.bincount(interviews.length[departed]) / len(departed)
    picture = charts.column_chart(
        "lost",
        _("{share} leave; share by questions taken before", share=percent(share)),
        _histogram(after),
        _("questions taken before leaving"),
    )
    rows = [
        [question_text(bank.bank, int(q)), percent(float(used.left[q]))] for q in np.argsort(-used.left, kind="stable") if used.left[q] > 0
    ]
    reading = _(
        "{share} of the respondents leave before the survey ends ({leaving}). "
        "Each column: after how many questions. What they answered until then still counts.",
        share=percent(share),
        leaving=leaving,
    )
    tables = [Table(_("In front of which question"), (_("Question"), _("respondents lost")), rows)]
    return Section(_("Where respondents are lost"), reading, picture, tables)


def residuals_section(bank: CompiledBank, pairs: Sequence[PairResidual]) -> Section:
    """Return the section on bivariate residuals."""
    rows = []
    for pair in pairs[:PAIRS]:
        a, b = pair.most_unexpected
        both = _("{first} with {second}", first=outcome_text(bank.bank, pair.first, a), second=outcome_text(bank.bank, pair.second, b))
        names = f"{question_text(bank.bank, pair.first)} / {question_text(bank.bank, pair.second)}"
        rows.append([f"{names}: {both}", number(pair.observed[a, b]), number(pair.expected[a, b]), number(pair.residual, ",.1f")])
    large = sum(pair.residual > 4 for pair in pairs)
    reading = _(
        "Pairs of questions whose answers come together more, or less, often than the personas explain: how often the strangest pair of "
        "answers was given, and how often the tables expect it. A residual near 1 is chance; a large one means that the two questions "
        "overlap or that a persona is missing. {large} of {pairs} pairs are above 4.",
        large=large,
        pairs=number(len(pairs)),
    )
    head = (_("Questions, and their strangest pair of answers"), _("given"), _("expected"), _("residual"))
    return Section(_("What the personas do not explain"), reading, tables=[Table(_("Largest bivariate residuals"), head, rows)])
