"""What a belief rests on."""

from survey_service.store.records import Belief


def kind_of(belief: Belief, *, labelled: bool) -> str:
    """What the belief rests on: "labelled" by people, "answered", "behavioural", or only the "prior"."""
    return "labelled" if labelled else "answered" if belief.answers else "behavioural" if belief.signals else "prior"
