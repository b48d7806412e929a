"""API clients of the webhook routes, each with a key of another scope."""

from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from survey_service.web.api import DiscernApi, register_errors
from survey_service.web.api_keys import create_key
from survey_service.web.context import Parts
from survey_service.web.rate_limit import Limits
from survey_service.webhooks.routes import blueprint
from tests.survey_service.webhooks.world import World

ENDPOINT = {"url": "http://127.0.0.1:9/hook"}


class Caller:
    def __init__(self, world: World) -> None:
        app = Flask("test")
        app.config.update(API_TITLE="Discern", API_VERSION="1", OPENAPI_VERSION="3.1.0")
        app.extensions["discern"] = Parts(world.settings, world.store, world.banks, world.keys, Limits(world.store, ()), world.clock)
        DiscernApi(app).register_blueprint(blueprint)
        register_errors(app)
        self.client = app.test_client()
        with world.store.writing() as session:
            self.keys = {scope: create_key(session, world.keys, scope, "", world.now) for scope in ("read", "write", "admin")}

    def __call__(self, method: str, path: str, body: Any = None, scope: str | None = "admin") -> TestResponse:
        headers = {"Authorization": f"Bearer {self.keys[scope]}"} if scope else {}
        return self.client.open(f"/api/v1{path}", method=method.upper(), json=body, headers=headers)
