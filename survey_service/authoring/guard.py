"""Routes for API keys only."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import g

from survey_service.authoring.keys import check_key
from survey_service.http import bearer
from survey_service.parts import parts


def requires(scope: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The route is for API keys with this scope."""

    def guard(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            p = parts()
            with p.store.reading() as session:
                g.api_key = check_key(session, p.keys, bearer(), scope, p.now()).id
            return view(*args, **kwargs)

        guarded.scope = scope  # type: ignore[attr-defined]  # the authorisation table of the tests reads it
        return guarded

    return guard
