"""Signed identities: tokens with which a page tells the service which contact its visitor is."""

from datetime import timedelta

from itsdangerous import BadSignature, SignatureExpired

from survey_service.crypto import Keyring
from survey_service.errors import Invalid

IDENTITY_LIFETIME = timedelta(days=1)


class IdentityInvalid(Invalid):
    """This signed identity is not valid here: ask for a new one."""

    code = "identity_invalid"


class IdentityExpired(IdentityInvalid):
    """This signed identity has expired: ask for a new one when the page is rendered."""

    code = "identity_expired"


def sign_identity(keys: Keyring, contact_id: str) -> str:
    """Return a token that lets a page start a survey as this contact, for a day."""
    return keys.signer("identity").dumps(contact_id)


def read_identity(keys: Keyring, token: str) -> str:
    """Return the contact id of a token. Raises IdentityInvalid or IdentityExpired, naming the field."""
    try:
        contact_id = keys.signer("identity").loads(token, max_age=int(IDENTITY_LIFETIME.total_seconds()))
    except SignatureExpired:
        raise IdentityExpired(errors=[{"path": "identity", "message": "has expired"}]) from None
    except BadSignature:
        raise IdentityInvalid(errors=[{"path": "identity", "message": "is not signed by this service"}]) from None
    return str(contact_id)
