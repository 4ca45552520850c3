"""The process in which instances are transcoded: what it gives, and what comes of one that does not as it should."""

from __future__ import annotations

import contextlib
import os
import signal
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.delivery.source import Source
from appliance.delivery.transcodable import Failure, NotTranscoded
from appliance.delivery.transcoders import Transcoders
from tests.delivery.instances import DEFLATED, EXPLICIT, IMPLICIT, J2K, JPEG, RLE, content, element, item
from tests.delivery.test_reencoding import written
from tests.delivery.upstream import until
from tests.delivery.vaults import CT, State, data_set

ROWS = element(0x00280010, "US", b"\x40\0")  # of MR_small_RLE.dcm
ZEROS = b"\x81\0" * (512 * 512 // 128)  # 512 by 512 of them


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "state")


@pytest.fixture
def transcoders() -> Iterator[Transcoders]:
    each = Transcoders()
    yield each
    each.rest()


def transcode(transcoders: Transcoders, state: State, object_id: str, target: str = EXPLICIT) -> bytes:
    out = bytearray()
    with state.layout.incoming_file(object_id).open("rb") as file:
        source = Source(file, [state.identity], None, object_id)
        with transcoders.transcoded(source, target) as pieces:
            lasts = []
            for piece, last in pieces:
                out += piece
                lasts.append(last)
    assert lasts == [False] * (len(lasts) - 1) + [True]
    return bytes(out)


def failure(transcoders: Transcoders, state: State, object_id: str) -> Failure:
    with pytest.raises(NotTranscoded) as caught:
        transcode(transcoders, state, object_id)
    assert not children()
    return caught.value.failure


def children() -> list[int]:
    """The processes that this one has started, those that it has not waited for too."""
    found: list[int] = []
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the thread has ended
            found += map(int, (task / "children").read_text().split())
    return found


def forked(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def ended(pid: int) -> bool:
    """Whether it has ended; that somebody waits for it is not asked for."""
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return True


def test_one_process_serves_one_after_another_and_goes(state: State, transcoders: Transcoders) -> None:
    before = set(children())
    _, rle = content("SC_rgb_rle_32bit_2frame.dcm")
    for target in (EXPLICIT, IMPLICIT):
        assert transcode(transcoders, state, state.put(rle, syntax=RLE), target) == written(rle, RLE, target)
        (process,) = set(children()) - before
    assert transcode(transcoders, state, state.put(b"", syntax=EXPLICIT), IMPLICIT) == b""
    assert set(children()) - before == {process}
    transcoders.rest()
    assert set(children()) == before


def test_a_long_one_comes_in_pieces(state: State, transcoders: Transcoders) -> None:
    data = data_set(CT, "2.999.1", 5_000_000)
    assert transcode(transcoders, state, state.put(data), IMPLICIT) == written(data, EXPLICIT, IMPLICIT)


def test_two_at_a_time_and_each_gets_its_own(state: State, transcoders: Transcoders) -> None:
    data = [data_set(CT, f"2.999.{n}", 300_000 + n * 2) for n in range(6)]
    objects = [state.put(each, uid=f"2.999.{n}") for n, each in enumerate(data)]
    got: dict[int, bytes] = {}

    def run(n: int) -> None:
        got[n] = transcode(transcoders, state, objects[n], IMPLICIT)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    most = 0
    while any(thread.is_alive() for thread in threads):
        most = max(most, len(children()))
        time.sleep(0.01)
    assert got == {n: written(each, EXPLICIT, IMPLICIT) for n, each in enumerate(data)}
    assert 1 <= most <= 2


def test_it_gets_nothing_of_ours(state: State, transcoders: Transcoders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials/appliance")
    transcode(transcoders, state, state.put())
    (process,) = children()
    command = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
    assert command[1:4] == [b"-P", b"-m", b"appliance.delivery.transcoder"]
    assert b"CREDENTIALS" not in environment(process)


def environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except PermissionError:
        return b""  # only root may look: it has forbidden dumps


@pytest.mark.parametrize(
    ("data", "syntax", "expected"),
    [
        (b"garbage that is no data set", EXPLICIT, Failure.DAMAGED),
        (os.urandom(100_000), DEFLATED, Failure.DAMAGED),
        (data_set(CT, "2.999.1", 5000)[:-1], EXPLICIT, Failure.DAMAGED),
        (content("MR_small_RLE.dcm")[1].replace(ROWS, element(0x00280010, "US", b"\x41\0")), RLE, Failure.UNDECODABLE),
        (content("MR_small_jp2klossless.dcm")[1], J2K, Failure.NO_CODEC),
        (content("rtdose_expb.dcm")[1], "1.2.840.10008.1.2.2", Failure.PIXEL_ORDER),
    ],
    ids=["no data set", "not deflated", "cut off", "other pixels", "no codec", "wide big endian"],
)  # fmt: skip
def test_what_cannot_be_transcoded_is_told_by_its_kind(
    state: State, transcoders: Transcoders, data: bytes, syntax: str, expected: Failure
) -> None:
    with pytest.raises(NotTranscoded) as caught:
        transcode(transcoders, state, state.put(data, syntax=syntax))
    assert caught.value.failure is expected
    assert transcode(transcoders, state, state.put(b"")) == b""
    assert len(children()) == 1  # the same goes on


def test_a_codec_that_is_not_there_is_remembered(state: State, transcoders: Transcoders) -> None:
    assert transcoders.why_not(J2K) == ""
    with pytest.raises(NotTranscoded):
        transcode(transcoders, state, state.put(content("MR_small_jp2klossless.dcm")[1], syntax=J2K))
    assert transcoders.why_not(J2K).endswith("there is no codec here for JPEG 2000 Lossless: have it configured there")
    assert transcoders.why_not(JPEG).endswith("it cannot be transcoded without a loss: have it configured there")
    assert transcoders.why_not(RLE) == ""
    transcoders.rest()  # whoever installs one, and sends on what is held, need not start forward anew
    assert transcoders.why_not(J2K) == "" and not children()


@pytest.mark.parametrize("failure", Failure)
def test_each_failure_has_words_that_the_ledger_keeps(failure: Failure) -> None:
    error = NotTranscoded(failure)
    assert 60 < len(error.reason) <= 200
    assert error.temporary == (failure in (Failure.UNSTARTED, Failure.ENDED))


def test_one_that_is_too_long_is_not_begun(state: State) -> None:
    assert failure(Transcoders(size=5000), state, state.put(pixels=6000)) is Failure.TOO_LONG


def test_a_bomb_is_too_long(state: State, transcoders: Transcoders) -> None:
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = b"".join(deflater.compress(b"\0" * (1 << 20)) for _ in range(300)) + deflater.flush()
    with pytest.raises(NotTranscoded) as caught:
        transcode(transcoders, state, state.put(bomb, syntax=DEFLATED))
    assert caught.value.failure is Failure.TOO_LONG


@pytest.mark.parametrize("elements", [1, 200_000], ids=["a large one", "one of many elements"])
def test_memory_is_bounded(state: State, elements: int) -> None:
    bounded = Transcoders(memory=8 << 20)
    data = element(0x00091001, "OB", b"\0" * (10_000_000 // elements)) * elements
    for _ in range(2):
        with pytest.raises(NotTranscoded) as caught:
            transcode(bounded, state, state.put(data, uid="2.999.1"))
        assert caught.value.failure is Failure.MEMORY
    assert transcode(bounded, state, state.put(b"")) == b""
    bounded.rest()


def test_a_frame_that_no_memory_holds_is_not_decoded(state: State, transcoders: Transcoders) -> None:
    _, data = content("MR_small_RLE.dcm")
    sides = ROWS + element(0x00280011, "US", b"\x40\0")
    assert sides in data
    huge = element(0x00280010, "US", b"\xff\xff") + element(0x00280011, "US", b"\xff\xff")
    with pytest.raises(NotTranscoded) as caught:
        transcode(transcoders, state, state.put(data.replace(sides, huge), syntax=RLE))
    assert caught.value.failure is Failure.MEMORY


def test_time_is_bounded(state: State) -> None:
    bounded = Transcoders(cpu=1)
    nothing = b"\x80" * 40_000_000  # a header byte of RLE that means nothing: seconds of work, and no pixel
    frame = struct.pack("<16L", 1, 64, *[0] * 14) + nothing + ZEROS
    with pytest.raises(NotTranscoded) as caught:
        transcode(bounded, state, state.put(zeros(frame, 1), syntax=RLE))
    assert caught.value.failure is Failure.TIME
    bounded.rest()


def zeros(frame: bytes, frames: int) -> bytes:
    """So many frames of 512 by 512 bytes, RLE Lossless."""
    items = item(b"") + item(frame) * frames + struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)
    return b"".join(
        (
            element(0x00280002, "US", b"\1\0"),
            element(0x00280004, "CS", b"MONOCHROME2 "),
            element(0x00280008, "IS", f"{frames:<12}".encode()),
            element(0x00280010, "US", b"\0\2"),
            element(0x00280011, "US", b"\0\2"),
            element(0x00280100, "US", b"\x08\0"),
            element(0x00280101, "US", b"\x08\0"),
            element(0x00280103, "US", b"\0\0"),
            element(0x7FE00010, "OB", items, length=0xFFFFFFFF),
        )
    )


def test_frames_go_out_as_they_are_decoded(state: State, transcoders: Transcoders) -> None:
    frame = struct.pack("<16L", 1, 64, *[0] * 14) + ZEROS
    out = transcode(transcoders, state, state.put(zeros(frame, 20), syntax=RLE))
    assert out.endswith(element(0x7FE00010, "OB", b"\0" * (512 * 512 * 20)))


def test_one_that_says_nothing_is_killed(state: State) -> None:
    assert failure(Transcoders(silence=0.0), state, state.put(pixels=3_000_000)) is Failure.SILENT


@pytest.mark.parametrize("which", ["the job", "the process"])
def test_one_that_is_killed_costs_its_instance_and_nothing_else(
    state: State, transcoders: Transcoders, which: str
) -> None:
    object_id = state.put(pixels=5_000_000)
    with pytest.raises(NotTranscoded) as caught, state.layout.incoming_file(object_id).open("rb") as file:
        source = Source(file, [state.identity], None, object_id)
        with transcoders.transcoded(source, IMPLICIT) as pieces:
            next(pieces)  # it waits for us now: the rest does not fit into the pipe
            (process,) = children()
            (job,) = forked(process)
            os.kill(job if which == "the job" else process, signal.SIGKILL)
            for _ in pieces:
                pass
    assert caught.value.failure is (Failure.CRASHED if which == "the job" else Failure.ENDED)
    until(lambda: ended(job))
    assert transcode(transcoders, state, state.put(b"")) == b""


def test_a_unit_that_is_stopped_lets_the_instance_under_way_through(state: State, transcoders: Transcoders) -> None:
    data = data_set(CT, "2.999.1", 5_000_000)
    object_id, out = state.put(data), bytearray()
    with state.layout.incoming_file(object_id).open("rb") as file:
        source = Source(file, [state.identity], None, object_id)
        with transcoders.transcoded(source, IMPLICIT) as pieces:
            out += next(pieces)[0]
            (process,) = children()
            for each in (*forked(process), process):
                os.kill(each, signal.SIGTERM)
            for piece, _ in pieces:
                out += piece
    assert out == written(data, EXPLICIT, IMPLICIT)


WORKING = """
import sys, struct, tempfile
from pathlib import Path
from tests.delivery.test_transcoders import *
state = State(Path(sys.argv[1]))
frame = struct.pack("<16L", 1, 64, *[0] * 14) + b"\\x80" * 40_000_000 + ZEROS
transcode(Transcoders(), state, state.put(zeros(frame, 1), syntax=RLE))
"""


def test_nothing_is_left_of_it_when_forward_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", WORKING, str(tmp_path / "state")]
    with subprocess.Popen(command, cwd=Path(__file__).parents[2]) as program:
        until(lambda: forked(program.pid) and forked(forked(program.pid)[0]))
        (process,) = forked(program.pid)
        (job,) = forked(process)
        program.kill()
    until(lambda: ended(process) and ended(job))


def test_one_that_was_killed_while_it_rested_costs_nothing(state: State, transcoders: Transcoders) -> None:
    transcode(transcoders, state, state.put(b""))
    (process,) = children()
    os.kill(process, signal.SIGKILL)
    until(lambda: ended(process))
    assert transcode(transcoders, state, state.put(b"")) == b""
    assert len(children()) == 1 and children() != [process]


def test_who_breaks_off_leaves_nothing_behind(state: State, transcoders: Transcoders) -> None:
    object_id = state.put(pixels=5_000_000)
    with pytest.raises(ConnectionError), state.layout.incoming_file(object_id).open("rb") as file:
        source = Source(file, [state.identity], None, object_id)
        with transcoders.transcoded(source, IMPLICIT) as pieces:
            next(pieces)
            raise ConnectionError
    assert not children()


def test_what_goes_out_is_paced(state: State, transcoders: Transcoders) -> None:
    spent: list[int] = []
    object_id = state.put(pixels=1_000_000)
    with state.layout.incoming_file(object_id).open("rb") as file:
        source = Source(file, [state.identity], None, object_id, spent.append)
        with transcoders.transcoded(source, IMPLICIT) as pieces:
            sizes = [len(piece) for piece, _ in pieces]
    assert spent == sizes
    assert sum(sizes) == len(written(state.sent.popitem()[1], EXPLICIT, IMPLICIT))
