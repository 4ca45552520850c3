"""Real peers over loopback: DCMTK and pynetdicom, each as SCU and as SCP, and what arrived compared byte by byte."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filereader import read_file_meta_info
from pydicom.uid import UID
from pynetdicom import AE, evt

from appliance.upper_layer.association import Aborted, AssociationAccepted, AssociationRejected, Released
from appliance.upper_layer.command import c_echo_rq, c_store_rq
from appliance.upper_layer.data_head import HeadParser
from appliance.upper_layer.negotiation import AssociateRequest, PresentationContext
from tests.upper_layer.shell import TIMEOUT, Requestor, acceptor
from tests.upper_layer.wire import CT, EXPLICIT, IMPLICIT, VERIFICATION

pytestmark = pytest.mark.skipif(shutil.which("storescp") is None, reason="DCMTK is not installed")

REQUEST = AssociateRequest(
    "ANY-SCP",
    "EDGE01",
    (PresentationContext(1, VERIFICATION, (IMPLICIT,)), PresentationContext(3, CT, (EXPLICIT,))),
)


def instance(directory: Path, number: int, size: int) -> Path:
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.SOPClassUID = CT
    ds.SOPInstanceUID = f"1.2.826.0.1.3680043.10.99.{number}"
    ds.Modality = "CT"
    ds.PatientName = "Test^Only"
    ds.PatientID = "T1"
    ds.StudyInstanceUID = "1.2.826.0.1.3680043.10.99.1000"
    ds.SeriesInstanceUID = "1.2.826.0.1.3680043.10.99.1001"
    ds.add_new(0x7FE00010, "OW", bytes(each % 256 for each in range(size)))
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = UID(EXPLICIT)
    path = directory / f"{number}.dcm"
    ds.save_as(path, enforce_file_format=True)
    return path


def data_set_of(path: Path) -> bytes:
    """The bytes behind the file meta information."""
    with path.open("rb") as file:
        file.seek(132)
        length = read_file_meta_info(path).FileMetaInformationGroupLength
        file.seek(132 + 12 + length)
        return file.read()


@pytest.fixture(scope="module")
def instances(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    directory = tmp_path_factory.mktemp("instances")
    return [instance(directory, number, size) for number, size in ((1, 2), (2, 13000), (3, 525000))]


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)


def test_echoscu_is_answered() -> None:
    with acceptor() as served:
        done = run("echoscu", "-v", "-aet", "ECHOSCU", "-aec", "EDGE01", "--repeat", "3", "127.0.0.1", str(served.port))
    assert done.returncode == 0, done.stderr
    assert [command.name for command in served.commands] == ["C-ECHO-RQ"] * 3
    assert served.requests[0].calling_ae == "ECHOSCU"
    assert served.ends == ["released"]


def test_echoscu_with_abort_ends_in_an_abort() -> None:
    with acceptor() as served:
        done = run("echoscu", "--abort", "127.0.0.1", str(served.port))
    assert done.returncode == 0, done.stderr
    assert served.ends == ["aborted"]


@pytest.mark.parametrize("options", [(), ("-pdu", "131072"), ("-pdu", "4096", "--max-send-pdu", "4096")])
def test_what_storescu_sends_arrives(instances: list[Path], options: tuple[str, ...]) -> None:
    with acceptor() as served:
        done = run("storescu", "-v", *options, "-x=", "127.0.0.1", str(served.port), *instances)
    assert done.returncode == 0, done.stderr
    assert served.data_sets == [data_set_of(path) for path in instances]
    assert set(served.syntaxes) == {EXPLICIT}
    assert served.ends == ["released"]
    head = HeadParser(EXPLICIT)
    head.feed(served.data_sets[2])
    assert head.result().sop_instance == served.commands[2].affected_sop_instance == "1.2.826.0.1.3680043.10.99.3"


def test_what_pynetdicom_sends_arrives(instances: list[Path]) -> None:
    entity = AE("PYNET")
    entity.add_requested_context(CT, [EXPLICIT])
    entity.add_requested_context(VERIFICATION)
    with acceptor() as served:
        association = entity.associate("127.0.0.1", served.port)
        assert association.is_established
        assert association.send_c_echo().Status == 0
        statuses = [association.send_c_store(dcmread(path)).Status for path in instances]
        association.release()
    assert statuses == [0, 0, 0]
    assert served.data_sets == [data_set_of(path) for path in instances]
    assert served.ends == ["released"]


@contextmanager
def storescp(directory: Path, *options: str) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        ["storescp", "--bit-preserving", "-od", str(directory), *options, str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + TIMEOUT
        while not listening(port):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield port
    finally:
        process.kill()
        process.wait(TIMEOUT)


def listening(port: int) -> bool:
    """Whether somebody listens, without connecting: storescp would take that for an association."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return any(line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A" for line in lines)


def store_all(port: int, instances: list[Path]) -> None:
    requestor = Requestor(port, REQUEST)
    try:
        assert isinstance(requestor.next(), AssociationAccepted)
        assert requestor.command(1, c_echo_rq(1)).status == 0
        for number, path in enumerate(instances, 1):
            uid = f"1.2.826.0.1.3680043.10.99.{number}"
            answer = requestor.command(3, c_store_rq(number, CT, uid), data_set_of(path))
            assert (answer.status, answer.message_id_responded_to) == (0, number)
        requestor.send(requestor.association.release())
        assert requestor.next() == Released()
    finally:
        requestor.close()


@pytest.mark.parametrize("options", [(), ("-pdu", "131072"), ("-pdu", "4096")])
def test_storescp_gets_what_we_send(instances: list[Path], tmp_path: Path, options: tuple[str, ...]) -> None:
    with storescp(tmp_path, *options) as port:
        store_all(port, instances)
    stored = sorted(tmp_path.iterdir())
    assert [data_set_of(path) for path in stored] == [data_set_of(path) for path in instances]


def test_storescp_that_refuses(tmp_path: Path) -> None:
    with storescp(tmp_path, "--refuse") as port:
        requestor = Requestor(port, REQUEST)
        assert requestor.next() == AssociationRejected(1, 1, 1)
        requestor.close()


def test_storescp_that_aborts(instances: list[Path], tmp_path: Path) -> None:
    with storescp(tmp_path, "--abort-after") as port:
        requestor = Requestor(port, REQUEST)
        assert isinstance(requestor.next(), AssociationAccepted)
        requestor.request(3, c_store_rq(1, CT, "1.2.826.0.1.3680043.10.99.1"), data_set_of(instances[0]))
        assert isinstance(requestor.next(), Aborted)
        requestor.close()


def test_pynetdicom_gets_what_we_send(instances: list[Path]) -> None:
    received: list[Any] = []

    def handle(event: Any) -> int:
        received.append(event.request.DataSet.getvalue())
        return 0

    entity = AE("ANY-SCP")
    entity.add_supported_context(CT, [EXPLICIT])
    entity.add_supported_context(VERIFICATION)
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, handle)])
    try:
        store_all(server.socket.getsockname()[1], instances)
    finally:
        server.shutdown()
    assert received == [data_set_of(path) for path in instances]


def test_a_peer_that_breaks_the_rules_reads_our_abort() -> None:
    with acceptor() as served, socket.create_connection(("127.0.0.1", served.port), TIMEOUT) as peer:
        peer.sendall(b"\x16\x03\x01\x00\x00\x01")
        assert peer.recv(100) == bytes.fromhex("07 00 00000004 0000 00 00")
        peer.shutdown(socket.SHUT_WR)
    assert "speaks TLS" in served.ends[0]
