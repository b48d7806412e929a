"""Settings of one process, read once from the environment. Nothing else in the project reads the environment."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from question_bank.addresses import ADDRESS


@dataclass(frozen=True)
class Limit:
    """A rate limit: `burst` requests at once, `rate` a second in the long run."""

    burst: int
    rate: float

    def __str__(self) -> str:
        return f"{self.rate:g}/s {self.burst}"

    @property
    def gap(self) -> float:
        return 1 / self.rate

    @property
    def memory(self) -> float:
        """Seconds after which an unused key is as good as new."""
        return self.burst * self.gap

    def first(self, now: float) -> float:
        """Return `open_at` of a key after its first admission."""
        return now - (self.burst - 2) * self.gap


Network = IPv4Network | IPv6Network

SHORTEST_KEY = 32

PER_TOKEN, PER_ADDRESS, PER_SURVEY = Limit(120, 1), Limit(3000, 30), Limit(60_000, 1000)
"""Far above what people do: five hundred of them behind one address, or a campaign to a million."""

INTAKE_PER_KEY, INTAKE_PER_ADDRESS = Limit(150_000, 3000), Limit(50_000, 1000)
"""Messages, not requests: about as many as a worker evaluates on two cores, and a third of them from one address."""


class SettingsInvalid(Exception):
    """Some settings are missing or wrong; `problems` has one line for each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


OIDC = ("oidc_issuer", "oidc_client_id", "oidc_client_secret")
LOG_FORMATS = ("text", "json")


@dataclass(frozen=True)
class Settings:
    """What a process is configured with. `secret_keys` has the newest first: it signs and encrypts; the others still verify and decrypt."""

    database_url: str
    secret_keys: tuple[str, ...]
    base_url: str = "http://127.0.0.1:8000"
    trusted_proxies: int = 0
    allow_private_targets: tuple[Network, ...] = ()
    log_level: str = "INFO"
    log_format: str = "text"
    retention_days: int | None = None
    oidc_issuer: str | None = None
    oidc_client_id: str = ""
    oidc_client_secret: str = ""
    demo_receiver: str | None = None
    metrics_folder: str | None = None  # where the processes of one server add up their counters; made by `discern serve`
    limit_per_token: Limit | None = PER_TOKEN
    limit_per_address: Limit | None = PER_ADDRESS
    limit_per_survey: Limit | None = PER_SURVEY
    limit_intake_per_key: Limit | None = INTAKE_PER_KEY
    limit_intake_per_address: Limit | None = INTAKE_PER_ADDRESS

    @property
    def limits(self) -> tuple[Limit, ...]:
        """The limits that are on."""
        respondents = (self.limit_per_token, self.limit_per_address, self.limit_per_survey)
        found = (*respondents, self.limit_intake_per_key, self.limit_intake_per_address)
        return tuple(limit for limit in found if limit is not None)

    @staticmethod
    def database_of(environment: Mapping[str, str]) -> str:
        """Return the address of the database alone. Raises SettingsInvalid."""
        read, default = _READERS["database_url"]
        try:
            return str(read(environment.get("DISCERN_DATABASE_URL", default)))
        except ValueError as wrong:
            raise SettingsInvalid([f"DISCERN_DATABASE_URL: {wrong}"]) from None

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> "Settings":
        """Read every ``DISCERN_`` variable. Raises SettingsInvalid with all problems at once."""
        found: dict[str, Any] = {}
        problems: list[str] = []
        for name, (read, default) in _READERS.items():
            variable = f"DISCERN_{name.upper()}"
            try:
                found[name] = read(environment.get(variable, default))
            except ValueError as wrong:
                problems.append(f"{variable}: {wrong}")
        oidc = [f"DISCERN_{name.upper()}" for name in OIDC if not found.get(name)]
        if 0 < len(oidc) < len(OIDC):
            problems.append(f"{', '.join(oidc)}: missing, and needed beside the other setting of DISCERN_OIDC_")
        if problems:
            raise SettingsInvalid(problems)
        return cls(**found)


def _database_url(text: str) -> str:
    try:
        url = make_url(text)
    except ArgumentError:
        raise ValueError("is not a database address: write sqlite:///path/to/file.db or postgresql+psycopg://user@host/name") from None
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise ValueError(f"{url.get_backend_name()} is not supported: use sqlite or postgresql+psycopg")
    return text


def _secret_keys(text: str) -> tuple[str, ...]:
    keys = tuple(key.strip() for key in text.split(",") if key.strip())
    if not keys:
        raise ValueError("is empty: put a random key there, for example the output of: openssl rand -hex 32")
    if any(len(key) < SHORTEST_KEY for key in keys):
        raise ValueError(f"has a key shorter than {SHORTEST_KEY} characters: use the output of: openssl rand -hex 32")
    return keys


def _base_url(text: str) -> str:
    if not re.fullmatch(ADDRESS, text) or "?" in text or "#" in text:
        raise ValueError(f"{text!r} is not an address: write https://surveys.example.com")
    return text.rstrip("/")


def _networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError as wrong:
        raise ValueError(f"{wrong}: write networks such as 10.1.0.0/16, separated by commas") from None


def _count(text: str) -> int:
    if not re.fullmatch(r"[0-9]|10", text):
        raise ValueError(f"{text!r} is not a number from 0 to 10: how many proxies of your own stand in front?")
    return int(text)


def _days(text: str) -> int | None:
    if text and not re.fullmatch(r"[1-9][0-9]{0,4}", text):
        raise ValueError(f"{text!r} is not a number of days up to 99999: write 365, or leave it out to keep everything")
    return int(text) if text else None


def _level(text: str) -> str:
    if text.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise ValueError(f"{text!r} is not one of DEBUG, INFO, WARNING, ERROR")
    return text.upper()


def _format(text: str) -> str:
    if text not in LOG_FORMATS:
        raise ValueError(f"{text!r} is not one of {', '.join(LOG_FORMATS)}")
    return text


def _limit(text: str) -> Limit | None:
    """Parse ``30/s 3000``: 30 a second in the long run, 3000 at once."""
    if text == "off":
        return None
    read = re.fullmatch(r"([1-9]\d{0,5})/(s|min|h) ([1-9]\d{0,6})", text)
    if read is None:
        raise ValueError(f"{text!r} is not a limit: write 30/s 3000 (so many a second, min or h, and so many at once), or off")
    return Limit(int(read[3]), int(read[1]) / {"s": 1, "min": 60, "h": 3600}[read[2]])


_READERS: Mapping[str, tuple[Callable[[str], Any], str]] = {
    "database_url": (_database_url, "sqlite:///var/discern.db"),
    "secret_keys": (_secret_keys, ""),
    "base_url": (_base_url, "http://127.0.0.1:8000"),
    "trusted_proxies": (_count, "0"),
    "allow_private_targets": (_networks, ""),
    "log_level": (_level, "INFO"),
    "log_format": (_format, "text"),
    "retention_days": (_days, ""),
    "limit_per_token": (_limit, str(PER_TOKEN)),
    "limit_per_address": (_limit, str(PER_ADDRESS)),
    "limit_per_survey": (_limit, str(PER_SURVEY)),
    "limit_intake_per_key": (_limit, str(INTAKE_PER_KEY)),
    "limit_intake_per_address": (_limit, str(INTAKE_PER_ADDRESS)),
    "oidc_issuer": (lambda text: _base_url(text) if text else None, ""),
    "oidc_client_id": (str, ""),
    "oidc_client_secret": (str, ""),
    "demo_receiver": (lambda text: _base_url(text) if text else None, ""),
}
