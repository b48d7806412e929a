"""Every parser of external input accepts it or raises an announced exception; `make fuzz` checks this for ten minutes."""

import logging

import pytest

from tests.fuzz_targets import all_of, pure_targets
from tests.fuzzing import Target, fuzz
from tests.survey_service.databases import sqlite_copy
from tests.survey_service.service import a_service

PURE = {target.name: target for target in pure_targets()}
SERVED = ("intake", "source: hubspot", "source: shopify", "source: signed", "pages", "lists")
EXECUTIONS = 300
BOUND = 300
"""MiB. The largest bomb has ten; a parser may hold a few copies."""


@pytest.fixture(scope="module")
def targets(tmp_path_factory, sqlite_template):
    service = a_service(sqlite_copy(sqlite_template, tmp_path_factory.mktemp("fuzz")))
    logging.disable(logging.CRITICAL)
    yield {target.name: target for target in all_of(service)}
    logging.disable(logging.NOTSET)
    service.parts.store.close()


@pytest.mark.parametrize("name", [*PURE, *SERVED])
def test_fuzzed_input_is_accepted_or_refused(targets, name):
    """The inputs are the same each time: valid, known bombs, and valid with random changes."""
    outcome = fuzz(targets[name], seed=11, executions=EXECUTIONS)

    assert outcome.crashes == {}
    assert outcome.executions == EXECUTIONS
    assert outcome.peak < BOUND


def test_an_unannounced_exception_is_found():
    """The fuzzer finds a target that raises an unannounced exception, and accepts one that raises an announced one."""

    def read(given):
        raise KeyError(given[:1])

    assert next(iter(fuzz(Target("x", [b"a"], read), 1, executions=5).crashes)).startswith("KeyError at ")
    assert fuzz(Target("x", [b"a"], read, (KeyError,)), 1, executions=5).refused == 5
