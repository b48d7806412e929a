"""Four public verifiers accept our signatures with the old and the new secret during a rotation, and only with the new one afterwards."""

import json
from datetime import timedelta

import pytest
import standardwebhooks
import svix

from survey_service.webhooks import endpoints
from tests.processes import oracle
from tests.survey_service.webhooks.world import World


def python_verdicts(secret, sent):
    verdicts = []
    for verifier, refusal in (
        (standardwebhooks.Webhook, standardwebhooks.WebhookVerificationError),
        (svix.Webhook, svix.WebhookVerificationError),
    ):
        try:
            verifier(secret).verify(sent.body, sent.headers)
            verdicts.append(True)
        except refusal:
            verdicts.append(False)
    return verdicts


def node_verdicts(pairs):
    given = [{"secret": secret, "headers": dict(sent.headers), "body": sent.body.decode()} for secret, sent in pairs]
    return json.loads(oracle("verify.mjs", given=json.dumps(given)))


def rotate(world: World, endpoint: str, overlap: timedelta) -> str:
    with world.store.writing() as session:
        return endpoints.rotate(session, world.settings, endpoint, world.now, overlap)[1]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_four_verifiers_agree_before_during_and_after_a_rotation(world):
    """Three secrets: the first, its successor, and a third that is created before the first overlap ends."""
    endpoint, first = world.endpoint()
    secrets = [first]
    sent = []

    def send():
        world.store_belief(world.contact(f"zoé-{len(sent)} 🦊 \u2028"), 0.4)
        sent.extend(world.deliver_due())

    send()
    secrets.append(rotate(world, endpoint, timedelta(milliseconds=200)))
    send()
    secrets.append(rotate(world, endpoint, timedelta(milliseconds=200)))
    send()
    world.forward(seconds=1)
    send()

    pairs = [(secret, delivery) for delivery in sent for secret in secrets]
    expected = [[True, False, False], [True, True, False], [False, True, True], [False, False, True]]
    python = [python_verdicts(*pair) for pair in pairs]
    assert [verdict[0] for verdict in python] == [verdict for row in expected for verdict in row]
    assert [verdict[0] for verdict in python] == [verdict[1] for verdict in python]
    assert node_verdicts(pairs) == python
