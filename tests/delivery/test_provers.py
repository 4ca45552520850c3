"""Who is asked for proofs, as the configuration says now, and reports that came by way of `receive`."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from appliance.base import limits
from appliance.config.destinations import AnyDestination
from appliance.delivery.keyring import Keyring
from appliance.delivery.provers import Provers, by_commitment
from appliance.delivery.proving import Instances, Terms
from appliance.delivery.queue import DestinationQueue
from appliance.routing.retry import Backoff
from appliance.seal.proof_report import ProofReport
from appliance.vault.adoption import Adoption
from appliance.vault.deliveries import Queue
from appliance.vault.ledger import Ledger
from appliance.vault.objects import Objects
from appliance.vault.proof_reports import WaitingReports, keep
from appliance.vault.proofs import Proofs
from tests.delivery.commitment_scp import CommittingPacs
from tests.delivery.upstream import free_port, until
from tests.delivery.vaults import CT, State
from tests.vault.media import BadSector

TERMS = Terms(gather=0.1, batch=25, wait=0.5, deadline=60, longest=60, asks=20, backoff=Backoff(0.05, 0.1))
TRANSACTION = "2.25.4711"


def entry(port: int, name: str = "pacs", proof: str = "commitment", **more: Any) -> AnyDestination:
    said = {"name": name, "kind": "dimse", "address": f"127.0.0.1:{port}", "ae_title": "PACS", "tls": "never"}
    found: AnyDestination = TypeAdapter[AnyDestination](AnyDestination).validate_python(said | {"proof": proof} | more)
    return found


class Office:
    """A vault that holds what a destination has stored, and who asks for the proofs."""

    def __init__(self, root: Path) -> None:
        self.state = State(root)
        self.ledger = Ledger(self.state.layout.ledger)
        self.objects = Objects(self.state.layout)
        self.proofs = Proofs(self.ledger, self.state.index_key)
        self.medium = BadSector()
        self.reports = WaitingReports(self.state.layout, self.state.index_key, self.medium)
        keyring = Keyring([str(self.state.identity.recipient)], [self.state.identity], lockable=True)
        self.provers = Provers(self.proofs, self.reports, Instances(self.objects, keyring), terms=TERMS)
        self.queues = {name: DestinationQueue(name, self.ledger, gather=TERMS.gather) for name in ("pacs", "other")}
        self.started = False

    def start(self) -> None:
        self.provers.start()
        self.started = True

    def serve(self, *destinations: AnyDestination, ae_title: str = "EDGE01") -> None:
        self.provers.configure(destinations, self.queues, ae_title)

    def stored(self, count: int, destination: str = "pacs") -> list[str]:
        """So many that the destination has answered success to."""
        ids = [self.state.put() for _ in range(count)]
        Adoption(self.objects, self.ledger, self.state.index_key, lambda _: (destination,)).adopt(ids, time.time())
        leases = self.ledger.lease(destination, time.time(), 3600, count)
        for lease in leases:
            self.queues[destination].delivered(lease, 0)
        self.queues[destination].write_proofs()
        return ids

    def report(self, destination: str = "pacs", transaction: str = TRANSACTION, reason: int = 0) -> str:
        """What `receive` leaves of a report on everything; its id."""
        index_key = self.state.index_key
        reasons = tuple((CT, index_key.tag("instance", uid), reason) for uid in self.state.sent)
        report_id = os.urandom(16).hex()
        tag = index_key.tag("transaction", transaction)
        keep(self.state.incoming, ProofReport(report_id, time.time(), destination, tag, reasons), index_key)
        return report_id

    def counts(self, destination: str = "pacs") -> Queue:
        return replace(self.ledger.counts().get(destination, Queue()), oldest=None)

    def close(self) -> None:
        self.provers.stop()
        assert self.provers.join(10)
        self.ledger.close()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    office = Office(tmp_path / "state")
    yield office
    office.close()


def test_whose_proof_is_commitment() -> None:
    assert by_commitment(entry(104))
    assert not by_commitment(entry(104, proof="status"))
    stow = {"name": "web", "kind": "stow", "url": "http://127.0.0.1:80/dicom-web"}
    assert not by_commitment(TypeAdapter[AnyDestination](AnyDestination).validate_python(stow))


def test_it_asks_whom_the_configuration_names_and_says_what_is_owed(office: Office) -> None:
    with CommittingPacs() as pacs:
        pacs.decide = lambda *_: 0
        office.serve(entry(pacs.port), entry(free_port(), "other", "status"))
        office.start()
        office.stored(3)
        office.stored(2, "other")
        assert office.counts("other") == Queue(delivered=2), "its status is proof enough"
        until(lambda: office.counts() == Queue(delivered=3))
        assert office.provers.snapshot("other") == {}
        assert office.provers.snapshot("pacs") == {"overdue": 0, "proof_error": ""}
        assert office.provers.is_alive()


def test_a_changed_entry_is_asked_at_its_new_address_and_an_equal_one_goes_on(office: Office) -> None:
    nobody = entry(free_port())
    office.serve(nobody)
    office.start()
    office.stored(2)
    until(lambda: "cannot connect" in office.provers.snapshot("pacs")["proof_error"])
    office.serve(nobody)
    assert "cannot connect" in office.provers.snapshot("pacs")["proof_error"], (
        "nothing changed, and nothing is forgotten"
    )
    with CommittingPacs() as pacs:
        pacs.decide = lambda *_: 0
        office.serve(entry(pacs.port))
        until(lambda: office.counts() == Queue(delivered=2))
        assert office.provers.is_alive()


def test_where_the_status_is_proof_from_now_on_what_was_stored_is_delivered(office: Office) -> None:
    office.serve(entry(free_port()))
    office.stored(2)
    assert office.counts() == Queue(stored=2)
    office.serve(entry(free_port(), proof="status"))
    assert office.counts() == Queue(delivered=2)
    office.stored(1)
    assert office.counts() == Queue(delivered=3)


def asked(office: Office, count: int) -> None:
    """So many are stored, and a request is out that names them."""
    office.serve(entry(free_port()))
    ids = office.stored(count)
    office.proofs.ask("pacs", TRANSACTION, dict.fromkeys(ids, time.time() + 900), time.time())


def test_a_report_that_lay_there_before_the_start_is_taken_over(office: Office) -> None:
    asked(office, 3)
    office.report()
    office.start()
    until(lambda: office.counts() == Queue(delivered=3))
    until(lambda: not office.reports.ids())


def test_a_report_that_comes_is_taken_over_when_somebody_says_so(office: Office) -> None:
    asked(office, 2)
    office.start()
    office.report()
    office.provers.look()
    until(lambda: office.counts() == Queue(delivered=2))
    until(lambda: not office.reports.ids())


def test_a_report_of_somebody_who_is_not_asked_is_dropped_and_said(
    office: Office, capfd: pytest.CaptureFixture[str]
) -> None:
    asked(office, 1)
    office.report("gone")
    office.provers.take_over()
    assert not office.reports.ids()
    assert office.counts() == Queue(stored=1)
    assert "PROOF-REPORT-UNKNOWN" in capfd.readouterr().err


def test_one_that_cannot_be_read_is_set_aside_and_the_others_are_taken(
    office: Office, capfd: pytest.CaptureFixture[str]
) -> None:
    asked(office, 1)
    broken = "0" * 32  # which comes before any other, should they be sorted
    office.state.layout.incoming_report(broken).write_bytes(b"appliance.proof-report 1\nno report")
    office.report()
    office.provers.take_over()
    assert not office.reports.ids()
    assert office.counts() == Queue(delivered=1)
    assert "PROOF-REPORT-UNREADABLE" in capfd.readouterr().err
    assert any(broken in name for name in office.objects.quarantined())


def test_one_that_the_disk_does_not_give_keeps_no_other_waiting(office: Office) -> None:
    asked(office, 1)
    ids = [office.report(), office.report()]
    spoilt = office.reports.ids()[0]  # the one that comes first
    office.medium.spoilt = office.state.layout.incoming_report(spoilt)
    refused = office.provers.take_over()
    assert refused and "Input/output error" in refused.message
    assert office.reports.ids() == [spoilt]
    assert office.counts() == Queue(delivered=1)
    office.medium.spoilt = None
    assert office.provers.take_over() is None
    assert spoilt in ids and not office.reports.ids()


def test_a_report_stays_until_the_ledger_has_it(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    asked(office, 1)
    report_id = office.report()

    def die(*_: object, **__: object) -> None:
        raise RuntimeError("killed here")

    with monkeypatch.context() as patch:
        patch.setattr(office.proofs, "report", die)
        with pytest.raises(RuntimeError):
            office.provers.take_over()
    assert office.reports.ids() == [report_id]
    office.provers.take_over()
    assert office.counts() == Queue(delivered=1)
    assert not office.reports.ids()


def test_one_that_comes_no_further_is_told_from_one_that_rests(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ENGINE_STEP", replace(limits.ENGINE_STEP, default=0))
    goes_on = threading.Event()
    look = office.provers.take_over
    monkeypatch.setattr(office.provers, "take_over", lambda: goes_on.wait() and look())
    office.start()
    until(lambda: not office.provers.is_alive())
    goes_on.set()
    until(office.provers.is_alive)
