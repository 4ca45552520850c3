"""A directory as a store, on a real file system."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from io import BufferedReader
from pathlib import Path
from typing import Any, cast

import pytest

from appliance.base.errors import UpstreamError
from appliance.delivery.directory_store import DirectoryStore
from appliance.delivery.store import NoSuchObject, name_of, object_id_of

ONE, TWO, THREE = ("ab" + "0" * 30, "ab" + "1" * 30, "0f" + "2" * 30)


def content(data: bytes) -> BufferedReader:
    return cast(BufferedReader, io.BytesIO(data))


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    (tmp_path / "archive").mkdir()
    return DirectoryStore(tmp_path / "archive")


def test_names_are_random_ids_and_nothing_else(tmp_path: Path) -> None:
    assert name_of(ONE) == f"ab/{ONE}.dcm.age"
    assert object_id_of(f"some/prefix/ab/{ONE}.dcm.age") == object_id_of(name_of(ONE)) == ONE
    for other in (f"ac/{ONE}.dcm.age", f"ab/{ONE}", f"{ONE}.dcm.age", f"ab/.{ONE}.dcm.age.part", f"ab/{ONE}x.dcm.age"):
        assert object_id_of(other) is None


def test_what_was_put_is_there(store: DirectoryStore) -> None:
    data = os.urandom(1_000_003)
    assert store.size(name_of(ONE)) is None
    store.put(name_of(ONE), content(data))
    store.put(name_of(TWO), content(b""))
    store.put(name_of(THREE), content(b"x"))
    assert b"".join(store.read(name_of(ONE))) == data
    assert [store.size(name_of(each)) for each in (ONE, TWO, THREE)] == [len(data), 0, 1]
    assert list(store.names()) == [name_of(THREE), name_of(ONE), name_of(TWO)]
    store.remove(name_of(ONE))
    store.remove(name_of(ONE))
    assert list(store.names()) == [name_of(THREE), name_of(TWO)]
    with pytest.raises(NoSuchObject):
        list(store.read(name_of(ONE)))


def test_what_is_not_ours_is_not_named(store: DirectoryStore, tmp_path: Path) -> None:
    store.put(name_of(ONE), content(b"x"))
    for other in ("ab/notes.txt", f"ab/.{ONE}.dcm.age.part", "README", f"zz/{ONE}.dcm.age", f"deep/ab/{ONE}.dcm.age"):
        (tmp_path / "archive" / other).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "archive" / other).write_bytes(b"")
    assert list(store.names()) == [name_of(ONE)]


def test_a_directory_that_is_missing_is_not_made(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path / "mnt")
    for act in (
        lambda: store.size(name_of(ONE)),
        lambda: store.put(name_of(ONE), content(b"x")),
        lambda: list(store.names()),
    ):
        with pytest.raises(UpstreamError, match="there is no directory .*/mnt. Is it mounted"):
            act()
    assert not (tmp_path / "mnt").exists()


def test_a_write_that_fails_leaves_no_name(store: DirectoryStore, tmp_path: Path) -> None:
    class Breaks(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            data = super().read(size)
            if not data:
                raise OSError(errno.EIO, "Input/output error")
            return data

    with pytest.raises(UpstreamError, match="Input/output error"):
        store.put(name_of(ONE), cast(Any, Breaks(bytes(1_000_000))))
    assert store.size(name_of(ONE)) is None
    assert list(store.names()) == []
    store.put(name_of(ONE), content(b"whole"))  # over what was left
    assert [each.name for each in (tmp_path / "archive" / "ab").iterdir()] == [f"{ONE}.dcm.age"]


def test_it_is_flushed_before_it_has_its_name_and_the_name_after(tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir()
    code = (
        "import io, sys; from pathlib import Path; from appliance.delivery.directory_store import DirectoryStore;"
        f"DirectoryStore(Path(sys.argv[1])).put('ab/{ONE}.dcm.age', io.BytesIO(b'x' * 100))"
    )
    if not Path("/usr/bin/strace").exists():
        pytest.skip("strace is not here")
    done = subprocess.run(
        ["strace", "-f", "-e", "trace=mkdir,fsync,rename,renameat,renameat2,write", sys.executable, "-c", code,
         str(tmp_path / "archive")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    calls = [
        line.partition("(")[0].split()[-1].removesuffix("at").removesuffix("at2") for line in done.stderr.splitlines()
    ]
    tail = [call for call in calls if call in ("mkdir", "write", "fsync", "rename")][-6:]
    assert tail == ["mkdir", "fsync", "write", "fsync", "rename", "fsync"]
