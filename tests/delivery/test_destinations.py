"""Who serves which destination, as the configuration changes: real storescps, a real vault, couriers in threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.base.errors import ConfigError
from appliance.config.model import Config
from appliance.delivery.destinations import Destinations
from appliance.delivery.keyring import Keyring
from appliance.vault.adoption import Adoption
from appliance.vault.deliveries import Queue
from appliance.vault.delivery_holds import DeliveryHolds
from appliance.vault.ledger import Ledger
from appliance.vault.objects import Objects
from tests.delivery.test_dimse import pynetdicom_scp
from tests.delivery.upstream import StoreScp, free_port, until
from tests.delivery.vaults import State


def dimse(name: str, port: int, **more: Any) -> dict[str, Any]:
    entry = {"name": name, "kind": "dimse", "address": f"127.0.0.1:{port}", "ae_title": "PACS", "tls": "never"}
    return entry | {"associations": 1} | more


class Office:
    """What `forward` wires; without an `identity` it opens no object."""

    def __init__(self, root: Path, *, identity: bool = True) -> None:
        self.state = State(root)
        self.ledger = Ledger(self.state.layout.ledger)
        self.objects = Objects(self.state.layout)
        identities = [self.state.identity] if identity else []
        self.destinations = Destinations(
            self.ledger,
            self.objects,
            Keyring([str(self.state.identity.recipient)], identities, lockable=False),
            self.state.index_key,
            now=time.time,
            on_change=lambda: None,
            on_learned=lambda: None,
        )

    def config(self, *destinations: dict[str, Any], ae_title: str = "EDGE01") -> Config:
        return Config.model_validate(
            {
                "appliance": {"ae_title": ae_title},
                "vault": {"recipients": [str(self.state.identity.recipient)]},
                "destination": list(destinations),
                "route": [{"to": [each["name"] for each in destinations]}],
            }
        )

    def serve(self, *destinations: dict[str, Any], ae_title: str = "EDGE01") -> None:
        self.destinations.configure(self.destinations.plan(self.config(*destinations, ae_title=ae_title)))

    def put(self, count: int, *names: str) -> None:
        ids = [self.state.put() for _ in range(count)]
        Adoption(self.objects, self.ledger, self.state.index_key, lambda _: names).adopt(ids, time.time())
        self.destinations.wake({*names, "nobody"})

    def counts(self, name: str = "pacs") -> Queue:
        return self.ledger.counts().get(name, Queue())

    def close(self) -> None:
        self.destinations.stop()
        assert self.destinations.join(time.monotonic() + 10)
        self.ledger.close()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    office = Office(tmp_path / "state")
    yield office
    office.close()


def test_nothing_goes_before_the_start_and_each_destination_has_its_own(office: Office, tmp_path: Path) -> None:
    with StoreScp(tmp_path / "one") as one, StoreScp(tmp_path / "two") as two:
        office.serve(dimse("pacs", one.port), dimse("second", two.port))
        office.put(3, "pacs")
        office.put(2, "pacs", "second")
        assert office.counts().waiting == 5
        office.destinations.start()
        until(lambda: office.counts().delivered == 5 and office.counts("second").delivered == 2)
        assert one.received() == office.state.sent
        assert set(two.received()) == set(list(office.state.sent)[3:])
        assert office.destinations.alive()


def test_a_changed_entry_is_tried_at_once_at_its_new_address(office: Office, tmp_path: Path) -> None:
    office.serve(dimse("pacs", free_port()))
    office.destinations.start()
    queue = office.destinations.queues["pacs"]
    office.put(2, "pacs")
    until(lambda: "cannot connect" in queue.snapshot(office.counts())["error"])
    with StoreScp(tmp_path / "pacs") as pacs:
        office.serve(dimse("pacs", pacs.port))
        assert office.destinations.queues["pacs"] is queue, "what it could not write yet must not be lost"
        until(lambda: office.counts().delivered == 2)
        assert pacs.received() == office.state.sent
        assert office.destinations.alive()


def test_an_entry_that_is_the_same_keeps_its_couriers_and_their_association(office: Office, tmp_path: Path) -> None:
    with StoreScp(tmp_path / "pacs", options=("+xa", "-v")) as pacs:
        office.serve(dimse("pacs", pacs.port))
        office.destinations.start()
        office.put(1, "pacs")
        until(lambda: office.counts().delivered == 1)
        office.serve(dimse("pacs", pacs.port), dimse("more", free_port()))
        office.put(1, "pacs")
        until(lambda: office.counts().delivered == 2)
        assert (tmp_path / "storescp.log").read_text().count("Association Acknowledged") == 1
        office.serve(dimse("pacs", pacs.port), ae_title="EDGE02")
        office.put(1, "pacs")
        until(lambda: office.counts().delivered == 3)


def test_who_is_taken_out_gets_nothing_more_and_all_of_it_when_it_comes_back(office: Office, tmp_path: Path) -> None:
    with StoreScp(tmp_path / "pacs") as pacs:
        office.serve(dimse("pacs", pacs.port), dimse("second", free_port()))
        office.destinations.start()
        office.put(1, "pacs")
        until(lambda: office.counts().delivered == 1)
        office.serve(dimse("second", free_port()))
        assert set(office.destinations.queues) == {"second"}
        office.put(2, "pacs")
        assert office.counts().waiting == 2
        office.serve(dimse("pacs", pacs.port))
        until(lambda: office.counts().delivered == 3)
        assert pacs.received() == office.state.sent


def test_what_a_person_held_back_before_the_program_ended_is_held_back(office: Office, tmp_path: Path) -> None:
    DeliveryHolds(office.ledger).hold_destination("pacs", 5.0)
    with StoreScp(tmp_path / "pacs") as pacs:
        office.serve(dimse("pacs", pacs.port), dimse("second", pacs.port))
        office.destinations.start()
        office.put(2, "pacs", "second")
        until(lambda: office.counts("second").delivered == 2)
        assert office.counts().waiting == 2
        assert office.destinations.queues["pacs"].snapshot(office.counts())["paused"] == 5.0
        office.destinations.queues["pacs"].pause(None)
        until(lambda: office.counts().delivered == 2)


def test_without_an_identity_only_what_takes_sealed_objects_is_served(tmp_path: Path) -> None:
    office = Office(tmp_path / "state", identity=False)
    try:
        (tmp_path / "objects").mkdir()
        store = {"name": "store", "kind": "object-store", "url": f"file://{tmp_path}/objects"}
        office.serve(dimse("pacs", free_port()), store)
        assert [queue.name for queue in office.destinations.with_plaintext] == ["pacs"]
        office.destinations.start()
        office.put(2, "pacs", "store")
        until(lambda: office.counts("store").delivered == 2)
        assert office.counts() == Queue(waiting=2, oldest=office.counts().oldest)
        assert office.destinations.alive(), "nobody is missed who was never hired"
    finally:
        office.close()


def test_a_plan_that_cannot_be_served_changes_nothing(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.serve(dimse("pacs", free_port()))
    office.destinations.start()

    def refuse(*_: object) -> None:
        raise ConfigError("this kind needs a library that is not here")

    monkeypatch.setattr("appliance.delivery.destinations.connector", refuse)
    with pytest.raises(ConfigError):
        office.serve(dimse("other", free_port()))
    assert set(office.destinations.queues) == {"pacs"}


class LongAtTheSecond:
    """Answers the first instance at once, and those after it when it may `leave`."""

    def __init__(self) -> None:
        self.at_the_second, self.leave = threading.Event(), threading.Event()
        self._answered = 0

    def answer(self, _: object) -> int:
        self._answered += 1
        if self._answered > 1:
            self.at_the_second.set()
            self.leave.wait(20)
        return 0


def test_what_is_stored_is_written_while_its_courier_is_long_at_the_next(office: Office) -> None:
    upstream = LongAtTheSecond()
    with pynetdicom_scp(upstream.answer) as port:
        try:
            office.serve(dimse("pacs", port))
            office.destinations.start()
            office.put(2, "pacs")
            assert upstream.at_the_second.wait(10)
            assert office.counts().delivered == 0, "it shares a commit with the next"
            office.destinations.write_proofs()
            assert office.counts() == Queue(leased=1, delivered=1, oldest=office.counts().oldest)
        finally:
            upstream.leave.set()
        until(lambda: office.counts().delivered == 2)


@pytest.mark.parametrize("event", ["stop", "removal"])
def test_an_end_that_does_not_wait_for_a_long_instance_writes_what_was_stored_before(
    office: Office, event: str
) -> None:
    upstream = LongAtTheSecond()
    with pynetdicom_scp(upstream.answer) as port:
        try:
            office.serve(dimse("pacs", port))
            office.destinations.start()
            office.put(3, "pacs")
            assert upstream.at_the_second.wait(10)
            if event == "removal":
                office.serve(dimse("cloud", free_port()))
            office.destinations.stop()
            assert not office.destinations.join(time.monotonic())
            assert office.counts().delivered == 1
        finally:
            upstream.leave.set()
        assert office.destinations.join(time.monotonic() + 10)
        assert (office.counts().waiting, office.counts().leased, office.counts().delivered) == (1, 0, 2)
