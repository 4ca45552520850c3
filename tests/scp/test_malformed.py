"""Inputs that broke other DICOM software, one test a row of the malformed-input list (facts: DICOM network, 4.1).

Each bad input gets the standard's abort, reject or status and one log line, leaves nothing behind, and does not matter
to a registered modality that asks next. Data sets that are odd and nothing more are stored byte for byte: the box
decodes no pixels and opens no sequence, so what crashes a viewer is only a few bytes here.
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from appliance.cli.demo.site import Site, build
from appliance.host import tls
from appliance.scp import ingest
from appliance.scp.connection import Connection
from appliance.scp.deadlines import Reaper
from appliance.scp.service import Origin
from appliance.scp.transport import Transport
from appliance.seal.opening import open_object
from appliance.upper_layer import association as upper
from appliance.upper_layer.command import CommandSet, c_echo_rq
from appliance.upper_layer.negotiation import PresentationContext
from tests.scp.scene import CONTEXTS, CT, EXPLICIT, VERIFICATION, Requestor, Scene, data_set
from tests.scp.scene import element as long_form
from tests.upper_layer import wire

REFUSALS = ("ASSOCIATION-ABORTED", "ASSOCIATION-REFUSED", "STORE-REFUSED", "HANDSHAKE-FAILED", "INTERNAL-ERROR")
DEFLATED = PresentationContext(5, CT, ("1.2.840.10008.1.2.1.99",))

# A-ABORT: source and reason of PS3.8 table 9-26.
UNRECOGNIZED_PDU, UNEXPECTED_PDU, UNEXPECTED_PARAMETER, INVALID_PARAMETER = (2, 1), (2, 2), (2, 5), (2, 6)

Refusals = Callable[[], list[str]]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """The SCP. After each test a registered modality's C-ECHO and C-STORE go well, whatever was done before."""
    made = Scene(tmp_path / "state", pdu="300ms", artim="300ms", tls_handshake="300ms")
    yield made
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "site") == ["state"]
    before = len(made.files())
    with made.connect() as modality:
        assert isinstance(modality.associate(), upper.AssociationAccepted)
        assert answer(modality, 1, c_echo_rq(9).encode(False)).status == ingest.SUCCESS
        assert modality.store("1.2.3.999", data_set("1.2.3.999")).status == ingest.SUCCESS
    assert len(made.files()) == before + 1


@pytest.fixture
def refusals(capsys: pytest.CaptureFixture[str]) -> Refusals:
    """The lines about refusals since it was asked last."""
    return lambda: [line for line in capsys.readouterr().err.splitlines() if any(code in line for code in REFUSALS)]


def answer(peer: Requestor, context_id: int, command: bytes, *data: bytes) -> CommandSet:
    """Send a message by hand; its response."""
    peer.socket.sendall(message(context_id, command, *data))
    event = peer.hear()
    assert isinstance(event, upper.CommandReceived), event
    return event.command


def message(context_id: int, command: bytes, *data: bytes) -> bytes:
    sent = wire.pdu(4, wire.pdv(context_id, 3, command))
    for number, piece in enumerate(data):
        sent += wire.pdu(4, wire.pdv(context_id, 2 * (number == len(data) - 1), piece))
    return sent


def command_set(field: int, *elements: tuple[int, bytes], data_set_type: int = 1) -> bytes:
    """A command set by hand: element numbers of group 0000 and values."""
    fixed = ((0x0100, struct.pack("<H", field)), (0x0110, b"\x07\0"), (0x0800, struct.pack("<H", data_set_type)))
    body = b"".join(wire.element(number, value) for number, value in sorted((*fixed, *elements)))
    return wire.element(0, struct.pack("<L", len(body))) + body


def store_rq(instance: bytes, sop_class: bytes = CT.encode()) -> bytes:
    uids = [(number, value + b"\0" * (len(value) % 2)) for number, value in ((2, sop_class), (0x1000, instance))]
    return command_set(0x0001, *((number, value) for number, value in uids if value))


def abort_of(peer: Requestor) -> tuple[int, int]:
    event = peer.hear()
    assert isinstance(event, upper.Aborted), event
    return event.source, event.reason


def opened(scene: Scene, path: Path) -> bytes:
    out = scene.layout.incoming.parent / "opened"
    with out.open("wb") as file:
        open_object(path, [scene.identity], file)
    data = out.read_bytes()
    out.unlink()
    return data


# SOP Instance UID as a path


@pytest.mark.parametrize("uid", [b"../../x", b"/etc/passwd", b"1.2.3\0/../4", b"..", b"1.2.3\n4", b"1" * 65, b""])
def test_a_sop_instance_uid_that_is_none_is_answered_0117(scene: Scene, refusals: Refusals, uid: bytes) -> None:
    with scene.connect() as modality:
        modality.associate()
        said = answer(modality, 3, store_rq(uid), data_set("1.2.3.4"))
        assert said.status == ingest.INVALID_INSTANCE and said.error_comment
    assert not scene.files()
    (line,) = refusals()
    assert "0x0117" in line and "passwd" not in line


# Study Instance UID as a path: the data set is the sender's matter, but nothing here is named after it.


@pytest.mark.parametrize("study", [b"..", b".", b"../../x", b"/abs", b"1.2\0.3"])
def test_a_study_instance_uid_names_no_file(scene: Scene, refusals: Refusals, study: bytes) -> None:
    sent = data_set("1.2.3.4").replace(long_form(0x0020000D, b"UI", b"1.2.3.77"), long_form(0x0020000D, b"UI", study))
    assert study in sent
    with scene.connect() as modality:
        modality.associate()
        assert modality.store("1.2.3.4", sent).status == ingest.SUCCESS
    (path,) = scene.files()
    assert path.parent == scene.layout.incoming and len(path.name.partition(".")[0]) == 32
    assert opened(scene, path).endswith(sent)
    assert not refusals()


# AE titles


@pytest.mark.parametrize(
    ("called", "calling", "reject"),
    [
        (b"EDGE01", b"../secret/VICTIM", (1, 1, 3)),
        (b"EDGE01", b"..", (1, 1, 3)),
        (b"EDGE01", b"$(reboot);`id`|&", (1, 1, 3)),
        (b"EDGE01", b" " * 16, (1, 1, 3)),
        (b"EDGE01", bytes(16), (1, 1, 3)),
        (b"EDGE01", b"CT1\0\0ROGUE", (1, 1, 3)),
        (b"EDGE01", b"CT1\r\nSTORED", (1, 1, 3)),
        (b"../secret/VICTIM", b"CT1", (1, 1, 7)),
        (b"..", b"CT1", (1, 1, 7)),
        (b" " * 16, b"CT1", (1, 1, 7)),
        (b"EDGE01\0/../../x", b"CT1", (1, 1, 7)),
    ],
)
def test_an_ae_title_that_is_no_ae_title_of_ours_is_rejected(
    scene: Scene, refusals: Refusals, called: bytes, calling: bytes, reject: tuple[int, int, int]
) -> None:
    with scene.connect() as stranger:
        stranger.socket.sendall(request(called, calling))
        assert stranger.socket.recv(100) == bytes((3, 0, 0, 0, 0, 4, 0, *reject))
    (line,) = refusals()
    assert line.isprintable()
    assert not scene.files()


@pytest.mark.parametrize("calling", [b"CT1".ljust(16, b"\0"), b"  CT1", b"CT1 \0\0"])
def test_an_ae_title_that_real_devices_pad_is_known(scene: Scene, refusals: Refusals, calling: bytes) -> None:
    with scene.connect() as modality:
        modality.socket.sendall(request(b"EDGE01".ljust(16, b"\0"), calling))
        assert modality.socket.recv(65536)[:1] == b"\x02"
    assert not refusals()


def request(called: bytes, calling: bytes) -> bytes:
    context = wire.context_item(1, VERIFICATION, EXPLICIT)
    return wire.associate_pdu(wire.APPLICATION_ITEM, context, wire.USER_ITEM, called=called, calling=calling)


# PDUs at the wrong time


@pytest.mark.parametrize("kind", [1, 2])
@pytest.mark.parametrize("instead_of_data", [False, True])
def test_an_a_associate_inside_an_association_is_aborted(
    scene: Scene, refusals: Refusals, kind: int, instead_of_data: bool
) -> None:
    with scene.connect() as modality:
        modality.associate()
        if instead_of_data:
            modality.socket.sendall(message(3, store_rq(b"1.2.3.4")))
        again = bytearray(request(b"EDGE01", b"CT1"))
        again[0] = kind
        modality.socket.sendall(again)
        assert abort_of(modality) == UNEXPECTED_PDU
    assert len(refusals()) == 1 and not scene.files()


# DIMSE messages


@pytest.mark.parametrize("field", [0x0001, 0x0020])
def test_a_data_set_that_was_promised_and_does_not_come_is_not_awaited_for_long(
    scene: Scene, refusals: Refusals, field: int
) -> None:
    uids = (2, CT.encode() + b"\0"), (0x1000, b"1.2.3.4\0")
    with scene.connect() as modality:
        modality.associate()
        modality.socket.sendall(message(3, command_set(field, *uids)))
        began = time.monotonic()
        while modality.socket.recv(4096):
            pass
        assert time.monotonic() - began < 5
    lines = refusals()
    assert "the rest of a PDU or message took too long" in lines[-1]
    assert len([line for line in lines if "ASSOCIATION-ABORTED" in line]) == 1
    assert not scene.files()


def test_a_command_where_a_data_set_was_promised_is_aborted(scene: Scene, refusals: Refusals) -> None:
    with scene.connect() as modality:
        modality.associate()
        modality.socket.sendall(message(3, store_rq(b"1.2.3.4")) + message(3, store_rq(b"1.2.3.5")))
        assert abort_of(modality) == UNEXPECTED_PARAMETER
    assert len(refusals()) == 1 and not scene.files()


@pytest.mark.parametrize(
    ("context_id", "command", "status"),
    [
        (3, store_rq(b""), ingest.INVALID_INSTANCE),
        (3, store_rq(b"1.2.3.4", b""), ingest.CLASS_NOT_SUPPORTED),
        (3, store_rq(b"1.2.3.4", b"../x"), ingest.CLASS_NOT_SUPPORTED),
        (3, command_set(0x0001, (2, CT.encode() + b"\0"), (0x1000, b"1.2.3.4\0"), data_set_type=0x0101), 0xC000),
        (3, command_set(0x0001), ingest.INVALID_INSTANCE),
        (3, command_set(0x0020), 0x0211),
        (3, command_set(0x7777), 0x0211),
        (3, command_set(0x0130, (3, b"1.2.3\0"), (0x1001, b"1.2.3\0"), (0x1008, b"\1\0")), 0x0211),
        (1, store_rq(b"1.2.3.4"), 0x0211),
        (3, command_set(0x0030, data_set_type=0x0101), 0x0211),
    ],
)
def test_a_request_that_cannot_be_served_gets_its_status(
    scene: Scene, refusals: Refusals, context_id: int, command: bytes, status: int
) -> None:
    follows = wire.element(0x0800, b"\1\1") not in command
    with scene.connect() as modality:
        modality.associate()
        data = (data_set("1.2.3.4"),) if follows else ()
        assert answer(modality, context_id, command, *data).status == status
    assert len(refusals()) == 1 and not scene.files()


NAMELESS = wire.element(0x0110, b"\x07\0") + wire.element(0x0800, b"\1\1")  # no command field


@pytest.mark.parametrize(
    "command",
    [
        b"",
        b"\0",
        b"\xff" * 40,
        NAMELESS,
        wire.element(0x0100, b"\1\0") + wire.element(0x0110, b"\7\0"),  # no data set type
        wire.element(0x0100, b"\1\0") + wire.element(0x0800, b"\1\0"),  # no message id
        wire.element(0x0100, b"\1\0") * 2 + NAMELESS,
        command_set(0x0001)[:-3],
        struct.pack("<HHL", 0, 0x0100, 0xFFFFFFFF) + NAMELESS,
        struct.pack("<HHL", 8, 0x0016, 4) + b"1.2\0" + NAMELESS,
        wire.element(0x0100, b"\1\x80") + NAMELESS,  # a C-STORE-RSP without status
    ],
)
def test_a_command_set_that_is_none_is_aborted(scene: Scene, refusals: Refusals, command: bytes) -> None:
    with scene.connect() as modality:
        modality.associate()
        modality.socket.sendall(message(3, command))
        assert abort_of(modality) == INVALID_PARAMETER
    assert len(refusals()) == 1 and not scene.files()


def test_a_command_set_without_end_is_aborted(scene: Scene, refusals: Refusals) -> None:
    with scene.connect() as modality:
        modality.associate()
        endless = wire.pdu(4, wire.pdv(3, 1, bytes(60_000)))
        modality.socket.sendall(endless * 2)
        assert abort_of(modality) == INVALID_PARAMETER
    assert len(refusals()) == 1 and not scene.files()


def test_a_response_that_nobody_asked_for_stores_nothing(scene: Scene, refusals: Refusals) -> None:
    with scene.connect() as modality:
        modality.associate()
        response = command_set(0x8001, (0x0120, b"\7\0"), (0x0900, b"\0\0"), data_set_type=0x0101)
        modality.socket.sendall(message(3, response))
        assert modality.socket.recv(4096)[:1] in (b"\x04", b"\x07")
    assert len(refusals()) == 1 and not scene.files()


# PDU lengths


@pytest.mark.parametrize("length", [0, 1, 3, 67, 0x100001, 0x7FFFFFFF, 0xFFFFFFFF])
def test_an_a_associate_rq_of_an_impossible_length_is_aborted(scene: Scene, refusals: Refusals, length: int) -> None:
    with scene.connect() as stranger:
        stranger.socket.sendall(struct.pack(">BxL", 1, length))
        assert stranger.socket.recv(100) == wire.abort(0, 0)  # AA-1: Sta2 aborts as service user
    assert len(refusals()) == 1


@pytest.mark.parametrize("kind", [4, 5, 7])
@pytest.mark.parametrize("length", [0, 1, 5, 0x00FFFFFF, 0xFFFFFFFF])
def test_a_pdu_of_an_impossible_length_is_aborted(scene: Scene, refusals: Refusals, kind: int, length: int) -> None:
    with scene.connect() as modality:
        modality.associate()
        modality.socket.sendall(struct.pack(">BxL", kind, length))
        assert abort_of(modality) == INVALID_PARAMETER
    assert len(refusals()) == 1 and not scene.files()


def test_a_pdu_shorter_than_it_says_is_cut_off(scene: Scene, refusals: Refusals) -> None:
    with scene.connect() as modality:
        modality.associate()
        whole = message(3, store_rq(b"1.2.3.4"), data_set("1.2.3.4"))
        modality.socket.sendall(whole[:-10])
        assert modality.socket.recv(100) == b""
    (line,) = refusals()
    assert "took too long" in line and not scene.files()


def test_a_pdu_longer_than_it_says_is_aborted(scene: Scene, refusals: Refusals) -> None:
    with scene.connect() as modality:
        modality.associate()
        modality.socket.sendall(message(3, store_rq(b"1.2.3.4")) + b"\xee" * 50)
        assert abort_of(modality) == UNRECOGNIZED_PDU
    assert len(refusals()) == 1 and not scene.files()


@pytest.mark.parametrize("length", [0, 1, 9, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_pdv_that_does_not_fit_its_pdu_is_aborted(scene: Scene, refusals: Refusals, length: int) -> None:
    with scene.connect() as modality:
        modality.associate()
        modality.socket.sendall(wire.pdu(4, struct.pack(">LBB", length, 3, 3) + b"1234"))
        assert abort_of(modality) == INVALID_PARAMETER
    assert len(refusals()) == 1 and not scene.files()


# Data sets: stored as they are, whatever they would do to a parser


def sequence_bomb(depth: int) -> bytes:
    """Sequences and items of undefined length in one another, and no delimiter."""
    begin = struct.pack("<HH2sxxL", 0x0008, 0x1115, b"SQ", 0xFFFFFFFF) + struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF)
    return data_set("1.2.3.4")[: len(data_set("1.2.3.4")) - 200] + begin * depth


HEAD = long_form(0x00080016, b"UI", CT.encode()) + long_form(0x00080018, b"UI", b"1.2.3.4")
ODD_DATA_SETS = {
    "nested 5000 deep, without delimiters": HEAD + sequence_bomb(5000),
    "a VR that is none, with a huge length": HEAD + b"\x08\0\x20\0\xff\xff\0\0\xff\xff\xff\xff" + b"x" * 99,
    "file meta information where the data set begins": b"\x02\0\0\0UL\4\0\xff\xff\xff\xff"
    + b"\x02\0\1\0??\0\0\xff\xff\xff\x7f",
    "Rows as UL, a palette index out of range": data_set("1.2.3.4")
    + b"\x28\0\x10\0UL\4\0\xff\xff\xff\xff\x28\0\1\x11US\6\0\xff\xff\0\0\x20\0",
    "a length beyond the end": HEAD + b"\x09\0\1\0UN\0\0\xfe\xff\xff\xff" + b"x" * 99,
    "undefined length, ended by nothing": HEAD + b"\x08\0\x15\x11SQ\0\0\xff\xff\xff\xff",
    "delimiters of nothing": HEAD + b"\xfe\xff\xdd\xe0\0\0\0\0" * 50,
    "an odd length": HEAD + b"\x10\0\x20\0LO\3\0abc",
    "no byte at all": b"",
    "a file reference out of a DICOMDIR": HEAD + long_form(0x00081155, b"UI", b"../../../x"),
}


@pytest.mark.parametrize("name", ODD_DATA_SETS)
def test_an_odd_data_set_is_stored_as_it_is(scene: Scene, refusals: Refusals, name: str) -> None:
    sent = ODD_DATA_SETS[name]
    with scene.connect() as modality:
        modality.associate()
        assert answer(modality, 3, store_rq(b"1.2.3.4"), sent).status == ingest.SUCCESS
    (path,) = scene.files()
    assert opened(scene, path).endswith(sent)
    assert not refusals()


@pytest.mark.parametrize("bomb", [bytes(64 << 20), b"\x08\0\x15\x11SQ\0\0\xff\xff\xff\xff" * (1 << 20)])
def test_a_deflated_bomb_is_not_inflated(scene: Scene, refusals: Refusals, bomb: bytes) -> None:
    packer = zlib.compressobj(wbits=-15)
    sent = packer.compress(bomb) + packer.flush()
    assert len(bomb) > 500 * len(sent)
    pieces = [sent[at : at + 65536] for at in range(0, len(sent), 65536)]
    with scene.connect() as modality:
        modality.associate(contexts=(*CONTEXTS, DEFLATED))
        began = time.process_time()
        assert answer(modality, 5, store_rq(b"1.2.3.4"), *pieces).status == ingest.SUCCESS
        assert time.process_time() - began < 2
    (path,) = scene.files()
    assert path.stat().st_size < len(sent) + (256 << 10)
    assert not refusals()


def test_a_dicomdir_is_no_storage_class(scene: Scene) -> None:
    """Its Referenced File ID cannot lead anywhere, since nothing here reads one."""
    directory = PresentationContext(7, "1.2.840.10008.1.3.10", (EXPLICIT,))
    with scene.connect() as modality:
        event = modality.associate(contexts=(*CONTEXTS, directory))
        assert isinstance(event, upper.AssociationAccepted)
        assert [(each.context_id, each.result) for each in event.accept.contexts] == [(1, 0), (3, 0), (7, 3)]


# Those who say nothing, or hardly anything


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    root = tmp_path_factory.mktemp("malformed") / "site"
    root.mkdir()
    return build(root, classical=True, port=1, upstream_port=1)


@contextmanager
def tls_connection(scene: Scene, site: Site) -> Iterator[socket.socket]:
    """A connection to a TLS listener, of which the client's side is raw."""
    context = tls.server_context(site.root / "tls/appliance.crt", site.root / "tls/appliance.key", site.ct.ca)
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        accepted, _ = server.accept()
    transport = Transport(accepted, context)
    origin = Origin(1, scene.config.peer[0].addresses[0].network_address, 50000)
    connection = Connection(transport, origin, Reaper().watch(transport.socket), scene.service())
    thread = threading.Thread(target=connection.run)
    thread.start()
    client.settimeout(10)
    try:
        yield client
    finally:
        client.close()
        thread.join(10)
        assert not thread.is_alive()


def client_hello() -> bytes:
    outgoing = ssl.MemoryBIO()
    context = ssl.create_default_context()
    try:
        context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="edge01").do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


@pytest.mark.parametrize("said", [b"", client_hello()[:7], client_hello()[:-1]])
def test_a_tls_client_that_stops_in_its_hello_is_cut_off(
    scene: Scene, site: Site, refusals: Refusals, said: bytes
) -> None:
    with tls_connection(scene, site) as client:
        client.sendall(said)
        began = time.monotonic()
        assert client.recv(100) == b""
        assert time.monotonic() - began < 5
    (line,) = refusals()
    assert "HANDSHAKE-FAILED" in line and "the TLS handshake took too long" in line


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999\r\n\r\n", "http request"),
        (request(b"EDGE01", b"CT1"), "TLS"),
        (b"\x16\x03\x01\xff\xff" + b"\xff" * 70, ""),
        (b"\x1f\x8b\x08" + bytes(100), ""),
    ],
)
def test_what_is_no_tls_is_a_failed_handshake(
    scene: Scene, site: Site, refusals: Refusals, said: bytes, why: str
) -> None:
    with tls_connection(scene, site) as client:
        client.sendall(said)
        try:
            while client.recv(100):
                pass
        except ConnectionResetError:
            pass  # it left what we said unread
    (line,) = refusals()
    assert "HANDSHAKE-FAILED" in line and why in line


@pytest.mark.parametrize("said", [b"", b"\x01", request(b"EDGE01", b"CT1")[:-1]])
def test_a_client_that_stops_before_its_request_ends_is_cut_off(scene: Scene, refusals: Refusals, said: bytes) -> None:
    with scene.connect() as stranger:
        stranger.socket.sendall(said)
        began = time.monotonic()
        assert stranger.socket.recv(100) == b""
        assert time.monotonic() - began < 5
    (line,) = refusals()
    assert "ARTIM" in line


@pytest.mark.parametrize(
    "said",
    [b"GET / HTTP/1.1\r\n\r\n", client_hello(), b"SSH-2.0-x\r\n", b"\x04" + bytes(40), b"\x06\0\0\0\0\4" + bytes(4)],
)
def test_what_is_no_a_associate_rq_is_aborted(scene: Scene, refusals: Refusals, said: bytes) -> None:
    with scene.connect() as stranger:
        stranger.socket.sendall(said)
        assert stranger.socket.recv(100) == wire.abort(0, 0)
    assert len(refusals()) == 1
