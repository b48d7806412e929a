"""Background work leaves time to respondents."""

from dataclasses import replace

from survey_service.belief.outcomes import request_checks
from survey_service.store.pauses import PAUSE, PAUSE_FOR_RESPONDENTS
from survey_service.worker import maintenance
from survey_service.worker.maintenance import Maintenance


def test_the_worker_pauses_longer_after_its_work_while_somebody_answers(service, monkeypatch):
    """The pause is a multiple of the time that the work took. Where the work took next to no time, there is none."""
    pauses: list[float] = []
    seconds = iter(number / 10 for number in range(1_000))  # all work takes a tenth of a second
    monkeypatch.setattr(maintenance, "perf_counter", lambda: next(seconds))
    parts, dialect = service.parts, service.parts.store.engine.dialect.name
    chores = Maintenance(parts.settings, parts.store, service.clock, parts.banks, enough=lambda pause: pauses.append(pause) or False)

    def pauses_of_a_round() -> set[float]:
        pauses.clear()
        chores.do()
        return {round(pause, 9) for pause in pauses}

    assert pauses_of_a_round() == {0.0, round(PAUSE[dialect] / 10, 9)}
    service.start()
    assert pauses_of_a_round() == {0.0, round(PAUSE_FOR_RESPONDENTS[dialect] / 10, 9)}
    monkeypatch.setattr(maintenance, "perf_counter", lambda: 0.0)
    assert pauses_of_a_round() == {0.0}


def test_a_round_ends_early_where_the_worker_ends(service):
    """No further kind of work begins."""
    parts = service.parts
    contact = service.call("PUT", "/api/v1/contacts/zoe", {}).json["id"]
    with parts.store.writing() as session:
        request_checks(session, {contact: service.clock()})
    chores = Maintenance(parts.settings, parts.store, service.clock, parts.banks)

    assert not replace(chores, enough=lambda _: True).do()
    assert chores.do()
