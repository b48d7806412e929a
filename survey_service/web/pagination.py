"""Cursors of lists: where a page ended, as a text that only this service reads."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

from survey_service.errors import Invalid

BETWEEN, NUL = "\n", "\x00"


def cursor(*place: str) -> str:
    """Return the `next` of a page whose last item has this place. Only its last part may have line feeds.

    >>> place_of(cursor("track", "Order\\nCompleted"), 2)
    ['track', 'Order\\nCompleted']
    """
    return urlsafe_b64encode(BETWEEN.join(place).encode()).decode().rstrip("=")


def place_of(text: str, parts: int) -> list[str]:
    """Return the place after which the next page begins. Raises Invalid for a text that `cursor` did not make."""
    try:
        decoded = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except ValueError:
        raise invalid_cursor() from None
    place = decoded.split(BETWEEN, parts - 1)
    if len(place) != parts or NUL in decoded:
        raise invalid_cursor()
    return place


def invalid_cursor() -> Invalid:
    """Return the error for an invalid cursor."""
    return Invalid(errors=[{"path": "after", "message": "is not the `next` of a page before: begin again without it"}])
