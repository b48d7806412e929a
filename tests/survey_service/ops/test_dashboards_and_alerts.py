"""Shipped dashboards and alerts: the service exports every metric that a rule or a panel queries."""

import json
import re
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from survey_service.web.api_keys import create_key

FOLDER = Path(__file__).parents[3] / "docs" / "operations"
METRIC = re.compile(r"\bdiscern_\w+")
LABEL = re.compile(r'(\w+)=~?"([^"]*)"')


def rules():
    return [rule for group in yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"] for rule in group["rules"]]


def panels():
    return json.loads((FOLDER / "grafana.json").read_text())["panels"]


@pytest.fixture
def exported(service):
    """Return every exported sample name with the values of its labels."""
    service.call("POST", "/api/v1/endpoints", {"url": "https://crm.example.com/hook"})
    service.start().answer("owns", "yes")
    with service.parts.store.writing() as session:
        key = create_key(session, service.parts.keys, "intake", "shop", service.clock())
    service.client.post("/v1/batch", json={"batch": [{"type": "unknown"}, {"type": "group"}]}, auth=(key, ""))
    found = {}
    for family in text_string_to_metric_families(service.client.get("/metrics").text):
        for sample in family.samples:
            labels = found.setdefault(sample.name, {})
            for name, value in sample.labels.items():
                labels.setdefault(name, set()).add(value)
    return found


def test_rules_and_panels_query_exported_metrics(exported):
    """Metric names, label names and label values of fixed sets exist."""
    asked = [rule["expr"] for rule in rules()] + [target["expr"] for panel in panels() for target in panel["targets"]]
    assert {name for call in asked for name in METRIC.findall(call)} <= exported.keys()
    for call in asked:
        [metric] = set(METRIC.findall(call))
        for label, value in LABEL.findall(call):
            assert label in exported[metric], call
            if label in ("route", "state"):
                assert value in exported[metric][label], call


def test_every_metric_of_ours_is_on_a_panel(exported):
    """A histogram counts as shown when its buckets are."""
    shown = {name for panel in panels() for target in panel["targets"] for name in METRIC.findall(target["expr"])}
    ours = {name for name in exported if name.startswith("discern_") and not name.endswith(("_sum", "_count", "_created"))}
    assert ours == shown


def test_every_rule_says_what_to_do():
    """Every rule has a one-line instruction for the person on call."""
    for rule in rules():
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["todo"]
        assert re.fullmatch(r"\d+m", rule["for"])
    assert len({rule["alert"] for rule in rules()}) == len(rules())
    assert len({panel["id"] for panel in panels()}) == len(panels())
