"""Serving the widget and the demo."""

import base64
import gzip
import hashlib
import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient

from survey_service.app import create_app
from survey_service.embed import assets
from survey_service.respondent.translations import STRINGS, words_of_widget
from survey_service.settings import Settings
from tests.survey_service.service import SECRET

WIDGET = Path(assets.__file__).parent / "widget"
SOURCE = "\n".join(
    line for file in sorted(WIDGET.glob("*.js")) for line in file.read_text().splitlines() if not line.strip().startswith("//")
)
"""The modules of the widget, without comments."""


@pytest.fixture
def client(tmp_path) -> FlaskClient:
    return create_app(Settings(f"sqlite:///{tmp_path}/empty.db", (SECRET,))).test_client()


def test_the_widget_is_served_with_cors_and_cached_for_five_minutes(client):
    """Modules of another origin need CORS, and five minutes limit how long a mistake lasts."""
    response = client.get("/embed/v1/widget.js")

    assert response.status_code == 200
    assert response.content_type == "text/javascript; charset=utf-8"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert response.headers["Cache-Control"] == "public, max-age=300"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_the_widget_is_compressed_if_the_browser_accepts_gzip(client):
    """The plain and the compressed form have different etags."""
    plain = client.get("/embed/v1/widget.js")
    zipped = client.get("/embed/v1/widget.js", headers={"Accept-Encoding": "gzip, br"})

    assert "Content-Encoding" not in plain.headers
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(zipped.data) == plain.data
    assert plain.headers["ETag"] != zipped.headers["ETag"]
    assert plain.headers["Vary"] == zipped.headers["Vary"] == "Accept-Encoding"


def test_an_unchanged_widget_returns_304(client):
    """A request with the current etag returns 304 without a body."""
    etag = client.get("/embed/v1/widget.js").headers["ETag"]
    again = client.get("/embed/v1/widget.js", headers={"If-None-Match": etag})
    assert (again.status_code, again.data) == (304, b"")


def test_a_pinned_widget_address_is_immutable(client):
    """The address is cached for a year, its integrity value is that of the bytes, and an unknown version returns 404."""
    pinned_tag = client.get("/embed/v1/widget.json")
    pinned = client.get(urlsplit(pinned_tag.json["url"]).path)

    assert pinned_tag.headers["Access-Control-Allow-Origin"] == "*"
    assert pinned.data == client.get("/embed/v1/widget.js").data
    assert pinned.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert pinned.headers["Access-Control-Allow-Origin"] == "*"
    digest = base64.b64encode(hashlib.sha384(pinned.data).digest()).decode()
    assert pinned_tag.json["integrity"] == f"sha384-{digest}"
    assert client.get("/embed/v1/widget-0123456789abcdef.js").status_code == 404


def test_the_documented_pinned_tag_is_current(client):
    """Address and integrity value in docs/embed.md are those of the served widget."""
    pinned_tag = client.get("/embed/v1/widget.json").json
    documentation = (Path(__file__).parents[3] / "docs" / "embed.md").read_text()
    name = urlsplit(pinned_tag["url"]).path.rpartition("/")[2]
    assert f'src="https://surveys.example.com/embed/v1/{name}"' in documentation, f"docs/embed.md: write {name}"
    assert f'integrity="{pinned_tag["integrity"]}"' in documentation, f"docs/embed.md: write {pinned_tag['integrity']}"


@pytest.mark.parametrize("name", ["widget.d.ts", "widget-react.d.ts"])
def test_types_are_served_beside_the_widget(client, name):
    """The TypeScript declarations are served as text."""
    response = client.get(f"/embed/v1/{name}")
    assert response.status_code == 200
    assert "persona-survey" in response.text


@pytest.mark.parametrize("forbidden", ["eval(", "innerHTML", "document.write", "insertAdjacentHTML", "Function(", "history.", "cookie"])
def test_the_widget_does_not_use_forbidden_functions(forbidden):
    """Strict policies forbid some functions, and others change the page."""
    assert forbidden not in SOURCE
    assert forbidden not in assets.widget().plain.decode()


def test_every_language_has_all_texts_and_placeholders():
    """Each translation has the keys and the placeholders of the English texts."""
    assert set(STRINGS) == {"en", "fr", "de", "es", "pt", "it", "nl", "ar"}
    for language, words in STRINGS.items():
        assert list(words) == list(STRINGS["en"]), language
        for key, text in words.items():
            assert sorted(re.findall(r"{\w+}", text)) == sorted(re.findall(r"{\w+}", STRINGS["en"][key])), f"{language}: {key}"


def test_the_session_brings_every_text_that_the_widget_uses():
    """Each text in the widget's source is sent with the session, and no other."""
    quoted = set(re.findall(r'"([a-z-]+)"', SOURCE)) | set(re.findall(r"[a-z-]+", "".join(re.findall(r"`continue[^`]*`", SOURCE))))
    texts = set(words_of_widget("en"))
    by_type_or_status = {"number", "text", "expired", "dir"}
    by_reason = {"plain", "outside", "too-long"}  # the service names these when it refuses an answer
    listed = {word for text in re.findall(r'"([a-z-]+(?:,[a-z-]+)+)"', SOURCE) for word in text.split(",")}
    assert texts - by_type_or_status - by_reason <= quoted | listed
    assert re.search(r"_words\.dir", SOURCE)


def test_the_demo_is_off_by_default(client):
    """Its routes return 404 without the setting of the demo."""
    assert client.get("/demo").status_code == 404
    assert client.get("/demo/state").status_code == 404


def test_the_demo_requires_the_token_of_the_session(service):
    """The belief and the answers are shown only with the session's own token."""
    app = create_app(replace(service.parts.settings, demo_receiver="http://127.0.0.1:9"))
    app.extensions["discern"] = replace(app.extensions["discern"], store=service.parts.store)
    client = app.test_client()
    somebody, other = service.start(language="fr"), service.start()
    somebody.answer("owns", "yes")
    somebody.answer("reasons", ["power"])
    somebody.silent("why", "dont_know")

    def state(session: str, token: str):
        return client.get("/demo/state", query_string={"session": session, "token": token})

    shown = state(somebody.session, somebody.token)
    assert [persona["name"] for persona in shown.json["personas"]] == ["Le conducteur", "La famille"]
    assert shown.json["answers"][0]["question"] == "Avez-vous une voiture ?"
    assert shown.json["answers"][0]["answer"] == "Oui"
    expected = r"\d,\d fois plus probable chez Le conducteur que chez les autres \(\+\d,\d bits\)"
    assert re.fullmatch(expected, shown.json["answers"][0]["weight"])
    assert [answer["answer"] for answer in shown.json["answers"][1:]] == ["Fast", "ne sait pas"]
    assert shown.json["answers"][2]["weight"] == "ne dit rien"
    assert sum(persona["probability"] for persona in shown.json["personas"]) == pytest.approx(1)
    assert state(other.session, other.token).json["answers"] == []
    assert state(somebody.session, other.token).status_code == 401
    assert state(somebody.session, "").status_code == 401
    assert state("ses_nobody", "x").status_code == 404
    page = client.get("/demo?lang=fr")
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert "style=" not in page.text
    assert client.get("/demo/demo.css").status_code == 200
    assert client.get("/demo/widget.js").status_code == 404
