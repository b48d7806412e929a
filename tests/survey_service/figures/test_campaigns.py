"""A mailing that holds contacts out by lot: who gets a link, and what the mailing changes."""

from datetime import timedelta

import pytest
from scipy import stats
from sqlmodel import select

from survey_service.analysis.reports.personas import report_kpi
from survey_service.email_links.campaigns import CampaignChanged, lot_of, start_campaign
from survey_service.email_links.create import LIFETIME, CreatedLink, Mailing, Recipient, create_links
from survey_service.errors import Invalid
from survey_service.figures.campaigns import difference_of
from survey_service.figures.kpi_text import kpi_text
from survey_service.store.tables.links import Campaign, CampaignContact
from tests.survey_service.analysis.test_reports import Page
from tests.survey_service.figures.conftest import CONTACTS

SHARE = 0.3

ON_ONE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""Where storage is as in the tests beside it, one database is enough."""


def mail(shop, numbers, name="spring", share=SHARE, cost=2.0):
    """Create the links of a campaign, and return the numbers of those who got one."""
    service = shop.base.service
    parts = service.parts
    with parts.store.writing() as session:
        bank, version = parts.banks.latest(session, "cars")
        campaign = start_campaign(session, name, "cars", "all", share, service.clock(), cost, "EUR" if cost else None)
        mailing = Mailing("all", bank, version, "happy", LIFETIME, campaign=campaign)
        made = create_links(session, parts.keys, mailing, [Recipient(f"c{number}") for number in numbers], service.clock())
    assert {item.reason for item in made if not isinstance(item, CreatedLink)} <= {"held_out"}
    return {int(item.external_id[1:]) for item in made if isinstance(item, CreatedLink)}


@ON_ONE
def test_the_same_contacts_are_held_out_again(shop):
    """The lot of a contact stays; about the wanted share is held out; other values under the same name are refused."""
    first, again = mail(shop, range(CONTACTS)), mail(shop, range(CONTACTS - 1, -1, -1))

    assert first == again
    assert stats.binomtest(CONTACTS - len(first), CONTACTS, SHARE).pvalue > 0.001
    assert mail(shop, range(CONTACTS), "autumn") != first
    lots = [lot_of(Campaign(id="x", lot_key="00" * 32), f"ct_{number}") for number in range(500)]
    assert stats.kstest(lots, "uniform").pvalue > 0.001
    with pytest.raises(CampaignChanged):
        mail(shop, [1], share=0.5)
    with pytest.raises(Invalid) as refused:
        mail(shop, [1], "Spring 2026")
    assert [error["path"] for error in refused.value.errors] == ["campaign"]


def tenths_of_each_persona(numbers, tenths):
    """Return so many tenths of the drivers, who have even numbers, and of the families: whoever was drawn, the effect is the same."""
    groups = ([number for number in numbers if number % 2 == parity] for parity in (0, 1))
    return [number for group in groups for place, number in enumerate(group) if place % 10 < tenths]


def test_the_effect_of_a_mailing_on_a_stage(shop, tmp_path):
    """The difference of proportions, as Newcombe's interval has it, per persona and in money; once the days of the journey are over."""
    got = mail(shop, range(CONTACTS))
    service = shop.base.service
    at = service.clock() + timedelta(days=2)
    treated, control = ([number for number in range(CONTACTS) if (number in got) == arm] for arm in (True, False))
    buyers = [*tenths_of_each_persona(treated, 6), *tenths_of_each_persona(control, 3)]
    service.clock.forward(days=3)
    shop._store([shop.track(number, at, "Order Completed", total=50, currency="EUR") for number in buyers])
    shop.compute()
    early = shop.report()["campaigns"]
    service.clock.forward(days=10)
    shop.compute()
    [campaign] = shop.report()["campaigns"]

    assert [stage["effect"] for stage in early[0]["stages"]] == [None] * 3
    assert (campaign["id"], campaign["share"], campaign["cost"], campaign["currency"]) == ("spring", SHARE, 2, "EUR")
    order = campaign["stages"][2]
    shares = [len(set(buyers) & set(arm)) / len(arm) for arm in (treated, control)]
    assert order["effect"]["value"] == pytest.approx(shares[0] - shares[1], abs=1e-5)
    assert order["effect"]["low"] <= 0.3 <= order["effect"]["high"]
    assert (order["effect"]["contacted"], order["effect"]["held_out"]) == (len(treated), len(control))
    for figure in order["personas"]:
        if figure["state"] != "too_few":
            assert figure["low"] <= 0.3 <= figure["high"]
    money = order["return_on_investment"]
    assert money["value"] == pytest.approx(50 * (shares[0] - shares[1]) / 2 - 1, abs=1e-3)
    values = [[50.0 if number in buyers else 0.0 for number in arm] for arm in (treated, control)]
    welch = stats.ttest_ind(*values, equal_var=False).confidence_interval()
    assert (money["low"], money["high"]) == pytest.approx((welch.low / 2 - 1, welch.high / 2 - 1), rel=0.02)
    assert campaign["stages"][0]["return_on_investment"] is None
    with service.parts.store.reading() as session:
        bank, _ = service.parts.banks.latest(session, "cars")
    report_kpi(shop.report(), bank.bank, tmp_path / "kpi.html")
    page = " ".join(Page((tmp_path / "kpi.html").read_text(encoding="utf-8")).words)
    assert "Campaign spring" in page
    assert "return on investment" in page
    assert f"{len(treated)} against {len(control)}" in kpi_text(shop.report(), bank.bank)


@ON_ONE
def test_the_api_holds_contacts_out_too(shop):
    """The same lots as the command draws; what is wrong is named."""
    service = shop.base.service
    contacts = [{"external_id": f"c{number}"} for number in range(40)]
    body = {
        "survey": "all",
        "question": "happy",
        "contacts": contacts,
        "campaign": {"name": "spring", "hold_out": SHARE, "cost": 2, "currency": "EUR"},
    }
    made = service.call("POST", "/api/v1/links", body)
    assert made.status_code == 201, made.text
    held_out = {int(item["external_id"][1:]) for item in made.json["items"] if item.get("refused") == "held_out"}

    assert held_out == set(range(40)) - mail(shop, range(40))
    assert service.call("POST", "/api/v1/links", {**body, "campaign": {"name": "spring", "hold_out": 0.5}}).status_code == 409
    wrong = [{"name": "A b", "hold_out": 0.5}, {"name": "a", "hold_out": 1}, {"name": "a", "hold_out": 0.5, "cost": 1}]
    for campaign in wrong:
        refused = service.call("POST", "/api/v1/links", {**body, "campaign": campaign})
        assert refused.status_code == 422
        assert refused.json["errors"][0]["path"].startswith("campaign")


def test_lots_are_moved_exported_and_erased(shop):
    """With the contact."""
    mail(shop, range(4))
    service = shop.base.service
    body = {"from": {"external_id": "c0"}, "into": {"external_id": "c9"}}
    assert service.call("POST", "/api/v1/contacts/merge", body).status_code == 200
    assert [row["campaign"] for row in service.call("GET", "/api/v1/contacts/c9/export").json["campaigns"]] == ["spring"]
    service.call("DELETE", "/api/v1/contacts/c9")
    with service.parts.store.reading() as session:
        assert {row.contact_id for row in session.exec(select(CampaignContact))} == {"ct_000001", "ct_000002", "ct_000003"}


def test_the_interval_is_newcombes():
    """56 of 70 against 48 of 80: .0524 to .3339 in table II of 1998, method 10, from the two Wilson intervals."""
    ends = [(k / n, *stats.binomtest(k, n).proportion_ci(method="wilson")) for k, n in ((56, 70), (48, 80))]

    assert difference_of(*ends) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)
