"""Rules for the numbers of a bank: likelihoods, no-answer tables and signals."""

from collections.abc import Iterator, Mapping
from typing import Any

from question_bank.files.draft import PARENTS, Draft, duplicate_ids, duplicate_ids_among, outcomes_of, unknown_name
from question_bank.files.likelihood_rows import RowError, probability, read_row
from question_bank.files.problems import Finding, Path, join_names, shorten, suggest

MOST_STYLES = 5


def persona_rules(draft: Draft) -> Iterator[Finding]:
    """Check that there are at least two personas, with different ids, and priors for all of them or for none."""
    yield from duplicate_ids(draft, "personas")
    personas = list(draft.items("personas"))
    if len(personas) < 2 and "personas" in draft.data:
        yield Finding(("personas",), "has fewer than two personas", "a survey can only tell apart what is at least two")
    without = [path for path, persona in personas if "prior" not in persona and draft.is_readable(*path, "prior")]
    if any("prior" in persona for _, persona in personas):
        for path in without:
            yield Finding(path, "has no prior while others have one", "give every persona a prior, or none for equal shares")
    for path, persona in personas:
        if "styles" in persona and draft.is_readable(*path, "styles"):
            yield from _style_rules((*path, "styles"), persona["styles"])


def _style_rules(path: Path, styles: list[Mapping[str, Any]]) -> Iterator[Finding]:
    """Check that a persona has two to five styles, with different ids, and shares for all of them or for none."""
    yield from duplicate_ids_among((((*path, index), style) for index, style in enumerate(styles)), "style")
    if not 2 <= len(styles) <= MOST_STYLES:
        yield Finding(path, f"has {len(styles)} styles", f"give 2 to {MOST_STYLES} of them, or none: then the persona answers in one way")
    without = [index for index, style in enumerate(styles) if "share" not in style]
    for index in without if len(without) < len(styles) else ():
        yield Finding((*path, index), "has no share while others have one", "give every style a share, or none for equal shares")


def per_class(draft: Draft, path: Path, table: Mapping[str, Any]) -> Iterator[Finding]:
    """Check that a table has an entry for every persona or for all of its styles, not both, and no other."""
    read = _styles(draft)
    for name in table:
        yield from _unknown_key(draft, path, str(name), read)
    missing_personas = []
    for persona, styles in read.items():
        keys = [f"{persona}/{style}" for style in styles or ()]
        given = [key for key in keys if key in table]
        if given and persona in table:
            yield Finding((*path, given[0]), f'"{persona}" has an entry for all its styles already', "keep one of the two")
        elif given and len(given) < len(keys):
            missing = [key for key in keys if key not in table]
            yield Finding(
                path, f"says nothing for style {join_names(missing)}", f'give every style an entry, or one to "{persona}" for all'
            )
        elif not given and persona not in table and (styles is not None or not any(str(name).startswith(f"{persona}/") for name in table)):
            missing_personas.append(persona)
    if missing_personas:
        yield Finding(path, f"says nothing for persona {join_names(missing_personas)}", "give every persona an entry")


def _unknown_key(draft: Draft, path: Path, name: str, styles_of: Mapping[str, tuple[str, ...] | None]) -> Iterator[Finding]:
    """Report an entry of an unknown persona or style, unless it may be one that could not be read."""
    persona, slash, style = name.partition("/")
    if not slash or persona not in styles_of:
        yield from unknown_name(draft, (*path, name), persona, "personas")
        return
    styles = styles_of[persona]
    if styles is not None and style not in styles:
        todo = suggest(style, styles, f"use {join_names(styles)}") if styles else f'call it "{persona}", or give the persona styles'
        yield Finding((*path, name), f'persona "{persona}" has no style "{style}"', todo)


def _styles(draft: Draft) -> dict[str, tuple[str, ...] | None]:
    """Return the style ids of each persona, None where they could not be read."""
    found: dict[str, tuple[str, ...] | None] = {}
    for path, persona in draft.items("personas"):
        if "id" in persona:
            sound = draft.is_readable(*path, "styles")
            found.setdefault(persona["id"], tuple(style["id"] for style in persona.get("styles", ())) if sound else None)
    return found


def probabilities(draft: Draft, path: Path, table: Mapping[str, Any]) -> Iterator[Finding]:
    """Check a table of one probability per persona or style."""
    yield from per_class(draft, path, table)
    for name, value in table.items():
        if draft.is_readable(*path, name):
            try:
                probability(value)
            except RowError as fault:
                yield Finding((*path, name), fault.wrong, fault.todo)


def likelihood_rules(draft: Draft) -> Iterator[Finding]:
    """Check the tables of questions and of signals."""
    for path, question in draft.items("questions"):
        yield from _table(draft, path, question)
        yield from _no_answer(draft, path, question)
    yield from duplicate_ids(draft, "signals")
    for path, signal in draft.items("signals"):
        yield from _words(draft, path, signal.get("match", {}))
        if "likelihood" in signal:
            yield from probabilities(draft, (*path, "likelihood"), signal["likelihood"])
    yield from _attribution(draft)


def _words(draft: Draft, path: Path, match: Mapping[str, Any]) -> Iterator[Finding]:
    """Check that words are looked for in the answers to a text question."""
    name = match.get("question")
    if name is None:
        return
    kinds = {question.get("id"): question.get("type") for _, question in draft.items("questions")}
    if kinds.get(name) != "text":
        texts = [str(key) for key, kind in kinds.items() if kind == "text"]
        wrong = f"{name} is not a text question of this bank"
        yield Finding(
            (*path, "match", "question"), wrong, f"use one of {join_names(texts)}" if texts else "remove it, or add a text question"
        )


def _attribution(draft: Draft) -> Iterator[Finding]:
    """Check that an attribution has attributes, and none of those that are never to be used."""
    given = draft.data.get("attribution")
    if given is None or "attributes" not in given:
        return
    at = ("attribution", "attributes")
    if not given["attributes"] and at not in draft.broken:
        yield Finding(at, "names no attribute", "write the names and kinds, such as {age: number, city: category}")
    for name in given["attributes"]:
        if name in given.get("never", ()):
            yield Finding((*at, name), "is under never as well", "remove it here, or from never")


def _table(draft: Draft, path: Path, question: Mapping[str, Any]) -> Iterator[Finding]:
    kind, table, at = question.get("type"), question.get("likelihood"), (*path, "likelihood")
    if kind is None or at in draft.broken:
        return
    if kind == "text":
        if table is not None:
            yield Finding(at, "a text question has no likelihood: its answers are passed on, not weighed", "remove it")
        return
    if table is None:
        if not question.get("pilot"):
            yield Finding(path, "has no likelihood", "give one row a persona, or write pilot: true to learn it from answers")
        return
    yield from per_class(draft, at, table)
    for persona, rows in table.items():
        if "parent" in question and kind in PARENTS:
            yield from _rows_given(draft, (*at, persona), question, rows)
        else:
            yield from _row(draft, (*at, persona), question, rows)


def _rows_given(draft: Draft, path: Path, question: Mapping[str, Any], rows: Any) -> Iterator[Finding]:
    """Check that a persona of a dependent question has one row for each of the parent's outcomes."""
    parent = draft.by_id("questions").get(question["parent"], {})
    outcomes = outcomes_of(parent)
    if parent is question or parent.get("type") not in PARENTS:
        return  # reported at `parent`; without it the right rows are unknown
    if not isinstance(rows, Mapping):
        if draft.is_readable(*path):
            yield Finding(
                path, f"{shorten(rows)} is not a map by the parent's answer", f'write one row for each answer to "{question["parent"]}"'
            )
        return
    missing = [outcome for outcome in outcomes or () if outcome not in rows]
    if missing:
        yield Finding(
            path, f'has no row for answer {join_names(missing)} to "{question["parent"]}"', "give every answer of the parent a row"
        )
    for outcome, row in rows.items():
        if outcomes and outcome not in outcomes:
            todo = suggest(outcome, outcomes, f"use {join_names(outcomes)}")
            yield Finding((*path, outcome), f'is not an answer to "{question["parent"]}"', todo)
        else:
            yield from _row(draft, (*path, outcome), question, row)


def _row(draft: Draft, path: Path, question: Mapping[str, Any], row: Any) -> Iterator[Finding]:
    outcomes = outcomes_of(question)
    if (outcomes is None and question["type"] != "number") or not draft.is_readable(*path):
        return
    try:
        read_row(row, question["type"], outcomes or ())
    except RowError as fault:
        yield Finding((*path, *fault.at), fault.wrong, fault.todo)


def _no_answer(draft: Draft, path: Path, question: Mapping[str, Any]) -> Iterator[Finding]:
    given, at = question.get("no_answer"), (*path, "no_answer")
    if given is None or not draft.is_readable(*at):
        return
    if isinstance(given, Mapping):
        yield from probabilities(draft, at, given)
        return
    try:
        probability(given)
    except RowError as fault:
        yield Finding(at, fault.wrong, fault.todo)
