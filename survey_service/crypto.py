"""What is derived from the service's secret keys: encryption, keyed digests, signed and sealed tokens."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from itsdangerous import URLSafeTimedSerializer


class SealInvalid(Exception):
    """This text was not sealed with any of the keys for this purpose, or somebody changed it."""


class Keyring:
    """The keys, newest first: the first encrypts and signs, all of them decrypt and verify, so that a key can be rotated."""

    def __init__(self, secret_keys: Sequence[str]) -> None:
        self._keys = tuple(secret_keys)
        self._fernet = MultiFernet([Fernet(urlsafe_b64encode(_derive(key, "encryption"))) for key in self._keys])

    def encrypt(self, text: str) -> str:
        return self._fernet.encrypt(text.encode()).decode()

    def decrypt(self, text: str) -> str:
        """Decrypt a text. Raises cryptography.fernet.InvalidToken when none of the keys fits."""
        return self._fernet.decrypt(text.encode()).decode()

    def digest(self, text: str) -> str:
        """Return the keyed digest under which a secret value is stored."""
        return self.digests(text)[0]

    def digests(self, text: str) -> list[str]:
        """Return the digests under every key, to look up what was stored before a rotation."""
        return [hmac.new(_derive(key, "digest"), text.encode(), sha256).hexdigest() for key in self._keys]

    def fingerprints(self) -> list[str]:
        """Return a name of each key, from which nobody can find the key, to see later whether it is still there."""
        return [_derive(key, "fingerprint").hex()[:16] for key in self._keys]

    def signer(self, purpose: str) -> URLSafeTimedSerializer:
        """Return a signer of dated tokens for one purpose. A token of another purpose does not pass."""
        oldest_first = [_derive(key, "signing") for key in reversed(self._keys)]
        return URLSafeTimedSerializer(oldest_first, salt=purpose, signer_kwargs={"digest_method": sha256, "key_derivation": "hmac"})

    def sealer(self, purpose: str) -> "Sealer":
        """Return a sealer of short tokens for one purpose, which nobody else can read or make."""
        return Sealer([AESSIV(_derive(key, f"sealing/{purpose}")) for key in self._keys])


class Sealer:
    """Seals a few bytes as an opaque token (AES-SIV, RFC 5297: the same bytes always give the same token). The first cipher seals."""

    def __init__(self, ciphers: Sequence[AESSIV]) -> None:
        self._ciphers = ciphers

    def seal(self, content: bytes) -> str:
        return urlsafe_b64encode(self._ciphers[0].encrypt(content, None)).decode().rstrip("=")

    def open(self, token: str) -> bytes:
        """Open a token. Raises SealInvalid."""
        try:
            sealed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except ValueError:
            raise SealInvalid from None
        if urlsafe_b64encode(sealed).decode().rstrip("=") != token:
            raise SealInvalid  # another spelling of the same bytes: one token has one form
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(sealed, None)
            except (InvalidTag, ValueError):
                continue
        raise SealInvalid


@lru_cache(maxsize=64)  # a derivation is five hashes, and every request needs the same few
def _derive(key: str, purpose: str) -> bytes:
    return HKDF(SHA256(), length=32, salt=None, info=f"discern/{purpose}".encode()).derive(key.encode())


def is_drawn(name: str, one_in: int) -> bool:
    """Return whether a name is drawn by a lot that draws one in so many. The lot comes from the name: it is the same in every process."""
    return int.from_bytes(sha256(name.encode()).digest()[:8]) % one_in == 0
