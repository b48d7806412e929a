"""A small fuzzer: shipped examples, changed at random, and inputs that are known to break parsers.

A target may raise the exceptions that it announces and no others; its memory is bounded. One seed determines every input.
"""

import random
import resource
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

MOST_CHANGES = 8
PATIENCE = 60.0
"""Seconds allowed for one input: no input takes one second, and an endless loop must be distinguished from a slow machine."""
MIB = 1024 * 1024

KNOWN_TO_HURT: tuple[bytes, ...] = (
    b"\x00",
    b"\\u0000",
    b"\\ud800",
    b"\xed\xa0\x80",  # UTF-8 must not contain half of a surrogate pair
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\xe2\x80\xa8",
    b"\r",
    b"\n",
    b"\t",
    b"'",
    b'"',
    b"`",
    b"{{",
    b"<<: *a",
    b"&a [*a, *a]",
    b"!!python/object/apply:os.system [true]",
    b"? [a, b] : c",
    b"---\n",
    b"%YAML 9.9\n",
    b"2026-99-99",
    b"1:99:99",
    b"9" * 400,
    b"9" * 5000,
    b"1e999",
    b"-1e-999",
    b"NaN",
    b"Infinity",
    b".inf",
    b"0x" + b"f" * 400,
    b"-9223372036854775809",
    b"true",
    b"null",
    b"[]",
    b"{}",
    b"sep=\t\n",
    b'sep="\n',
    b"../../etc/passwd",
    b"'; DROP TABLE contact; --",
    b"\\ud83d",  # half an emoji: escaped, the other half, both in the wrong order, cut off in bytes, and both halves as bytes
    b"\\ude00",
    b"\\ude00\\ud83d",
    b"\xf0\x9f\x98",
    b"\xed\xa0\xbd\xed\xb8\x80",
    b"-Infinity",
    b"-1e999",
    b'"userId": "zoe", "userId": "ben", ',
    b"7133701809754865664",  # ids of 63 and 64 bits, and beyond
    b"9223372036854775807",
    b"18446744073709551616",
    b"[" * 70 + b"]" * 70,
    b"[" * 1200 + b"]" * 1200,
    b'{"a":' * 1200 + b"1" + b"}" * 1200,
    b"0001-01-01T00:00:00+14:00",
    b"9999-12-31T23:59:59-14:00",
    b"0000-00-00T00:00:00Z",
    b"2026-01-05T10:00:00.1234567890123456789+99:99",
    b"Order\\nCompleted",
    b"%0a%00",
    b"203.0.113.7:4711",  # addresses as proxies write them
    b"[2001:db8::1]:443",
    b"::ffff:93.184.216.34",
    b"unknown, _hidden, 203.0.113.7",
    b"https://ok.example\\@evil.example",
    b"https://ok.example@evil.example:99999/",
    b"//evil.example",
    b"-1.5",
    b"Sun, 06 Nov 0000 08:49:37 -9999",
)


def bombs() -> Iterator[bytes]:
    """Inputs that are small to send and large to parse."""
    yield b"[" * 100_000
    yield b'{"a":' * 100_000
    yield b"[" * 900 + b"]" * 900
    yield b"- " * 50_000
    yield b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
        b"%c: &%c [%s]\n" % (98 + n, 98 + n, b",".join([b"*%c" % (97 + n)] * 9)) for n in range(12)
    )
    yield b"columns: {}\nignore:\n- &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
        b"- &%c [%s]\n" % (98 + n, b",".join([b"*%c" % (97 + n)] * 9)) for n in range(12)
    )
    yield b"x" * (10 * MIB)
    yield b'"' + b"x" * (10 * MIB)
    yield b"a,b\n" + b'"' + b"x," * (5 * MIB)
    yield b"a," * 200_000 + b"\n" + b"1," * 200_000
    yield b"\n" * (2 * MIB)
    yield b"9" * MIB
    yield b'{"a":' + b"9" * MIB + b"}"


@dataclass(frozen=True)
class Target:
    """A target. `seeds` are valid inputs; `read` may raise `refusals` and nothing else."""

    name: str
    seeds: Sequence[bytes]
    read: Callable[[bytes], object]
    refusals: tuple[type[Exception], ...] = ()


@dataclass
class Outcome:
    """The result for one target."""

    executions: int = 0
    refused: int = 0
    slowest: float = 0.0
    peak: float = 0.0  # MiB of the process above its size before
    crashes: dict[str, tuple[bytes, str]] = field(default_factory=dict)  # by the line that raised


class Hung(BaseException):
    """One input took longer than `PATIENCE`."""


def changed(dice: random.Random, seeds: Sequence[bytes]) -> bytes:
    """Return one of the seeds after a few random changes."""
    text = bytearray(dice.choice(seeds))
    for _ in range(dice.randint(1, MOST_CHANGES)):
        at, until = sorted((dice.randint(0, len(text)), dice.randint(0, len(text))))
        until = min(until, at + 64)
        act = dice.randrange(6)
        if act == 0:
            text[at:until] = dice.choice(KNOWN_TO_HURT)
        elif act == 1:
            text[at:at] = dice.choice(KNOWN_TO_HURT)
        elif act == 2:
            del text[at:until]
        elif act == 3:
            text[at:at] = text[at:until] * dice.randint(1, 20)
        elif act == 4 and text:
            text[min(at, len(text) - 1)] = dice.randrange(256)
        else:
            other = dice.choice(seeds)
            start = dice.randint(0, len(other))
            text[at:until] = other[start : start + 64]
    return bytes(text)


def fuzz(target: Target, seed: int, executions: int | None = None, seconds: float | None = None) -> Outcome:
    """Run the seeds, the bombs, and then changed seeds, for so many `executions` or `seconds`."""
    dice, outcome, before = random.Random(f"{target.name} {seed}"), Outcome(), _memory()
    until = None if seconds is None else time.monotonic() + seconds
    for given in _inputs(dice, target.seeds):
        if (executions is not None and outcome.executions >= executions) or (until is not None and time.monotonic() >= until):
            break
        _one(target, given, outcome)
    outcome.peak = _memory() - before
    return outcome


def _inputs(dice: random.Random, seeds: Sequence[bytes]) -> Iterator[bytes]:
    yield from seeds
    yield from bombs()
    while True:
        yield changed(dice, seeds)


def _one(target: Target, given: bytes, outcome: Outcome) -> None:
    started = time.monotonic()
    try:
        with _patience():
            target.read(given)
    except target.refusals:
        outcome.refused += 1
    except (Exception, Hung) as crash:  # noqa: BLE001  (every unannounced exception is a finding)
        place = traceback.extract_tb(crash.__traceback__)[-1]
        where = f"{type(crash).__name__} at {place.filename.rpartition('site-packages/')[2]}:{place.lineno}"
        outcome.crashes.setdefault(where, (given, "".join(traceback.format_exception(crash))))
    outcome.executions += 1
    outcome.slowest = max(outcome.slowest, time.monotonic() - started)


@contextmanager
def _patience() -> Iterator[None]:
    def give_up(_number: int, _frame: FrameType | None) -> None:
        raise Hung

    before: Any = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _memory() -> float:
    """Return the highest memory use of the process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
