"""How the widget is built from its source, and how large it is then."""

import re

import pytest
from flask.testing import FlaskClient

from survey_service.app import create_app
from survey_service.embed import assets
from survey_service.settings import Settings
from tests.processes import oracle
from tests.survey_service.service import SECRET

BUILT = assets.HERE / "static" / "widget.js"
LARGEST = 4_700


@pytest.fixture
def client(tmp_path) -> FlaskClient:
    return create_app(Settings(f"sqlite:///{tmp_path}/empty.db", (SECRET,))).test_client()


def test_the_committed_file_is_what_its_source_builds(tmp_path):
    """esbuild builds it anew into another folder: every byte is the same."""
    oracle("widget.mjs", str(tmp_path))
    assert (tmp_path / "widget.js").read_bytes() == BUILT.read_bytes(), "the source has changed: `make widget`, and commit the result"


def test_the_service_sends_the_committed_file(client):
    """As it is: nothing is put into it and nothing is taken out."""
    assert client.get("/embed/v1/widget.js").data == BUILT.read_bytes()


def test_the_widget_is_small_as_it_is_sent(client):
    """docs/embed.md promises this figure."""
    response = client.get("/embed/v1/widget.js", headers={"Accept-Encoding": "gzip"})
    assert response.headers["Content-Encoding"] == "gzip"
    assert len(response.data) <= LARGEST
    assert f"at most {LARGEST:,} bytes" in (assets.HERE.parents[1] / "docs" / "embed.md").read_text()


def test_the_build_shortens_every_name_of_the_widget_and_no_name_of_others():
    """The fields of the record are all short; what the service sends and expects keeps its name."""
    built = BUILT.read_text()
    assert re.findall(r"[.{,]_\w+", built) == []
    for name in ("answer_id", "next_questions", "can_go_back", "at_most", "claimed", "consent", "redirect"):
        assert re.search(rf"\b{name}\b", built), name
