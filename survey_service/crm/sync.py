"""Send a batch to its CRM: tokens are renewed once, refused batches are halved until the bad record is found, pauses hold at once."""

import logging
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from survey_service.clock import Clock, utc_now
from survey_service.crm import batches
from survey_service.crm.adapters.client import Call, Unanswered, call
from survey_service.crm.adapters.contact_values import record_of
from survey_service.crm.adapters.protocol import (
    AUTHORISATION_WAIT,
    UNAUTHORISED,
    Adapter,
    ConnectionConfig,
    Later,
    Pause,
    Record,
    Refused,
    Renew,
    Request,
    Response,
    Split,
    Verdict,
)
from survey_service.crm.adapters.registry import ADAPTERS
from survey_service.crypto import Keyring
from survey_service.egress.addresses import Policy
from survey_service.store.session import Store
from survey_service.webhooks.retry import JITTER

NO_IDENTITY = "no_identity"
"""The contact has none of the ids by which this connection finds contacts."""

log = logging.getLogger("discern.crm")


def step(
    store: Store,
    keys: Keyring,
    policy: Policy,
    clock: Clock = utc_now,
    call: Call = call,
    chance: Callable[[], float] = random.random,
    due_by: datetime | None = None,
) -> bool:
    """Send one batch if one is due. Return whether there was work."""
    now = clock()
    with store.reading() as session:
        if not batches.is_any_due(session, now, due_by or now):
            return False
    with store.writing() as session:
        batch = batches.claim(session, keys, now, due_by or now)
    if batch is None:
        return False
    result = send(batch, lambda request: call(request, policy), clock)
    with store.writing() as session:
        batches.settle(session, keys, batch, result, clock(), JITTER * chance())
    _log_results(batch, result)
    return True


def send(batch: batches.Batch, ask: Callable[[Request], Response], clock: Clock) -> batches.Result:
    """The requests of one batch, one after the other."""
    records = {row.event_id: record_of(batch.kind, batch.config, row.event_id, row.facts) for row in batch.rows}
    run = SyncRun(ADAPTERS[batch.kind], batch.config, ask, clock, batch.token)
    run.verdicts.update({trace: Refused(NO_IDENTITY) for trace, record in records.items() if record is None})
    for wave in _rounds([record for record in records.values() if record is not None]):
        run.send(wave)
    return batches.Result(run.verdicts, run.pause, run.token)


@dataclass
class SyncRun:
    """The verdicts of a batch so far."""

    adapter: Adapter
    config: ConnectionConfig
    ask: Callable[[Request], Response]
    clock: Clock
    token: str | None = None
    pause: Pause | None = None
    renewed: bool = False
    verdicts: dict[str, Verdict] = field(default_factory=dict)

    def send(self, records: Sequence[Record]) -> None:
        """Send these records, unless the CRM has asked for a pause."""
        if self.pause is None and self.token is None and not self._get_token(records):
            return
        for request in self.adapter.requests(self.config, self.access, records):
            if self.pause is None:
                self._send(request)

    @property
    def access(self) -> str | None:
        return self.token or self.config.credentials.get("token")

    def _send(self, request: Request) -> None:
        records = request.records
        try:
            judged = self.adapter.judge(request, self.ask(request), self.clock())
        except Unanswered as wrong:
            self._all(records, Later(wrong.problem))
            return
        if isinstance(judged, Pause):
            self.pause = judged
        elif isinstance(judged, Renew):
            self._renew(records)
        elif isinstance(judged, Split) and len(records) == 1:
            self._all(records, Refused(judged.problem))
        elif isinstance(judged, Split):
            self.send(records[: len(records) // 2])
            self.send(records[len(records) // 2 :])
        elif isinstance(judged, Mapping):
            self.verdicts.update(judged)

    def _renew(self, records: Sequence[Record]) -> None:
        """Return an access token, once a batch: a token that is refused right after it was issued will not get better."""
        may_renew = self.adapter.token_request(self.config) is not None and not self.renewed
        self.token, self.renewed = None, True
        if may_renew:
            self.send(records)
        else:
            self.pause = Pause(f"{UNAUTHORISED}: the CRM does not take the credentials", AUTHORISATION_WAIT)

    def _get_token(self, records: Sequence[Record]) -> bool:
        request = self.adapter.token_request(self.config)
        if request is None:
            return True
        try:
            response = self.ask(request)
        except Unanswered as wrong:
            self._all(records, Later(wrong.problem))
            return False
        self.token = token_of(response)
        if self.token is None and response.status in (400, 401, 403):
            self.pause = Pause(f"{UNAUTHORISED}: the CRM gives no token for the credentials", AUTHORISATION_WAIT)
        elif self.token is None:
            self._all(records, Later(f"token_status_{response.status}"))
        return self.token is not None

    def _all(self, records: Sequence[Record], verdict: Verdict) -> None:
        self.verdicts.update(dict.fromkeys([record.trace for record in records], verdict))


def token_of(response: Response) -> str | None:
    """Return the access token of an OAuth response."""
    answer = response.json
    token = answer.get("access_token") if response.status == 200 and isinstance(answer, dict) else None
    return token if isinstance(token, str) and token.isascii() and token.isprintable() else None


def _rounds(records: Sequence[Record]) -> list[list[Record]]:
    """Split records of one identity into separate batches: within a batch their order is not guaranteed."""
    waves: list[list[Record]] = []
    for record in records:
        free = (wave for wave in waves if all(item.identity != record.identity for item in wave))
        wave = next(free, None)
        if wave is None:
            waves.append([record])
        else:
            wave.append(record)
    return waves


def _log_results(batch: batches.Batch, result: batches.Result) -> None:
    """Log one line a batch, without anything that was sent or answered."""
    counts = {kind.__name__.lower(): sum(isinstance(verdict, kind) for verdict in result.verdicts.values()) for kind in batches.OUTCOMES}
    counted = " ".join(f"{name}={count}" for name, count in counts.items())
    paused = f" paused={result.pause.problem.partition(':')[0]!r}" if result.pause else ""
    log.info("connection=%s kind=%s records=%s %s%s", batch.connection_id, batch.kind, len(batch.rows), counted, paused)
