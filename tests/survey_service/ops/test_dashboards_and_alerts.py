"""Shipped dashboards and alerts: the service exports every metric that a rule or a panel queries."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from survey_service.store.tables.webhooks import WorkerBeat
from survey_service.web.api_keys import create_key
from tests.gateways import program

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


ANSWERS = 'discern_http_seconds_bucket{route="/api/v1/sessions/<string:session_id>/answers",le="%s"}'
REQUESTS = 'discern_http_requests_total{method="GET",route="/s",status="%s"}'
HEALTHY = {
    REQUESTS % "200": "0+600x120",
    REQUESTS % "429": "0+3x120",
    REQUESTS % "503": "0+1x120",
    ANSWERS % "0.1": "0+595x120",
    ANSWERS % "0.5": "0+599x120",
    ANSWERS % "1": "0+600x120",
    ANSWERS % "+Inf": "0+600x120",
    'discern_outbox_messages{state="dead"}': "7x120",  # given up long ago, and nobody wants them sent again
}
"""Traffic of two hours, a value a minute; gauges are those of a real service."""
BROKEN = {
    "DiscernNobodySends": {"discern_workers": "0x120"},
    "DiscernMessagesLate": {"discern_outbox_oldest_due_seconds": "0+60x120"},
    "DiscernIntakeLate": {"discern_intake_oldest_waiting_seconds": "0+60x120"},
    "DiscernEndpointDisabled": {'discern_endpoints{state="disabled"}': "1x120"},
    "DiscernMessagesDead": {'discern_outbox_messages{state="dead"}': "7x60 8x60"},
    "DiscernErrors": {REQUESTS % "503": "0+10x120"},
    "DiscernSlow": {ANSWERS % "0.1": "0+500x120", ANSWERS % "0.5": "0+580x120"},
    "DiscernRefusesMany": {REQUESTS % "429": "0+120x120"},
}


@pytest.fixture
def gauges(service):
    """The gauges of a service with a worker, an endpoint that is served, a connection that is new and one that was switched off."""
    service.call("POST", "/api/v1/endpoints", {"url": "https://crm.example.com/hook"})
    given = {"kind": "hubspot", "bank": "cars", "url": "https://crm.invalid", "credentials": {"token": "x"}}
    service.call("POST", "/api/v1/connections", given)
    off = service.call("POST", "/api/v1/endpoints", {"url": "https://crm.example.com/old"}).json["id"]
    service.call("PATCH", f"/api/v1/endpoints/{off}", {"state": "disabled"})
    service.start()
    p = service.parts
    with p.store.writing() as session:
        session.add(WorkerBeat(id="worker", started_at=service.clock(), last_at=service.clock()))
    families = text_string_to_metric_families(service.client.get("/metrics").text)
    samples = [sample for family in families if family.type == "gauge" for sample in family.samples]
    named = {(sample.name, tuple(sorted(sample.labels.items()))): sample.value for sample in samples if sample.name.startswith("discern_")}
    return {name + _labels(labels): f"{value:g}x120" for (name, labels), value in named.items()}


def _labels(labels):
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels) + "}" if labels else ""


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_alerts_are_silent_in_a_healthy_system_and_each_rings_in_a_broken_one(gauges, tmp_path):
    """By promtool of Prometheus: with the gauges of a real service and usual traffic none fires, and each fault fires its own alert."""
    names = [rule["alert"] for rule in rules()]
    assert set(BROKEN) == set(names)
    series = gauges | HEALTHY
    tests = [_promtool_test(series, [], names)] + [_promtool_test(series | fault, [name], names) for name, fault in BROKEN.items()]
    (tmp_path / "test.yaml").write_text(yaml.safe_dump({"rule_files": [str(FOLDER / "alerts.yaml")], "tests": tests}))

    done = subprocess.run([program("promtool"), "test", "rules", str(tmp_path / "test.yaml")], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def _promtool_test(series, ringing, names):
    labels = {rule["alert"]: rule for rule in rules()}
    expected = {
        name: [{"exp_labels": labels[name]["labels"], "exp_annotations": labels[name]["annotations"]}] if name in ringing else []
        for name in names
    }
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [{"eval_time": "90m", "alertname": name, "exp_alerts": alerts} for name, alerts in expected.items()],
    }
