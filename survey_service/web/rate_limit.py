"""Rate limits that hold across processes: the generic cell rate algorithm (ITU-T I.371), in one statement of the database.

Each key has a time `open_at` from which it admits the next request. An admission moves it by `gap` = 1 / rate, from no earlier than
``burst - 1`` gaps ago: up to `burst` requests are admitted at once, and `rate` a second in the long run.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import TextClause, bindparam, text

from survey_service.errors import DiscernError
from survey_service.settings import Limit
from survey_service.store.session import Store

CLOCKS_APART = 10
"""Seconds by which the clocks of web servers may differ."""

PRUNED_EVERY = timedelta(minutes=10)


class TooManyRequests(DiscernError):
    """Too many requests at once. Nothing that was given is lost: send the same again in a moment."""

    status, code = 429, "too_many_requests"


@dataclass(frozen=True)
class Charge:
    """One request on one key, or `weight` of them. With a `session`, the survey of that session completes the key."""

    key: str
    limit: Limit
    session: str | None = None
    weight: float = 1.0

    @property
    def gap(self) -> float:
        """Seconds by which the request moves the time from which the key admits the next one."""
        return self.limit.gap * self.weight

    def first(self, now: float) -> float:
        """Return that time where the key was unused."""
        return self.limit.first(now) - self.limit.gap + self.gap


class Limits:
    """Decides whether requests are admitted. The state is in the database and costs one statement a request."""

    def __init__(self, store: Store, limits: Sequence[Limit]) -> None:
        self._store = store
        self._memory = max((limit.memory for limit in limits), default=0.0)
        self._pruned_at: datetime | None = None
        self._statement = cache(lambda by_session: store.compile(_statement(by_session)))

    def admit(self, charges: Sequence[Charge], now: datetime) -> None:
        """Charge every key, or none of them where one is closed. Raises TooManyRequests with Retry-After.

        Of requests that race for the last place exactly one gets it: the row is locked and read again. A refusal writes nothing. Its
        Retry-After is the longest that a gap can last, because a closed key opens within one gap.
        """
        if not charges:
            return
        admitted = self._store.execute_fast(self._statement(tuple(charge.session is not None for charge in charges)), _values(charges, now))
        if self._pruned_at is None or now - self._pruned_at >= PRUNED_EVERY:
            self._pruned_at = now
            with self._store.fast_connection() as connection:
                connection.execute(text("DELETE FROM rate_limit WHERE open_at < :old"), {"old": now.timestamp() - self._memory})
        if len(admitted) < len(charges):
            raise TooManyRequests(headers={"Retry-After": str(math.ceil(max(charge.gap for charge in charges)))})


def _values(charges: Sequence[Charge], now: datetime) -> dict[str, object]:
    moment = now.timestamp()
    values: dict[str, object] = {"now": moment}
    for number, charge in enumerate(charges):
        values |= {f"key{number}": charge.key, f"open{number}": charge.first(moment), f"gap{number}": charge.gap}
        if charge.session is not None:
            values[f"session{number}"] = charge.session
    return values


def _statement(by_session: tuple[bool, ...]) -> TextClause:
    """Return the statement. It takes the keys in order, so that no two requests hold what the other waits for."""
    survey = "|| COALESCE((SELECT survey FROM survey_session WHERE id = CAST(:session{n} AS TEXT)), '')"
    wanted = " UNION ALL ".join(
        f"SELECT CAST(:key{n} AS TEXT) {survey.format(n=n) if of_session else ''} AS key, "
        f"CAST(:open{n} AS DOUBLE PRECISION) AS open_at, CAST(:gap{n} AS DOUBLE PRECISION) AS gap"
        for n, of_session in enumerate(by_session)
    )
    # A key is closed for at most one gap. Where one seems to be closed for longer, the clock was set back.
    closed = f"rate_limit.open_at > :now AND rate_limit.open_at <= :now + rate_limit.gap + {CLOCKS_APART}"
    return text(
        f"""WITH wanted AS ({wanted})
        INSERT INTO rate_limit (key, open_at, gap)
        SELECT key, open_at, gap FROM wanted
        WHERE NOT EXISTS (SELECT 1 FROM rate_limit JOIN wanted ON wanted.key = rate_limit.key WHERE {closed})
        ORDER BY key
        ON CONFLICT (key) DO UPDATE SET gap = excluded.gap, open_at =
            CASE WHEN rate_limit.open_at + excluded.gap > excluded.open_at AND rate_limit.open_at <= :now
            THEN rate_limit.open_at + excluded.gap ELSE excluded.open_at END
        WHERE NOT ({closed})
        RETURNING key"""  # noqa: S608  # only numbers are put into the text
    ).bindparams(bindparam("now"))
