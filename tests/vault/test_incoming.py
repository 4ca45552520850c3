from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from appliance.base.errors import LocalError
from appliance.vault.incoming import WRITE_BEHIND, Incoming
from appliance.vault.layout import StateLayout
from appliance.vault.refusals import Condition, DiskRefused
from tests.vault.media import Recording

ID = "ab" * 16


@pytest.fixture
def disk() -> Recording:
    return Recording()


@pytest.fixture
def incoming(tmp_path: Path, disk: Recording) -> Incoming:
    layout = StateLayout(tmp_path)
    layout.create()
    return Incoming(layout, disk)


def _commit(incoming: Incoming) -> None:
    part = incoming.begin(6)
    part.append(b"pay")
    part.append(memoryview(b"load"))
    part.commit(b"header", ID)


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_the_order_in_which_a_part_becomes_durable(incoming: Incoming, disk: Recording) -> None:
    _commit(incoming)
    assert disk.transcript == [
        ("create", "incoming"),
        ("write", "payload"),
        ("write", "payload"),
        ("write", "header"),
        ("sync data", ""),
        ("link", "incoming"),
        ("sync directory", "incoming"),
    ]
    assert incoming.layout.incoming_file(ID).read_bytes() == b"headerpayload"


@pytest.mark.parametrize("operation", ["write", "sync data", "link", "sync directory"])
def test_whatever_fails_drops_the_part_and_is_not_tried_again(
    incoming: Incoming, disk: Recording, operation: str
) -> None:
    before = _descriptors()
    disk.fail(operation)
    with pytest.raises(DiskRefused) as caught:
        _commit(incoming)
    assert caught.value.condition is Condition.BROKEN
    assert [what for what, _ in disk.transcript].count(operation) == 1
    assert os.listdir(incoming.layout.incoming) == []
    assert _descriptors() == before


def test_nothing_follows_a_failed_flush_of_the_content(incoming: Incoming, disk: Recording) -> None:
    disk.fail("sync data")
    with pytest.raises(DiskRefused):
        _commit(incoming)
    assert disk.transcript[-1] == ("sync data", "")


def test_a_part_that_failed_is_over(incoming: Incoming, disk: Recording) -> None:
    part = incoming.begin(6)
    disk.fail("write", errno.ENOSPC)
    with pytest.raises(DiskRefused) as caught:
        part.append(b"x")
    assert caught.value.condition is Condition.FULL
    disk.failing.clear()
    for again in (lambda: part.append(b"x"), lambda: part.commit(b"header", ID)):
        with pytest.raises(LocalError):
            again()
    assert os.listdir(incoming.layout.incoming) == []


def test_discarding_leaves_no_trace(incoming: Incoming) -> None:
    before = _descriptors()
    part = incoming.begin(6)
    part.append(b"payload")
    part.discard()
    part.discard()
    assert os.listdir(incoming.layout.incoming) == []
    assert _descriptors() == before


def test_a_header_of_another_length_or_a_name_that_is_no_id_is_refused(incoming: Incoming) -> None:
    for header, object_id in ((b"headers", ID), (b"header", "../" + ID[3:])):
        part = incoming.begin(6)
        with pytest.raises(LocalError):
            part.commit(header, object_id)
    assert os.listdir(incoming.layout.incoming) == []


def test_a_large_part_sets_the_disk_to_work_early(incoming: Incoming, disk: Recording) -> None:
    part = incoming.begin(6)
    piece = memoryview(bytes(1 << 20))
    for _ in range(20):
        part.append(piece)
    part.commit(b"header", ID)
    begun = [what for operation, what in disk.transcript if operation == "start writing"]
    assert begun == [f"6 + {WRITE_BEHIND}", f"{6 + WRITE_BEHIND} + {WRITE_BEHIND}"]
    assert [operation for operation, _ in disk.transcript].count("sync data") == 1
    assert incoming.layout.incoming_file(ID).stat().st_size == 6 + (20 << 20)


def test_a_missing_directory_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DiskRefused) as caught:
        Incoming(StateLayout(tmp_path / "unmounted")).begin(6)
    assert caught.value.condition is Condition.MISSING
    assert "Mount" in caught.value.fix
