"""Segment's library for browsers delivers to the intake."""

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


def test_anonymous_events_of_a_browser_become_the_customers_after_identify(world, new_page):
    """The library sends page, track, identify and track: one contact, each event once, and no request to another host."""
    if not LIBRARY.exists():
        pytest.fail(NODE_MISSING)
    with world.parts.store.writing() as session:
        key = create_key(session, world.parts.keys, "intake", "shop", utc_now())
    page, urls = new_page(), []
    page.on("request", lambda request: urls.append(request.url))
    page.goto(world.put("<h1>Shop</h1>"))
    page.add_script_tag(path=LIBRARY)

    page.evaluate(LOAD, [key, world.service])

    def stored():
        with world.parts.store.reading() as session:
            rows = select(ContactEvent).join(ExternalId, ExternalId.contact_id == ContactEvent.contact_id)
            return list(session.exec(rows.where(ExternalId.value == "browser-zoe")))

    events = until(lambda: len(stored()) == 3 and stored(), "all three events are the customer's")
    assert sorted((event.kind, event.name) for event in events) == [
        ("page", "Safety"),
        ("track", "Brochure Downloaded"),
        ("track", "Brochure Downloaded"),
    ]
    assert all(url.startswith((world.service, world.shop)) for url in urls), urls
