"""The preload that makes a receiver durable does so, and the one that watches would notice if it did not."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.flushes import Flushes, NotDurable, decode, demand, library, read, watching

WRITE_TWO = """
import os, sys
for name in "ab":
    descriptor = os.open(os.path.join(sys.argv[1], name), os.O_WRONLY | os.O_CREAT)
    os.write(descriptor, b"an instance")
    {close}
os._exit(0)
"""


def test_counts_are_five_numbers_in_nanoseconds() -> None:
    counts = decode(struct.pack("=5Q", 2, 3_000_000, 4, 1_000_000_000, 0))
    assert counts == Flushes(2, 0.003, 4, 1.0, 0)
    assert counts.seconds == pytest.approx(1.003)
    assert counts.as_json() == {"files": 2, "file_ms": 1.5, "directories": 4, "directory_ms": 250.0}
    assert counts - decode(b"") == counts


def test_a_watcher_that_was_never_loaded_saw_nothing(tmp_path: Path) -> None:
    assert read(tmp_path / "none") == Flushes(0, 0.0, 0, 0.0, 0)


@pytest.mark.parametrize(
    "seen",
    [Flushes(2, 0, 3, 0, 0), Flushes(3, 0, 2, 0, 0), Flushes(3, 0, 3, 0, 1), Flushes(0, 0, 0, 0, 0)],
    ids=["a file", "a directory", "a failure", "nothing"],
)
def test_less_than_a_flush_for_each_file_and_its_directory_is_refused(seen: Flushes) -> None:
    demand(3, Flushes(3, 0.0, 3, 0.0, 0))
    with pytest.raises(NotDurable, match="of 3 files stored"):
        demand(3, seen)


def test_a_receiver_that_stored_nothing_proves_nothing() -> None:
    with pytest.raises(NotDurable):
        demand(0, Flushes(0, 0.0, 0, 0.0, 0))


@pytest.mark.skipif(not shutil.which("gcc"), reason="the preloads are compiled with gcc, which is not here")
@pytest.mark.parametrize(
    ("durable", "close", "proven"),
    [(True, "os.close(descriptor)", True), (False, "os.close(descriptor)", False), (True, "pass", False)],
    ids=["durable", "without the shim", "never closed"],
)
def test_only_a_writer_with_the_shim_that_closes_its_files_is_durable(
    tmp_path: Path, durable: bool, close: str, proven: bool
) -> None:
    store, log = tmp_path / "store", tmp_path / "flushes"
    store.mkdir()
    shims = [library("durable", tmp_path)] if durable else []
    environment = {**os.environ, **watching(log, *shims, into=tmp_path)}
    program = WRITE_TWO.format(close=close)
    subprocess.run([sys.executable, "-I", "-S", "-c", program, str(store)], check=True, env=environment)
    seen = read(log)
    assert seen.failed == 0
    if proven:
        assert (seen.files, seen.directories) == (2, 2)
        assert seen.seconds > 0
        demand(2, seen)
    else:
        assert (seen.files, seen.directories) == (0, 0)
        with pytest.raises(NotDurable):
            demand(2, seen)
