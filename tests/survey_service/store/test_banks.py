"""Each version of a published bank is loaded and compiled once per process, without checks, and outside of write transactions."""

from contextlib import contextmanager
from dataclasses import replace

import pytest

from question_bank.files import load
from survey_service.store import banks as stored_banks
from survey_service.store.banks import Banks
from tests.survey_service.service import Service


@pytest.fixture
def restarted(service: Service) -> Service:
    """A service whose process has not loaded any bank yet."""
    service.app.extensions["discern"] = replace(service.parts, banks=Banks())
    return service


def test_a_stored_version_is_loaded_without_checks(restarted, monkeypatch):
    """A stored bank was checked when it was published."""

    def refuse(*_):
        raise AssertionError("a stored bank was checked again")

    monkeypatch.setattr(load, "check_bank", refuse)
    monkeypatch.setattr(load, "lint_bank", refuse)

    assert restarted.client.post("/api/v1/surveys/all/sessions", json={}).status_code == 201


def test_a_version_is_compiled_once(restarted, monkeypatch):
    """Later uses take the compiled bank from memory."""
    compiled = []
    compile_bank = stored_banks.compile_bank
    monkeypatch.setattr(stored_banks, "compile_bank", lambda bank: compiled.append(bank.id) or compile_bank(bank))

    for _ in range(3):
        restarted.client.post("/api/v1/surveys/all/sessions", json={})

    assert compiled == ["cars"]


@pytest.mark.parametrize("act", ["start", "answer", "back", "finish"])
def test_no_bank_is_compiled_inside_a_write_transaction(service, monkeypatch, act):
    """The first try ends without effect, the bank is compiled outside, and the second try succeeds."""
    started = service.client.post("/api/v1/surveys/all/sessions", json={}).json
    first = {"token": started["token"], "answer_id": "a1", "question": "owns", "kind": "answer", "value": "yes"}
    service.client.post(f"/api/v1/sessions/{started['session']}/answers", json=first)
    service.app.extensions["discern"] = replace(service.parts, banks=Banks())
    writing, open_transactions, seen = service.parts.store.writing, [], []
    compile_bank = stored_banks.compile_bank

    @contextmanager
    def watched():
        with writing() as session:
            open_transactions.append(session)
            try:
                yield session
            finally:
                open_transactions.remove(session)

    monkeypatch.setattr(service.parts.store, "writing", watched)
    monkeypatch.setattr(stored_banks, "compile_bank", lambda bank: seen.append(len(open_transactions)) or compile_bank(bank))
    path, body = {
        "start": ("surveys/all/sessions", {}),
        "answer": (f"sessions/{started['session']}/answers", {**first, "answer_id": "a2", "question": "happy", "value": 4}),
        "back": (f"sessions/{started['session']}/back", {"token": started["token"], "answer_id": "a3"}),
        "finish": (f"sessions/{started['session']}/finish", {"token": started["token"]}),
    }[act]

    response = service.client.post(f"/api/v1/{path}", json=body)

    assert response.status_code in (200, 201)
    assert seen == [0]
