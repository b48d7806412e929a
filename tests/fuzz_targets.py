"""Fuzz targets: bank files, answer files, column maps, tokens, intake events and signed messages."""

import base64
import gzip
import hashlib
import hmac
import json
import random
import zlib
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

from cryptography.fernet import InvalidToken

from question_bank.datasets.answer_table import read_answers
from question_bank.datasets.column_map import read_column_map
from question_bank.datasets.infer import read_dataset
from question_bank.exports.table_files import AnswersInvalid, decode, parse_csv
from question_bank.files.load import check_bank, read_bank
from question_bank.imports.builder import NotImportable
from survey_service.analysis.bank_imports import import_bank
from survey_service.contacts.identity import read_identity, sign_identity
from survey_service.crypto import Keyring
from survey_service.egress.retry_after import retry_after_of
from survey_service.email_links.export import read_contacts
from survey_service.errors import DiscernError, Invalid, MalformedBody
from survey_service.hosted.page_tokens import page_token, read_page_token
from survey_service.inbound import handler, hubspot
from survey_service.links.tokens import LANDING, LinkInvalid, LinkTokens
from survey_service.preview import forms as walk
from survey_service.preview.dry_run import DryRun
from survey_service.preview.tokens import PreviewClosed, check_preview, preview_token
from survey_service.web.api_keys import create_key
from survey_service.web.context import utc_now
from survey_service.web.pagination import cursor, place_of
from survey_service.web.rate_limit_guard import client_network
from survey_service.web.strict_json import read_json
from tests.fuzzing import Target
from tests.processes import ROOT
from tests.survey_service.inbound.signed_requests import create_source, hubspot_headers, milliseconds, shopify_headers
from tests.survey_service.service import BANK, SECRET, Service

EXAMPLES = ROOT / "question_bank" / "examples"
TEN_MISTAKES = ROOT / "tests" / "question_bank" / "ten-mistakes.yaml"
ANSWERS = b"owns,reasons.safety,reasons.power,reasons.price,happy,km,why\nyes,1,0,0,4,20..40,Because\nno,,,,2,12000,\nyes,0,1,1,5,..9,x\n"
SPREADSHEET = "sep=;\nowns;happy;km\nyes;4;12,5\nno;1;3,25\nyes;5;8\n".encode("utf-16")
CONTACTS = b'external_id,email,language\ncrm-1,zoe@example.com,fr\n"crm,2",,en\n'
EXPORT = (
    b"Respondent ID,Why?,,Income,Fast?,Extras\n,Price,Style,Response,Response,Response\n1,Price,,45 000 EUR,Agree,Roof;Radio\n"
    b"2,,Style,7 500 EUR,strongly disagree,Radio\n3,Price,Style,N/A,Neutral,Roof\n4,,Style,900 EUR,1 - low,-99\n"
)
FORM = (
    b'{"title": "T", "settings": {"language": "fr"}, "fields": [{"title": "Q", "type": "dropdown", '
    b'"properties": {"choices": [{"label": "a"}, {"label": "b"}]}}, {"title": "N", "type": "number"}, '
    b'{"title": "S", "type": "rating"}]}'
)
STRUCTURE = (
    b"<document><languages><language>en</language></languages><questions><rows><row><qid>1</qid><type>5</type><title>q</title>"
    b"<question>How?</question></row></rows></questions></document>"
)
COLUMNS = (
    b"columns:\n  a: owns\n  b: {question: happy, values: {good: 5, bad: 1}}\nignore: [c, d]\nlabels: {seg: {D: driver}}\nsilent: [km]\n"
)


def pure_targets() -> Iterator[Target]:
    """Targets that need no database."""
    banks = [file.read_bytes() for file in (EXAMPLES / "car-buyers.yaml", TEN_MISTAKES)] + [BANK.encode(), _as_json(BANK)]
    bank = read_bank(BANK)
    yield Target("bank", banks, lambda given: check_bank(given, "fuzz.yaml"))
    files = [ANSWERS, SPREADSHEET, CONTACTS, EXPORT]
    yield Target("csv: fit", files, lambda given: read_dataset(parse_csv(decode(given, "f"), "f"), "f"), (AnswersInvalid,))
    yield Target("csv: replay", files, lambda given: read_answers(decode(given, "f"), bank, "f"), (AnswersInvalid,))
    yield Target("csv: links", files, lambda given: read_contacts(parse_csv(decode(given, "f"), "f")), (AnswersInvalid,))
    yield Target("import", [FORM, STRUCTURE], lambda given: import_bank("f", given), (NotImportable,))
    yield Target("column map", [COLUMNS, (EXAMPLES / "car-buyers-published.columns.yaml").read_bytes()], _column_map, (AnswersInvalid,))
    yield Target("json body", [_as_json(BANK), b'{"a": [1, 2.5, true, null, "x\\u00e9"]}'], read_json, (MalformedBody,))
    yield _tokens()
    yield _headers()


def service_targets(service: Service) -> Iterator[Target]:
    """Targets behind a route, on a database."""
    service.app.config["PROPAGATE_EXCEPTIONS"] = True
    yield _intake(service)
    for kind in ("hubspot", "shopify", "signed"):
        yield _source(service, kind)
    yield _pages(service)
    yield _lists(service)


def _as_json(bank: str) -> bytes:
    from question_bank.files.yaml_source import read_yaml

    return json.dumps(read_yaml(bank).data).encode()


def _column_map(given: bytes) -> None:
    read_column_map(decode(given, "f"), "f")


def _tokens() -> Target:
    """Tokens of every kind for the readers of every kind: a token of another purpose must be refused too."""
    keys = Keyring((SECRET, "another key that is long enough too"))
    links = LinkTokens(keys)
    made = [
        links.write("lnk_" + "a" * 26, LANDING),
        sign_identity(keys, "ct_1"),
        page_token(keys, "all", "ses_1"),
        preview_token(keys, "all"),
        walk.write_state(keys, DryRun()),
        cursor("track", "Order"),
        keys.encrypt("secret"),
    ]
    readers: list[tuple[Callable[[str], object], type[Exception]]] = [
        (links.read, LinkInvalid),
        (lambda text: read_identity(keys, text), Invalid),
        (lambda text: read_page_token(keys, "all", text), DiscernError),
        (lambda text: check_preview(keys, "all", text), PreviewClosed),
        (lambda text: walk.read_state(keys, text), DiscernError),
        (lambda text: place_of(text, 2), Invalid),
        (keys.decrypt, InvalidToken),
    ]

    def read(given: bytes) -> None:
        text = given.decode("utf-8", "replace")  # as every URL and form is read
        for reader, refusal in readers:
            try:
                reader(text)
            except refusal:
                continue

    return Target("tokens", [token.encode() for token in made], read)


def _deflated(given: bytes) -> bytes:
    """A deflate stream without the frame of zlib, as many clients send it."""
    raw = zlib.compressobj(1, wbits=-zlib.MAX_WBITS)
    return raw.compress(given) + raw.flush()


PACKED: tuple[tuple[str, Callable[[bytes], bytes]], ...] = (
    *[("", bytes)] * 6,
    ("gzip", lambda given: gzip.compress(given, 1)),
    ("gzip", lambda given: gzip.compress(given[:100], 1) + gzip.compress(given[100:], 1)),
    ("x-gzip", lambda given: gzip.compress(given, 1)[:-4]),
    ("deflate", lambda given: zlib.compress(given, 1)),
    ("deflate", _deflated),
    ("gzip", bytes),
    ("deflate", bytes),
    ("br", bytes),
    ("gzip, deflate", lambda given: gzip.compress(given, 1)),
)
"""A `Content-Encoding`, and how a body is sent with it: as it says, in several members, cut off, and not as it says."""


def _headers() -> Target:
    """What proxies and receivers write into headers."""
    seeds = [b"93.184.216.34", b"[2001:db8::1]:443", b"120", b"1.5", b"Sun, 06 Nov 1994 08:49:37 GMT", b"Sunday Nov  6 08:49:37 1994"]

    def read(given: bytes) -> None:
        text = given[:8000].decode("latin-1")
        client_network(text)
        retry_after_of(text, utc_now())

    return Target("headers", seeds, read)


def _lists(service: Service) -> Target:
    """Cursors and times of every list, on events and contacts whose names hold what is odd."""
    with service.parts.store.writing() as session:
        key = create_key(session, service.parts.keys, "intake", "lists", service.clock())
    moment = "2026-01-05T10:00:00+00:00"
    seeds = [
        *(cursor(*place).encode() for place in (("track", "Order"), (moment, "ct_1", "cars"), (moment, "event", "1"))),
        *(cursor(moment, "link_opened", "lnk_1", "option", "yes").encode(), b"ep_1", b"7", moment.encode()),
    ]

    paths = ("banks", "connections", "contacts", "contacts/zoe/timeline", "deliveries", "endpoints", "events")
    turn = iter(range(10**9))

    def read(given: bytes) -> None:
        text = given[:3000].decode("utf-8", "replace")
        path, name = paths[next(turn) % len(paths)], text[:200].replace("\x00", "")
        _answered(service.client.post("/v1/track", json={"userId": "zoe", "event": name, "timestamp": name}, auth=(key, "")))
        for query in ({"after": text}, {"after": cursor(moment, "event", text)}, {"updated_since": text}, {"limit": text}):
            _answered(service.call("GET", f"/api/v1/{path}", query_string=query))
        headers = {"X-Forwarded-For": "".join(letter for letter in text if letter.isprintable() and letter.isascii())}
        _answered(service.client.post("/api/v1/surveys/all/sessions", json={}, headers=headers))

    return Target("lists", seeds, read)


def _intake(service: Service) -> Target:
    """Plain and compressed, one message and many."""
    with service.parts.store.writing() as session:
        key = create_key(session, service.parts.keys, "intake", "fuzz", service.clock())
    event = {"userId": "zoe", "anonymousId": "b-1", "event": "Order", "messageId": "m", "timestamp": "2026-01-05T09:00:00.000Z"}
    page = {"type": "page", "anonymousId": "b-1", "properties": {"path": "/safety/x", "url": "https://a.example/?q=1"}, "sentAt": "x"}
    who = {"type": "identify", "userId": "zoe", "traits": {"email": "zoe@example.com", "age": 40}, "context": {"traits": {}}}
    batch = {"batch": [{"type": "track", **event}, page, who, {"type": "alias", "userId": "zoe", "previousId": "b-1"}]}
    paths, turn = ("batch", "track", "identify", "page", "alias", "import"), iter(range(10**9))

    def read(given: bytes) -> None:
        number = next(turn)
        encoding, pack = PACKED[number // len(paths) % len(PACKED)]
        headers = {"Content-Encoding": encoding} if encoding else {}
        _answered(service.client.post(f"/v1/{paths[number % len(paths)]}", data=pack(given), auth=(key, ""), headers=headers))

    return Target("intake", [json.dumps(body).encode() for body in (event, page, who, batch)], read)


def _source(service: Service, kind: str) -> Target:
    """Half of the messages have a valid signature, so that fuzzed content reaches the code behind it; accepted events are processed."""
    wishes: dict[str, Any] = {"hubspot": {"id_property": "crm_id", "attributes": {"city": "city"}}, "shopify": {"survey": "all"}}.get(
        kind, {}
    )
    source = create_source(service, kind, **wishes)
    dice, p = random.Random(kind), service.parts

    def read(given: bytes) -> None:
        headers = _signed(service, source, kind, given, dice) if dice.random() < 0.7 else _rubbish(given)
        _answered(service.client.post(f"/in/{source['id']}", data=given, headers=headers))
        while handler.step(p.store, p.keys, p.banks, p.settings.base_url, service.clock, service.clock() + hubspot.ORDERING_DELAY):
            pass

    return Target(f"source: {kind}", _messages(service), read)


def _messages(service: Service) -> list[bytes]:
    changed = {"subscriptionType": hubspot.CHANGED, "objectId": 7, "eventId": 1, "occurredAt": milliseconds(service)}
    merged = {**changed, "subscriptionType": hubspot.MERGED, "primaryObjectId": 7, "mergedObjectIds": [8], "newObjectId": 9}
    named = {**changed, "propertyName": "crm_id", "propertyValue": "crm-7"}
    order = {"id": 1, "email": "zoe@example.com", "customer": {"id": 5, "email": None}}
    contact = {"contact": {"external_id": "crm-7", "email": "zoe@example.com", "attributes": {"a": 1}, "consent": {"profiling": True}}}
    forget = {**changed, "subscriptionType": hubspot.PRIVACY_DELETION}
    return [json.dumps(body).encode() for body in ([named, merged], [{**named, "propertyName": "city"}], [forget], order, contact)]


def _signed(service: Service, source: dict[str, Any], kind: str, body: bytes, dice: random.Random) -> dict[str, str]:
    if kind == "hubspot":
        return hubspot_headers(source, body, milliseconds(service))
    if kind == "shopify":
        return shopify_headers(body, f"e-{dice.random()}")
    stamp, secret = str(int(service.clock().timestamp())), base64.b64decode(source["secret"].removeprefix("whsec_"))
    event_id = f"msg_{dice.random()}"
    made = base64.b64encode(hmac.new(secret, f"{event_id}.{stamp}.".encode() + body, hashlib.sha256).digest()).decode()
    return {"webhook-id": event_id, "webhook-timestamp": stamp, "webhook-signature": f"v1,{made}"}


def _rubbish(given: bytes) -> dict[str, str]:
    """Headers of every kind with fuzzed values that an HTTP server accepts."""
    value = given[:6000].decode("latin-1").translate(dict.fromkeys([*range(32), 127]))
    stamps = dict.fromkeys(("X-HubSpot-Request-Timestamp", "webhook-timestamp"), "9" * (len(given) % 6000) if len(given) % 2 else value)
    return {"X-HubSpot-Signature-v3": value, "X-Shopify-Hmac-Sha256": value, "webhook-id": value, "webhook-signature": value, **stamps}


def _pages(service: Service) -> Target:
    """Query parameters and form fields of pages."""
    keys = service.parts.keys
    seeds = [b"/s/all/" + page_token(keys, "all", "ses_1").encode(), b"/l/x", b"/s/all?lang=en&hidden-a=1", b"/preview/all?t=x&primary=red"]

    def read(given: bytes) -> None:
        path = "/" + quote(given[:3000].lstrip(b"/"), safe="/?&=%")
        _answered(service.client.get(path))
        _answered(service.client.post(path, data={"act": path, "form": path, "question": "owns", "value": path, "walk": path}))

    return Target("pages", seeds, read)


def _answered(response: Any) -> None:
    assert response.status_code < 500, response.text[:300]


def all_of(service: Service) -> Iterator[Target]:
    yield from pure_targets()
    yield from service_targets(service)
