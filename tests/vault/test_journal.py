from __future__ import annotations

import errno
from pathlib import Path

import pytest

from appliance.seal.index_key import IndexKey
from appliance.vault import entries
from appliance.vault.entries import Entry
from appliance.vault.journal import Journal
from appliance.vault.layout import StateLayout
from appliance.vault.refusals import DiskRefused
from tests.vault.media import Recording
from tests.vault.samples import INDEX_KEY


def entry(number: int) -> Entry:
    return entries.proof(f"{number:032x}", "pacs", 0, 1.5)


@pytest.fixture
def layout(tmp_path: Path) -> StateLayout:
    made = StateLayout(tmp_path / "state")
    made.create()
    return made


def read(layout: StateLayout, key: IndexKey = INDEX_KEY) -> tuple[list[Entry], bool]:
    reading = Journal(layout, key).read()
    return [each for batch in reading for each in batch], reading.complete


def files(layout: StateLayout) -> list[Path]:
    return sorted(layout.journal.iterdir())


def test_what_was_appended_is_read_in_order_over_several_starts(layout: StateLayout) -> None:
    Journal(layout, INDEX_KEY).write_anew([[entry(0)]])
    for start in range(3):
        journal = Journal(layout, INDEX_KEY)
        for number in range(3):
            journal.append([entry(10 * start + number), entry(100)])
        journal.close()
    found, complete = read(layout)
    assert complete
    assert found == [
        entry(0),
        *(each for start in range(3) for number in range(3) for each in (entry(10 * start + number), entry(100))),
    ]


def test_an_idle_start_leaves_no_file(layout: StateLayout) -> None:
    for _ in range(3):
        Journal(layout, INDEX_KEY).close()
    assert files(layout) == []


def test_a_batch_shares_one_flush_and_a_file_has_no_name_before_its_content_is_durable(layout: StateLayout) -> None:
    disk = Recording()
    journal = Journal(layout, INDEX_KEY, disk)
    disk.transcript.clear()
    journal.append([entry(number) for number in range(2500)])
    assert disk.transcript == [
        ("create", "journal"),
        ("write", "header"),
        ("sync data", ""),
        ("link", layout.root.name),
        ("sync directory", "journal"),
    ]
    disk.transcript.clear()
    journal.append([entry(1)] * 16)
    assert disk.transcript == [("write", "payload"), ("sync data", "")]
    journal.close()
    assert len(read(layout)[0]) == 2516


def test_an_end_torn_anywhere_costs_the_last_append_and_nothing_else(layout: StateLayout) -> None:
    journal = Journal(layout, INDEX_KEY)
    journal.write_anew([])
    journal.append([entry(1)])
    log = files(layout)[-1]
    short = log.stat().st_size
    journal.append([entry(2)])
    journal.close()
    whole = log.read_bytes()
    for end in range(short, len(whole)):
        log.write_bytes(whole[:end])
        assert read(layout) == ([entry(1)], True)
        log.write_bytes(whole[:end] + bytes(len(whole) - end))
        assert read(layout) == ([entry(1)], True)


def test_appending_goes_on_behind_a_torn_end(layout: StateLayout) -> None:
    journal = Journal(layout, INDEX_KEY)
    journal.write_anew([])
    journal.append([entry(1)])
    journal.close()
    log = files(layout)[-1]
    log.write_bytes(log.read_bytes() + b"\0\0\0\x40 torn")
    again = Journal(layout, INDEX_KEY)
    again.append([entry(2)])
    again.close()
    assert read(layout) == ([entry(1), entry(2)], True)


def test_damage_in_the_middle_is_passed_over_and_told(layout: StateLayout) -> None:
    journal = Journal(layout, INDEX_KEY)
    journal.write_anew([])
    journal.append([entry(1)])
    log = files(layout)[-1]
    place = log.stat().st_size
    journal.append([entry(2)])
    journal.append([entry(3)])
    journal.close()
    content = bytearray(log.read_bytes())
    content[place + 20] ^= 1
    log.write_bytes(content)
    assert read(layout) == ([entry(1), entry(3)], False)


def test_a_file_that_is_missing_renamed_or_of_another_key_is_told(layout: StateLayout) -> None:
    Journal(layout, INDEX_KEY).write_anew([])
    for number in range(3):
        journal = Journal(layout, INDEX_KEY)
        journal.append([entry(number)])
        journal.close()
    *_, second, third = files(layout)
    content = second.read_bytes()
    second.unlink()
    assert read(layout) == ([entry(0), entry(2)], False)
    third.rename(second)
    assert read(layout) == ([entry(0)], False)
    second.write_bytes(content)
    assert read(layout) == ([entry(0), entry(1)], True)
    assert read(layout, IndexKey(bytes(32))) == ([], False)


def test_without_a_base_it_is_not_complete(layout: StateLayout) -> None:
    journal = Journal(layout, INDEX_KEY)
    assert journal.due
    journal.append([entry(1)])
    assert read(layout) == ([entry(1)], False)
    journal.write_anew([[entry(1)]])
    assert not journal.due
    journal.close()
    assert read(layout) == ([entry(1)], True)


def test_writing_anew_drops_what_was_before_and_keeps_what_came_meanwhile(layout: StateLayout) -> None:
    journal = Journal(layout, INDEX_KEY)
    journal.append([entry(1)])

    def standing():  # type: ignore[no-untyped-def]
        yield [entry(2)]
        journal.append([entry(3)])

    journal.write_anew(standing())
    journal.append([entry(4)])
    journal.close()
    assert [path.suffix for path in files(layout)] == [".base", ".log"]
    assert read(layout) == ([entry(2), entry(3), entry(4)], True)
    for _ in range(2):
        Journal(layout, INDEX_KEY).write_anew([[entry(5)]])
    assert read(layout) == ([entry(5)], True)
    assert len(files(layout)) == 1


@pytest.mark.parametrize("operation", ["write", "sync data", "link", "rename", "sync directory"])
def test_writing_anew_that_fails_loses_nothing(layout: StateLayout, operation: str) -> None:
    disk = Recording()
    journal = Journal(layout, INDEX_KEY, disk)
    journal.write_anew([[entry(0)]])
    journal.append([entry(1)])
    disk.fail(operation, errno.ENOSPC)
    with pytest.raises(DiskRefused):
        journal.write_anew([[entry(0), entry(1)]])
    assert {each[1] for each in read(layout)[0]} == {entry(0)[1], entry(1)[1]}


@pytest.mark.parametrize("operation", ["write", "sync data"])
def test_a_flush_that_failed_is_not_tried_again_on_that_file(layout: StateLayout, operation: str) -> None:
    disk = Recording()
    journal = Journal(layout, INDEX_KEY, disk)
    journal.append([entry(1)])
    disk.fail(operation)
    with pytest.raises(DiskRefused):
        journal.append([entry(2)])
    disk.failing.clear()
    journal.append([entry(3)])
    journal.close()
    assert len(files(layout)) == 2
    assert [each for each in read(layout)[0] if each != entry(2)] == [entry(1), entry(3)]


def test_nothing_in_it_is_readable(layout: StateLayout) -> None:
    journal = Journal(layout, INDEX_KEY)
    journal.append([entries.proof("ab" * 16, "Zyxowitz PACS", 0, 1.0)])
    journal.close()
    content = files(layout)[0].read_bytes()
    assert b"Zyx" not in content
    assert b"abab" not in content


def test_it_is_due_when_much_was_appended_or_after_many_starts(
    layout: StateLayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(layout, INDEX_KEY)
    journal.write_anew([])
    many = [entry(number) for number in range(20_000)]
    while not journal.due:
        journal.append(many)
    assert (16 << 20) < sum(path.stat().st_size for path in files(layout)) < (20 << 20)
    journal.write_anew([many])
    assert not journal.due
    journal.close()
    for _ in range(64):
        journal = Journal(layout, INDEX_KEY)
        journal.append([entry(1)])
        journal.close()
    assert Journal(layout, INDEX_KEY).due
