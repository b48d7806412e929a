"""The address of a survey as a QR code, for print and screens."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any
from urllib.parse import urlencode

import segno

MODULE_PIXELS = 12
"""The side of a module of the PNG. A code on paper needs about 500 pixels."""


def survey_url(base_url: str, survey: str, query: Mapping[str, str]) -> str:
    """Return the address of a survey's hosted page."""
    return f"{base_url}/s/{survey}" + (f"?{urlencode(query)}" if query else "")


def qr_svg(base_url: str, survey: str, query: Mapping[str, str]) -> bytes:
    """Return the QR code of a survey as SVG."""
    return _draw(base_url, survey, query, kind="svg", scale=4, title=survey, light="#fff")


def qr_png(base_url: str, survey: str, query: Mapping[str, str]) -> bytes:
    """Return the QR code of a survey as PNG."""
    return _draw(base_url, survey, query, kind="png", scale=MODULE_PIXELS)


def _draw(base_url: str, survey: str, query: Mapping[str, str], **options: Any) -> bytes:
    """Return the image of a QR code with error correction M and the quiet zone that ISO/IEC 18004 requires."""
    out = BytesIO()
    segno.make(survey_url(base_url, survey, query), error="m", micro=False).save(out, border=4, **options)
    return out.getvalue()
