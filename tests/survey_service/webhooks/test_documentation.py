"""docs/webhooks.md is correct: its receivers run here against messages that the service has sent."""

import json
import re
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

from survey_service.egress.signing import new_secret
from survey_service.outbox.debounce import SEND_WHEN
from survey_service.outbox.events import EVENT_TYPES
from survey_service.webhooks import endpoints
from survey_service.webhooks.retry import SCHEDULE

PAGE = (Path(__file__).parents[3] / "docs" / "webhooks.md").read_text()


def snippet(language):
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return found


@pytest.fixture
def receive():
    names: dict = {}
    exec(compile(snippet("python"), "docs/webhooks.md", "exec"), names)
    return names["receive"]


@pytest.fixture
def crm():
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE contact_seen (contact TEXT PRIMARY KEY, sequence INTEGER)")
    database.execute("CREATE TABLE persona (contact TEXT PRIMARY KEY, persona TEXT, confidence REAL)")
    yield database
    database.close()


def unsigned(secret, sent):
    """Return requests that a receiver must refuse."""
    return [
        (secret, sent.headers, sent.body.replace(b"0.4", b"0.9")),
        (new_secret(), sent.headers, sent.body),
        (secret, {**sent.headers, "webhook-signature": "v1"}, sent.body),
        (secret, {**sent.headers, "webhook-signature": "v1,\u00e9"}, sent.body),
        (secret, {**sent.headers, "webhook-timestamp": "0"}, sent.body),
        (secret, {**sent.headers, "webhook-timestamp": "soon"}, sent.body),
        (secret, {}, sent.body),
        (secret, sent.headers, b"\xff"),
    ]


def personas(crm):
    return crm.execute("SELECT persona, confidence FROM persona").fetchall()


def test_the_python_receiver_takes_each_state_once_and_never_goes_back(world, receive, crm):
    """Repeated messages and messages sent again much later do not set a state back."""
    _, secret = world.endpoint(events=())
    contact = world.contact()
    world.store_belief(contact, 0.4)
    world.deliver_due()
    world.store_belief(contact, 0.95)
    world.deliver_due()
    older, *newer = world.sent

    for sent in (older, *newer, *newer, older):
        assert receive(crm, secret, sent.headers, sent.body) == 204
        last = personas(crm)

    assert len(newer) == 2  # the update and the decision
    assert last == [("driver", 0.95)]


def test_the_python_receiver_refuses_what_we_did_not_sign(world, receive, crm):
    """The receiver refuses a changed body, another secret, and rubbish instead of a signature."""
    _, secret = world.endpoint()
    world.store_belief(world.contact(), 0.4)
    [sent] = world.deliver_due()

    refused = unsigned(secret, sent)
    assert [receive(crm, *request) for request in refused] == [400] * len(refused)
    assert personas(crm) == []


NODE = """
import { receive } from './receive.mjs';
import { readFileSync } from 'node:fs';
const seen = new Map(), taken = [];
const database = { // what the statement of the page does
  async query(statement, [contact, sequence]) {
    if (!statement.startsWith('INSERT INTO contact_seen')) throw new Error(statement);
    const raised = sequence > (seen.get(contact) ?? -1);
    if (raised) seen.set(contact, sequence);
    return { rowCount: raised ? 1 : 0 };
  },
};
const statuses = [];
for (const { secret, headers, body } of JSON.parse(readFileSync(0)))
  statuses.push(await receive(database, secret, headers, Buffer.from(body, 'latin1'), async ({ data }) => taken.push(data.sequence)));
console.log(JSON.stringify({ statuses, taken }));
"""


def in_node(tmp_path, posts):
    """Run the Node receiver of the page. Return its statuses and the sequences that it accepted."""
    (tmp_path / "receive.mjs").write_text(snippet("js"))
    (tmp_path / "run.mjs").write_text(NODE)
    given = json.dumps([{"secret": secret, "headers": headers, "body": body.decode("latin1")} for secret, headers, body in posts])
    done = subprocess.run(["node", "run.mjs"], cwd=tmp_path, input=given, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed: apt-get install nodejs")
def test_the_node_receiver_takes_each_state_once_and_never_goes_back(world, tmp_path):
    """Repeated messages and messages sent again much later do not set a state back; a ping is not a state."""
    endpoint, secret = world.endpoint(events=())
    contact = world.contact()
    for driver in (0.4, 0.95):
        world.store_belief(contact, driver)
        world.deliver_due()
    with world.store.writing() as session:
        endpoints.ping(session, endpoint, world.now)
    world.deliver_due()
    older, *newer, ping = world.sent
    posts = [(secret, sent.headers, sent.body) for sent in (older, *newer, *newer, older, ping)]

    assert in_node(tmp_path, posts) == {"statuses": [204] * 7, "taken": [1, 2, 3]}


@pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed: apt-get install nodejs")
def test_the_node_receiver_refuses_what_we_did_not_sign(world, tmp_path):
    """The receiver answers 400 to a changed body, another secret, an old message, and rubbish."""
    _, secret = world.endpoint()
    world.store_belief(world.contact(), 0.4)
    [sent] = world.deliver_due()

    assert in_node(tmp_path, unsigned(secret, sent)) == {"statuses": [400] * 8, "taken": []}


def test_the_payload_of_the_page_is_the_payload_on_the_wire(world):
    """The payload of the page and a sent payload have the same keys."""
    world.endpoint()
    contact = world.contact()
    world.store_belief(contact, 0.4)
    world.deliver_due()
    world.store_belief(contact, 0.6)
    [sent] = world.deliver_due()

    shown = json.loads(snippet("json"))

    assert keys(sent.message) == keys(shown)


def keys(value):
    ids = ("probabilities", "explanation", "consent")
    return {name: None if name in ids else keys(inner) for name, inner in value.items()} if isinstance(value, dict) else None


def test_the_tables_of_the_page_are_complete():
    for name in (*EVENT_TYPES, *SEND_WHEN):
        assert f"| `{name}` |" in PAGE


def test_the_waits_of_the_page_are_those_of_the_schedule():
    sentence = re.search(r"tried again, after (.*?)\. While", PAGE, re.DOTALL)
    unit = {"s": 1, "min": 60, "h": 3600}
    waits = [int(number) * unit[word] for number, word in re.findall(r"(\d+)\s(s|min|h)\b", sentence[1])]

    assert waits == [wait.total_seconds() for wait in SCHEDULE[1:]]
