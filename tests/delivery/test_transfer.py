"""From stores into real PACS: DCMTK's storescp and pynetdicom."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import Any

import pytest

from appliance.base.errors import UpstreamError
from appliance.delivery.bucket_store import BucketStore
from appliance.delivery.dimse import Dimse
from appliance.delivery.directory_store import DirectoryStore
from appliance.delivery.outcome import Outcome, Verdict
from appliance.delivery.store import Store, name_of
from appliance.delivery.transfer import Remote, Tally, Transfer
from appliance.delivery.transfer_state import TransferState
from appliance.routing.retry import Backoff
from appliance.seal.keys import generate_identity
from tests.delivery.relay import Fault, Relay
from tests.delivery.s3_peer import BUCKET, KEY, MISSING, s3
from tests.delivery.test_courier import DEADLINES
from tests.delivery.test_dimse import destination, pynetdicom_scp
from tests.delivery.upstream import StoreScp, free_port, until
from tests.delivery.vaults import CT, EXPLICIT, J2K, MR, ROOT, State

QUICK = Backoff(0.01, 0.05)


class Site:
    """A box that put its objects into a directory, and what runs upstream of it."""

    def __init__(self, root: Path) -> None:
        self.box = State(root / "box")
        self.archive = root / "archive"
        self.archive.mkdir()
        self.store: Store = DirectoryStore(self.archive)
        self.path = root / "state"
        self.refused: dict[str, Outcome] = {}

    def put(self, count: int, **instance: Any) -> list[str]:
        ids = [self.box.put(**instance) for _ in range(count)]
        for object_id in ids:
            with self.box.layout.incoming_file(object_id).open("rb") as file:
                self.store.put(name_of(object_id), file)
        return ids

    def run(self, port: int, workers: int = 1, **more: Any) -> Tally:
        state = TransferState(self.path, "archive", str(port))
        transfer = Transfer(
            self.store,
            Dimse(destination(port), DEADLINES),
            more.pop("identities", [self.box.identity]),
            state,
            "UPSTREAM",
            on_refused=self.refused.__setitem__,
            backoff=QUICK,
            **more,
        )
        try:
            transfer.run(workers)
        finally:
            state.close()
            self.tally = transfer.tally
        return transfer.tally


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_all_that_is_there_arrives_once(site: Site, tmp_path: Path) -> None:
    site.put(20)
    site.put(3, sop_class=MR)
    site.put(1, pixels=5_000_000)
    site.put(2, content=b"\xfe\xff\x00\xe0" * 100, syntax=J2K)
    with StoreScp(tmp_path / "pacs", options=("+xa", "--fork")) as pacs:
        assert site.run(pacs.port, workers=3).delivered == 26
        assert pacs.received() == site.box.sent
        log = (tmp_path / "storescp.log").read_text()
        more = site.put(2)
        tally = site.run(pacs.port, workers=3)
        assert (tally.delivered, tally.before, tally.refused) == (2, 26, 0)
        assert pacs.received() == site.box.sent
        assert (tmp_path / "storescp.log").read_text() == log
    assert len(more) == 2 and not site.refused


def test_out_of_a_bucket(site: Site, tmp_path: Path) -> None:
    if MISSING:
        pytest.skip(MISSING)
    with s3(tmp_path / "s3") as service, StoreScp(tmp_path / "pacs") as pacs:
        from appliance.config.urls import Place

        site.store = BucketStore(Place(BUCKET, "edge01"), KEY, KEY, endpoint=service.url)
        site.put(5)
        site.put(1, pixels=9_000_000)
        assert site.run(pacs.port).delivered == 6
        assert pacs.received() == site.box.sent


def test_a_bucket_that_breaks_off_in_the_middle_is_read_again(site: Site, tmp_path: Path) -> None:
    if MISSING:
        pytest.skip(MISSING)
    from appliance.config.urls import Place

    with s3(tmp_path / "s3") as service, StoreScp(tmp_path / "pacs", options=("+xa", "--fork")) as pacs:
        site.store = BucketStore(Place(BUCKET), KEY, KEY, endpoint=service.url)
        site.put(2, pixels=9_000_000)

        class Backwards(Relay):
            """Cuts what comes from the service, not what we send."""

            def _copy(self, source: Any, sink: Any, outwards: bool) -> None:
                super()._copy(source, sink, not outwards)

        with Backwards(service.port, Fault(cut=4_000_000)) as relay:
            site.store = BucketStore(Place(BUCKET), KEY, KEY, endpoint=f"http://localhost:{relay.port}", tries=1)
            assert site.run(pacs.port).delivered == 2
            assert relay.fault.cut is None
        assert pacs.received() == site.box.sent


def test_only_a_success_of_the_instance_counts(site: Site) -> None:
    statuses = {f"{ROOT}.2.2": 0xC000, f"{ROOT}.2.3": 0x0110, f"{ROOT}.2.4": 0xB000, f"{ROOT}.2.5": 0x0111}
    objects = site.put(5)
    seen: list[str] = []

    def answer(event: Any) -> int:
        uid = str(event.request.AffectedSOPInstanceUID)
        seen.append(uid)
        return statuses.get(uid, 0)

    with pynetdicom_scp(answer) as port:
        tally = site.run(port, tries=3)
        assert (tally.delivered, tally.refused) == (2, 3)
        assert {each: site.refused[each].verdict for each in site.refused} == {
            objects[1]: Verdict.PERMANENT,
            objects[2]: Verdict.TEMPORARY,
            objects[4]: Verdict.PERMANENT,
        }
        assert seen.count(f"{ROOT}.2.3") == 3 and seen.count(f"{ROOT}.2.2") == 1
        statuses.clear()
        tally = site.run(port)
        assert (tally.delivered, tally.before, tally.refused) == (3, 2, 0)


def test_a_pacs_that_dies_ends_the_run_and_the_next_goes_on(site: Site, tmp_path: Path) -> None:
    site.put(30, pixels=200_000)
    pacs = StoreScp(tmp_path / "pacs", options=("+xa", "--fork")).start()
    try:
        threading.Thread(target=lambda: (until(lambda: len(list(pacs.directory.iterdir())) > 5), pacs.stop())).start()
        with pytest.raises(UpstreamError, match="cannot connect"):
            site.run(pacs.port, workers=2, tries=3)
        first = site.tally.delivered
        assert 0 < first < 30
        pacs.start()
        tally = site.run(pacs.port, workers=2)
        assert (tally.delivered, tally.before) == (30 - first, first)
        assert pacs.received() == site.box.sent
    finally:
        pacs.stop()


def test_what_a_pacs_does_not_accept_is_refused_and_the_rest_goes(site: Site, tmp_path: Path) -> None:
    good, bad = site.put(5), site.put(5, content=b"\xfe\xff\x00\xe0", syntax=J2K)
    with StoreScp(tmp_path / "pacs", options=("--fork",)) as pacs:  # uncompressed only
        tally = site.run(pacs.port)
    assert (tally.delivered, tally.refused) == (5, 5)
    assert set(site.refused) == set(bad) and not set(site.refused) & set(good)
    assert site.refused[bad[0]].reason == f"the PACS does not accept {CT} with {J2K}"


@pytest.mark.parametrize("damage", ["cut", "flipped", "another identity", "no object"])
def test_what_cannot_be_opened_is_refused_and_the_rest_goes(site: Site, tmp_path: Path, damage: str) -> None:
    first, second, third = site.put(3, pixels=200_000)
    path = site.archive / name_of(second)
    raw = path.read_bytes()
    if damage == "cut":
        path.write_bytes(raw[:-100])
    elif damage == "flipped":
        path.write_bytes(raw[:-100] + bytes([raw[-100] ^ 1]) + raw[-99:])
    elif damage == "no object":
        path.write_bytes(b"hello")
    identities = [generate_identity("classical")] if damage == "another identity" else [site.box.identity]
    with StoreScp(tmp_path / "pacs", options=("+xa", "--fork")) as pacs:
        tally = site.run(pacs.port, identities=identities)
        assert tally.refused == (3 if damage == "another identity" else 1)
        assert tally.delivered == 3 - tally.refused
        assert set(pacs.received().values()) <= set(site.box.sent.values())
        assert len(pacs.received()) == tally.delivered
    assert "the object cannot be opened" in site.refused[second].reason
    assert first != third


def test_a_store_that_is_gone_ends_the_run(site: Site) -> None:
    site.store = DirectoryStore(site.archive / "missing")
    with pytest.raises(UpstreamError, match="Is it mounted"):
        site.run(free_port())


def test_a_remote_file_reads_like_any_other() -> None:
    data = bytes(range(256)) * 1000

    def pieces() -> Iterator[bytes]:
        yield data[:1]
        yield b""
        yield data[1:100_000]
        yield data[100_000:]

    remote = Remote(pieces())
    assert BufferedReader(remote, 7000).read() == data
    assert remote.count == len(data)
    assert Remote(iter(())).readinto(bytearray(5)) == 0
    assert io.BufferedReader(Remote(iter([b"abc"]))).read(2) == b"ab"
    assert (EXPLICIT, CT) != (CT, EXPLICIT)
