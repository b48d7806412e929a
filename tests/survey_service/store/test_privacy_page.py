"""The data map of docs/privacy.md lists the tables of the database."""

from pathlib import Path

from survey_service.store.tables.metadata import metadata

PAGE = (Path(__file__).parents[3] / "docs" / "privacy.md").read_text()
OF_NOBODY = {"bank_version", "bank_draft", "survey", "api_key", "endpoint", "connection", "source", "worker_beat", "removed_bank"}
"""Tables about the service itself and its owner."""


def test_every_table_that_can_hold_something_of_a_person_is_on_the_page():
    """A new table must be described there with its content, retention and purpose."""
    missing = {table for table in metadata.tables if f"`{table}`" not in PAGE}

    assert missing == OF_NOBODY
