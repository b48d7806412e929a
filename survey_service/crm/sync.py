"""Send a batch to its CRM: tokens are renewed once, refused batches are halved until the bad record is found, pauses hold at once.

A fault of ours, such as a bug in an adapter, is the failure of the records that it happens to: the others are sent.
"""

import logging
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from time import monotonic

from survey_service.clock import Clock, utc_now
from survey_service.crm import batches
from survey_service.crm.adapters.answers import LONGEST_PART, UNEXPECTED, TokenSchema, UnexpectedAnswer, read
from survey_service.crm.adapters.client import Call, Unanswered, call
from survey_service.crm.adapters.contact_values import record_of
from survey_service.crm.adapters.protocol import (
    NOT_FOUND,
    UNAUTHORISED,
    Adapter,
    ConnectionConfig,
    Faulty,
    Held,
    Judgement,
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
from survey_service.outbox.messages import IDENTITY_WAIT, NO_IDENTITY
from survey_service.store.faults import FAULT, PAUSE, contained
from survey_service.store.session import Store
from survey_service.webhooks.dispatch import LOOK_AGAIN_SECONDS
from survey_service.webhooks.retry import JITTER

MOST_FAULTS = 10
"""After so many faults in one batch what is left of it is sent another time: halving finds one bad record of two hundred in eight."""
MOST_LOGGED = 300
"""Characters of an unexpected answer in the log."""
ADDRESS = re.compile(r"[^\s\"'<>@]+@[^\s\"'<>@]+")
HIDDEN = "(hidden)"
TOKEN = TokenSchema()

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
        connection_id = batches.next_due(session, now, due_by or now)
    if connection_id is None:
        return False
    batch = None
    with contained(f"claim connection={connection_id}") as claimed, store.writing() as session:
        batch = batches.claim(session, keys, connection_id, now, due_by or now)
    if claimed.failed:
        with store.writing() as session:
            batches.pause_after_fault(session, connection_id, now)
    if batch is None:
        return claimed.failed
    result = send(batch, lambda request: call(request, policy), clock, StillClaimed(store, batch))
    _settle(store, keys, batch, result, clock(), JITTER * chance())
    _log_results(batch, result)
    return True


def _settle(store: Store, keys: Keyring, batch: batches.Batch, result: batches.Result, now: datetime, jitter: float) -> None:
    """Record the results. After a fault each record is settled on its own."""
    with contained(f"settle connection={batch.connection_id}") as together, store.writing() as session:
        batches.settle(session, keys, batch, result, now, jitter)
    for row in batch.rows if together.failed else ():
        task = f"settle connection={batch.connection_id} event_id={row.event_id}"
        with contained(task) as alone, store.writing() as session:
            batches.settle(session, keys, replace(batch, rows=(row,)), result, now, jitter)
        if alone.failed:
            with contained(task), store.writing() as session:
                batches.record_fault(session, row, now)


class StillClaimed:
    """Which messages of a batch may still be sent. A batch takes as long as its CRM, and contacts may be erased meanwhile."""

    def __init__(self, store: Store, batch: batches.Batch) -> None:
        self._store, self._batch, self._looked = store, batch, monotonic()
        self._events = {row.event_id for row in batch.rows}

    def __call__(self, records: Sequence[Record]) -> Sequence[Record]:
        """Return the records that may still be sent."""
        if monotonic() - self._looked >= LOOK_AGAIN_SECONDS:
            with self._store.reading() as session:
                self._looked, self._events = monotonic(), batches.still_claimed(session, self._batch)
        return [record for record in records if record.trace in self._events]


def send(
    batch: batches.Batch,
    ask: Callable[[Request], Response],
    clock: Clock,
    still_claimed: Callable[[Sequence[Record]], Sequence[Record]] = lambda records: records,
) -> batches.Result:
    """The requests of one batch, one after the other."""
    run = SyncRun(
        ADAPTERS[batch.kind], batch.config, ask, clock, batch.token, connection_id=batch.connection_id, still_claimed=still_claimed
    )
    records = []
    for row in batch.rows:
        with contained(f"record connection={batch.connection_id} event_id={row.event_id}") as outcome:
            record = record_of(batch.kind, batch.config, row.event_id, row.facts)
            if record is not None:
                records.append(record)
        if outcome.failed:
            run.verdicts[row.event_id] = Faulty()
        elif record is None:
            run.verdicts[row.event_id] = Held(NO_IDENTITY, IDENTITY_WAIT)
    for wave in _rounds(records):
        with contained(f"send connection={batch.connection_id}") as outcome:
            run.send_or_create(wave)
        if outcome.failed:
            run.pause = Pause(f"{FAULT}: a fault of this service, whose log says more", PAUSE)
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
    faults: int = 0
    connection_id: str = ""
    still_claimed: Callable[[Sequence[Record]], Sequence[Record]] = lambda records: records
    verdicts: dict[str, Verdict] = field(default_factory=dict)

    def send_or_create(self, records: Sequence[Record]) -> None:
        """Send these records. One that is to be created with fields of its own is updated first, and created if it is not found: an
        existing one keeps what it has in these fields.
        """
        self.send([replace(record, may_create=False) if record.when_created else record for record in records])
        absent = [record for record in records if record.when_created and self._is_absent(record)]
        if absent:
            self.send([replace(record, values={**record.values, **record.when_created}, when_created={}) for record in absent])

    def _is_absent(self, record: Record) -> bool:
        return self.verdicts.get(record.trace) == Refused(NOT_FOUND) and self.pause is None

    def send(self, records: Sequence[Record]) -> None:
        """Send these records, unless the CRM has asked for a pause."""
        if self.pause is None and self.token is None and not self._get_token(records):
            return
        for request in self._requests(records):
            if self.pause is None:
                self._send(request)

    @property
    def access(self) -> str | None:
        return self.token or self.config.credentials.get("token")

    def _requests(self, records: Sequence[Record]) -> list[Request]:
        """Return the requests for these records, without those that the adapter cannot make into one."""
        requests: list[Request] = []
        with contained(f"requests connection={self.connection_id} records={len(records)}") as outcome:
            requests = self.adapter.requests(self.config, self.access, records)
        if not outcome.failed:
            return requests
        return [request for part in self._parts(records) for request in self._requests(part)]

    def _send(self, request: Request) -> None:
        records, judged = request.records, None
        if len(left := self.still_claimed(records)) < len(records):
            if left:
                self.send(left)
            return
        with contained(f"send connection={self.connection_id} records={len(records)}") as outcome:
            judged = self._judged(request)
        if outcome.failed:
            for part in self._parts(records):
                self.send(part)
        elif isinstance(judged, Pause):
            self.pause = judged
        elif isinstance(judged, Renew):
            self._renew(records)
        elif isinstance(judged, Split) and len(records) == 1:
            self._all(records, judged.alone)
        elif isinstance(judged, Split):
            self.send(records[: len(records) // 2])
            self.send(records[len(records) // 2 :])
        elif isinstance(judged, Mapping):
            self._take(judged)

    def _judged(self, request: Request) -> Judgement:
        """Ask the CRM and return what the adapter makes of the answer."""
        try:
            response = self.ask(request)
        except Unanswered as wrong:
            return dict.fromkeys([record.trace for record in request.records], Later(wrong.problem))
        try:
            return self.adapter.judge(request, response, self.clock())
        except UnexpectedAnswer as wrong:
            self._log_unexpected(request, response, wrong)
            answer = response.body if len(request.records) == 1 else b""  # a batch's answer may be about other contacts
            return dict.fromkeys([record.trace for record in request.records], Later(UNEXPECTED, answer))

    def _take(self, judged: Mapping[str, Verdict | Pause]) -> None:
        for trace, verdict in judged.items():
            if isinstance(verdict, Pause):
                self.pause = verdict
            else:
                self.verdicts[trace] = verdict

    def _parts(self, records: Sequence[Record]) -> list[Sequence[Record]]:
        """Return the halves to try after a fault. A single record is the one that has it."""
        self.faults += 1
        if len(records) > 1 and self.faults <= MOST_FAULTS:
            return [records[: len(records) // 2], records[len(records) // 2 :]]
        self._all(records, Faulty())
        return []

    def _renew(self, records: Sequence[Record]) -> None:
        """Return an access token, once a batch: a token that is refused right after it was issued will not get better."""
        may_renew = self.adapter.token_request(self.config) is not None and not self.renewed
        self.token, self.renewed = None, True
        if may_renew:
            self.send(records)
        else:
            self.pause = Pause(f"{UNAUTHORISED}: the CRM does not take the credentials")

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
            self.pause = Pause(f"{UNAUTHORISED}: the CRM gives no token for the credentials")
        elif self.token is None:
            self._all(records, Later(f"token_status_{response.status}"))
        return self.token is not None

    def _all(self, records: Sequence[Record], verdict: Verdict) -> None:
        self.verdicts.update(dict.fromkeys([record.trace for record in records], verdict))

    def _log_unexpected(self, request: Request, response: Response, wrong: UnexpectedAnswer) -> None:
        """Log the beginning of an answer that does not fit, without anything in it that says who it is about."""
        said = response.body[:LONGEST_PART].decode(errors="replace")
        known = {record.identity.value for record in request.records} | {str(secret) for secret in self.config.credentials.values()}
        for secret in sorted({*known, self.access or ""} - {""}, key=len, reverse=True):
            said = said.replace(secret, HIDDEN)
        log.warning(
            "connection=%s unexpected answer status=%s bytes=%s what=%r answer=%r",
            *(self.connection_id, response.status, len(response.body), wrong.where, ADDRESS.sub(HIDDEN, said)[:MOST_LOGGED]),
        )


def token_of(response: Response) -> str | None:
    """Return the access token of an OAuth response."""
    try:
        return str(read(TOKEN, response)["access_token"]) if response.status == 200 else None
    except UnexpectedAnswer:
        return None


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
