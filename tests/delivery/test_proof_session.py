"""Couriers, prover and a real peer: pynetdicom's SCP of storage and storage commitment, over mutual TLS too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.config.destinations import DimseDestination
from appliance.delivery.courier import Courier
from appliance.delivery.deadlines import Deadlines
from appliance.delivery.dimse import Dimse
from appliance.delivery.keyring import Keyring
from appliance.delivery.proof_reports import ProofReports
from appliance.delivery.proof_session import ProofSession
from appliance.delivery.proving import Instances, Prover, Terms
from appliance.delivery.queue import DestinationQueue
from appliance.host.tls import server_context
from appliance.routing.retry import Backoff
from appliance.vault.adoption import Adoption
from appliance.vault.deliveries import Queue
from appliance.vault.ledger import Ledger
from appliance.vault.objects import Objects
from appliance.vault.proofs import Proofs
from tests.delivery.commitment_scp import CommittingPacs
from tests.delivery.upstream import Authority, until
from tests.delivery.vaults import CT, State

QUICK = Backoff(0.05, 0.1)
DEADLINES = Deadlines(connect=2, handshake=2, association=2, write=2, message=10, response=5, release=1)
TERMS = Terms(gather=0.1, batch=25, wait=1, deadline=2, longest=2, asks=20, backoff=QUICK)


class Office:
    """What `forward` wires for one destination whose proof is commitment."""

    def __init__(self, state: State | Path, pacs: CommittingPacs, terms: Terms = TERMS, **more: Any) -> None:
        self.state = State(state) if isinstance(state, Path) else state
        self.ledger = Ledger(self.state.layout.ledger)
        self.objects = Objects(self.state.layout)
        keyring = Keyring([str(self.state.identity.recipient)], [self.state.identity], lockable=True)
        entry = {
            "name": "pacs",
            "kind": "dimse",
            "address": f"127.0.0.1:{pacs.port}",
            "ae_title": "PACS",
            "tls": "never",
        }
        destination = DimseDestination.model_validate(entry | {"proof": "commitment"} | more)
        proofs = Proofs(self.ledger, self.state.index_key)
        self.queue = DestinationQueue("pacs", self.ledger, gather=terms.gather, backoff=QUICK)
        self.reports = ProofReports("pacs", proofs, on_resend=self.queue.wake)
        self.prover = Prover(
            self.reports,
            proofs,
            self.queue.sessions,
            lambda take: ProofSession(destination, "EDGE01", take, DEADLINES),
            Instances(self.objects, keyring),
            terms=terms,
        )
        self.queue.prove(self.prover.wake)
        self.couriers = [
            Courier(self.queue, Dimse(destination, DEADLINES), self.objects, keyring, "EDGE01") for _ in range(2)
        ]
        for thread in (*self.couriers, self.prover):
            thread.start()

    def put(self, count: int, **instance: Any) -> list[str]:
        ids = [self.state.put(**instance) for _ in range(count)]
        Adoption(self.objects, self.ledger, self.state.index_key, lambda _: ("pacs",)).adopt(ids, 4e9)
        self.queue.wake()
        return ids

    @property
    def counts(self) -> Queue:
        return self.ledger.counts().get("pacs", Queue())

    def close(self) -> None:
        self.queue.stop()
        self.prover.stop()
        for thread in (*self.couriers, self.prover):
            thread.join(10)
            assert not thread.is_alive()
        self.ledger.close()


@pytest.fixture
def pacs() -> Iterator[CommittingPacs]:
    with CommittingPacs() as pacs:
        yield pacs


@pytest.fixture
def office(tmp_path: Path, pacs: CommittingPacs) -> Iterator[Office]:
    office = Office(tmp_path / "state", pacs)
    yield office
    office.close()


def test_all_is_stored_bit_for_bit_asked_for_and_proven(office: Office, pacs: CommittingPacs) -> None:
    office.put(60)
    until(lambda: office.counts == Queue(delivered=60))
    assert pacs.stored == office.state.sent
    assert sorted(uid for asked in pacs.asked for _, uid in asked.references) == sorted(office.state.sent)
    assert all(len(asked.references) <= 25 for asked in pacs.asked)
    assert set(pacs.answers) == {0x0000}


def test_a_report_over_the_next_association_that_we_open_counts(office: Office, pacs: CommittingPacs) -> None:
    pacs.how = "next"
    office.put(3)
    until(lambda: office.counts == Queue(delivered=3))
    assert pacs.stores == list(dict.fromkeys(pacs.stores))  # nothing was sent twice


def test_one_that_lost_an_instance_gets_it_again(office: Office, pacs: CommittingPacs) -> None:
    pacs.how = "never"
    office.put(3)
    until(lambda: len(pacs.owed) == 1)
    lost = next(iter(pacs.stored))
    del pacs.stored[lost]
    pacs.how = "next"
    until(lambda: office.counts == Queue(delivered=3))
    assert pacs.stored == office.state.sent
    assert pacs.stores.count(lost) == 2 and len(pacs.stores) == 4


def test_a_pacs_that_dies_between_store_and_request_is_asked_when_it_is_back(
    office: Office, pacs: CommittingPacs
) -> None:
    pacs.action_status = 0x0213
    office.put(2)
    until(lambda: office.counts.stored == 2 and pacs.asked)
    pacs.stop()
    until(lambda: "cannot connect" in office.prover.snapshot()["proof_error"])
    pacs.action_status = 0x0000
    pacs.start()
    until(lambda: office.counts == Queue(delivered=2))
    assert len(pacs.stores) == 2


def test_a_pacs_without_storage_commitment_is_visible_and_loses_nothing(tmp_path: Path) -> None:
    with CommittingPacs(offers=False) as pacs:
        office = Office(tmp_path / "state", pacs)
        try:
            office.put(2)
            until(lambda: "does not offer storage commitment" in office.prover.snapshot()["proof_error"])
            assert office.counts.stored == 2
            pacs.stop()
            pacs.offers = True
            pacs.start()
            until(lambda: office.counts == Queue(delivered=2))
        finally:
            office.close()


def test_batch_after_batch_waits_for_its_report(office: Office, pacs: CommittingPacs) -> None:
    office.put(200)
    until(lambda: office.counts == Queue(delivered=200), 40)
    assert len(pacs.asked) >= 8 and set(pacs.answers) == {0x0000}


def test_over_mutual_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "tls")
    server, client = authority.issue("pacs"), authority.issue("edge")
    context = server_context(server.certificate, server.key, authority.certificate)
    with CommittingPacs(context=context) as pacs:
        office = Office(
            tmp_path / "state",
            pacs,
            tls="required",
            ca=str(authority.certificate),
            certificate=str(client.certificate),
            key=str(client.key),
            server_name="localhost",
        )
        try:
            office.put(5)
            until(lambda: office.counts == Queue(delivered=5))
            assert pacs.stored == office.state.sent
        finally:
            office.close()


def test_an_end_in_the_middle_of_waiting_is_quick_and_loses_nothing(tmp_path: Path, pacs: CommittingPacs) -> None:
    pacs.how = "never"
    office = Office(tmp_path / "state", pacs, Terms(gather=0.1, wait=60, backoff=QUICK))
    office.put(2)
    until(lambda: len(pacs.asked) == 1)
    office.close()
    again = Office(office.state, pacs)
    try:
        again.reports.take(pacs.asked[0].transaction, dict.fromkeys(((CT, uid) for uid in pacs.stored), 0))
        assert again.counts == Queue(delivered=2)
    finally:
        again.close()
