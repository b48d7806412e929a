"""Who may be answering."""

from collections.abc import Iterator

from question_bank.checks.references import twice
from question_bank.draft import Draft
from question_bank.problems import Finding


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
