"""A fit to planted contacts, shared by the tests."""

import pytest

from adaptive.lookalike.fit import fit_attribution
from tests.adaptive.lookalike.people import KINDS, PERSONAS, one_hot, planted


@pytest.fixture(scope="session")
def respondents():
    columns, who = planted(600)
    return columns, one_hot(who)


@pytest.fixture(scope="session")
def fitted(respondents):
    columns, labels = respondents
    return fit_attribution(columns, KINDS, labels, PERSONAS)
