"""Bad input gets the right 4xx in one format, with every problem named, and nothing is written or lost."""

import json
import re
from pathlib import Path

import pytest
from sqlmodel import func, select

from survey_service.store.tables.core import Answer, ApiKey, BankVersion, Contact, SurveySession
from survey_service.store.tables.webhooks import Delivery
from survey_service.web.api_keys import create_key
from tests.survey_service.service import BANK

TEN_MISTAKES = Path(__file__).parents[2] / "question_bank" / "ten-mistakes.yaml"


def stored(service):
    """Return the number of rows of each table and the sequence of every contact."""
    with service.parts.store.reading() as session:
        tables = (Answer, BankVersion, Contact, Delivery, SurveySession)
        counts = [session.exec(select(func.count()).select_from(table)).one() for table in tables]
        return counts, sorted(session.exec(select(Contact.id, Contact.sequence)).all())


def assert_problem(response, status, code=None):
    """Assert that the response is an RFC 9457 problem with a code and a readable title."""
    assert response.status_code == status, response.text
    assert response.mimetype == "application/problem+json"
    body = response.json
    assert {"type", "title", "status", "detail", "code"} <= set(body) <= {"type", "title", "status", "detail", "code", "errors"}
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    assert code is None or body["code"] == code
    for error in body.get("errors", []):
        assert {"path", "message"} <= set(error) <= {"path", "message", "key"}
        assert error["message"]
    return {error["path"] for error in body.get("errors", [])}


GOOD = {"answer_id": "x", "question": "owns", "kind": "answer", "value": "yes"}

BODIES = [
    ("{", 400, "malformed_body", None),
    ("", 422, None, None),
    ("[]", 422, "invalid", None),
    ("null", 422, "invalid", None),
    ('"x"', 422, "invalid", None),
    ("\xff\xfe", 400, "malformed_body", None),
    ("[" * 20000, 400, "malformed_body", None),
    ('{"answer_id": "\\ud800", "question": "owns", "kind": "skip"}', 400, "malformed_body", None),
    ('{"answer_id": "\\u0000", "question": "owns", "kind": "skip"}', 400, "malformed_body", None),
    (json.dumps(GOOD)[:-1] + ', "value": "no"}', 400, "malformed_body", None),
    (json.dumps({**GOOD, "draft": "true"}), 422, "invalid", {"draft"}),
    (json.dumps({**GOOD, "colour": 1, "size": 2}), 422, "invalid", {"colour", "size"}),
    (json.dumps({"kind": "answer"}), 422, "invalid", {"answer_id", "question"}),
    (json.dumps({**GOOD, "kind": "shrug"}), 422, "invalid", {"kind"}),
    (json.dumps({**GOOD, "value": None}), 422, "invalid", {"value"}),
    (json.dumps({**GOOD, "kind": "skip"}), 422, "invalid", {"value"}),
    (json.dumps({**GOOD, "answer_id": ""}), 422, "invalid", {"answer_id"}),
    (json.dumps({**GOOD, "answer_id": "x" * 101}), 422, "invalid", {"answer_id"}),
    (json.dumps({**GOOD, "answer_id": 7}), 422, "invalid", {"answer_id"}),
    (json.dumps({**GOOD, "question": "nope"}), 422, "unknown_question", {"question"}),
    (json.dumps({**GOOD, "value": "maybe"}), 422, "impossible_value", {"value"}),
    (json.dumps({**GOOD, "value": ["yes"]}), 422, "impossible_value", {"value"}),
    (json.dumps({**GOOD, "value": {"a": {}}}), 422, "impossible_value", {"value"}),
    (json.dumps({**GOOD, "question": "happy", "value": 6}), 422, "impossible_value", {"value"}),
    (json.dumps({**GOOD, "question": "happy", "value": 2.5}), 422, "impossible_value", {"value"}),
    (json.dumps({**GOOD, "question": "happy", "value": True}), 422, "impossible_value", {"value"}),
    (json.dumps({**GOOD, "question": "happy", "value": 10**400}), 400, "malformed_body", None),
    (json.dumps({**GOOD, "answer_id": "x\0y"}).encode("utf-16"), 400, "malformed_body", None),
    (json.dumps({**GOOD, "question": "km", "value": -1}), 422, "impossible_value", {"value"}),
    (json.dumps({**GOOD, "question": "km", "value": "12 km"}), 422, "impossible_value", {"value"}),
    (json.dumps({**GOOD, "question": "km", "value": {"from": 9, "to": 1}}), 422, "impossible_value", {"value"}),
    (json.dumps({**GOOD, "question": "km", "value": {}}), 422, "impossible_value", {"value"}),
    (json.dumps({**GOOD, "question": "why", "value": " "}), 422, "impossible_value", {"value"}),
    (json.dumps({**GOOD, "question": "why", "value": "x" * 4001}), 422, "impossible_value", {"value"}),
    (json.dumps({**GOOD, "question": "reasons", "value": ["power"]}), 422, "question_not_open", {"question"}),
    (json.dumps({**GOOD, "question": "reasons", "value": {"ticked": ["power"], "seen": []}}), 422, "impossible_value", {"value"}),
    (json.dumps({"answers": []}), 422, "invalid", {"answers"}),
    (json.dumps({"answers": [GOOD, {**GOOD, "answer_id": "y"}]}), 422, "invalid", {"answers.1.question"}),
    (json.dumps({"answers": [GOOD, {**GOOD, "question": "happy", "value": 3}]}), 409, "answer_id_reused", {"answers.1.answer_id"}),
    (
        json.dumps(
            {
                "answers": [
                    {**GOOD, "value": "?"},
                    {**GOOD, "answer_id": "y", "question": "nope"},
                    {**GOOD, "answer_id": "z", "question": "km", "value": -2},
                ]
            }
        ),
        422,
        "invalid",
        {"answers.0.value", "answers.1.question", "answers.2.value"},
    ),
    (
        json.dumps({"answers": [GOOD, {**GOOD, "answer_id": "y", "question": "km", "value": -2}]}),
        422,
        "impossible_value",
        {"answers.1.value"},
    ),
    ("x" * (64 * 1024 + 1), 413, "body_too_large", None),
    (r'{"half of an emoji \ud83d": 1, "half of an emoji \ud83d": 2}', 400, "malformed_body", None),
    (r'{"half of an emoji \ud83d": NaN}', 400, "malformed_body", {"half of an emoji ?"}),
]


@pytest.mark.parametrize(("body", "status", "code", "paths"), BODIES, ids=[f"{n}-{b[:40]!r}" for n, (b, *_) in enumerate(BODIES)])
def test_a_bad_answer_gets_its_4xx_and_changes_nothing(one_service, body, status, code, paths):
    """Every wrong field is named; the earlier answer is kept, and the next answer is accepted."""
    service, someone = one_service, one_service.start()
    someone.answer("happy", 4)
    before = stored(service)

    path = f"/api/v1/sessions/{someone.session}/answers"
    headers = {"Authorization": f"Bearer {someone.token}"}
    data = body if isinstance(body, bytes) else body.encode("latin-1") if "\xff" in body else body.encode()
    named = assert_problem(service.client.post(path, data=data, content_type="application/json", headers=headers), status, code)

    assert paths is None or named == paths
    assert stored(service) == before
    assert someone.answer("owns", "yes").status_code == 200


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "text/plain; charset=utf-8", "application/json", "application/vnd.x+json", "application/x-www-form-urlencoded", None],
)
def test_json_is_accepted_unless_the_media_type_is_another_one(one_service, kind):
    """Browsers send text/plain without a preflight, so it is accepted."""
    service = one_service
    someone = service.start()
    body = json.dumps({**GOOD, "token": someone.token})
    path = f"/api/v1/sessions/{someone.session}/answers"

    assert service.client.post(path, data=body, content_type=kind).status_code == 200
    for other in ("multipart/form-data; boundary=x", "application/xml", "image/png"):
        assert_problem(service.client.post(path, data=body, content_type=other), 415, "unsupported_media_type")


def test_only_the_own_token_opens_a_session(service):
    """A missing, wrong or foreign token or an API key for writing gets 401, also for a session that has ended."""
    mine, other = service.start(), service.start()
    path = f"/api/v1/sessions/{mine.session}"
    for token in (None, "", "wrong", other.token, "é"):
        headers = {} if token is None else {"Authorization": f"Bearer {token}".encode().decode("latin-1")}
        for method, address in (("GET", path), ("POST", f"{path}/answers"), ("POST", f"{path}/back"), ("POST", f"{path}/finish")):
            body = {
                "GET": None,
                "POST": {**GOOD} if address.endswith("answers") else {"answer_id": "x"} if address.endswith("back") else {},
            }[method]
            assert_problem(service.client.open(address, method=method, json=body, headers=headers), 401, "bad_token")
    assert stored(service)[0][0] == 0


def test_unknown_resources_are_a_404_problem(one_service):
    """Covers unknown URLs, surveys, sessions, banks, versions and contacts."""
    service = one_service
    assert_problem(service.client.get("/nowhere"), 404)
    assert_problem(service.client.post("/api/v1/surveys/none/sessions", json={}), 404, "not_found")
    assert_problem(service.client.get("/api/v1/sessions/ses_none", headers={"Authorization": "Bearer x"}), 404, "not_found")
    for path in ("banks/none", "banks/cars/versions/9", f"banks/cars/versions/{10**30}", "contacts/none", "sessions/ses_none"):
        assert_problem(service.call("GET", f"/api/v1/{path}"), 404, "not_found")


def test_an_unknown_method_is_a_405_with_the_allowed_ones(one_service):
    """The response has the Allow header that HTTP requires."""
    service = one_service
    response = service.client.delete("/api/v1/surveys/all/sessions")
    assert_problem(response, 405)
    assert "POST" in response.headers["Allow"]


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        ({"identity": "forged"}, {"identity"}),
        ({"link": "x" * 300}, {"link"}),
        ({"start_id": "short"}, {"start_id"}),
        ({"who": "me", "consent": "yes"}, {"who", "consent"}),
    ],
)
def test_an_invalid_start_creates_no_session(service, body, paths):
    """Neither a session nor a contact is stored."""
    assert assert_problem(service.client.post("/api/v1/surveys/all/sessions", json=body), 422) == paths
    assert stored(service)[0][4] == 0


def test_a_bank_with_ten_mistakes_gets_ten_located_problems(service):
    """All problems are reported at once with line and path, and the published version stays."""
    response = service.call("POST", "/api/v1/banks", data=TEN_MISTAKES.read_bytes(), headers={"Content-Type": "application/yaml"})

    assert_problem(response, 422, "bank_invalid")
    assert len(response.json["errors"]) == 10
    assert all(error["message"].startswith("bank:") for error in response.json["errors"])
    assert service.call("GET", "/api/v1/banks").json["items"][0]["version"] == 1


def test_a_survey_id_belongs_to_one_bank(service):
    """Publishing another bank with the same survey id is refused."""
    response = service.call("POST", "/api/v1/banks", data=BANK.replace("bank: cars", "bank: other"))
    assert assert_problem(response, 409, "conflict") == {"surveys.0.id", "surveys.1.id"}


def test_a_bank_of_more_than_a_mebibyte_is_refused(service):
    """A bank of more than 64 KiB is accepted."""
    padded = BANK + "# " + "x" * 100_000
    assert service.call("POST", "/api/v1/banks", data=padded).status_code == 200
    assert_problem(service.call("POST", "/api/v1/banks", data=BANK + "# " + "x" * 2**20), 413, "body_too_large")


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        ({"email": "nonsense"}, {"email"}),
        ({"attributes": {"a": []}}, {"attributes"}),
        ({"consent": {}}, {"consent.profiling"}),
        ({"consent": {"profiling": "perhaps"}, "age": 3}, {"consent.profiling", "age"}),
    ],
)
def test_a_bad_contact_is_not_stored(one_service, body, paths):
    """The response names each field by its path."""
    service = one_service
    assert assert_problem(service.call("PUT", "/api/v1/contacts/zoe", body), 422) == paths
    assert_problem(service.call("GET", "/api/v1/contacts/zoe"), 404)


def test_a_key_opens_what_its_scope_says_and_nothing_when_it_is_over(service):
    """Unknown, expired and revoked keys get 401, a scope that is too small gets 403."""
    with service.parts.store.writing() as session:
        reader = create_key(session, service.parts.keys, "read", "reader", service.clock())
        revoked = create_key(session, service.parts.keys, "admin", "revoked", service.clock())
        session.flush()
        session.exec(select(ApiKey).where(ApiKey.name == "revoked")).one().revoked_at = service.clock()

    assert service.call("GET", "/api/v1/banks", key=reader).status_code == 200
    assert_problem(service.call("POST", "/api/v1/banks", key=reader, data=BANK), 403, "scope_missing")
    for key in ("", "dk_unknown", revoked, "Basic x"):
        assert_problem(service.call("GET", "/api/v1/banks", key=key), 401, "unauthorised")


def test_the_openapi_document_describes_every_route(one_service):
    """Every API route is in the document, with the media type of its errors."""
    service = one_service
    document = service.client.get("/api/v1/openapi.json").json
    assert document["openapi"].startswith("3.1")
    described = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods if method != "parameters"}
    for rule in service.app.url_map.iter_rules():
        if rule.rule.startswith("/api/v1/") and rule.rule not in ("/api/v1/openapi.json", "/api/v1/docs"):  # its two forms
            path = re.sub(r"<[^>]*:(\w+)>", r"{\1}", rule.rule)
            assert {f"{method} {path}" for method in rule.methods - {"HEAD", "OPTIONS"}} <= described
    error = document["components"]["responses"]["UNPROCESSABLE_ENTITY"]["content"]
    assert list(error) == ["application/problem+json"]
