"""What is sent to browsers as files: read once, compressed once, and the widget without what only people need.

The source of the widget is written for its readers. No minifier is needed to send less: whole-line comments, indentation and the
length of private names are most of the difference.
"""

import gzip
import re
from base64 import b64encode
from functools import cache
from hashlib import sha256, sha384
from itertools import product
from pathlib import Path
from string import ascii_letters
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".ts": "text/plain; charset=utf-8"}

_COMMENT = re.compile(r"^\s*//.*$", re.MULTILINE)
SHORTER = {"const": "let", "true": "!0", "false": "!1"}
"""What means the same in code that runs."""

_SHORTER = re.compile(rf"\b({'|'.join(SHORTER)})\b")
_LAST = re.compile(r"[;,](?=})")
_BLANKS = re.compile(r"\s+")
_LITERAL = re.compile(r'("(?:\\.|[^"\\])*"|`[^`]*`|(?<=[(,=!?:&|])\s*/(?![/*])(?:\\.|[^/\\\n])+/\w*)')
_PRIVATE = re.compile(r"this\.#(\w+)")
_SHEET_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_SHEET_BLANKS = re.compile(r"\s*([{};,>~+])\s*|(?<=:)\s+|\s+(?=!)")


class Asset(NamedTuple):
    """The bytes of a file, in both forms in which they may be sent."""

    plain: bytes
    gzipped: bytes
    kind: str
    etag: str

    @classmethod
    def of(cls, text: str, kind: str) -> "Asset":
        plain = text.encode()
        return cls(plain, gzip.compress(plain, 9, mtime=0), kind, sha256(plain).hexdigest()[:16])

    @property
    def integrity(self) -> str:
        """What a page may demand of the bytes: a value for ``integrity=`` (Subresource Integrity)."""
        return f"sha384-{b64encode(sha384(self.plain).digest()).decode()}"


@cache
def asset(path: str, squeeze: bool = False) -> Asset:
    """A file of this folder, ready to be sent; a script that is squeezed has its sheet inside."""
    text = _read(path)
    if squeeze:
        sheet = path.replace(".js", ".css")
        text = squeezed(text).replace(f'"{sheet}"', f"`{squeezed_sheet(_read(sheet))}`")
    return Asset.of(text, TYPES[Path(path).suffix])


def widget() -> Asset:
    """The widget as pages load it."""
    return asset("widget.js", squeeze=True)


def squeezed(source: str) -> str:
    """A module without whole-line comments and needless blanks, its private names a letter long.

    Strings, templates and patterns stay as they are. Statements of the source end in semicolons, so that line ends mean nothing.
    ``#name`` can mean nothing but a private name in a class, so renaming it is safe.

    >>> squeezed('class A {\\n  // why\\n  #count = 0;\\n  next() { return this.#count + " / "; }\\n}')
    'class A{#a=0;next(){return this.#a+" / "}}'
    """
    parts = _LITERAL.split(_COMMENT.sub("", source).strip())
    parts[::2] = [_LAST.sub("", _SHORTER.sub(lambda found: SHORTER[found[0]], _BLANKS.sub(_needed, part))) for part in parts[::2]]
    text = "".join(part.lstrip() for part in parts)
    short = ("".join(letters) for length in (1, 2) for letters in product(ascii_letters, repeat=length))
    for name, new in zip(dict.fromkeys(_PRIVATE.findall(text)), short, strict=False):
        text = re.sub(rf"#{name}\b", f"#\0{new}", text)
    return text.replace("\0", "")


def _needed(blanks: re.Match[str]) -> str:
    """A blank between two words, or between two signs that would become another one."""
    before, after = blanks.string[: blanks.start()][-1:], blanks.string[blanks.end() :][:1]
    words = bool(re.match(r"[\w$#]{2}", before + after))
    return " " if words or (before == after and before in "+-") else ""


def squeezed_sheet(source: str) -> str:
    """A style sheet without comments and without the blanks that mean nothing. It holds no strings with blanks in them.

    >>> squeezed_sheet("/* why */\\n.a,\\n.b > i {\\n  color: red !important;\\n}\\n")
    '.a,.b>i{color:red!important}'
    """
    text = _SHEET_BLANKS.sub(lambda found: found[1] or "", _SHEET_COMMENT.sub("", source))
    return text.replace(";}", "}").strip()


def _read(path: str) -> str:
    return (HERE / path).read_text(encoding="utf-8")
