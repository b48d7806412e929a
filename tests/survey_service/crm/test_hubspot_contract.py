"""Requests to HubSpot are valid by its published OpenAPI description and equal to those of its official client."""

import json
import os
from pathlib import Path

import pytest
from hubspot import HubSpot
from hubspot.crm.contacts import BatchInputSimplePublicObjectBatchInput, BatchInputSimplePublicObjectBatchInputUpsert
from openapi_core import OpenAPI
from openapi_core.testing import MockRequest

from survey_service.crm.adapters import hubspot
from survey_service.crm.adapters.client import call
from survey_service.crm.adapters.hubspot_properties import GROUP, definition
from survey_service.crm.adapters.protocol import ConnectionConfig, Identity, Record
from tests.survey_service.crm.fake_crm import crm
from tests.survey_service.crm.fake_crm import hubspot as answers
from tests.survey_service.egress.hostile_receiver import LOOPBACK

FOLDER = Path(os.environ.get("DISCERN_TEST_SPECS", Path(__file__).resolve().parents[4] / "shared" / "specs"))
VALUES = {"persona_top": "driver", "persona_p_driver": 0.62, "persona_seq": 17, "persona_is_decided": True, "persona_kind": None}
BY = [Identity("record_id", "51"), Identity("external_id", "crm-42", "crm_id"), Identity("email", "zoe@example.com")]


def spec(name):
    path = FOLDER / name
    if not path.exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{path} is missing: put HubSpot's published description there")
    description = json.loads(path.read_text())
    for operations in description["paths"].values():
        for operation in operations.values():
            operation.pop("security", None)  # the description cannot say which token is valid
    return OpenAPI.from_dict(description)


def made(url="https://api.hubapi.com", may_create=False, values=VALUES):
    records = [Record(f"evt_{number}", identity, values, {}, may_create) for number, identity in enumerate(BY)]
    return hubspot.requests(ConnectionConfig(url), "pat", records)


def posted(url, path, body):
    return MockRequest(
        url, "post", path, headers={"authorization": "Bearer pat"}, data=json.dumps(body).encode(), content_type="application/json"
    )


@pytest.mark.parametrize("may_create", [True, False])
def test_batches_are_valid_by_the_published_description(may_create):
    """Valid by record id, by a property of ours and by email; the description refuses invalid requests."""
    description = spec("hubspot-contacts-v3.json")
    for request in made(may_create=may_create):
        base, _, path = request.url.partition("/crm/")
        description.validate_request(posted(base, f"/crm/{path}", request.body))
        for bad in (0.62, None):
            request.body["inputs"][0]["properties"]["persona_p_driver"] = bad
            with pytest.raises(Exception, match=r"[Rr]equest body"):
                description.validate_request(posted(base, f"/crm/{path}", request.body))


@pytest.mark.parametrize("ours", ["persona_top", "persona_p_driver", "persona_updated_at", "persona_is_decided", "persona_seq"])
def test_properties_and_their_group_are_valid_too(ours):
    """Checks the requests of the set-up command."""
    description = spec("hubspot-properties-v3.json")
    description.validate_request(posted("https://api.hubapi.com", "/crm/v3/properties/contacts", definition(ours, ours)))
    description.validate_request(posted("https://api.hubapi.com", "/crm/v3/properties/contacts/groups", GROUP))


@pytest.mark.parametrize("may_create", [True, False])
def test_the_official_client_sends_the_same(may_create):
    """Method, path, authorization, content type and every field of the body are equal."""
    with crm(answers) as ours, crm(answers) as theirs:
        for request in made(ours.url, may_create):
            call(request, LOOPBACK)
        client = HubSpot(access_token="pat")
        api = client.crm.contacts.batch_api
        api.api_client.configuration.host = theirs.url
        for request in made(may_create=may_create):
            if may_create:
                api.upsert(BatchInputSimplePublicObjectBatchInputUpsert(inputs=request.body["inputs"]))
            else:
                api.update(BatchInputSimplePublicObjectBatchInput(inputs=request.body["inputs"]))
    assert len(ours.asked) == len(theirs.asked) == 3
    for mine, other in zip(ours.asked, theirs.asked, strict=True):
        assert (mine.method, mine.path, mine.body) == (other.method, other.path, other.body)
        assert {name: mine.headers[name] for name in ("authorization", "content-type")} == {
            name: other.headers[name] for name in ("authorization", "content-type")
        }
