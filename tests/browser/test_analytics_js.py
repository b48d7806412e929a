"""Segment's library for browsers, as a shop has it already, delivers to the intake."""

from pathlib import Path

import pytest
from sqlmodel import select

from survey_service.store.tables.core import ExternalId
from survey_service.store.tables.inbound import ContactEvent
from survey_service.web.api_keys import create_key
from survey_service.web.context import utc_now
from tests.processes import NODE_MISSING, until

LIBRARY = Path(__file__).parents[1] / "node" / "node_modules" / "@segment" / "analytics-next" / "dist" / "umd" / "index.js"
LOAD = """
async ([writeKey, cdnURL]) => {
  const destination = { apiHost: new URL(cdnURL).host + "/v1", protocol: "http" };  // what the settings say where BASE_URL is right
  const load = window.AnalyticsNext.AnalyticsBrowser.load;
  const [analytics] = await load({ writeKey, cdnURL }, { integrations: { "Segment.io": destination } });
  await analytics.page("Safety");
  await analytics.track("Brochure Downloaded", { channel: "web", secret: "hush" });
  await analytics.identify("browser-zoe", { email: "browser-zoe@example.com" });
  await analytics.track("Brochure Downloaded");
}
"""


def test_what_a_browser_tells_is_the_customers_as_soon_as_it_says_who_it_is(world, new_page):
    """Page, track, identify and track again: one contact, each event once; no other host is asked for anything."""
    if not LIBRARY.exists():
        pytest.fail(NODE_MISSING)
    with world.parts.store.writing() as session:
        key = create_key(session, world.parts.keys, "intake", "shop", utc_now())
    page, asked = new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(world.put("<h1>Shop</h1>"))
    page.add_script_tag(path=LIBRARY)

    page.evaluate(LOAD, [key, world.service])

    def kept():
        with world.parts.store.reading() as session:
            mine = select(ContactEvent).join(ExternalId, ExternalId.contact_id == ContactEvent.contact_id)
            return list(session.exec(mine.where(ExternalId.value == "browser-zoe")))

    events = until(lambda: len(kept()) == 3 and kept(), "all three events are the customer's")
    assert sorted((event.kind, event.name) for event in events) == [
        ("page", "Safety"),
        ("track", "Brochure Downloaded"),
        ("track", "Brochure Downloaded"),
    ]
    assert all(url.startswith((world.service, world.shop)) for url in asked), asked
