"""Evidence on the disk: sealed before it is written, bounded, and read by tshark once it was opened elsewhere."""

from __future__ import annotations

import io
import os
import subprocess
from pathlib import Path

import pytest

from appliance.base import limits
from appliance.base.errors import ConfigError, DiskError
from appliance.capture.evidence_store import ABOUT, SUFFIX, EvidenceStore, evidence_files, evidence_recipients
from appliance.capture.pcap_file import PcapFile
from appliance.capture.pcapng import pcapng
from appliance.inspection.engine import Inspection
from appliance.inspection.evidence import EvidencePacket
from appliance.seal.keys import generate_identity
from appliance.seal.opening import Opening
from tests.capture.lab import needs
from tests.inspection.scene import OWN, STRANGER, registry
from tests.inspection.wire import RELEASE_RQ, Wire, associate, store

IDENTITY = generate_identity("classical")
HYBRID = generate_identity()


def evidence(count: int = 1) -> list[EvidencePacket]:
    inspection = Inspection(registry(), "eth1")
    inspection.keep_evidence()
    for number in range(count):
        talk = Wire(inspection, STRANGER, OWN, client_port=40000 + number).open()
        talk.client(associate(calling=b"ROGUE")).server(associate(2)).client(store(20_000)).client(RELEASE_RQ)
    return inspection.take_evidence()


def opened(path: Path) -> bytes:
    return b"".join(map(bytes, Opening(io.BytesIO(path.read_bytes()), [IDENTITY])))  # type: ignore[arg-type]


def made(directory: Path, quota: int = 1 << 20) -> EvidenceStore:
    return EvidenceStore(directory, [IDENTITY.recipient], quota, "eth1")


def test_a_file_is_written_after_a_while_and_opens_with_the_identity_alone(tmp_path: Path) -> None:
    keeping, packets = made(tmp_path), evidence()
    keeping.add(packets, 100.0)
    keeping.tick(100.0 + limits.EVIDENCE_WAIT.default - 1)
    assert evidence_files(tmp_path) == []
    keeping.tick(100.0 + limits.EVIDENCE_WAIT.default)
    (path,) = evidence_files(tmp_path)
    assert path.stat().st_mode & 0o777 == 0o640
    assert b"ROGUE" not in path.read_bytes()
    assert opened(path) == pcapng(packets, "eth1", ABOUT)
    assert keeping.files == 1


def test_much_is_written_at_once_and_the_rest_when_it_ends(tmp_path: Path) -> None:
    keeping, packets = made(tmp_path), evidence(5)
    for _ in range(200):
        keeping.add(packets, 100.0)
    assert len(evidence_files(tmp_path)) >= 1
    keeping.flush()
    keeping.flush()
    assert sum(opened(each).count(b"ROGUE") for each in evidence_files(tmp_path)) == 1000


def test_the_oldest_go_when_the_quota_is_reached(tmp_path: Path) -> None:
    keeping = made(tmp_path, quota=5000)
    for _ in range(30):
        keeping.add(evidence(), 100.0)
        keeping.flush()
    kept = evidence_files(tmp_path)
    assert sum(each.stat().st_size for each in kept) <= 5000
    assert 1 < len(kept) < 10
    assert kept[-1].name.endswith(f"-0029{SUFFIX}")


def test_what_is_larger_than_the_quota_is_not_written_and_counted(tmp_path: Path) -> None:
    keeping, packets = made(tmp_path, quota=500), evidence()
    keeping.add(packets, 100.0)
    keeping.flush()
    assert evidence_files(tmp_path) == []
    assert keeping.missed == len(packets)


def test_no_plaintext_is_ever_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every write of the store is looked at, those of names that go again too."""
    written: list[bytes] = []
    real = Path.open

    def watched(self: Path, mode: str = "r", *more: object, **named: object) -> object:
        file = real(self, mode, *more, **named)  # type: ignore[arg-type,call-overload]
        write = file.write
        spy = io.BufferedWriter.write
        assert spy is not None

        class Spy:
            def __getattr__(self, name: str) -> object:
                return getattr(file, name)

            def write(self, data: bytes) -> int:
                written.append(bytes(data))
                return int(write(data))

            def __enter__(self) -> object:
                file.__enter__()
                return self

            def __exit__(self, *error: object) -> None:
                file.__exit__(*error)

        return Spy()

    monkeypatch.setattr(Path, "open", watched)
    keeping = made(tmp_path)
    keeping.add(evidence(), 100.0)
    keeping.flush()
    assert written
    assert written[0].startswith(b"age-encryption.org/v1\n")
    assert not any(b"ROGUE" in each or b"EDGE01" in each for each in written)
    monkeypatch.undo()
    assert [each.name for each in tmp_path.iterdir()] == [each.name for each in evidence_files(tmp_path)]


def test_a_file_outlives_a_power_cut_with_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[str] = []
    fsync = os.fsync

    def seen(descriptor: int) -> None:
        flushed.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", seen)
    keeping = made(tmp_path)
    keeping.add(evidence(), 0.0)
    keeping.flush()
    (path,) = evidence_files(tmp_path)
    assert flushed == [f"{path}.part", str(tmp_path)]


def test_what_was_cut_short_is_removed_at_the_next_start(tmp_path: Path) -> None:
    (tmp_path / f"20260101T000000Z-0000{SUFFIX}.part").write_bytes(b"age-encryption.org/v1\n")
    made(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_disk_that_refuses_is_said_and_does_not_fill_the_memory(tmp_path: Path) -> None:
    directory = tmp_path / "evidence"
    keeping, packets = made(directory), evidence()
    directory.rmdir()
    keeping.add(packets, 100.0)
    with pytest.raises(DiskError, match="cannot keep evidence"):
        keeping.flush()
    assert keeping.missed == len(packets)
    directory.mkdir()
    keeping.add(packets, 101.0)
    keeping.flush()
    assert len(evidence_files(directory)) == 1


def test_recipients_that_are_none_are_refused_at_the_start() -> None:
    for texts, words in (
        (["age1" + "q" * 58], "evidence_recipients"),
        ([str(IDENTITY.recipient), str(HYBRID.recipient)], "evidence_recipients"),
    ):
        with pytest.raises(ConfigError, match=words):
            evidence_recipients(texts)
    assert len(evidence_recipients([str(HYBRID.recipient)])) == 1


# Others read it.


@needs("age", "tshark")
def test_age_opens_it_and_tshark_reads_it(tmp_path: Path) -> None:
    keeping = made(tmp_path / "evidence")
    keeping.add(evidence(3), 100.0)
    keeping.flush()
    (path,) = evidence_files(tmp_path / "evidence")
    (tmp_path / "key").write_text(IDENTITY.export())
    clear = tmp_path / "case.pcapng"
    subprocess.run(["age", "-d", "-i", tmp_path / "key", "-o", clear, path], check=True)
    fields = ["frame.time_epoch", "ip.src", "tcp.srcport", "dicom.pdu.type", "dicom.assoc.ae.calling", "frame.comment"]
    command = ["tshark", "-r", str(clear), "-d", "tcp.port==104,dicom", "-o", "tcp.check_checksum:TRUE", "-T", "fields"]
    command += ["-E", "separator=|", *(word for field in fields for word in ("-e", field)), "-e", "tcp.checksum.status"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    rows = [line.split("|") for line in done.stdout.splitlines()]
    assert len(rows) == 9
    assert [row[3] for row in rows] == ["1", "2", "5"] * 3 or [row[3] for row in rows] == ["0x01", "0x02", "0x05"] * 3
    assert {row[1] for row in rows} == {STRANGER, OWN}
    assert rows[0][4].strip() == "ROGUE"
    assert rows[0][5] == "D01 unknown calling AE title"
    assert {row[6] for row in rows} == {"1"}  # every checksum is good
    assert rows[0][0].startswith("1700000000.")


def test_our_own_reader_reads_it_again_with_the_same_rules(tmp_path: Path) -> None:
    path = tmp_path / "case.pcapng"
    path.write_bytes(pcapng(evidence(), "eth1", "about"))
    again = Inspection(registry(), "case")
    file = PcapFile(path)
    again.inspect(file)
    file.close()
    assert "D01" in {record["alert"]["signature_id"] for record in again.take_alerts()}
