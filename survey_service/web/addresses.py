"""Addresses of pages as they come back from emails and chats: decorated, wrapped, quoted, or encoded twice.

The tokens, tickets and survey ids of an address consist of unreserved characters only (RFC 3986, 2.3). What follows them was added on the
way: parameters go into the query, and everything else is dropped.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote, unquote

PAGES = ("/s/", "/l/", "/preview/")
UNREAD = "discern.unread"
"""The extension of an application that renders the page of a request which the server refused before the application."""
WORD = re.compile(r"[A-Za-z0-9_.~-]*")
QUOTES = "<\"'([{«“‘„"
TIMES_ENCODED = 3
ENTITIES = re.compile(r"&(?:amp|#38|#x26);", re.IGNORECASE)
WRAPPED = re.compile(r"=?[\s\x00-\x1f\x7f\u00ad\u200b\ufeff]+")
"""White space and invisible characters, with the "=" that quoted-printable writes at the end of a line."""


def clean_token(text: str) -> str:
    """Return the token at the beginning of `text`, without what was added on the way.

    >>> clean_token("AbC-1_2&utm_source=x"), clean_token("<AbC=\\r\\n-1_2>."), clean_token("AbC%253Futm_source%253Dx")
    ('AbC-1_2', 'AbC-1_2', 'AbC')
    """
    return _cut(text)[0]


def clean_address(path: str, query: str) -> tuple[str, str]:
    """Return the path and the query of a page's address without what was added on the way. Other addresses are returned unchanged.

    >>> clean_address("/s/cars&amp;hidden-plan=x", "lang=fr")
    ('/s/cars', 'hidden-plan=x&lang=fr')
    """
    page = next((page for page in PAGES if path.startswith(page)), None)
    if page is None:
        return path, query
    parts, added = [], ""
    for part in path.removeprefix(page).split("/"):
        word, tail = _cut(part)
        parts.append(word or ("-" if tail else ""))  # so that the page of a link says that it is not complete
        if tail:
            added = re.sub(r"^[^?&]*[?&]?", "", tail)
            break
    queries = (quote(added, "=&%+"), _clean_query(query))
    return page + "/".join(part for part in parts if part), "&".join(part for part in queries if part)


def _cut(text: str) -> tuple[str, str]:
    """Return the word at the beginning of a part of a path, and what follows it."""
    for _ in range(TIMES_ENCODED):
        text = unquote(text)
    text = WRAPPED.sub("", ENTITIES.sub("&", text)).lstrip(QUOTES)
    word = WORD.match(text)
    end = word.end() if word else 0
    return text[:end].rstrip("."), text[end:]


def _clean_query(query: str) -> str:
    """Return a query whose parameters have their own names again: `amp;lang=fr` is `lang=fr`, and `t%3Dx` is `t=x`."""
    pairs = ENTITIES.sub("&", re.sub("%26amp%3B", "&", query, flags=re.IGNORECASE)).split("&")
    return "&".join(_clean_pair(pair.removeprefix("amp;").removeprefix("amp%3B")) for pair in pairs)


def _clean_pair(pair: str) -> str:
    pair = pair.replace("%00", "")
    decoded = unquote(unquote(pair))
    return pair if "=" in pair or "=" not in decoded else quote(decoded, "=")


class PageAddresses:
    """A WSGI application that cleans the addresses of pages before they are routed."""

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self._app = app

    def __call__(self, request: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path, query = request.get("PATH_INFO", "").encode("latin-1").decode("utf-8", "replace"), request.get("QUERY_STRING", "")
        clean_path, clean_query = clean_address(path, query)
        if clean_path != path:
            request["PATH_INFO"] = clean_path
        request["QUERY_STRING"] = clean_query
        return self._app(request, start_response)
