"""The examples in docs/crm.md work as written."""

import json
import re

import pytest

from tests.processes import ROOT

EXAMPLES = [json.loads(item) for item in re.findall(r"^```json\n(.*?)^```", (ROOT / "docs" / "crm.md").read_text(), re.M | re.S)]


@pytest.mark.parametrize("example", [example for example in EXAMPLES if "bank" in example], ids=lambda item: item["kind"])
def test_every_example_makes_a_connection(service, example):
    """Only the shortened credentials and the name of the bank are replaced."""
    given = json.loads(json.dumps(example).replace("\\u2026", "x").replace("car-buyers", "cars"))
    response = service.call("POST", "/api/v1/connections", given)
    assert response.status_code == 201, response.text
    shown = service.call("POST", f"/api/v1/connections/{response.json['id']}/dry-run")
    assert shown.json == {"requests": [], "skipped": []}


@pytest.mark.parametrize("example", [example for example in EXAMPLES if "bank" not in example], ids=lambda item: item["kind"])
def test_every_example_makes_a_source(service, example):
    """Only the secret and the name of the survey are replaced."""
    given = json.loads(json.dumps(example).replace("\\u2026", "x").replace("after-purchase", "all"))
    response = service.call("POST", "/api/v1/sources", given)
    assert response.status_code == 201, response.text
    assert response.json["url"].endswith(f"/in/{response.json['id']}")


def test_there_is_an_example_of_every_kind():
    assert {example["kind"] for example in EXAMPLES if "bank" in example} == {"hubspot", "salesforce", "brevo", "klaviyo", "http"}
