"""The build of the widget, and its size."""

import gzip
import re

import pytest
from flask.testing import FlaskClient

from survey_service.app import create_app
from survey_service.embed import assets
from survey_service.settings import Settings
from tests.processes import oracle
from tests.survey_service.service import SECRET

BUILT = assets.HERE / "static" / "widget.js"
LARGEST = 6_000


@pytest.fixture
def client(tmp_path) -> FlaskClient:
    return create_app(Settings(f"sqlite:///{tmp_path}/empty.db", (SECRET,))).test_client()


def test_the_committed_widget_is_built_from_its_source(tmp_path):
    """Building again with esbuild gives the same bytes."""
    oracle("widget.mjs", str(tmp_path))
    for name in ("widget.js", "core.css"):
        built = (tmp_path / name).read_bytes()
        assert built == (BUILT.parent / name).read_bytes(), "the source has changed: `make widget`, and commit the result"


def test_the_committed_editor_of_the_console_is_built_from_its_source(tmp_path):
    """CodeMirror with YAML, from the locked packages."""
    oracle("editor.mjs", str(tmp_path))
    committed = assets.HERE.parent / "console" / "static" / "yaml-editor.js"
    assert (tmp_path / "yaml-editor.js").read_bytes() == committed.read_bytes(), (
        "the source has changed: `make widget`, and commit the result"
    )


def test_the_service_sends_the_committed_file(client):
    """The served widget is the committed file, unchanged."""
    assert client.get("/embed/v1/widget.js").data == BUILT.read_bytes()


def test_the_compressed_widget_is_small(client):
    """The size limit is the one in docs/embed.md, as the service compresses it; `gzip -9` of a proxy or a CDN does a little worse."""
    response = client.get("/embed/v1/widget.js", headers={"Accept-Encoding": "gzip"})
    assert response.headers["Content-Encoding"] == "gzip"
    assert len(response.data) <= LARGEST
    assert len(gzip.compress(BUILT.read_bytes(), 9)) <= 1.02 * LARGEST
    assert f"at most {LARGEST:,} bytes" in (assets.HERE.parents[1] / "docs" / "embed.md").read_text()


def test_the_build_shortens_only_private_names():
    """Names with a leading underscore are shortened, and names of the API stay."""
    built = BUILT.read_text()
    assert re.findall(r"[.{,]_\w+", built) == []
    for name in ("answer_id", "next_questions", "can_go_back", "at_most", "claimed", "consent", "redirect"):
        assert re.search(rf"\b{name}\b", built), name
