"""Several instances out on one association: what is agreed, whose answer an answer is, and what an end leaves."""

from __future__ import annotations

import io
import ipaddress
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pynetdicom
import pytest

from appliance.base import limits
from appliance.base.errors import UpstreamError
from appliance.config.values import HostPort
from appliance.delivery.association import RequestorAssociation
from appliance.delivery.dimse import Dimse
from appliance.delivery.file_meta import parse_file_meta
from appliance.delivery.transport import connect
from appliance.scp.connection import Connection
from appliance.scp.deadlines import Reaper
from appliance.scp.origin import Origin
from appliance.scp.transport import Transport
from appliance.seal.opening import open_object
from appliance.upper_layer.command import CommandSet
from appliance.upper_layer.negotiation import AssociateRequest, AsyncWindow, PresentationContext
from tests.delivery.test_courier import DEADLINES, Office, office
from tests.delivery.test_dimse import destination
from tests.delivery.upstream import StoreScp, until
from tests.delivery.vaults import CT, EXPLICIT
from tests.delivery.windowed import Answers, windowed
from tests.scp.scene import Scene

__all__ = ["office"]

MOST = limits.DELIVERY_OPERATIONS.default
OURS = AsyncWindow(MOST, 1)
DATA = [(memoryview(b"ab" * 1000), True)]


def associate(port: int, window: AsyncWindow | None = OURS) -> RequestorAssociation:
    request = AssociateRequest("PACS", "EDGE01", (PresentationContext(1, CT, (EXPLICIT,)),), async_window=window)
    return RequestorAssociation(connect(HostPort("127.0.0.1", port), None, None, DEADLINES), request, DEADLINES)


def at_once(out: list[CommandSet]) -> Answers:
    return [(request, 0) for request in out]


@pytest.mark.parametrize(
    ("proposed", "accepted", "window"),
    [
        (OURS, None, 1),
        (OURS, AsyncWindow(1, 1), 1),
        (OURS, AsyncWindow(5, 1), 5),
        (OURS, AsyncWindow(0, 0), MOST),  # 0 is no limit
        (OURS, AsyncWindow(1000, 1), MOST),
        (None, AsyncWindow(5, 1), 1),
    ],
)
def test_as_many_may_be_out_as_both_sides_agree(
    proposed: AsyncWindow | None, accepted: AsyncWindow | None, window: int
) -> None:
    with windowed(at_once, accepted) as acceptor:
        association = associate(acceptor.port, proposed)
        assert association.window == window
        association.release()


def test_answers_in_any_order_find_their_instances() -> None:
    def backwards(out: list[CommandSet]) -> Answers:
        return [(each, 0xB000 + (each.message_id or 0)) for each in reversed(out)] if len(out) == 4 else []

    with windowed(backwards, OURS) as acceptor:
        association = associate(acceptor.port)
        sent = [association.begin_store(1, CT, f"1.2.{number}", DATA) for number in range(4)]
        assert association.alive()
        assert [association.answer() for _ in sent] == [(each, 0xB000 + each) for each in reversed(sent)]
        assert association.alive()
        association.release()


def test_an_answer_that_comes_twice_ends_the_association() -> None:
    def first_twice(out: list[CommandSet]) -> Answers:
        if len(out) < 2:
            return []
        out.insert(0, out[0])
        return [(out[0], 0), (out[0], 0)]

    with windowed(first_twice, OURS) as acceptor:
        association = associate(acceptor.port)
        sent = [association.begin_store(1, CT, f"1.2.{number}", DATA) for number in range(2)]
        assert association.answer() == (sent[0], 0)
        with pytest.raises(UpstreamError, match="something else than our C-STORE"):
            association.answer()
        assert not association.alive()


def test_what_was_answered_before_the_end_is_known_after_it() -> None:
    def first_of_three(out: list[CommandSet]) -> Answers:
        return [(out[0], 0)] if len(out) == 3 else []

    with windowed(first_of_three, OURS) as acceptor:
        association = associate(acceptor.port)
        sent = [association.begin_store(1, CT, f"1.2.{number}", DATA) for number in range(3)]
        until(lambda: association.alive() and association.answered())
        association.abort()
        assert association.answered() == [(sent[0], 0)]


def test_one_that_was_answered_twice_was_answered_once() -> None:
    def first_twice(out: list[CommandSet]) -> Answers:
        if len(out) < 3:
            return []
        out.insert(0, out[0])
        return [(out[0], 0xB000), (out[0], 0)]

    with windowed(first_twice, OURS) as acceptor:
        association = associate(acceptor.port)
        sent = [association.begin_store(1, CT, f"1.2.{number}", DATA) for number in range(3)]
        until(lambda: association.alive() and association.answered())
        association.abort()
        assert association.answered() == [(sent[0], 0xB000)]


def test_a_courier_has_as_many_out_as_it_may_and_no_more(office: Office) -> None:
    """The acceptor says nothing before four are out: with less it would not go on, and with more be asked in vain."""

    def four_backwards(out: list[CommandSet]) -> Answers:
        return [(each, 0) for each in reversed(out)] if len(out) == 4 else []

    with windowed(four_backwards, AsyncWindow(4, 1)) as acceptor:
        office.serve("pacs", acceptor.port, couriers=1)
        office.put(24)
        until(lambda: office.counts().delivered == 24)
        assert acceptor.most == 4
    assert set(acceptor.heard.values()) == {1}


def test_with_operations_of_one_no_window_is_asked_for(office: Office) -> None:
    with windowed(at_once, AsyncWindow(4, 1)) as acceptor:
        office.serve("pacs", acceptor.port, couriers=1, operations=1)
        office.put(12)
        until(lambda: office.counts().delivered == 12)
        assert acceptor.most == 1


def test_what_was_out_at_the_end_of_an_association_is_sent_again_and_nothing_else(office: Office) -> None:
    """Three answers, then nothing, and the connection ends with a full window."""
    ended: list[int] = []

    def choose(out: list[CommandSet]) -> Answers | None:
        if ended:
            return at_once(out)
        if sum(acceptor.heard.values()) <= 3:
            return at_once(out)
        if len(out) < 4:
            return []
        ended.append(len(out))
        return None

    with windowed(choose, AsyncWindow(4, 1)) as acceptor:
        office.serve("pacs", acceptor.port, couriers=1)
        office.put(16)
        until(lambda: office.counts().delivered == 16)
        assert ended == [4]
        assert sorted(acceptor.heard.values()) == [1] * 12 + [2] * 4
    assert office.counts().held == 0


def test_an_instance_that_ends_every_association_is_held_and_none_that_was_out_with_it(office: Office) -> None:
    def choose(out: list[CommandSet]) -> Answers | None:
        return None if (out[-1].affected_sop_instance or "").endswith(".3") else at_once(out)

    with windowed(choose, AsyncWindow(4, 1)) as acceptor:
        office.serve("pacs", acceptor.port, couriers=1)
        ids = office.put(8)
        for number in range(100):
            until(lambda number=number: office.counts().delivered == 7 + number or office.counts().held)
            if office.counts().held:
                break
            office.put(1)
        assert [each.object_id for each in office.ledger.held("pacs")] == [ids[2]]
        until(lambda: office.counts().leased + office.counts().waiting == 0)


def test_a_damaged_object_costs_no_other_an_attempt(office: Office) -> None:
    """It breaks in the middle of its data set, with others out: the association has to end, and they go again."""
    with windowed(at_once, AsyncWindow(4, 1)) as acceptor:
        ids = [office.state.put(pixels=200_000) for _ in range(6)]
        path = office.state.layout.incoming_file(ids[3])
        whole = bytearray(path.read_bytes())
        whole[-1000] ^= 1
        path.write_bytes(whole)
        queue = office.serve("pacs", acceptor.port, couriers=1)
        office.adopt(ids)
        until(lambda: office.counts().delivered == 5 and office.counts().held == 1)
        assert office.ledger.held("pacs")[0].object_id == ids[3]
        assert queue.snapshot(office.counts())["failures"] == 0


@contextmanager
def receiving(scene: Scene) -> Iterator[int]:
    """The SCP of `receive` behind a listener, a thread for each connection; its port."""
    threads: list[threading.Thread] = []
    reaper = Reaper()

    def accept(server: socket.socket) -> None:
        while True:
            try:
                accepted, _ = server.accept()
            except OSError:
                return
            transport = Transport(accepted, None)
            origin = Origin(1, ipaddress.ip_address("192.0.2.1"), 50000)
            connection = Connection(transport, origin, reaper.watch(transport.socket), scene.service())
            threads.append(threading.Thread(target=connection.run))
            threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        listening = threading.Thread(target=accept, args=(server,))
        listening.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            listening.join(10)
            for each in threads:
                each.join(10)


def test_another_box_takes_a_window_of_ours_and_gets_all_byte_for_byte(office: Office, tmp_path: Path) -> None:
    scene = Scene(tmp_path / "other")
    with receiving(scene) as port:
        entry = {"ae_title": "EDGE01", "calling_ae_title": "peer"}
        session = Dimse(destination(port, **entry), DEADLINES)([(CT, EXPLICIT)], "CT1")
        assert session.window == MOST
        session.end()
        office.serve("pacs", port, couriers=2, **entry)
        office.put(60, pixels=5000)
        office.put(3, pixels=300_001)
        until(lambda: office.counts().delivered == 63)
        for courier in office.couriers:
            courier.retire()
        until(lambda: not any(courier.is_alive() for courier in office.couriers))
    received = {}
    for path in scene.files():
        out = io.BytesIO()
        open_object(path, [scene.identity], out)
        meta = parse_file_meta(out.getvalue())
        received[meta.sop_instance] = out.getvalue()[meta.data_set_offset :]
    assert received == office.state.sent


def test_storescp_takes_none_and_gets_one_at_a_time(office: Office, tmp_path: Path) -> None:
    with StoreScp(tmp_path / "upstream", options=("+xa", "--fork")) as upstream:
        session = Dimse(destination(upstream.port), DEADLINES)([(CT, EXPLICIT)], "EDGE01")
        assert session.window == 1
        session.end()
        office.serve("pacs", upstream.port, couriers=1)
        office.put(20)
        until(lambda: office.counts().delivered == 20)
        assert upstream.received() == office.state.sent


def test_pynetdicom_answers_with_a_window_of_one_and_gets_all(office: Office) -> None:
    received: dict[str, bytes] = {}

    def store(event: Any) -> int:
        request = event.request
        received[request.AffectedSOPInstanceUID] = request.DataSet.getvalue()
        return 0x0000

    entity = pynetdicom.AE(ae_title="PACS")
    entity.add_supported_context(CT, EXPLICIT)
    handlers = [(pynetdicom.evt.EVT_C_STORE, store), (pynetdicom.evt.EVT_ASYNC_OPS, lambda _: (8, 1))]
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    assert server is not None
    try:
        session = Dimse(destination(server.server_address[1]), DEADLINES)([(CT, EXPLICIT)], "EDGE01")
        window = session.window
        session.end()
        office.serve("pacs", server.server_address[1], couriers=1)
        office.put(20)
        until(lambda: office.counts().delivered == 20)
    finally:
        server.shutdown()
    assert window == 1
    assert received == office.state.sent
