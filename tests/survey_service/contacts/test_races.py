"""Writers that meet on the same contacts leave no data on an erased one, nobody on a merged one, no cycle and no message too many."""

from collections.abc import Iterator
from itertools import combinations_with_replacement, count

import pytest

from tests.survey_service.contacts.people import SIGNALS
from tests.survey_service.service import BANK, a_service
from tests.world.races import ACTS, ENDINGS, PAIRS_WITH_AN_ENDING, Races

STRIDE = 8


@pytest.fixture
def races(database_url: str) -> Iterator[Races]:
    service = a_service(database_url, BANK.replace("surveys:", SIGNALS.lstrip() + "surveys:"))
    made = Races(service)
    yield made
    made.close()
    service.parts.store.close()


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_writer_that_is_paused_before_any_statement_looks_again(races, ending):
    """Every act beside an erasure or a merge, each paused before every eighth of its statements; benchmarks/races.py takes all of them."""
    wrong = {}
    for number, (first, second) in enumerate(pair for pair in PAIRS_WITH_AN_ENDING if ending in pair):
        for step in count(1) if races.is_sqlite else count(1 + number % STRIDE, STRIDE):
            found = races.paused(first, second, step)
            if found is None:
                break
            if found:
                wrong[f"{first}, paused before statement {step} for {second}"] = found
    assert not wrong, "\n".join(f"{race}: {'; '.join(found)}" for race, found in wrong.items())


def test_writers_that_run_at_once_leave_nothing_wrong(races):
    """Every pair of acts, five times."""
    wrong = {}
    for first, second in combinations_with_replacement(ACTS, 2):
        for _ in range(5):
            if found := races.natural(first, second):
                wrong[f"{first} beside {second}"] = found
    assert not wrong, "\n".join(f"{race}: {'; '.join(found)}" for race, found in wrong.items())
