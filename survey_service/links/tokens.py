"""References to a contact, each for one purpose: signed identities, and the sealed URLs of emails.

They carry no address, no name and no answer that anybody else could read.
"""

import struct
from base64 import b32decode, b32encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from survey_service.crypto import Keyring, SealInvalid
from survey_service.errors import Invalid

Kind = Literal["option", "landing", "leave", "trap"]

_LAYOUT = struct.Struct(">16sH")
_NAMED: dict[Kind, int] = {"landing": 65_535, "leave": 65_534, "trap": 65_533}
_KINDS = {number: kind for kind, number in _NAMED.items()}


class LinkInvalid(Invalid):
    """This link is not valid: open it again from the email, as a whole."""

    code = "link_invalid"


@dataclass(frozen=True)
class Target:
    """What one URL of a link stands for: the option with this place among the question's, the question, the way out, or the trap."""

    kind: Kind
    place: int = 0


LANDING, LEAVE, TRAP = Target("landing"), Target("leave"), Target("trap")


class LinkTokens:
    """The tokens in the URLs of emails: which link, and what for. Everything else is in the link's row."""

    def __init__(self, keys: Keyring) -> None:
        self._sealer = keys.sealer("link")

    def write(self, link_id: str, target: Target) -> str:
        return self.writer(link_id)(target)

    def writer(self, link_id: str) -> Callable[[Target], str]:
        """Writes the tokens of one link."""
        raw = b32decode(link_id.removeprefix("lnk_").upper() + "======")
        return lambda target: self._sealer.seal(_LAYOUT.pack(raw, target.place if target.kind == "option" else _NAMED[target.kind]))

    def read(self, token: str) -> tuple[str, Target]:
        """The link's id and what the URL stands for. Raises LinkInvalid."""
        try:
            raw, number = _LAYOUT.unpack(self._sealer.open(token))
        except (SealInvalid, struct.error):
            raise LinkInvalid(errors=[{"path": "link", "message": "is not a link of this service"}]) from None
        target = Target(_KINDS[number]) if number in _KINDS else Target("option", number)
        return f"lnk_{b32encode(raw).decode().rstrip('=').lower()}", target
