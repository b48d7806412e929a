"""Rules for questions, apart from their numbers: texts, options, points, conditions and parents."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from question_bank.files.draft import CHOOSABLE, MOST_POINTS, PARENTS, Draft, duplicate_ids, duplicate_ids_among, outcomes_of, unknown_name
from question_bank.files.problems import Finding, Path, join_names, suggest

TEXTS = ("title", "name", "description", "needs", "text", "help", "unit", "content", "agent", "bot")


def text_rules(draft: Draft) -> Iterator[Finding]:
    """Check that each text uses declared languages only, including the default one, and that languages are declared once."""
    if not draft.is_readable("languages"):
        return
    languages = draft.data.get("languages") or [draft.language]
    for index, language in enumerate(languages):
        if languages.index(language) < index:
            yield Finding(("languages", index), f'"{language}" is already declared', "remove one of the two")
    for path, text in texts_of(draft.data):
        if not isinstance(text, Mapping):
            continue
        for language in text:
            if language not in languages:
                todo = suggest(language, languages, f"use {join_names(languages)}, or add it to languages")
                yield Finding((*path, language), f'"{language}" is not a language of this bank', todo)
        if draft.language not in text and draft.is_readable(*path, draft.language):
            yield Finding(path, f"has no {draft.language}, the first language of the bank", f"add {draft.language}: and the words")


def texts_of(data: Any, path: Path = ()) -> Iterator[tuple[Path, str | Mapping[str, str]]]:
    """Yield every text of a bank, a map from language to words or words in the default language, with its path."""
    if isinstance(data, list):
        for index, item in enumerate(data):
            yield from texts_of(item, (*path, index))
    elif isinstance(data, Mapping):
        for key, value in data.items():
            below = (*path, key)
            if _is_text(below) and isinstance(value, Mapping | str | int):
                yield below, value if isinstance(value, Mapping) else str(value)
            elif isinstance(value, Mapping | list):
                yield from texts_of(value, below)


def _is_text(path: Path) -> bool:
    """Return whether a path is that of a text. The name alone is not enough: an option or a persona may be called ``text``."""
    above = path[-2] if len(path) > 1 else ""
    if above == "labels":
        return True
    return path[-1] in TEXTS and (len(path) == 1 or isinstance(above, int) or above in ("consent", "brand") or path[-3:-2] == ("result",))


MOST_OPTIONS = 40
RESERVED_OPTION = "skip"
ONLY_FOR = {
    "options": ("single", "multiple"),
    "min": ("scale", "number"),
    "max": ("scale", "number"),
    "labels": ("scale",),
    "unit": ("number",),
}


def question_rules(draft: Draft) -> Iterator[Finding]:
    """Check that there are questions, that ids are used once, each question on its own, and cycles of conditions and parents."""
    yield from duplicate_ids(draft, "questions")
    if not list(draft.items("questions")) and "questions" in draft.data:
        yield Finding(("questions",), "has no question", "ask at least one")
    parents = {question.get("parent") for _, question in draft.items("questions")}
    for path, question in draft.items("questions"):
        yield from _misplaced(path, question)
        yield from _options(draft, path, question)
        yield from _range(draft, path, question)
        yield from _conditions(draft, path, question)
        yield from _parent(draft, path, question)
        yield from _weight(path, question, is_linked="parent" in question or question.get("id") in parents)
    yield from _cycles(draft, "ask_if", lambda question: tuple(question.get("ask_if", ())))
    yield from _cycles(draft, "parent", lambda question: (question["parent"],) if "parent" in question else ())


def _misplaced(path: Path, question: Mapping[str, Any]) -> Iterator[Finding]:
    kind = question.get("type")
    for name, kinds in ONLY_FOR.items():
        if name in question and kind is not None and kind not in kinds:
            yield Finding((*path, name), f"a {kind} question has no {name}", f"remove it, or make the type {' or '.join(kinds)}")


def _options(draft: Draft, path: Path, question: Mapping[str, Any]) -> Iterator[Finding]:
    kind = question.get("type")
    if kind not in ONLY_FOR["options"] or (*path, "options") in draft.broken:
        return
    options = question.get("options", [])
    least = 2 if kind == "single" else 1
    if len(options) < least:
        where = (*path, "options") if "options" in question else path
        wrong = f"a {kind} question needs {least} option{'s' * (least > 1)} at least" if options else f"a {kind} question has no options"
        yield Finding(where, wrong, "write options: [{id: safety, text: Safety}, {id: power, text: Power}]")
    if len(options) > MOST_OPTIONS:
        yield Finding((*path, "options"), f"has {len(options)} options, more than {MOST_OPTIONS}", "join the rare ones")
    yield from duplicate_ids_among((((*path, "options", index), option) for index, option in enumerate(options)), "option")
    for index, option in enumerate(options):
        if kind == "single" and isinstance(option, Mapping) and option.get("id") == RESERVED_OPTION:
            wrong = f'"{RESERVED_OPTION}" stands for not answering, in the API and in every client'
            yield Finding((*path, "options", index, "id"), wrong, "choose another id, such as passed")


def _range(draft: Draft, path: Path, question: Mapping[str, Any]) -> Iterator[Finding]:
    kind = question.get("type")
    if kind not in ONLY_FOR["min"] or not (draft.is_readable(*path, "min") and draft.is_readable(*path, "max")):
        return
    low: Any = question.get("min")
    high: Any = question.get("max")
    if kind == "scale" and (low is None or high is None):
        yield Finding(path, "a scale needs min and max", "write min: 1 and max: 5")
    elif kind == "scale" and (low % 1 or high % 1):
        yield Finding((*path, "min" if low % 1 else "max"), "the ends of a scale are whole numbers", "write min: 1 and max: 5")
    elif low is not None and high is not None and low >= high:
        yield Finding((*path, "min"), f"min {low:g} is not below max {high:g}", "swap or correct them")
    elif kind == "scale" and high - low >= MOST_POINTS:
        yield Finding((*path, "max"), f"has {high - low + 1:g} points, more than {MOST_POINTS}", "use fewer points, or type: number")
    else:
        yield from _labels(path, question, outcomes_of(question) or ())


def _labels(path: Path, question: Mapping[str, Any], points: tuple[str, ...]) -> Iterator[Finding]:
    for point in question.get("labels", ()):
        if points and point not in points:
            yield Finding(
                (*path, "labels", point), f"{point} is not a point of this scale", f"label points from {points[0]} to {points[-1]}"
            )


def _conditions(draft: Draft, path: Path, question: Mapping[str, Any]) -> Iterator[Finding]:
    known = draft.by_id("questions")
    for name, values in question.get("ask_if", {}).items():
        at = (*path, "ask_if", name)
        if name == question.get("id"):
            yield Finding(at, "waits for its own answer", "name an earlier question")
            continue
        yield from unknown_name(draft, at, name, "questions")
        other = known.get(name, {})
        if other.get("type") not in (None, *CHOOSABLE):
            yield Finding(at, f"a {other['type']} question cannot be a condition", f"name a question of type {', '.join(CHOOSABLE)}")
        if not values:
            yield Finding(at, "names no answer", "list the answers that lead here, such as [yes]")
        for value in values:
            outcomes = outcomes_of(other)
            if outcomes and value not in outcomes:
                todo = suggest(value, outcomes, f"use {join_names(outcomes)}")
                yield Finding(at, f'"{value}" is not an answer to question "{name}"', todo)


def _parent(draft: Draft, path: Path, question: Mapping[str, Any]) -> Iterator[Finding]:
    name, at = question.get("parent"), (*path, "parent")
    if name is None:
        return
    if question.get("type") == "text":
        yield Finding(at, "a text question has no table, so no parent", "remove it")
    elif question.get("type") in ("multiple", "number"):
        yield Finding(at, f"a {question['type']} question cannot have a parent", "remove it, and give one row a persona")
        return
    if name == question.get("id"):
        yield Finding(at, "is its own parent", "name another question, or remove the line")
        return
    yield from unknown_name(draft, at, name, "questions")
    other = draft.by_id("questions").get(name, {})
    if other.get("type") not in (None, *PARENTS):
        yield Finding(at, f"a {other['type']} question cannot be a parent", "name a question of type single or scale")
    elif other.get("pilot"):
        yield Finding(at, "a pilot question cannot be a parent: it has no table yet", "remove the line until it is fitted")


def _weight(path: Path, question: Mapping[str, Any], *, is_linked: bool) -> Iterator[Finding]:
    if is_linked and question.get("evidence_weight", 1) != 1:
        wrong = "a question with a parent, or that is one, has no weight of its own: its answer counts together with the others"
        yield Finding((*path, "evidence_weight"), wrong, "remove it, or the parent")


def _cycles(draft: Draft, field: str, linked: Callable[[Mapping[str, Any]], tuple[str, ...]]) -> Iterator[Finding]:
    """Report questions that wait for each other, at the first of them in the file."""
    questions = draft.by_id("questions")
    place = {name: index for index, name in enumerate(questions)}
    for circle in _find_cycles({name: linked(question) for name, question in questions.items()}):
        first = min(circle, key=place.__getitem__)
        index = next(path[1] for path, question in draft.items("questions") if question.get("id") == first)
        wrong = f"goes round in a circle: {join_names((*circle, circle[0])).replace(', ', ' > ')}"
        yield Finding(("questions", index, field), wrong, "remove one of these links")


def _find_cycles(links_of: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """Yield cycles by depth-first search: a link back onto the current path closes one. Self-links are reported elsewhere."""
    done: set[str] = set()
    reported: set[str] = set()
    for start in links_of:
        path = {} if start in done else {start: iter(links_of[start])}
        while path:
            name, links = next(reversed(path.items()))
            link = next(links, None)
            if link is None:
                done.add(name)
                del path[name]
            elif link in path and link != name and not {link, name} <= reported:
                names = tuple(path)
                reported.update(circle := names[names.index(link) :])
                yield circle
            elif link in links_of and link not in done and link not in path:
                path[link] = iter(links_of[link])
