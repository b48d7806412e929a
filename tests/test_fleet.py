"""Four workers, one of them killed every two seconds, and a receiver that fails one time in ten: no message is lost or out of order."""

from tests.fleet import Fleet


def test_a_fleet_with_killed_workers_loses_no_message(database_url):
    """Each contact ends with its last state, in order; repetitions have the same id and bytes; the log has every request."""
    fleet = Fleet(database_url, contacts=20, updates=10, seconds=8, kill_every=2)
    ledger, last, states, attempts = fleet.run()

    accepted = ledger.accepted()
    assert fleet.kills >= 3
    assert {contact: sequences[-1] for contact, sequences in accepted.items()} == last  # none lost, none outdated
    assert [contact for contact, sequences in accepted.items() if sequences != sorted(sequences)] == []
    assert {len(bodies) for bodies in ledger.bodies.values()} == {1}
    taken = [webhook_id for webhook_id, _, _, was_taken in ledger.requests if was_taken]
    assert len(taken) - len(set(taken)) <= fleet.kills * 20  # at most the claimed messages of killed workers: one per contact
    assert set(states) <= {"delivered", "superseded"}
    assert states["delivered"] == len(set(taken))
    assert states.total() == 20 * 10
    # A killed worker's attempt is logged before it is sent, so a logged attempt may have no request.
    assert 0 <= attempts - len(ledger.requests) <= fleet.kills * 20
