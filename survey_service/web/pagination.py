"""Cursors of lists: where a page ended, as a text that means something to nobody but us."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

from survey_service.errors import Invalid

BETWEEN = "\n"


def cursor(*place: str) -> str:
    """The `next` of a page whose last line stands at this place.

    >>> place_of(cursor("track", "Order Completed"), 2)
    ['track', 'Order Completed']
    """
    return urlsafe_b64encode(BETWEEN.join(place).encode()).decode().rstrip("=")


def place_of(text: str, parts: int) -> list[str]:
    """The place behind which the next page begins. Raises Invalid for anything that `cursor` has not made."""
    try:
        place = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().split(BETWEEN)
    except ValueError:
        place = []
    if len(place) != parts:
        raise not_ours()
    return place


def not_ours() -> Invalid:
    """The error for a cursor that is none."""
    return Invalid(errors=[{"path": "after", "message": "is not the `next` of a page before: begin again without it"}])
