"""Metrics in the Prometheus format, summed over several processes."""

import urllib.request

from prometheus_client.parser import text_string_to_metric_families

from tests.processes import web_server


def numbers(text):
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_every_process_reports_the_same_and_requests_are_added_up(database_url):
    """Any process answers the scrape with all forty requests; labels have routes and no URLs."""
    with web_server(database_url) as (web, _):
        for number in range(40):
            web.call("GET", f"/api/v1/banks/secret-{number}", token="nobody")

        with urllib.request.urlopen(f"{web.url}/metrics", timeout=10) as answer:
            text = answer.read().decode()

    found = numbers(text)
    route = ("method", "GET"), ("route", "/api/v1/banks/<string:bank>"), ("status", "401")
    assert found["discern_http_requests_total", *route] == 40
    assert found["discern_http_seconds_count", ("route", "/api/v1/banks/<string:bank>")] == 40
    assert "secret-" not in text


def test_pending_and_dead_messages_are_counted(service):
    """Counted in the database, so that every process reports the same."""
    service.call("POST", "/api/v1/endpoints", {"url": "https://crm.example.com/hook", "when": "every_answer"})
    service.start().answer("owns", "yes")
    service.start()
    service.clock.forward(minutes=6)

    found = numbers(service.client.get("/metrics").text)

    assert found["discern_outbox_messages", ("state", "waiting")] == 1
    assert found["discern_outbox_messages", ("state", "dead")] == 0
    assert found["discern_outbox_oldest_due_seconds",] == 360
    assert found["discern_sessions_open",] == 2
    assert found["discern_endpoints", ("state", "active")] == 1
