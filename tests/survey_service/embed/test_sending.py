"""How the widget and the demo are sent."""

import gzip
import re
from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from survey_service.app import create_app
from survey_service.embed import assets
from survey_service.settings import Settings
from tests.survey_service.service import SECRET

SOURCE = (Path(assets.__file__).parent / "widget.js").read_text()


@pytest.fixture
def client(tmp_path) -> FlaskClient:
    return create_app(Settings(f"sqlite:///{tmp_path}/empty.db", (SECRET,))).test_client()


def test_the_widget_may_be_loaded_by_any_page_and_kept_for_a_while(client):
    """A module of another origin needs CORS; five minutes is how long a mistake of ours can last."""
    response = client.get("/embed/v1/widget.js")

    assert response.status_code == 200
    assert response.content_type == "text/javascript; charset=utf-8"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert response.headers["Cache-Control"] == "public, max-age=300"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_it_is_compressed_for_who_can_read_that(client):
    """The two forms have two etags, so that no cache mixes them up."""
    plain = client.get("/embed/v1/widget.js")
    zipped = client.get("/embed/v1/widget.js", headers={"Accept-Encoding": "gzip, br"})

    assert "Content-Encoding" not in plain.headers
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(zipped.data) == plain.data
    assert plain.headers["ETag"] != zipped.headers["ETag"]
    assert plain.headers["Vary"] == zipped.headers["Vary"] == "Accept-Encoding"


def test_who_has_it_does_not_get_it_again(client):
    """304, without a body."""
    etag = client.get("/embed/v1/widget.js").headers["ETag"]
    again = client.get("/embed/v1/widget.js", headers={"If-None-Match": etag})
    assert (again.status_code, again.data) == (304, b"")


def test_what_is_squeezed_out_is_nothing_but_comments_blanks_and_long_names():
    """Lines stay lines, texts and colours stay what they are, and no private name survives by accident."""
    squeezed = assets.squeezed(SOURCE)

    code = [line for line in SOURCE.splitlines() if line.strip() and not line.strip().startswith("//")]
    assert len(squeezed.splitlines()) == len(code)
    assert re.findall(r'"[^"]*"', squeezed) == re.findall(r'"[^"]*"', "\n".join(code))
    assert re.findall(r"#[0-9a-f]{3,6}\b", squeezed) == re.findall(r"#[0-9a-f]{3,6}\b", "\n".join(code))
    assert {len(name) for name in re.findall(r"this\.#(\w+)", squeezed)} == {2}


@pytest.mark.parametrize("forbidden", ["eval(", "innerHTML", "document.write", "insertAdjacentHTML", "Function(", "history.", "cookie"])
def test_the_widget_does_without(forbidden):
    """What strict policies forbid, and what is the page's own."""
    assert forbidden not in SOURCE


def test_every_word_is_there_in_every_language():
    """A word that is missing in one of them would show as an error, to people only."""
    tables = re.search(r"const WORDS = \{(.*?)\n\};", SOURCE, re.DOTALL)
    languages = re.findall(r"\n  (\w\w): \{(.*?)\n  \}", tables[1], re.DOTALL)
    keys = {language: re.findall(r'\n    "?([\w-]+)"?:', table) for language, table in languages}
    assert set(keys) == {"en", "fr"}
    assert keys["en"] == keys["fr"]


def test_there_is_no_demo_where_nobody_asked_for_one(client):
    """It shows what a CRM knows: only the demo's own settings switch it on."""
    assert client.get("/demo").status_code == 404
    assert client.get("/demo/state").status_code == 404


def test_the_demo_shows_a_session_to_nobody_but_its_owner(service):
    """Belief and reasons need the session's own token."""
    app = create_app(replace(service.parts.settings, demo_receiver="http://127.0.0.1:9"))
    app.extensions["discern"] = replace(app.extensions["discern"], store=service.parts.store)
    client = app.test_client()
    somebody, other = service.start(language="fr"), service.start()
    somebody.answer("owns", "yes")
    somebody.answer("reasons", ["power"])
    somebody.silent("why", "dont_know")

    def state(session: str, token: str):
        return client.get("/demo/state", query_string={"session": session, "token": token})

    seen = state(somebody.session, somebody.token)
    assert [one["name"] for one in seen.json["personas"]] == ["Le conducteur", "La famille"]
    assert seen.json["answers"][0]["question"] == "Avez-vous une voiture ?"
    assert seen.json["answers"][0]["answer"] == "Oui"
    assert re.fullmatch(r"parle pour Le conducteur\s: \+\d\.\d bits", seen.json["answers"][0]["weight"])
    assert [one["answer"] for one in seen.json["answers"][1:]] == ["Fast", "ne sait pas"]
    assert seen.json["answers"][2]["weight"] == "ne dit rien"
    assert sum(one["probability"] for one in seen.json["personas"]) == pytest.approx(1)
    assert state(other.session, other.token).json["answers"] == []
    assert state(somebody.session, other.token).status_code == 401
    assert state(somebody.session, "").status_code == 401
    assert state("ses_nobody", "x").status_code == 404
    page = client.get("/demo?lang=fr")
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert "style=" not in page.text
    assert client.get("/demo/demo.css").status_code == 200
    assert client.get("/demo/widget.js").status_code == 404
