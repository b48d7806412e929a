"""What docs/links.md promises is so."""

import json
import re
from pathlib import Path

from survey_service.email_links.export import MAILERS
from survey_service.email_links.schemas import FunnelSchema, MadeSchema

TEXT = (Path(__file__).parents[3] / "docs" / "links.md").read_text()
BANK = (Path(__file__).parents[3] / "question_bank" / "examples" / "car-buyers.yaml").read_text()


def test_the_call_of_the_documentation_works_as_it_is_written(one_service):
    """And answers with the fields that are told."""
    assert one_service.call("POST", "/api/v1/banks", data=BANK).status_code in (200, 201)
    (body,) = re.findall(r"^```json\n(.*?)^```", TEXT, re.M | re.S)
    made = one_service.call("POST", "/api/v1/links", json.loads(body))
    assert made.status_code == 201, made.text
    told = re.search(r"one a contact: (.*?), or `refused`", TEXT, re.S)
    assert set(re.findall(r"`(\w+)`", told[1])) == set(made.json["items"][0])
    assert set(made.json["items"][0]) | {"refused"} == set(MadeSchema().fields)


def test_the_merge_tags_of_the_documentation_are_those_of_the_files():
    """One of each system, and every count of the funnel."""
    for name, tag in (("brevo", "DISCERN_OPTION_1_URL"), ("mailchimp", "DI_U1"), ("hubspot", "discern_option_1_url")):
        assert tag in TEXT
        assert tag in MAILERS[name].columns(1)
    told = TEXT[TEXT.index("GET /api/v1/surveys/{survey}/links") :]
    assert set(FunnelSchema().fields) - {"survey", "revoked"} <= set(re.findall(r"`(\w+)`", told))
