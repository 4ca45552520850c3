"""Small files in `incoming/`, whatever they say: durable under their name or not there, read whole, out of the way."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from appliance.base.errors import LocalError
from appliance.seal.errors import RequestMalformed
from appliance.vault.declared_mount import DeclaredMount
from appliance.vault.incoming import Incoming
from appliance.vault.layout import StateLayout, report_id_of, request_id_of
from appliance.vault.refusals import AlreadyThere, Condition, DiskRefused, NotThere
from appliance.vault.waiting_files import WaitingFiles, keep_file
from tests.vault import keeper
from tests.vault.media import Recording

MOST = 1000
A, B = "a" * 32, "b" * 32


class Place:
    """A state directory, and both ends of the files of one sort in it."""

    def __init__(self, root: Path) -> None:
        self.layout = StateLayout(root)
        self.layout.create()
        self.medium = Recording()
        self.incoming = Incoming(self.layout, self.medium)
        self.waiting = WaitingFiles(self.layout, self.layout.incoming_request, request_id_of, MOST, self.medium)

    def path(self, file_id: str) -> Path:
        return self.layout.incoming_request(file_id)

    def keep(self, file_id: str, content: bytes) -> None:
        keep_file(self.incoming, self.path(file_id), content)

    def names(self, directory: str = "incoming") -> list[str]:
        return sorted(os.listdir(self.layout.root / directory))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "state")


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


# Keeping


def test_it_is_on_the_medium_before_it_has_a_name_and_its_name_before_it_is_said(place: Place) -> None:
    place.keep(A, b"sealed")
    assert place.medium.transcript == [
        ("create", "incoming"),
        ("write", "header"),
        ("sync data", ""),
        ("link", "incoming"),
        ("sync directory", "incoming"),
    ]
    assert place.path(A).read_bytes() == b"sealed"
    assert place.path(A).stat().st_mode & 0o007 == 0


@pytest.mark.parametrize("operation", ["create", "write", "sync data", "link", "sync directory"])
@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC, errno.EROFS])
def test_what_the_medium_refuses_leaves_neither_name_nor_descriptor(place: Place, operation: str, error: int) -> None:
    place.keep(B, b"there before")
    before = descriptors()
    place.medium.fail(operation, error)
    with pytest.raises(DiskRefused, match="told to fail") as refusal:
        place.keep(A, b"sealed")
    assert (
        refusal.value.condition
        is {
            errno.EIO: Condition.BROKEN,
            errno.ENOSPC: Condition.FULL,
            errno.EROFS: Condition.READ_ONLY,
        }[error]
    )
    assert descriptors() == before
    assert place.waiting.ids() == [B]
    place.medium.failing.clear()
    place.keep(A, b"sealed")
    assert sorted(place.waiting.ids()) == [A, B]


def test_a_name_that_cannot_be_taken_back_is_a_refusal_all_the_same(place: Place) -> None:
    """It is taken over, and nobody was answered for it: no harm."""
    place.medium.fail("sync directory")
    place.medium.fail("unlink")
    with pytest.raises(DiskRefused, match="sync directory"):
        place.keep(A, b"sealed")
    assert place.waiting.sealed(A) == b"sealed"


def test_what_is_flushed_is_kept_though_its_descriptor_does_not_close(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def close(descriptor: int) -> None:
        os.close(descriptor)
        raise DiskRefused("cannot close a file: Input/output error", Condition.BROKEN)

    monkeypatch.setattr(place.medium, "close", close)
    place.keep(A, b"sealed")
    assert place.waiting.sealed(A) == b"sealed"


def test_one_that_is_there_is_not_overwritten(place: Place) -> None:
    place.keep(A, b"first")
    with pytest.raises(AlreadyThere):
        place.keep(A, b"second")
    assert place.waiting.sealed(A) == b"first"


def test_on_a_full_disk_nothing_is_left_and_with_room_it_goes_on(small: Path) -> None:
    place = Place(small / "state")
    before = os.statvfs(small)
    kept = []
    with pytest.raises(DiskRefused) as refusal:
        while len(kept) < 100:
            file_id = f"{len(kept):032x}"
            place.keep(file_id, bytes(300_000))
            kept.append(file_id)
    assert refusal.value.condition is Condition.FULL
    assert kept and sorted(place.waiting.ids()) == kept
    assert before.f_ffree - os.statvfs(small).f_ffree == len(kept)
    place.waiting.leave(kept[0])
    place.keep(A, bytes(200_000))


def test_nothing_is_kept_below_a_mount_point_whose_disk_is_away(tmp_path: Path) -> None:
    """It would be answered for, and hidden as soon as the disk is back."""
    (tmp_path / "disk").mkdir()
    place = Place(tmp_path / "disk/state")
    (tmp_path / "fstab").write_text(f"LABEL=data {tmp_path}/disk ext4 nofail 0 2\n")
    mount = DeclaredMount(place.layout.root, tmp_path / "fstab", ())
    with pytest.raises(DiskRefused, match="is not mounted") as refusal:
        keep_file(Incoming(place.layout, mount=mount), place.path(A), b"sealed")
    assert refusal.value.condition is Condition.MISSING
    assert place.names() == []


def test_several_at_once_are_all_there_each_whole(place: Place) -> None:
    ids = [os.urandom(16).hex() for _ in range(8)]
    threads = [threading.Thread(target=place.keep, args=(each, each.encode())) for each in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {each: place.waiting.sealed(each) for each in place.waiting.ids()} == {each: each.encode() for each in ids}


def test_whoever_is_killed_leaves_all_that_it_said_and_nothing_half(tmp_path: Path) -> None:
    layout = StateLayout(tmp_path / "state")
    layout.create()
    said: set[str] = set()
    for lines in (1, 40, 200):
        command = [sys.executable, "-m", keeper.__name__, str(layout.root)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            said |= {process.stdout.readline().strip() for _ in range(lines)}
            process.kill()
            said |= {line.strip() for line in process.stdout if line.endswith("\n")}
    waiting = WaitingFiles(layout, layout.incoming_request, request_id_of, keeper.SIZE)
    assert said <= set(waiting.ids())
    assert all(waiting.sealed(each) == keeper.content(each) for each in waiting.ids())
    assert len(waiting.ids()) == len(os.listdir(layout.incoming))


# Taking over


def test_only_names_of_the_sort_are_ids(place: Place) -> None:
    for name in (
        ".hidden",
        f"{A}.commit.1",
        f"{A}.commit.commit",
        f"{A}.report",
        f"{A.upper()}.commit",
        f"{A[1:]}.commit",
        f"{A}a.commit",
        f"{A}\n.commit",
        f"{A[1:]}\xe4.commit",
        ".commit",
        "x" * 255,
    ):
        (place.layout.incoming / name).write_bytes(b"")
    (place.layout.incoming / os.fsdecode(b"\xff\xfe.commit")).write_bytes(b"")
    assert place.waiting.ids() == []
    place.keep(B, b"sealed")
    assert place.waiting.ids() == [B]
    reports = WaitingFiles(place.layout, place.layout.incoming_report, report_id_of, MOST)
    assert reports.ids() == [A]


@pytest.mark.parametrize("bad", ["", "../ledger", "a" * 31, "A" * 32, f"{A}/x", f"{A}\0"])
def test_no_path_is_made_of_what_is_no_id(place: Place, bad: str) -> None:
    victim = place.layout.root / "ledger.commit"
    victim.write_bytes(b"stays")
    for act in (place.waiting.sealed, place.waiting.leave, place.waiting.set_aside):
        with pytest.raises(LocalError, match="not an object id"):
            act(bad)
    assert victim.read_bytes() == b"stays"


@pytest.mark.parametrize("length", [0, 1, MOST - 1, MOST])
def test_what_is_not_too_long_is_read_whole(place: Place, length: int) -> None:
    content = os.urandom(length)
    place.keep(A, content)
    assert place.waiting.sealed(A) == content


def test_what_is_too_long_is_refused_and_not_read_to_its_end(place: Place) -> None:
    place.path(A).write_bytes(bytes(MOST + 1))
    with pytest.raises(RequestMalformed, match="longer"):
        place.waiting.sealed(A)
    place.path(B).touch()
    os.truncate(place.path(B), 1 << 40)
    with pytest.raises(RequestMalformed, match="longer"):
        place.waiting.sealed(B)
    for each in (A, B):
        place.waiting.set_aside(each)
    assert place.names("quarantine") == [f"{A}.commit", f"{B}.commit"]


@pytest.mark.parametrize("kind", ["link", "dangling", "pipe", "directory"])
def test_what_is_no_file_is_refused_without_waiting_and_can_be_set_aside(place: Place, kind: str) -> None:
    secret = place.layout.root / "secret"
    secret.write_bytes(b"not for anybody")
    {
        "link": lambda path: path.symlink_to(secret),
        "dangling": lambda path: path.symlink_to("nowhere"),
        "pipe": os.mkfifo,
        "directory": Path.mkdir,
    }[kind](place.path(A))
    before = descriptors()
    with pytest.raises(RequestMalformed, match="not a regular file"):
        place.waiting.sealed(A)
    assert descriptors() == before
    place.waiting.set_aside(A)
    assert (place.waiting.ids(), place.names("quarantine")) == ([], [f"{A}.commit"])
    assert secret.read_bytes() == b"not for anybody"


def test_a_socket_in_its_place_is_a_refusal(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place.layout.incoming)  # its path has room for 107 bytes
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(place.path(A).name)
    with pytest.raises(DiskRefused):
        place.waiting.sealed(A)
    place.waiting.set_aside(A)
    assert place.names("quarantine") == [f"{A}.commit"]


def test_a_medium_that_fails_while_it_is_read_is_a_refusal(place: Place) -> None:
    """A process's own memory reads like a bad sector: it opens, and EIO comes with the first byte."""
    if not os.access("/proc/self/mem", os.R_OK):
        pytest.skip("this process, which leaves no dumps, may not read its own memory; only root's may")
    broken = WaitingFiles(place.layout, lambda _: Path("/proc/self/mem"), request_id_of, MOST)
    with pytest.raises(DiskRefused, match="cannot read") as refusal:
        broken.sealed(A)
    assert refusal.value.condition is Condition.BROKEN


def test_one_that_is_gone_is_told_from_a_medium_that_is_away(place: Place) -> None:
    with pytest.raises(NotThere):
        place.waiting.sealed(A)
    place.waiting.leave(A)
    place.waiting.set_aside(A)
    place.layout.incoming.rename(place.layout.root / "away")
    with pytest.raises(DiskRefused) as refusal:
        place.waiting.ids()
    assert refusal.value.condition is Condition.MISSING
    with pytest.raises(DiskRefused):
        place.waiting.settle()


def test_it_leaves_once_and_another_start_sees_the_same(place: Place) -> None:
    for each in (A, B):
        place.keep(each, each.encode())
    place.waiting.leave(A)
    again = WaitingFiles(StateLayout(place.layout.root), place.layout.incoming_request, request_id_of, MOST)
    assert again.ids() == [B]
    assert again.sealed(B) == B.encode() == again.sealed(B)
    again.leave(A)
    assert again.ids() == [B]


def test_leaving_is_durable_when_it_is_settled_and_not_before(place: Place) -> None:
    place.keep(A, b"sealed")
    place.medium.transcript.clear()
    place.waiting.leave(A)
    assert place.medium.transcript == [("unlink", "incoming")]
    place.waiting.settle()
    assert place.medium.transcript[1:] == [("sync directory", "incoming")]


@pytest.mark.parametrize(("operation", "act"), [("unlink", "leave"), ("sync directory", "settle")])
def test_a_medium_that_does_not_let_it_leave_says_so_and_keeps_it(place: Place, operation: str, act: str) -> None:
    place.keep(A, b"sealed")
    place.medium.fail(operation)
    with pytest.raises(DiskRefused, match=operation):
        getattr(place.waiting, act)(*[A] * (act == "leave"))
    assert place.waiting.sealed(A) == b"sealed"


def test_one_that_is_set_aside_is_flushed_where_it_goes_before_where_it_was(place: Place) -> None:
    place.keep(A, b"first")
    place.medium.transcript.clear()
    place.waiting.set_aside(A)
    assert place.medium.transcript == [
        ("rename", "incoming to quarantine"),
        ("sync directory", "quarantine"),
        ("sync directory", "incoming"),
    ]
    place.keep(A, b"second")
    place.waiting.set_aside(A)
    aside = {name: (place.layout.quarantine / name).read_bytes() for name in place.names("quarantine")}
    assert aside == {f"{A}.commit": b"first", f"{A}.commit.1": b"second"}


def test_what_quarantine_does_not_take_stays_where_it_was(place: Place) -> None:
    place.keep(A, b"sealed")
    place.medium.fail("rename", errno.ENOSPC)
    with pytest.raises(DiskRefused) as refusal:
        place.waiting.set_aside(A)
    assert refusal.value.condition is Condition.FULL
    assert (place.waiting.sealed(A), place.names("quarantine")) == (b"sealed", [])
