"""A connection as its adapter needs it."""

import json
from collections.abc import Sequence

from survey_service.crm.adapters.protocol import Wiring
from survey_service.crypto import Keyring
from survey_service.store.tables.webhooks import Connection, Endpoint


def wiring_of(endpoint: Endpoint, connection: Connection, personas: Sequence[str], keys: Keyring) -> Wiring:
    """What the adapter needs. Raises cryptography.fernet.InvalidToken when none of the keys reads the credentials."""
    return Wiring(
        url=endpoint.url,
        mapping=connection.mapping,
        options=connection.options,
        external_id=connection.external_id,
        identity=connection.identity,
        personas=personas,
        create_contacts=connection.create_contacts,
        template=connection.template,
        credentials=json.loads(keys.decrypt(endpoint.secrets[0]["encrypted"])),
    )
