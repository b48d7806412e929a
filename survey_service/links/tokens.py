"""Tokens in the URLs of emails: sealed, so that they show no address, name or answer to anyone who reads the URL."""

import struct
from base64 import b32decode, b32encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from survey_service.crypto import Keyring, SealInvalid
from survey_service.errors import Invalid
from survey_service.web.addresses import clean_token

Kind = Literal["option", "landing", "leave", "trap"]

_LAYOUT = struct.Struct(">16sH")
_NUMBERS: dict[Kind, int] = {"landing": 65_535, "leave": 65_534, "trap": 65_533}
_KINDS = {number: kind for kind, number in _NUMBERS.items()}


class LinkInvalid(Invalid):
    """This link is not valid: open it again from the email, as a whole."""

    code = "link_invalid"


@dataclass(frozen=True)
class Target:
    """What a URL of a link leads to: the option at index `place` of the question, the question's page, the opt-out page, or the trap.

    The trap is a hidden link in the email that only machines follow.
    """

    kind: Kind
    place: int = 0


LANDING, LEAVE, TRAP = Target("landing"), Target("leave"), Target("trap")


class LinkTokens:
    """Writes and reads tokens. A token holds the link's id and its target; everything else is in the link's row."""

    def __init__(self, keys: Keyring) -> None:
        self._sealer = keys.sealer("link")

    def write(self, link_id: str, target: Target) -> str:
        """Return the token of a target."""
        return self.writer(link_id)(target)

    def writer(self, link_id: str) -> Callable[[Target], str]:
        """Return a function that writes the tokens of one link. It decodes the id once."""
        raw = b32decode(link_id.removeprefix("lnk_").upper() + "======")
        return lambda target: self._sealer.seal(_LAYOUT.pack(raw, target.place if target.kind == "option" else _NUMBERS[target.kind]))

    def read(self, token: str) -> tuple[str, Target]:
        """Return the link's id and the target of a token, also where something was added to it on the way. Raises LinkInvalid."""
        try:
            raw, number = _LAYOUT.unpack(self._sealer.open(clean_token(token)))
        except (SealInvalid, struct.error):
            raise LinkInvalid(errors=[{"path": "link", "message": "is not a link of this service"}]) from None
        target = Target(_KINDS[number]) if number in _KINDS else Target("option", number)
        return f"lnk_{b32encode(raw).decode().rstrip('=').lower()}", target
