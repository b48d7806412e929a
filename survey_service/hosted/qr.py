"""The address of a survey as a QR code, for paper, tills and screens."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any
from urllib.parse import urlencode

import segno

LARGEST_PIXELS = 12
"""A side of one module of the PNG: a page of paper takes about 500 pixels."""


def survey_url(base_url: str, survey: str, query: Mapping[str, str]) -> str:
    """Where the survey is answered."""
    return f"{base_url}/s/{survey}" + (f"?{urlencode(query)}" if query else "")


def qr_svg(base_url: str, survey: str, query: Mapping[str, str]) -> bytes:
    return _drawn(base_url, survey, query, kind="svg", scale=4, title=survey, light="#fff")


def qr_png(base_url: str, survey: str, query: Mapping[str, str]) -> bytes:
    return _drawn(base_url, survey, query, kind="png", scale=LARGEST_PIXELS)


def _drawn(base_url: str, survey: str, query: Mapping[str, str], **how: Any) -> bytes:
    """Error correction M and the full quiet zone, as ISO/IEC 18004 asks for."""
    out = BytesIO()
    segno.make(survey_url(base_url, survey, query), error="m", micro=False).save(out, border=4, **how)
    return out.getvalue()
