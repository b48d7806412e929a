"""Preview links, dry runs and the check of colours."""

import pytest
from itsdangerous import TimestampSigner

from survey_service.contacts.identity import sign_identity
from survey_service.hosted.page_tokens import page_token
from survey_service.preview.theme import NotAColour, Theme, contrast, nearest_legible, parse_colour, parse_colours
from survey_service.preview.tokens import LIFETIME, preview_token

UNKNOWN = b'{"answers": [{"answer_id": "a", "question": "nope", "kind": "skip"}]}'
PATHS = ("", "/widget", "/page", "/email")


def preview(service, token, survey="all", path=""):
    return service.client.get(f"/preview/{survey}{path}?t={token}")


def test_a_preview_link_opens_every_view(one_service):
    """A read key is enough; nothing is cached or indexed, and no referrer is sent."""
    created = one_service.call("POST", "/api/v1/surveys/all/preview-link")
    assert created.status_code == 200
    token = created.json["url"].split("?t=")[1]
    assert created.json["url"].startswith(f"{one_service.parts.settings.base_url}/preview/all?t=")
    for path in PATHS:
        response = preview(one_service, token, path=path)
        assert response.status_code == 200
        assert (response.headers["Cache-Control"], response.headers["Referrer-Policy"], response.headers["X-Robots-Tag"]) == (
            "no-store",
            "no-referrer",
            "noindex",
        )
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert one_service.call("GET", "/preview/all").status_code == 200
    assert one_service.call("POST", "/api/v1/surveys/none/preview-link").status_code == 404
    assert one_service.client.post("/api/v1/surveys/all/preview-link").status_code == 401


def test_other_tokens_do_not_open_a_preview(one_service, monkeypatch):
    """Tokens of other surveys and purposes, forged and expired ones show a page that says what to do."""
    keys = one_service.parts.keys
    good = preview_token(keys, "all")
    with monkeypatch.context() as past:
        past.setattr(TimestampSigner, "get_timestamp", lambda _: 1_000_000_000)
        old = preview_token(keys, "all")
    other_tokens = (preview_token(keys, "short"), page_token(keys, "all", "ses_x"), sign_identity(keys, "all"), good + "x", "", old)
    for token in other_tokens:
        for path in PATHS:
            refused = preview(one_service, token, path=path)
            assert refused.status_code == 403
            assert "make a new one" in refused.text
    assert one_service.client.get(f"/s/all/{good}").status_code == 404
    assert one_service.client.post("/api/v1/surveys/all/sessions", json={"identity": good}).status_code == 422
    assert LIFETIME.total_seconds() == 3600


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"answers": 1}',
        UNKNOWN,
        b'{"answers": [], "back": true}',
    ],
)
def test_an_invalid_dry_run_is_refused_as_by_the_api(one_service, body):
    """The errors are problem+json."""
    refused = one_service.client.post(f"/preview/all/rehearsal?t={preview_token(one_service.parts.keys, 'all')}", data=body)
    assert refused.status_code in (400, 409, 422)
    assert refused.mimetype == "application/problem+json"


def test_a_dry_run_asks_the_same_questions_as_a_session(one_service):
    """After the same answers the view is the same, including limits and end."""
    respondent, answers = one_service.start(), []
    path = f"/preview/all/rehearsal?t={preview_token(one_service.parts.keys, 'all')}"
    values = {"owns": "yes", "reasons": ["power"], "happy": 5, "km": 30_000, "why": "fun"}
    view = one_service.client.post(path, json={"answers": []}).json
    while respondent.view["question"]:
        question = respondent.view["question"]["id"]
        assert view.pop("words")["continue"] == "Continue"
        assert {**view, "session": "", "token": ""} == {**respondent.view, "session": "", "token": ""}
        respondent.answer(question, values[question])
        answers.append({"answer_id": str(len(answers)), "question": question, "kind": "answer", "value": values[question]})
        view = one_service.client.post(path, json={"answers": answers}).json
    assert (view["status"], view["result"]) == (respondent.view["status"], respondent.view["result"])
    stopped = one_service.client.post(path, json={"answers": answers[:1], "stopped": True}).json
    assert (stopped["status"], stopped["stopped_because"]) == ("finished", "respondent")


def test_contrast_follows_wcag():
    """Expected values are from other calculators: grey 767676 on white is the faintest that passes."""
    white = (255, 255, 255)
    assert contrast(parse_colour("#767676"), white) == pytest.approx(4.54, abs=0.005)
    assert contrast(parse_colour("#777"), white) == pytest.approx(4.48, abs=0.005)
    assert contrast(parse_colour("#f00"), white) == pytest.approx(4.0, abs=0.005)


@pytest.mark.parametrize("front", ["#999", "#fff", "#000", "#0b57d0", "#ffd700"])
@pytest.mark.parametrize("ground", ["#fff", "#000", "#777777", "#ffd700"])
def test_a_suggested_colour_is_legible(front, ground):
    """Its contrast suffices, and a colour that is legible already is not changed."""
    better = nearest_legible(parse_colour(front), parse_colour(ground), 4.5)
    assert contrast(better, parse_colour(ground)) >= 4.5
    if contrast(parse_colour(front), parse_colour(ground)) >= 4.5:
        assert better == parse_colour(front)


def test_colours_are_parsed_as_authors_write_them():
    """Other texts are refused and do not get into the style sheet."""
    assert parse_colours("light-dark(#abc, rgb(1, 2, 3))") == ((170, 187, 204), (1, 2, 3))
    for wrong in ("red", "#12", "rgb(1,2,300)", "light-dark(#abc)", "url(x)"):
        with pytest.raises(NotAColour):
            parse_colours(wrong)
    theme = Theme.of({"ink": "#000000", "paper": "}body{", "strange": "#fff"})
    assert (list(theme.given), theme.problems) == (["ink"], {"paper": "}body{"})
    assert theme.declarations == "--discern-ink:light-dark(#000000,#000000);"
    assert [pair.better for pair in Theme().pairs() if pair.better] == []
