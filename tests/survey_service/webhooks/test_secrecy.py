"""Secrets, URLs and payloads appear in no log, and secrets in no table in clear."""

import logging

import pytest
from cryptography.fernet import Fernet

from survey_service.crypto import Keyring
from survey_service.egress.client import Retry
from survey_service.ops import logs
from survey_service.settings import Settings
from survey_service.worker.process import run
from tests.survey_service.egress.hostile_receiver import LOOPBACK
from tests.survey_service.webhooks.world import KEY, URL, failure


def test_the_log_holds_no_secrets(world, caplog):
    """The log has no URL with its token, no secret, no email address, no payload and no response."""
    _, secret = world.endpoint(include_pii=True)
    world.store_belief(world.contact(), 0.5)
    world.answers = [failure()]
    with caplog.at_level(logging.DEBUG):
        world.deliver_due()
        world.forward(seconds=5)
        world.deliver_due()

    failed, arrived = [vars(record) for record in caplog.records if record.name == "discern.worker"]
    assert (failed["outcome"], failed["problem"], failed["status"], failed["ms"]) == ("retry", "status", 500, 0)
    assert (arrived["msg"], arrived["messages"], arrived["event_ids"]) == ("delivered", 1, [failed["event_id"]])
    written = caplog.text + "".join(logs.formatter("json").format(record) for record in caplog.records)
    for hidden in (URL, "not-for-logs", secret, secret[6:], "example.com", "oops, inside", "v1,"):
        assert hidden not in written


def test_secrets_are_never_stored_in_clear(world):
    """No row of any table holds a secret in clear."""
    _, secret = world.endpoint()
    world.store_belief(world.contact(), 0.5)
    world.deliver_due()

    stored = repr(
        [row.model_dump() for table in (type(row) for row in (world.the_endpoint(), *world.deliveries)) for row in world.all(table)]
    )
    assert secret not in stored
    assert secret[6:] not in stored


def test_without_the_key_nothing_is_sent_unsigned(world):
    """Without the key the worker refuses to start, and a running worker records the reason."""
    world.endpoint()
    world.store_belief(world.contact(), 0.5)
    other = Settings(world.settings.database_url, ("x" * 32,), allow_private_targets=LOOPBACK.allow_private)

    with pytest.raises(SystemExit, match="DISCERN_SECRET_KEYS"):
        run(other)
    world.keys = Keyring(other.secret_keys)
    world.deliver_due()

    assert world.sent == []
    assert world.deliveries[0].last_error == "unsigned"


def test_a_new_service_key_reads_the_secrets_of_the_old_one(world):
    world.endpoint()
    world.store_belief(world.contact(), 0.5)
    world.keys = Keyring((Fernet.generate_key().decode(), KEY))

    assert len(world.deliver_due()) == 1


@pytest.mark.parametrize("problem", ["ssrf_blocked", "dns", "connect"])
def test_a_forbidden_address_looks_like_one_that_does_not_answer(world, problem):
    """Every API response is the same for both: a difference would let a tenant map the internal network."""
    world.endpoint()
    world.store_belief(world.contact(), 0.5)
    world.answers = [Retry(problem, None, b"", failure().duration)]
    world.deliver_due()

    assert (world.attempts[0].error, world.deliveries[0].last_error) == ("unreachable", "unreachable")
