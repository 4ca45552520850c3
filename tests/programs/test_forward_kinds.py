"""`forward` as a process, with destinations that are no PACS: a bucket of a real S3 service, a directory, DICOMweb."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.delivery.store import name_of
from appliance.vault.layout import StateLayout
from tests.delivery.http_peer import HttpPeer
from tests.delivery.relay import Fault, Relay
from tests.delivery.s3_peer import BUCKET, KEY, MISSING, s3
from tests.delivery.test_stow import takes_all, uid_of
from tests.delivery.upstream import Authority, until
from tests.delivery.vaults import CT, EXPLICIT, State
from tests.programs.test_forward import Box

LARGE = 400_000_000


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    box = Box(tmp_path)
    yield box
    if box.process:
        box.process.kill()
        box.process.wait()


def entry(**keys: str) -> str:
    return "".join(f'{key} = "{value}"\n' for key, value in keys.items())


def bucket(box: Box, port: int) -> str:
    secret = box.root / "s3-secret"
    if not secret.exists():
        secret.write_text(f"{KEY}\n")
        secret.chmod(0o400)
    return entry(
        name="archive", kind="object-store", url=f"s3://{BUCKET}/edge01", endpoint=f"http://localhost:{port}",
        access_key_id=KEY, secret_access_key=f"file:{secret}",
    )  # fmt: skip


def put_large(state: State, size: int) -> str:
    """One instance of this size, sealed piece by piece."""
    from appliance.scp.part10 import file_head
    from appliance.seal.record import RecordFacts

    uid, facts = "1.2.3.4.5", {"sop_class": CT, "transfer_syntax": EXPLICIT, "calling_ae": "CT1", "called_ae": "EDGE01"}
    instance = state.intake.begin(file_head(sop_instance=uid, own_ae="EDGE01", **facts))
    piece = bytes(range(256)) * 4096
    for start in range(0, size, len(piece)):
        instance.write(piece[: size - start])
    tag = state.index_key.tag("instance", uid)
    return instance.commit(
        RecordFacts(object_id=instance.object_id, received=time.time(), peer="CT suite", modality="CT", study_tag=b"",
                    series_tag=b"", instance_tag=tag, **facts)
    )  # fmt: skip


def peak(box: Box) -> int:
    """The most memory that `forward` had at a time, in bytes."""
    assert box.process
    status = Path(f"/proc/{box.process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) << 10


@pytest.mark.skipif(MISSING is not None, reason=MISSING or "")
@pytest.mark.slow
def test_400_mb_go_in_parts_over_a_line_that_breaks_and_memory_stays_small(box: Box, tmp_path: Path) -> None:
    object_id = put_large(box.state, LARGE)
    sealed = box.state.layout.incoming_file(object_id).read_bytes()
    with s3(tmp_path / "s3") as service, Relay(service.port, Fault(cut=150_000_000)) as relay:
        box.destinations["archive"] = bucket(box, relay.port)
        box.configure(identity=False)
        box.start()
        until(lambda: box.delivered("archive") == 1, seconds=120)
        assert relay.fault.cut is None and relay.passed > len(sealed)
        assert service.names() == [f"edge01/{name_of(object_id)}"]
        assert service.content(f"edge01/{name_of(object_id)}") == sealed
        assert peak(box) < 100 << 20, f"{peak(box) >> 20} MiB"
        assert box.stop() == 0
    assert "DELIVERIES-LOCKED" not in box.log


@pytest.mark.skipif(MISSING is not None, reason=MISSING or "")
def test_a_service_that_is_killed_and_a_forward_that_is_killed_lose_nothing(box: Box, tmp_path: Path) -> None:
    ids = [box.state.put(pixels=300_000) for _ in range(40)]
    with s3(tmp_path / "s3") as service:
        port = service.port
        box.destinations["archive"] = bucket(box, port)
        box.configure(identity=False)
        box.start()
        until(lambda: len(service.names()) > 5)
        box.stop(signal.SIGKILL)
        box.start()
        until(lambda: len(service.names()) > 10)
    until(lambda: (answer := box.ask("queue")) and "cannot be reached" in answer["destinations"]["archive"]["error"])
    with s3(tmp_path / "s3", port=port) as service:
        try:
            until(lambda: box.delivered("archive") == 40, seconds=60)
        except AssertionError:
            raise AssertionError(box.log[-2000:]) from None
        assert service.names() == sorted(f"edge01/{name_of(each)}" for each in ids)
        for each in ids:
            assert (
                service.content(f"edge01/{name_of(each)}") == StateLayout(box.state.root).object_file(each).read_bytes()
            )


def test_one_instance_goes_to_a_directory_and_by_dicomweb(box: Box, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "pki")
    ours, theirs = authority.issue("edge"), authority.issue("pacs")
    (tmp_path / "archive").mkdir()
    with HttpPeer(takes_all, theirs, authority) as peer:
        box.destinations["archive"] = entry(name="archive", kind="object-store", url=f"file://{tmp_path}/archive")
        box.destinations["web"] = entry(
            name="web", kind="stow", url=peer.url, ca=str(authority.certificate), certificate=str(ours.certificate),
            key=str(ours.key),
        )  # fmt: skip
        box.configure()
        ids = [box.state.put() for _ in range(5)]
        box.start()
        until(lambda: box.delivered("archive") == 5 and box.delivered("web") == 5)
        assert {uid_of(request) for request in peer.requests} == set(box.state.sent)
        assert box.stop() == 0
    for each in ids:
        assert (tmp_path / "archive" / name_of(each)).exists()
    for uid in box.state.sent:
        assert uid not in box.log
