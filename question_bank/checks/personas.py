"""Who may be answering."""

from collections.abc import Iterator, Mapping
from typing import Any

from question_bank.checks.references import twice, twice_among
from question_bank.draft import Draft
from question_bank.problems import Finding, Path

MOST_STYLES = 5


def persona_rules(draft: Draft) -> Iterator[Finding]:
    """Two personas at least, each with its own id; priors for all of them or for none."""
    yield from twice(draft, "personas")
    personas = list(draft.items("personas"))
    if len(personas) < 2 and "personas" in draft.data:
        yield Finding(("personas",), "has fewer than two personas", "a survey can only tell apart what is at least two")
    without = [path for path, persona in personas if "prior" not in persona and draft.sound(*path, "prior")]
    if any("prior" in persona for _, persona in personas):
        for path in without:
            yield Finding(path, "has no prior while others have one", "give every persona a prior, or none for equal shares")
    for path, persona in personas:
        if "styles" in persona and draft.sound(*path, "styles"):
            yield from _styles((*path, "styles"), persona["styles"])


def _styles(path: Path, styles: list[Mapping[str, Any]]) -> Iterator[Finding]:
    """Two to five, each with its own id; shares for all of them or for none."""
    yield from twice_among((((*path, index), style) for index, style in enumerate(styles)), "style")
    if not 2 <= len(styles) <= MOST_STYLES:
        yield Finding(path, f"has {len(styles)} styles", f"give 2 to {MOST_STYLES} of them, or none: then the persona answers in one way")
    without = [index for index, style in enumerate(styles) if "share" not in style]
    for index in without if len(without) < len(styles) else ():
        yield Finding((*path, index), "has no share while others have one", "give every style a share, or none for equal shares")
