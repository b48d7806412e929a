"""Files for browsers, each read and compressed once, as small as gzip can be. `make widget` builds the widget, see widget/index.js."""

from base64 import b64encode
from functools import cache
from hashlib import sha256, sha384
from pathlib import Path
from typing import NamedTuple

import zopfli.gzip

HERE = Path(__file__).resolve().parent
TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".ts": "text/plain; charset=utf-8"}
FONT = "font/woff2"


class Asset(NamedTuple):
    """The bytes of a file, plain and compressed; a font is compressed in itself, and has the same bytes in both."""

    plain: bytes
    gzipped: bytes
    kind: str
    etag: str

    @classmethod
    def of(cls, text: str, kind: str) -> "Asset":
        """Return the asset of a text with the content type `kind`."""
        plain = text.encode()
        return cls(plain, zopfli.gzip.compress(plain), kind, sha256(plain).hexdigest()[:16])

    @property
    def integrity(self) -> str:
        """The value of ``integrity=`` (Subresource Integrity)."""
        return f"sha384-{b64encode(sha384(self.plain).digest()).decode()}"


@cache
def asset(file: Path) -> Asset:
    """Return a file as an asset. Each file is read once."""
    if file.suffix == ".woff2":
        content = file.read_bytes()
        return Asset(content, content, FONT, sha256(content).hexdigest()[:16])
    return Asset.of(file.read_text(encoding="utf-8"), TYPES[file.suffix])


def widget() -> Asset:
    """Return the widget as pages load it."""
    return asset(HERE / "static" / "widget.js")
