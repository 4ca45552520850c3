"""Couriers between a real vault and real upstreams."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pynetdicom
import pytest
from pydicom.dataset import Dataset

from appliance.config.destinations import DimseDestination
from appliance.delivery.courier import Courier
from appliance.delivery.deadlines import Deadlines
from appliance.delivery.dimse import Dimse
from appliance.delivery.keyring import Keyring
from appliance.delivery.queue import DestinationQueue
from appliance.routing.retry import Backoff
from appliance.vault.adoption import Adoption
from appliance.vault.deliveries import Queue
from appliance.vault.ledger import Ledger
from appliance.vault.objects import Objects
from tests.delivery.test_dimse import pynetdicom_scp
from tests.delivery.upstream import Authority, StoreScp, free_port, tls_options, until
from tests.delivery.vaults import CT, EXPLICIT, J2K, MR, State

QUICK = Backoff(0.02, 0.1)
DEADLINES = Deadlines(connect=2, handshake=2, association=2, write=2, message=10, response=2, release=1)


class Office:
    """A vault, its ledger, and couriers for destinations."""

    def __init__(self, root: Path) -> None:
        self.state = State(root)
        self.ledger = Ledger(self.state.layout.ledger)
        self.objects = Objects(self.state.layout)
        recipients = [str(self.state.identity.recipient)]
        self.keyring = Keyring(recipients, [self.state.identity], lockable=True)
        self.queues: dict[str, DestinationQueue] = {}
        self.couriers: list[Courier] = []

    def serve(self, name: str, port: int, couriers: int = 2, **more: Any) -> DestinationQueue:
        entry = {"name": name, "kind": "dimse", "address": f"127.0.0.1:{port}", "ae_title": "PACS", "tls": "never"}
        destination = DimseDestination.model_validate(entry | more)
        queue = self.queues[name] = DestinationQueue(name, self.ledger, backoff=QUICK)
        own = "EDGE01" if destination.calling_ae_title == "own" else None
        for _ in range(couriers):
            connect = Dimse(destination, DEADLINES)
            courier = Courier(queue, connect, self.objects, self.keyring, own)
            courier.start()
            self.couriers.append(courier)
        return queue

    def put(self, count: int, **instance: Any) -> list[str]:
        return self.adopt([self.state.put(**instance) for _ in range(count)])

    def adopt(self, ids: list[str]) -> list[str]:
        adoption = Adoption(self.objects, self.ledger, self.state.index_key, lambda _: tuple(self.queues))
        adoption.adopt(ids, 4e9)
        for queue in self.queues.values():
            queue.wake()
        return ids

    def counts(self, name: str = "pacs") -> Queue:
        return self.ledger.counts().get(name, Queue())

    def close(self) -> None:
        for queue in self.queues.values():
            queue.stop()
        for courier in self.couriers:
            courier.join(10)
            assert not courier.is_alive()
        self.ledger.close()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    office = Office(tmp_path / "state")
    yield office
    office.close()


def test_all_that_is_queued_arrives(office: Office, tmp_path: Path) -> None:
    with StoreScp(tmp_path / "upstream", options=("+xa", "--fork")) as upstream:
        office.serve("pacs", upstream.port)
        office.put(40)
        office.put(10, sop_class=MR, modality="MR")
        until(lambda: office.counts().delivered == 50)
        assert upstream.received() == office.state.sent
    assert office.counts() == Queue(delivered=50)


def test_an_upstream_that_dies_in_the_middle_gets_the_rest_when_it_is_back(office: Office, tmp_path: Path) -> None:
    upstream = StoreScp(tmp_path / "upstream", options=("+xa", "--fork")).start()
    try:
        office.serve("pacs", upstream.port)
        office.put(60, pixels=100_000)
        until(lambda: office.counts().delivered >= 10 or office.counts().waiting == 0)
        upstream.stop()
        office.put(20)
        until(lambda: office.queues["pacs"].snapshot(office.counts())["failures"] >= 2)
        upstream.start()
        until(lambda: office.counts().delivered == 80)
        assert upstream.received() == office.state.sent
    finally:
        upstream.stop()


def test_a_dead_destination_holds_up_no_other(office: Office, tmp_path: Path) -> None:
    with StoreScp(tmp_path / "upstream") as upstream:
        office.serve("dead", free_port())
        office.serve("pacs", upstream.port, couriers=1)
        office.put(20)
        until(lambda: office.counts().delivered == 20)
        dead = office.queues["dead"].snapshot(office.counts("dead"))
        assert dead["waiting"] + dead["leased"] == 20
        assert "Connection refused" in dead["error"]
        assert office.queues["pacs"].snapshot(office.counts())["error"] == ""


def test_what_the_upstream_does_not_accept_is_held_and_the_rest_arrives(office: Office, tmp_path: Path) -> None:
    upstream = StoreScp(tmp_path / "upstream", options=("--fork",)).start()  # uncompressed only
    try:
        queue = office.serve("pacs", upstream.port)
        office.put(5)
        office.put(5, content=b"\x08\x00\x05\x00CS\x00\x00" * 100, syntax=J2K)
        office.put(5)
        until(lambda: office.counts().delivered == 10 and office.counts().held == 5)
        assert "does not accept" in office.ledger.held("pacs")[0].error
        upstream.stop()
        upstream.options = ("+xa", "--fork")
        upstream.start()
        assert queue.retry_held() == 5
        until(lambda: office.counts().delivered == 15)
        assert upstream.received() == office.state.sent
    finally:
        upstream.stop()


def test_statuses_of_the_upstream_decide_row_by_row(office: Office) -> None:
    said: dict[str, int] = {}
    answers = {"1": [0xA700, 0x0000], "2": [0xB000], "3": [0xC000], "4": [0x0110, 0x0110, 0x0000], "5": [0x0000]}

    def answer(event: Any) -> Dataset:
        key = event.request.AffectedSOPInstanceUID.rsplit(".", 1)[1]
        response = Dataset()
        response.Status = answers[key].pop(0)
        response.ErrorComment = "DOE^JOHN 19700101"
        said[key] = response.Status
        return response

    with pynetdicom_scp(answer) as port:
        office.serve("pacs", port, couriers=1)
        office.put(5)
        until(lambda: office.counts().delivered == 4 and office.counts().held == 1)
    assert said == {"1": 0, "2": 0xB000, "3": 0xC000, "4": 0, "5": 0}
    (held,) = office.ledger.held("pacs")
    assert held.error == "status 0xC000, cannot understand"
    assert not any(path.read_bytes().count(b"DOE^JOHN") for path in office.state.layout.ledger.parent.iterdir())


def test_a_poison_instance_that_kills_the_association_does_not_stop_the_others(office: Office, tmp_path: Path) -> None:
    """Its row waits longer each time, and the others pass it by."""
    crashed = threading.Event()

    def answer(event: Any) -> int:
        if event.request.AffectedSOPInstanceUID.endswith(".1"):
            crashed.set()
            event.assoc.abort()
        return 0x0000

    with pynetdicom_scp(answer) as port:
        office.serve("pacs", port, couriers=1)
        office.put(6)
        until(lambda: office.counts().delivered == 5)
        assert crashed.is_set()
        assert office.counts().held == 0


def test_a_damaged_object_is_held_and_the_others_arrive(office: Office, tmp_path: Path) -> None:
    with StoreScp(tmp_path / "upstream") as upstream:
        ids = [office.state.put(pixels=200_000) for _ in range(5)]
        path = office.state.layout.incoming_file(ids[2])
        whole = bytearray(path.read_bytes())
        whole[-1000] ^= 1
        path.write_bytes(whole)
        office.serve("pacs", upstream.port, couriers=1)
        office.adopt(ids)
        until(lambda: office.counts().delivered == 4 and office.counts().held == 1)
        (held,) = office.ledger.held("pacs")
        assert held.object_id == ids[2]
        assert "cannot be opened" in held.error
        assert len(upstream.received()) == 4


def test_a_missing_file_is_held(office: Office, tmp_path: Path) -> None:
    with StoreScp(tmp_path / "upstream") as upstream:
        office.queues["pacs"] = DestinationQueue("pacs", office.ledger)  # nobody serves it yet
        first, second = office.put(2)
        office.state.layout.object_file(first).unlink()
        office.serve("pacs", upstream.port, couriers=1)
        until(lambda: office.counts().held == 1 and office.counts().delivered == 1)
        assert office.ledger.held("pacs")[0].object_id == first
        assert office.ledger.held("pacs")[0].object_id != second


def test_it_calls_as_the_peer_where_the_destination_routes_by_that(office: Office) -> None:
    callers: list[str] = []

    def answer(event: Any) -> int:
        callers.append(event.assoc.requestor.ae_title)
        return 0x0000

    with pynetdicom_scp(answer) as port:
        office.serve("pacs", port, couriers=1, calling_ae_title="peer")
        ids = [office.state.put(calling_ae=f"CT{number % 2}") for number in range(6)]
        office.adopt(ids)
        until(lambda: office.counts().delivered == 6)
    assert sorted(callers) == ["CT0"] * 3 + ["CT1"] * 3


def test_couriers_that_share_what_two_peers_sent_seldom_associate_anew(office: Office) -> None:
    callers: list[str] = []
    entity = pynetdicom.AE(ae_title="PACS")
    entity.add_supported_context(CT, EXPLICIT)
    server = entity.start_server(
        ("127.0.0.1", 0),
        block=False,
        evt_handlers=[
            (pynetdicom.evt.EVT_C_STORE, lambda _: 0x0000),
            (pynetdicom.evt.EVT_ACCEPTED, lambda event: callers.append(event.assoc.requestor.ae_title)),
        ],
    )
    assert server is not None
    try:
        office.queues["pacs"] = DestinationQueue("pacs", office.ledger)  # nobody serves it yet
        office.adopt([office.state.put(calling_ae=f"CT{number % 2}", pixels=100) for number in range(400)])
        office.serve("pacs", server.server_address[1], couriers=6, calling_ae_title="peer")
        until(lambda: office.counts().delivered == 400)
    finally:
        server.shutdown()
    assert set(callers) == {"CT0", "CT1"}
    assert len(callers) < 32, "each batch has both titles, and not each share"


def test_a_stop_gives_back_what_was_not_sent(office: Office) -> None:
    release = threading.Event()
    entered = threading.Event()

    def answer(_: Any) -> int:
        entered.set()
        release.wait(5)
        return 0x0000

    with pynetdicom_scp(answer) as port:
        queue = office.serve("pacs", port, couriers=1)
        office.put(5)
        assert entered.wait(5)
        queue.stop()
        release.set()
        until(lambda: not any(courier.is_alive() for courier in office.couriers))
    assert office.counts().delivered == 1
    assert (office.counts().waiting, office.counts().leased) == (4, 0)


def test_a_bug_ends_one_attempt_and_not_the_courier(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    opener: Callable[[str], Any] = office.objects.open
    crashes = [ZeroDivisionError("DOE^JOHN"), ZeroDivisionError("DOE^JOHN")]

    def open_or_crash(object_id: str) -> Any:
        if crashes:
            raise crashes.pop()
        return opener(object_id)

    monkeypatch.setattr(office.objects, "open", open_or_crash)
    with StoreScp(tmp_path / "upstream") as upstream:
        office.serve("pacs", upstream.port, couriers=1)
        office.put(5)
        until(lambda: office.counts().delivered == 5)
    log = capfd.readouterr().err
    assert "INTERNAL-ERROR" in log
    assert "DOE" not in log


def test_a_destination_that_takes_one_association_at_a_time_is_not_called_dead(
    office: Office, capfd: pytest.CaptureFixture[str]
) -> None:
    entity = pynetdicom.AE(ae_title="PACS")
    entity.maximum_associations = 1
    entity.add_supported_context(CT, EXPLICIT)
    server = entity.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(pynetdicom.evt.EVT_C_STORE, lambda _: 0x0000)]
    )
    assert server is not None
    try:
        office.serve("pacs", server.server_address[1], couriers=3)
        office.put(100, pixels=100)
        until(lambda: office.counts().delivered == 100)
    finally:
        server.shutdown()
    said = capfd.readouterr().err
    assert "DELIVERY-FAILED" not in said
    assert said.count("DESTINATION-CROWDED") <= 3


def test_an_idle_association_makes_room_for_who_waits(office: Office, tmp_path: Path) -> None:
    with StoreScp(tmp_path / "upstream") as upstream:  # one association at a time, the others wait to be accepted
        office.serve("pacs", upstream.port, couriers=2)
        office.put(20)
        until(lambda: office.counts().delivered == 20, seconds=2)


@pytest.mark.parametrize("fault", ["--refuse", "--abort-after", "--abort-during"])
def test_an_upstream_that_refuses_or_aborts_gets_all_when_it_is_well_again(
    office: Office, tmp_path: Path, fault: str
) -> None:
    upstream = StoreScp(tmp_path / "upstream", options=("+xa", "--fork")).start(fault)
    try:
        queue = office.serve("pacs", upstream.port, couriers=1)
        office.put(5, pixels=100_000)
        until(lambda: queue.snapshot(office.counts())["failures"] >= 2)
        assert office.counts().delivered == 0
        assert office.counts().held == 0
        upstream.stop()
        upstream.start()
        until(lambda: office.counts().delivered == 5)
        assert upstream.received() == office.state.sent
    finally:
        upstream.stop()


def test_a_wrong_certificate_fails_the_destination_until_it_is_replaced(office: Office, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "pki")
    ours, wrong, right = authority.issue("edge"), authority.issue("wrong", host="x.example"), authority.issue("pacs")
    upstream = StoreScp(tmp_path / "upstream", (*tls_options(authority, wrong), "--fork")).start()
    try:
        entry = {"ca": authority.certificate, "certificate": ours.certificate, "key": ours.key, "tls": "required"}
        queue = office.serve("pacs", upstream.port, **entry)
        office.put(5)
        until(lambda: queue.snapshot(office.counts())["failures"] >= 2)
        assert "certificate of 127.0.0.1" in queue.snapshot(office.counts())["error"]
        upstream.stop()
        upstream.options = (*tls_options(authority, right), "--fork")
        upstream.start()
        until(lambda: office.counts().delivered == 5)
        assert upstream.received() == office.state.sent
    finally:
        upstream.stop()


def test_locked_in_the_middle_it_stops_at_the_next_instance_and_holds_nothing(office: Office, tmp_path: Path) -> None:
    with StoreScp(tmp_path / "upstream", options=("+xa", "--fork")) as upstream:
        queue = office.serve("pacs", upstream.port)
        office.put(40, pixels=200_000)
        until(lambda: len(list((tmp_path / "upstream").iterdir())) >= 3)
        office.keyring.lock()
        queue.block("locked")
        until(lambda: office.counts().leased == 0)
        arrived = office.counts().delivered
        assert 3 <= arrived < 40
        assert office.counts() == Queue(waiting=40 - arrived, delivered=arrived, oldest=office.counts().oldest)
        office.put(5)
        assert (office.counts().delivered, queue.snapshot(office.counts())["error"]) == (arrived, "locked")
        office.keyring.unlock([office.state.identity])
        queue.block("")
        until(lambda: office.counts().delivered == 45)
        assert upstream.received() == office.state.sent


def test_a_block_stops_it_at_the_next_instance(office: Office, tmp_path: Path) -> None:
    with StoreScp(tmp_path / "upstream", options=("+xa", "--fork")) as upstream:
        queue = office.serve("pacs", upstream.port, couriers=1)
        office.put(30, pixels=200_000)
        until(lambda: len(list((tmp_path / "upstream").iterdir())) >= 3)
        queue.block("locked")
        until(lambda: office.counts().leased == 0)
        assert office.counts().delivered < 30
        queue.block("")
        until(lambda: office.counts().delivered == 30)


def test_a_lock_that_the_queue_does_not_know_of_yet_costs_no_attempt(
    office: Office, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with StoreScp(tmp_path / "upstream") as upstream:
        office.keyring.lock()
        queue = office.serve("pacs", upstream.port, couriers=1)
        office.put(3)
        until(lambda: queue.sessions.wanted or office.counts().leased)
        queue.block("locked")
        until(lambda: office.counts().leased == 0)
        assert (office.counts().waiting, office.counts().held) == (3, 0)
        assert queue.snapshot(office.counts())["failures"] == 0
        assert "INTERNAL-ERROR" not in capfd.readouterr().err
        office.keyring.unlock([office.state.identity])
        queue.block("")
        until(lambda: office.counts().delivered == 3)
        assert queue.snapshot(office.counts())["failures"] == 0
