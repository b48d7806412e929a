"""The statements of docs/links.md are true."""

import json
import re
from pathlib import Path

from survey_service.email_links.export import MAILERS
from survey_service.email_links.schemas import FunnelSchema, MadeSchema

TEXT = (Path(__file__).parents[3] / "docs" / "links.md").read_text()
BANK = (Path(__file__).parents[3] / "question_bank" / "examples" / "car-buyers.yaml").read_text()


def test_the_example_in_the_documentation_works(one_service):
    """The response has exactly the documented fields."""
    assert one_service.call("POST", "/api/v1/banks", data=BANK).status_code in (200, 201)
    (body,) = re.findall(r"^```json\n(.*?)^```", TEXT, re.M | re.S)
    response = one_service.call("POST", "/api/v1/links", json.loads(body))
    assert response.status_code == 201, response.text
    fields = re.search(r"one for each contact: (.*?), or `refused`", TEXT, re.S)
    assert set(re.findall(r"`(\w+)`", fields[1])) == set(response.json["items"][0])
    assert set(response.json["items"][0]) | {"refused"} == set(MadeSchema().fields)


def test_the_documented_merge_tags_and_counts_exist():
    """Each email system has the documented tag, and every count of the funnel is documented."""
    for name, tag in (("brevo", "DISCERN_OPTION_1_URL"), ("mailchimp", "DI_U1"), ("hubspot", "discern_option_1_url")):
        assert tag in TEXT
        assert tag in MAILERS[name].columns(1)
    section = TEXT[TEXT.index("GET /api/v1/surveys/{survey}/links") :]
    assert set(FunnelSchema().fields) - {"survey", "revoked"} <= set(re.findall(r"`(\w+)`", section))
