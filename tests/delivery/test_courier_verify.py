"""A destination that failed is asked by C-ECHO before an instance is sent to it again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pynetdicom import AE, evt
from pynetdicom.sop_class import CTImageStorage, Verification

from tests.delivery.test_courier import Office
from tests.delivery.upstream import free_port, until


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    office = Office(tmp_path / "state")
    yield office
    office.close()


class Pacs:
    """pynetdicom, which notes what it is asked, and answers C-ECHO as the test wants."""

    def __init__(self, port: int, *, verifies: bool = True) -> None:
        self.asked: list[str] = []
        self.status = 0x0000
        ae = AE(ae_title="PACS")
        ae.add_supported_context(CTImageStorage, ["1.2.840.10008.1.2.1"])
        if verifies:
            ae.add_supported_context(Verification)
        handlers: list[Any] = [(evt.EVT_C_ECHO, self._on_echo), (evt.EVT_C_STORE, self._on_store)]
        self._server = ae.start_server(("127.0.0.1", port), block=False, evt_handlers=handlers)

    def _on_echo(self, _: Any) -> int:
        self.asked.append("echo")
        return self.status

    def _on_store(self, _: Any) -> int:
        self.asked.append("store")
        return 0x0000

    def stop(self) -> None:
        self._server.shutdown()


def failures(office: Office) -> int:
    return int(office.queues["pacs"].snapshot(office.counts())["failures"])


def test_after_an_outage_the_echo_comes_first_and_once(office: Office) -> None:
    port = free_port()
    office.serve("pacs", port, couriers=1)
    office.put(3)
    until(lambda: failures(office) >= 2)
    pacs = Pacs(port)
    try:
        until(lambda: office.counts().delivered == 3)
        assert pacs.asked == ["echo", "store", "store", "store"]
        office.put(1)
        until(lambda: office.counts().delivered == 4)
        assert pacs.asked.count("echo") == 1  # while all is well, nobody asks
        assert ("1.2.840.10008.1.1", "1.2.840.10008.1.2") not in office.ledger.accepted("pacs")
    finally:
        pacs.stop()


def test_one_that_fails_the_echo_gets_no_instance_and_none_is_blamed(office: Office) -> None:
    port = free_port()
    office.serve("pacs", port, couriers=1)
    office.put(1)
    until(lambda: failures(office) >= 1)
    pacs = Pacs(port)
    pacs.status = 0x0122
    try:
        until(lambda: pacs.asked.count("echo") >= 3)
        assert "store" not in pacs.asked
        said = office.queues["pacs"].snapshot(office.counts())
        assert said["last_error"]["reason"] == "it answered C-ECHO with status 0x0122, SOP class not supported"
        pacs.status = 0x0000
        until(lambda: office.counts().delivered == 1)
        with office.ledger.reading() as sqlite:
            assert sqlite.execute("SELECT attempts FROM delivery").fetchone() == (1,)
    finally:
        pacs.stop()


def test_one_that_knows_no_verification_is_tried_with_an_instance(office: Office) -> None:
    port = free_port()
    office.serve("pacs", port, couriers=1)
    office.put(2)
    until(lambda: failures(office) >= 1)
    pacs = Pacs(port, verifies=False)
    try:
        until(lambda: office.counts().delivered == 2)
        assert pacs.asked == ["store", "store"]
    finally:
        pacs.stop()
