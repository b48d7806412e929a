"""A link to a preview opens one survey, for an hour, and nothing else opens it."""

import pytest
from itsdangerous import TimestampSigner

from survey_service.contacts.identity import sign_identity
from survey_service.hosted.pages import page_token
from survey_service.preview.theme import NotAColour, Theme, parse_colours, contrast, nearest_legible, parse_colour
from survey_service.preview.tokens import LIFETIME, preview_token

UNKNOWN = b'{"answers": [{"answer_id": "a", "question": "nope", "kind": "skip"}]}'
PATHS = ("", "/widget", "/page", "/email")


def preview(service, token, survey="all", path=""):
    return service.client.get(f"/preview/{survey}{path}?t={token}")


def test_a_link_from_the_api_opens_every_view(one_service):
    """Read is enough; nothing is cached, indexed, or told to where a link leads."""
    made = one_service.call("POST", "/api/v1/surveys/all/preview-link")
    assert made.status_code == 200
    token = made.json["url"].split("?t=")[1]
    assert made.json["url"].startswith(f"{one_service.parts.settings.base_url}/preview/all?t=")
    for path in PATHS:
        seen = preview(one_service, token, path=path)
        assert seen.status_code == 200
        assert (seen.headers["Cache-Control"], seen.headers["Referrer-Policy"], seen.headers["X-Robots-Tag"]) == (
            "no-store",
            "no-referrer",
            "noindex",
        )
        assert "default-src 'none'" in seen.headers["Content-Security-Policy"]
    assert one_service.call("GET", "/preview/all").status_code == 200
    assert one_service.call("POST", "/api/v1/surveys/none/preview-link").status_code == 404
    assert one_service.client.post("/api/v1/surveys/all/preview-link").status_code == 401


def test_nothing_else_opens_it(one_service, monkeypatch):
    """Other surveys, other purposes, forgeries, old links: a page that says what to do."""
    keys = one_service.parts.keys
    good = preview_token(keys, "all")
    with monkeypatch.context() as past:
        past.setattr(TimestampSigner, "get_timestamp", lambda _: 1_000_000_000)
        old = preview_token(keys, "all")
    strangers = (preview_token(keys, "short"), page_token(keys, "all", "ses_x"), sign_identity(keys, "all"), good + "x", "", old)
    for token in strangers:
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
def test_a_rehearsal_refuses_as_the_api_does(one_service, body):
    """In the one shape of errors."""
    refused = one_service.client.post(f"/preview/all/rehearsal?t={preview_token(one_service.parts.keys, 'all')}", data=body)
    assert refused.status_code in (400, 409, 422)
    assert refused.mimetype == "application/problem+json"


def test_a_rehearsal_is_the_real_course(one_service):
    """The same questions after the same answers, the same limits, the same end, whether it is kept or not."""
    someone, answers = one_service.start(), []
    path = f"/preview/all/rehearsal?t={preview_token(one_service.parts.keys, 'all')}"
    values = {"owns": "yes", "reasons": ["power"], "happy": 5, "km": 30_000, "why": "fun"}
    view = one_service.client.post(path, json={"answers": []}).json
    while someone.view["question"]:
        question = someone.view["question"]["id"]
        assert view.pop("words")["continue"] == "Continue"
        assert {**view, "session": "", "token": ""} == {**someone.view, "session": "", "token": ""}
        someone.answer(question, values[question])
        answers.append({"answer_id": str(len(answers)), "question": question, "kind": "answer", "value": values[question]})
        view = one_service.client.post(path, json={"answers": answers}).json
    assert (view["status"], view["result"]) == (someone.view["status"], someone.view["result"])
    stopped = one_service.client.post(path, json={"answers": answers[:1], "stopped": True}).json
    assert (stopped["status"], stopped["stopped_because"]) == ("finished", "respondent")


def test_contrast_is_that_of_the_standard():
    """Values that other calculators give: grey 767676 on white is the faintest that passes."""
    white = (255, 255, 255)
    assert contrast(parse_colour("#767676"), white) == pytest.approx(4.54, abs=0.005)
    assert contrast(parse_colour("#777"), white) == pytest.approx(4.48, abs=0.005)
    assert contrast(parse_colour("#f00"), white) == pytest.approx(4.0, abs=0.005)


@pytest.mark.parametrize("front", ["#999", "#fff", "#000", "#0b57d0", "#ffd700"])
@pytest.mark.parametrize("ground", ["#fff", "#000", "#777777", "#ffd700"])
def test_a_corrected_colour_passes_and_is_no_further_away_than_it_must_be(front, ground):
    """One step back on the same way would not do."""
    better = nearest_legible(parse_colour(front), parse_colour(ground), 4.5)
    assert contrast(better, parse_colour(ground)) >= 4.5
    if contrast(parse_colour(front), parse_colour(ground)) >= 4.5:
        assert better == parse_colour(front)


def test_colours_are_read_as_authors_write_them():
    """And nothing else is."""
    assert parse_colours("light-dark(#abc, rgb(1, 2, 3))") == ((170, 187, 204), (1, 2, 3))
    for wrong in ("red", "#12", "rgb(1,2,300)", "light-dark(#abc)", "url(x)"):
        with pytest.raises(NotAColour):
            parse_colours(wrong)
    theme = Theme.of({"ink": "#000000", "paper": "}body{", "strange": "#fff"})
    assert (list(theme.given), theme.problems) == (["ink"], {"paper": "}body{"})
    assert theme.declarations == "--discern-ink:light-dark(#000000,#000000);"
    assert [pair.better for pair in Theme().pairs() if pair.better] == []
