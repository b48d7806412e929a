"""Helpers: requests signed as the sources sign them."""

import base64
import hashlib
import hmac
import json
from typing import Any

from werkzeug.test import TestResponse

from survey_service.inbound import handler
from tests.survey_service.service import Service

SECRET = "the-client-secret-of-the-app"


def create_source(service: Service, kind: str, **options: Any) -> dict[str, Any]:
    given = {"kind": kind, **({} if kind == "signed" else {"secret": SECRET}), **options}
    response = service.call("POST", "/api/v1/sources", given)
    assert response.status_code == 201, response.text
    return response.json


def post(service: Service, source: dict[str, Any], body: bytes, headers: dict[str, str]) -> TestResponse:
    return service.client.post(f"/in/{source['id']}", data=body, headers={"Content-Type": "application/json", **headers})


def hubspot_headers(source: dict[str, Any], body: bytes, milliseconds: int, secret: str = SECRET) -> dict[str, str]:
    signed = f"POST{source['url']}".encode() + body + str(milliseconds).encode()
    signature = base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()
    return {"X-HubSpot-Signature-v3": signature, "X-HubSpot-Request-Timestamp": str(milliseconds)}


def milliseconds(service: Service) -> int:
    return int(service.clock().timestamp() * 1000)


def from_hubspot(service: Service, source: dict[str, Any], *events: dict[str, Any]) -> TestResponse:
    body = json.dumps(events).encode()
    return post(service, source, body, hubspot_headers(source, body, milliseconds(service)))


def shopify_headers(body: bytes, event_id: str, secret: str = SECRET) -> dict[str, str]:
    signature = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
    return {
        "X-Shopify-Hmac-Sha256": signature,
        "X-Shopify-Topic": "orders/paid",
        "X-Shopify-Event-Id": event_id,
        "X-Shopify-Webhook-Id": f"w-{event_id}",
        "X-Shopify-Shop-Domain": "shop.myshopify.com",
        "X-Shopify-API-Version": "2026-10",
    }


def handle_due_events(service: Service) -> int:
    """Handle every event that is due, and return how many there were."""
    parts, count = service.parts, 0
    while handler.step(parts.store, parts.keys, parts.banks, parts.settings.base_url, service.clock):
        count += 1
    return count
