"""Customers who are known by name: what the shop, the CRM and they themselves do at once, and every reply that they got."""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic
from typing import Any

from tests.processes import Web
from tests.respondents import Respondent

BROCHURE = "Brochure Downloaded"
ACTS_OF_ONE = 12
"""After so many acts of one thread about a household the next household begins."""
GONE = (401, 404, 409, 410, 422)
"""What may be answered about somebody who was erased or merged meanwhile."""


@dataclass
class Household:
    """Two names, which may turn out to be one person, and a browser."""

    number: int

    @property
    def names(self) -> tuple[str, str]:
        return f"a{self.number}", f"b{self.number}"

    @property
    def browser(self) -> str:
        return f"browser{self.number}"


@dataclass
class Replies:
    """What the service has acknowledged."""

    lock: Lock = field(default_factory=Lock)
    events: dict[str, str] = field(default_factory=dict)  # by messageId, the name that it is about
    erased: dict[str, float] = field(default_factory=dict)  # by name, when the acknowledgement arrived
    merged: int = 0
    name_of_session: dict[str, str] = field(default_factory=dict)
    numbers: dict[int, int] = field(default_factory=lambda: defaultdict(int))


class Customer(Respondent):
    """Act about one household after the other; each is shared by the two customers that have the same `pair`."""

    def __init__(self, webs: Sequence[Web], seed: int, pair: int, replies: Replies, api_key: str, write_key: str) -> None:
        super().__init__(webs, seed)
        self.seed, self.pair, self.replies, self.api_key, self.write_key = seed, pair, replies, api_key, write_key
        self.random, self.expected = random.Random(seed), GONE

    def run(self) -> None:
        number = 0
        while not self.stop.is_set():
            household = Household(1000 * self.pair + number)
            number += 1
            acts = (self._put, self._track, self._batch, self._track, self._batch, self._answer, self._merge)
            for turn in range(ACTS_OF_ONE):
                if self.stop.is_set():
                    return
                act = self._put if turn == 0 else self._erase if turn == ACTS_OF_ONE - 3 else self.random.choice(acts)
                act(household)

    def _api(self, method: str, path: str, body: Any = None, key: str | None = None) -> tuple[int, Any]:
        """Return the reply; what is neither a success nor to be expected is kept in `broken`."""
        status, reply = self.repeat_until_answered(method, path, body, key or self.api_key)
        if status >= 400 and status not in self.expected:
            self.broken.append((status, reply))
        return status, reply

    def _one_of(self, household: Household) -> str:
        return self.random.choice(household.names)

    def _put(self, household: Household) -> None:
        name = self._one_of(household)
        self._api("PUT", f"/api/v1/contacts/{name}", {"email": f"{name}@example.com", "attributes": {"city": "Lyon"}})

    def _message(self, household: Household, name: str | None) -> dict[str, Any]:
        who = {"userId": name} if name else {"anonymousId": household.browser}
        also = {"anonymousId": household.browser} if name and self.random.random() < 0.3 else {}
        page = {"type": "page", "properties": {"path": "/service/x"}}
        kind = {"type": "track", "event": BROCHURE} if self.random.random() < 0.6 else page
        return {**kind, **who, **also, "messageId": f"m{self.seed}-{self.random.getrandbits(60)}"}

    def _track(self, household: Household) -> None:
        name = self._one_of(household)
        message = self._message(household, name)
        self._send(f"/v1/{message['type']}", message, {message["messageId"]: name})

    def _batch(self, household: Household) -> None:
        messages = [(name, self._message(household, name)) for name in (*household.names, None, self._one_of(household))]
        about = {message["messageId"]: name or household.browser for name, message in messages}
        self._send("/v1/batch", {"batch": [message for _, message in messages]}, about)

    def _send(self, path: str, body: Any, about: dict[str, str]) -> None:
        status, _ = self._api("POST", path, body, self.write_key)
        if status == 200:
            with self.replies.lock:
                self.replies.events |= about

    def _answer(self, household: Household) -> None:
        name = self._one_of(household)
        status, reply = self._api("POST", f"/api/v1/contacts/{name}/identity")
        if status != 200:
            return
        status, view = self._api("POST", "/api/v1/surveys/post-purchase/sessions", {"identity": reply["identity"]})
        if status == 201:
            self.tokens[view["session"]] = view["token"]
            self.replies.name_of_session[view["session"]] = name
            self.continue_survey(view)

    def _merge(self, household: Household) -> None:
        into, gone = self.random.sample(household.names, 2)
        status, _ = self._api("POST", "/api/v1/contacts/merge", {"into": {"external_id": into}, "from": {"external_id": gone}})
        self.replies.merged += status == 200

    def _erase(self, household: Household) -> None:
        if self.random.random() < 0.5:
            return
        name = self._one_of(household)
        status, _ = self._api("DELETE", f"/api/v1/contacts/{name}")
        if status == 204:
            self.replies.erased.setdefault(name, monotonic())
