"""What to say to a contact now, from its events and its belief, on both databases."""

from datetime import timedelta


def read(shop, name, query=""):
    response = shop.base.service.call("GET", f"/api/v1/contacts/{name}/next?bank=cars{query}")
    assert response.status_code == 200, response.text
    return response.json


def test_plays_follow_the_stage_and_the_persona(shop):
    """The likeliest persona's play comes first, and an event changes the stage at once."""
    service, at = shop.base.service, shop.base.service.clock()
    for name, persona in (("c0", "driver"), ("c1", "family")):
        label = {"bank": "cars", "persona": persona, "reliability": 0.9}
        assert service.call("PUT", f"/api/v1/contacts/{name}/label", label).status_code == 200
    shop.send(shop.page(0, at), shop.page(1, at))
    before = read(shop, "c0", "&channel=web")
    shop.send(*(shop.track(n, shop.base.service.clock(), "Quote Requested") for n in (0, 1)))
    driver, family = read(shop, "c0"), read(shop, "c1", "&language=fr")

    assert [play["bot"] for play in before["plays"]] == ["Any questions?", "Hello"]
    assert [(stage["journey"], stage["stage"]) for stage in driver["stages"]] == [("purchase", "purchase/quote")]
    assert (driver["persona"]["top"], driver["plays"][0]["agent"]) == ("driver", "Offer a test drive")
    assert (family["persona"]["top"], family["plays"][0]["content"]) == ("family", "Des places pour trois")
    assert driver["plays"][0]["probability"] > driver["plays"][1]["probability"]


def test_a_stage_ends_with_the_days_of_its_journey(shop):
    """Afterwards only the plays for any time remain; a channel leaves out those of others."""
    shop.send(shop.page(2, shop.base.service.clock()))
    assert [play["bot"] for play in read(shop, "c2", "&channel=email")["plays"]] == ["Hello"]
    shop.base.service.clock.forward(days=11)

    assert read(shop, "c2")["stages"] == []
    assert [play["bot"] for play in read(shop, "c2")["plays"]] == ["Hello"]


def test_who_objects_to_a_profile_gets_what_everybody_gets(shop):
    """No persona and no stage is derived; unknown contacts and banks are refused."""
    service = shop.base.service
    shop.send(shop.page(4, service.clock() - timedelta(hours=1)))
    service.call("PUT", "/api/v1/contacts/c4", {"consent": {"profiling": False}})
    left_alone = read(shop, "c4")

    assert (left_alone["persona"], left_alone["stages"]) == (None, [])
    assert [play["bot"] for play in left_alone["plays"]] == ["Hello"]
    assert service.call("GET", "/api/v1/contacts/nobody/next?bank=cars").status_code == 404
    assert service.call("GET", "/api/v1/contacts/c1/next?bank=none").status_code == 404
    refused = service.call("GET", "/api/v1/contacts/c1/next")
    assert (refused.status_code, refused.json["errors"][0]["path"]) == (422, "bank")
