"""What is sent to browsers as files: read once, compressed once, and the widget without what only people need.

The source of the widget is written for its readers. No minifier is needed to send less: whole-line comments, indentation and the
length of private names are most of the difference.
"""

import gzip
import re
from functools import cache
from hashlib import sha256
from itertools import product
from pathlib import Path
from string import ascii_lowercase
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}

_COMMENT = re.compile(r"^\s*//.*$", re.MULTILINE)
_PRIVATE = re.compile(r"this\.#(\w+)")


class Asset(NamedTuple):
    """The bytes of a file, in both forms in which they may be sent."""

    plain: bytes
    gzipped: bytes
    kind: str
    etag: str


@cache
def asset(path: str, squeeze: bool = False) -> Asset:
    """A file of this folder, ready to be sent."""
    source = (HERE / path).read_text(encoding="utf-8")
    plain = (squeezed(source) if squeeze else source).encode()
    return Asset(plain, gzip.compress(plain, 9, mtime=0), TYPES[Path(path).suffix], sha256(plain).hexdigest()[:16])


def squeezed(source: str) -> str:
    """A module without whole-line comments and indentation, its private names two letters long.

    ``#name`` can mean nothing but a private name in a class, so renaming it is safe; a name nobody says ``this.#`` to is left alone,
    which spares colours.

    >>> squeezed('class A {\\n  // why\\n  #count = 0;\\n  next() { return this.#count++; }\\n}')
    'class A {\\n#aa = 0;\\nnext() { return this.#aa++; }\\n}'
    """
    lines = (line.strip() for line in _COMMENT.sub("", source).splitlines())
    text = "\n".join(line for line in lines if line)
    short = ("".join(pair) for pair in product(ascii_lowercase, repeat=2))
    for name in dict.fromkeys(_PRIVATE.findall(text)):
        text = re.sub(rf"#{name}\b", f"#{next(short)}", text)
    return text
