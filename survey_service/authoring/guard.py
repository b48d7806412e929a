"""Routes for API keys only."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import current_app, g
from sqlalchemy.exc import InternalError, OperationalError

from survey_service.authoring.keys import check_key, note_use
from survey_service.http import bearer
from survey_service.parts import Parts, parts
from survey_service.store.records import ApiKey


def enter(p: Parts, token: str | None, scope: str) -> ApiKey:
    """The key that opens this, whose use is noted. Raises Unauthorised or ScopeMissing."""
    with p.store.reading() as session:
        key = check_key(session, p.keys, token, scope, p.now())
    try:
        note_use(p.store, p.keys, key, str(token), p.now())
    except (OperationalError, InternalError) as wrong:  # reading goes on where nothing can be written
        current_app.logger.warning("the use of a key could not be noted: %s", wrong.orig)
    return key


def requires(scope: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The route is for API keys with this scope."""

    def guard(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            g.api_key = enter(parts(), bearer(), scope).id
            return view(*args, **kwargs)

        guarded.scope = scope  # type: ignore[attr-defined]  # the authorisation table of the tests reads it
        return guarded

    return guard
