"""A PACS that answers queries: DCMTK's dcmqrscp stores what we send, findscu finds it there, getscu gets it back."""

from __future__ import annotations

import os
import shutil
import signal
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.cli.demo.dcmtk import data_set, free_port, listens
from tests.delivery.upstream import until
from tests.delivery.vaults import CT, EXPLICIT, IMPLICIT, ROOT
from tests.programs.test_forward import Box

PATIENT, STUDY, SERIES = "FOUND-4711", f"{ROOT}.31", f"{ROOT}.31.1"
CONFIG = """
NetworkTCPPort = {port}
MaxPDUSize = 131072
MaxAssociations = 20
HostTable BEGIN
HostTable END
VendorTable BEGIN
VendorTable END
AETable BEGIN
PACS {store} RW (200, 1024mb) ANY
AETable END
"""
pytestmark = pytest.mark.skipif(not shutil.which("dcmqrscp"), reason="DCMTK is not installed: `make setup` does that")


def image(number: int, *, implicit: bool = False, odd: bytes = b"") -> bytes:
    """A CT image that an archive can enter; `odd` is what it has beside, in group 9 and as it stands."""

    def element(group: int, tag: int, vr: bytes, value: bytes) -> bytes:
        value += (b"\0" if vr == b"UI" else b" ") * (len(value) % 2)
        if implicit:
            return struct.pack("<HHL", group, tag, len(value)) + value
        if vr == b"OW":
            return struct.pack("<HH2sxxL", group, tag, vr, len(value)) + value
        return struct.pack("<HH2sH", group, tag, vr, len(value)) + value

    return b"".join(
        (
            element(8, 0x16, b"UI", CT.encode()),
            element(8, 0x18, b"UI", f"{SERIES}.{number}".encode()),
            element(8, 0x20, b"DA", b"20260102"),
            element(8, 0x30, b"TM", b"101112"),
            element(8, 0x60, b"CS", b"CT"),
            odd,
            element(0x10, 0x10, b"PN", b"M\xfcller^J\xf6rg"),
            element(0x10, 0x20, b"LO", PATIENT.encode()),
            element(0x20, 0xD, b"UI", STUDY.encode()),
            element(0x20, 0xE, b"UI", SERIES.encode()),
            element(0x20, 0x10, b"SH", b"S1"),
            element(0x20, 0x13, b"IS", str(number).encode()),
            element(0x7FE0, 0x10, b"OW", bytes(range(256)) * 20 * number),
        )
    )


_CREATOR = struct.pack("<HH2sH", 9, 0x10, b"LO", 8) + b"MAKER 1 "
_PRIVATE = _CREATOR + struct.pack("<HH2sH", 9, 0x1001, b"DS", 6) + b" 1.50 "
_UNKNOWN = _PRIVATE + struct.pack("<HH2sxxL", 9, 0x1002, b"UN", 8) + bytes(7) + b"\1"


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    box = Box(tmp_path)
    yield box
    if box.process:
        box.process.kill()
        box.process.wait()


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """Its port, and where it keeps what it has."""
    port, store = free_port(), tmp_path / "archive"
    store.mkdir()
    config = tmp_path / "archive.cfg"
    config.write_text(CONFIG.format(port=port, store=store))
    with (tmp_path / "archive.log").open("wb") as log:
        command = ["dcmqrscp", "+B", "-dhl", "-c", str(config)]
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env={"TCP_NODELAY": "1"}, start_new_session=True
        )  # it starts a process for each association
    try:
        until(lambda: listens(port))
        yield port, store
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def dcmtk(program: str, port: int, *options: str) -> str:
    command = [program, "-aet", "READER", "-aec", "PACS", "-S", *options, "127.0.0.1", str(port)]
    ran = subprocess.run(command, capture_output=True, timeout=60)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return (ran.stdout + ran.stderr).decode("latin-1")


def test_it_is_found_and_got_back_bit_for_bit(box: Box, archive: tuple[int, Path], tmp_path: Path) -> None:
    port, store = archive
    contents = [image(1), image(2, odd=_PRIVATE), image(3, odd=_UNKNOWN), image(40)]
    for number, content in zip((1, 2, 3, 40), contents, strict=True):
        box.state.put(content, uid=f"{SERIES}.{number}", syntax=EXPLICIT, study=STUDY)
    box.state.put(image(5, implicit=True), uid=f"{SERIES}.5", syntax=IMPLICIT, study=STUDY)
    box.destination("pacs", port)
    box.configure()
    box.start()
    until(lambda: box.delivered() == 5)

    kept = {data_set(path.read_bytes()) for path in store.iterdir() if path.name != "index.dat"}
    assert kept == set(box.state.sent.values()), "the archive's own files"

    study = ("-k", "0008,0052=STUDY", "-k", f"0010,0020={PATIENT}", "-k", "0020,000D=")
    found = dcmtk("findscu", port, *study)
    assert found.count(f"[{STUDY}") == 1, found
    level = ("-k", "0008,0052=IMAGE", "-k", f"0020,000D={STUDY}", "-k", f"0020,000E={SERIES}")
    listed = dcmtk("findscu", port, *level, "-k", "0008,0018=")
    for uid in box.state.sent:
        assert f"[{uid}]" in listed.replace("\0", ""), listed

    got = tmp_path / "got"
    got.mkdir()
    dcmtk("getscu", port, "+B", "-od", str(got), "-k", "0008,0052=STUDY", "-k", f"0020,000D={STUDY}")
    back = {data_set(path.read_bytes()) for path in got.iterdir()}
    assert len(back) == 5
    assert set(contents) <= back, "those that it need not convert for us"
    assert box.stop() == 0
