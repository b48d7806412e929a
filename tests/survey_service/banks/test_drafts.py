"""Drafts over the API: two authors lose nothing, mistakes are kept and named, and publishing says what it changes."""

import json
import re

import pytest

from question_bank.files.load import read_bank
from survey_service.banks.simulation import SimulationRequest, simulate_bank
from survey_service.errors import Invalid
from survey_service.web.api_keys import create_key
from tests.survey_service.contacts.people import respondent
from tests.survey_service.service import BANK

DRAFT = "/api/v1/banks/cars/draft"
CHANGED = "# from the panel\n" + BANK.replace("driver: [0.9, 0.1]", "driver: [0.1, 0.9]")


def put(service, text, etag=None, **query):
    return service.call("PUT", DRAFT, data=text, headers={"If-Match": etag} if etag else {}, query_string=query)


def test_a_second_author_is_told_and_nothing_is_lost(service):
    """A draft is replaced only by who has read it."""
    first = put(service, CHANGED)
    mine = put(service, CHANGED + "# mine\n", first.headers["ETag"])
    late = put(service, CHANGED + "# late\n", first.headers["ETag"])
    blind = put(service, BANK)

    assert (first.status_code, mine.status_code) == (200, 200)
    assert (late.status_code, late.json["code"]) == (412, "draft_changed")
    assert (blind.status_code, blind.json["code"]) == (428, "precondition_missing")
    found = service.call("GET", DRAFT)
    assert found.json["source"] == CHANGED + "# mine\n"
    assert (found.json["base"], found.json["author"], found.headers["ETag"]) == (1, "API key tests", mine.headers["ETag"])
    assert service.call("DELETE", DRAFT, headers={"If-Match": first.headers["ETag"]}).status_code == 412
    assert service.call("DELETE", DRAFT, headers={"If-Match": "*"}).status_code == 204
    assert service.call("GET", DRAFT).status_code == 404


@pytest.mark.parametrize("given", ['""', '"", "a"', '"", "a", "b"', 'W/""', '"a", "b"', ",", '"', "a b"])
def test_a_tag_that_is_none_is_refused_in_words(any_service, given):
    """An empty one, a weak one, and several."""
    refused = any_service.call("POST", f"{DRAFT}/publish", headers={"If-Match": given})

    assert (refused.status_code, refused.json["errors"][0]["path"]) == (422, "If-Match")


def test_publishing_keeps_text_author_and_moment(service):
    """The version has the comments of the draft, and the draft is gone. The same text published over POST /banks is a version too."""
    etag = put(service, CHANGED).headers["ETag"]

    published = service.call("POST", f"{DRAFT}/publish", headers={"If-Match": etag})

    assert (published.status_code, published.json["version"]) == (201, 2)
    assert service.call("GET", DRAFT).status_code == 404
    version = service.call("GET", "/api/v1/banks/cars/versions/2").json
    assert (version["source"], version["author"]) == (CHANGED, "API key tests")
    assert service.call("POST", "/api/v1/banks", data="# third\n" + BANK).json["version"] == 3
    listed = service.call("GET", "/api/v1/banks/cars/versions").json["items"]
    assert [(row["version"], row["author"]) for row in listed] == [(3, "API key tests"), (2, "API key tests"), (1, None)]
    assert service.call("GET", "/api/v1/banks/cars/versions/3").json["source"] == "# third\n" + BANK


def test_a_draft_that_misses_a_version_is_not_published_over_it(service):
    """Its author has to say that it takes the newer version into account."""
    etag = put(service, CHANGED).headers["ETag"]
    service.call("POST", "/api/v1/banks", data=BANK.replace("Happy?", "Are you happy?"))

    refused = service.call("POST", f"{DRAFT}/publish", headers={"If-Match": etag})
    assert (refused.status_code, refused.json["code"]) == (409, "draft_outdated")

    etag = put(service, CHANGED, etag, base=2).headers["ETag"]
    assert service.call("POST", f"{DRAFT}/publish", headers={"If-Match": etag}).json["version"] == 3


def test_the_differences_say_which_answers_stay_and_whom_they_move(service):
    """The answers of a question whose likelihood changes stay; a contact who answered it is believed somebody else."""
    respondent(service, "zoe", owns="no")
    respondent(service, "max", happy=3)
    before = service.call("GET", "/api/v1/contacts/zoe").json["beliefs"]["cars"]["top"]
    put(service, CHANGED)

    found = service.call("GET", f"{DRAFT}/diff").json

    paths = {".".join(change["path"]): (change["kind"], change["before"], change["after"]) for change in found["changes"]}
    assert paths == {
        "questions.owns.likelihood.driver.yes": ("meaning", 0.9, 0.1),
        "questions.owns.likelihood.driver.no": ("meaning", 0.1, 0.9),
    }
    assert found["answers"] == {"owns": {"given": 1, "stay": 1}}
    assert (before, found["contacts"]) == ("family", {"inferred": 2, "moved": 1, "is_sample": False})
    removed = BANK.replace("{id: no, text: {en: No, fr: Non}}", "{id: never, text: {en: No, fr: Non}}")
    put(service, removed, "*")
    assert service.call("GET", f"{DRAFT}/diff").json["answers"] == {"owns": {"given": 1, "stay": 0}}


@pytest.fixture(scope="module")
def any_service(one_service):
    return one_service


@pytest.mark.parametrize(
    ("text", "status", "where"),
    [
        ("bank: [", 200, None),
        (BANK.replace("[0.9, 0.1]", "[1.4, 0.1]"), 200, "questions.0.likelihood.driver.0"),
        (BANK.replace("bank: cars", "bank: boats"), 422, "bank"),
        (b"\xff\xfe\x00", 422, ""),
        (b"", 422, ""),
    ],
)
def test_mistakes_are_kept_and_named(any_service, text, status, where):
    """A draft may have any mistake of a bank; what is no text, or another bank, is refused with the field."""
    any_service.call("DELETE", DRAFT, headers={"If-Match": "*"})

    answer = put(any_service, text)

    assert answer.status_code == status, answer.text
    if status == 200:
        assert answer.json["errors"]
        assert where in (None, answer.json["errors"][0]["path"])
        assert service_publish(any_service, answer.headers["ETag"]).json["code"] == "bank_invalid"
        assert any_service.call("GET", f"{DRAFT}/diff").json["code"] == "bank_invalid"
    else:
        assert [error["path"] for error in answer.json["errors"]] == [where]


def service_publish(service, etag):
    return service.call("POST", f"{DRAFT}/publish", headers={"If-Match": etag})


def test_checking_and_simulating_store_nothing(any_service):
    """The figures are those of `discern simulate`; the number of respondents is bounded by the size of the bank."""
    checked = any_service.call("POST", "/api/v1/banks/check", data=BANK.replace("[0.9, 0.1]", "[1.4, 0.1]")).json
    assert (checked["errors"][0]["path"], checked["errors"][0]["line"]) == ("questions.0.likelihood.driver.0", 12)
    assert checked["errors"][0]["where"].startswith('question "owns" > likelihood > persona "driver"')

    simulated = any_service.call("POST", "/api/v1/banks/simulate?survey=short&respondents=500&seed=3", data=BANK).json
    assert (simulated["survey"], simulated["respondents"]) == ("short", 500)
    assert simulated["sure"] == sorted(simulated["sure"])
    assert simulated["sure"][-1] == pytest.approx(simulated["stopped_because"].get("confidence", 0), abs=0.2)

    for query, path in (("", "survey"), ("?survey=none", "survey"), ("?survey=all&respondents=5001", "respondents")):
        refused = any_service.call("POST", f"/api/v1/banks/simulate{query}", data=BANK)
        assert (refused.status_code, refused.json["errors"][0]["path"]) == (422, path)
    questions = "".join(LARGE.format(n=n) for n in range(300))
    many = BANK.replace("  - id: why", questions + "  - id: why").replace("at_most: 5", "at_most: 200")
    refused = any_service.call("POST", "/api/v1/banks/simulate?survey=all&respondents=5000", data=many)
    assert refused.status_code == 422
    assert refused.json["errors"][0]["path"] == "respondents"
    assert any_service.call("GET", "/api/v1/banks/cars/versions").json["items"][0]["version"] == 1


LARGE = """  - id: q{n}
    type: scale
    text: Number {n}?
    min: 1
    max: 21
    likelihood: {{driver: {{mean: 4, sd: 1}}, family: {{mean: 9, sd: 2}}}}
"""


def test_published_surveys_are_listed(any_service):
    """Each with the bank and version that it stands for."""
    listed = any_service.call("GET", "/api/v1/surveys").json["items"]

    assert [(row["survey"], row["bank"], row["version"], row["title"], row["questions"]) for row in listed] == [
        ("all", "cars", 1, "Everything", 5),
        ("short", "cars", 1, "Short", 3),
    ]


def test_only_admins_publish(any_service):
    """A key that may write changes drafts and does not publish them."""
    p = any_service.parts
    with p.store.writing() as session:
        key = create_key(session, p.keys, "write", "author", p.now())
    any_service.call("DELETE", DRAFT, headers={"If-Match": "*"})

    etag = any_service.call("PUT", DRAFT, data=CHANGED, key=key).headers["ETag"]

    assert any_service.call("POST", f"{DRAFT}/publish", headers={"If-Match": etag}, key=key).status_code == 403


def test_many_ticks_of_many_personas_are_not_simulated_for_a_request():
    """Of a question with more than ten options thousands of patterns are drawn for each persona: a product of large matrices."""
    names, options = [f"p{number}" for number in range(16)], [f"o{number}" for number in range(12)]
    shares = {name: [0.1 + 0.8 * ((place + option) % 7) / 7 for option in range(12)] for place, name in enumerate(names)}
    question = {"id": "why", "type": "multiple", "text": "Why?", "options": [{"id": option, "text": option} for option in options]}
    bank = {
        **{"bank": "many", "personas": [{"id": name} for name in names], "surveys": [{"id": "ask"}]},
        "questions": [{**question, "likelihood": shares}, {**question, "id": "what", "likelihood": shares}],
    }

    with pytest.raises(Invalid) as refused:
        simulate_bank(read_bank(json.dumps(bank)), SimulationRequest("ask", respondents=1000))

    most = re.fullmatch(r"at most (\d+) for a bank of this size", refused.value.errors[0]["message"])
    assert simulate_bank(read_bank(json.dumps(bank)), SimulationRequest("ask"))["respondents"] == int(most[1])
