"""Background work leaves time to respondents."""

from survey_service.belief.outcomes import request_checks
from survey_service.store.pauses import PAUSE, PAUSE_FOR_RESPONDENTS
from survey_service.worker import maintenance
from survey_service.worker.maintenance import Maintenance


def test_the_worker_pauses_longer_after_its_work_while_somebody_answers(service, monkeypatch):
    """The pause is a multiple of the time that the work took; where there was nothing to do, there is none."""
    pauses: list[float] = []
    monkeypatch.setattr(maintenance, "sleep", pauses.append)
    ticks = iter(range(1_000))
    monkeypatch.setattr(maintenance, "perf_counter", lambda: next(ticks) / 10)  # all work takes a tenth of a second
    parts, dialect = service.parts, service.parts.store.engine.dialect.name
    contact = service.call("PUT", "/api/v1/contacts/zoe", {}).json["id"]
    chores = Maintenance(parts.settings, parts.store, service.clock, parts.banks)

    def pauses_after_a_check() -> list[float]:
        pauses.clear()
        with parts.store.writing() as session:
            request_checks(session, {contact: service.clock()})
        assert chores.do()
        return [round(pause, 9) for pause in pauses]

    assert pauses_after_a_check() == [round(PAUSE[dialect] / 10, 9)]
    service.start()
    assert pauses_after_a_check() == [round(PAUSE_FOR_RESPONDENTS[dialect] / 10, 9)]
    pauses.clear()
    assert not chores.do()
    assert not pauses
