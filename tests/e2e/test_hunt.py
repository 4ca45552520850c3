"""Nobody who takes the disk, reads the log or makes a program crash finds a patient; and receive cannot open what it
has just stored."""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import dcmread

from appliance.cli.demo.box import Box, children
from appliance.cli.demo.dcmtk import Modality, free_port, listens
from appliance.cli.demo.images import Image, ct_series
from appliance.cli.demo.site import Site, build
from tests.e2e.conftest import Start
from tests.e2e.test_queue import appliance
from tests.hunting import hunt

PROGRAMS = ("receive", "forward", "panel")
KEYWORDS = ("PatientName", "PatientID", "PatientBirthDate", "AccessionNumber", "SOPInstanceUID", "StudyInstanceUID")
REPOSITORY = Path(__file__).parents[2]


def needles(images: list[Image]) -> dict[str, bytes]:
    """What must not be found: what was sent says so of the patient, the study, and of its pixels."""
    found: dict[str, bytes] = {}
    for number, image in enumerate(images):
        data = dcmread(image.path)
        said = {keyword: str(data[keyword].value) for keyword in (*KEYWORDS, "SeriesInstanceUID")}
        said["family name"] = str(data.PatientName.family_name)
        found |= {f"{name} of {number}": value.encode() for name, value in said.items()}
        found[f"family name of {number} in UTF-16"] = said["family name"].encode("utf-16-le")
        found[f"id of {number} in hexadecimal"] = said["PatientID"].encode().hex().encode()
        middle = len(data.PixelData) // 2
        found[f"pixels of {number}"] = data.PixelData[middle : middle + 24]
    return found


def of_processes(box: Box) -> Iterator[Path]:
    for program in PROGRAMS:
        pids = box.pids(program)
        assert pids, f"{program} does not run"
        for pid in pids:
            yield Path(f"/proc/{pid}/cmdline")
            if os.geteuid() == 0:  # nobody else may read it, for these forbid dumps
                yield Path(f"/proc/{pid}/environ")


def test_the_hunt_finds_what_is_there(tmp_path: Path) -> None:
    images = list(ct_series(tmp_path / "ct", 1))
    wanted = needles(images)
    assert len(wanted) == 11
    for name, needle in wanted.items():
        if "UTF-16" not in name and "hexadecimal" not in name:
            with pytest.raises(AssertionError):
                hunt({name: needle}, images[0].path)


def test_nothing_of_a_patient_is_found_at_rest_while_it_waits_and_after(start: Start, tmp_path: Path) -> None:
    site, box, upstream = start()
    upstream.stop()
    images = list(ct_series(tmp_path / "ct", 12))
    wanted = needles(images)
    answers: list[str] = []
    Modality("CT1", site.ct).send(images, site.port, "PACS", lambda _, said: answers.append(said))
    assert answers == ["Success"] * 12
    places = (site.state, site.runtime, site.log)
    assert hunt(wanted, *places, *of_processes(box)) > 10
    assert box.wait(lambda: len(appliance(site, "vault", "hold", "--since", "1h")["changed"]) == 12, 20)
    assert len(appliance(site, "vault", "list", "--limit", "1")) > 3
    assert (site.state / "ledger" / "ledger.sqlite-wal").stat().st_size > 0
    assert list((site.state / "journal").iterdir())
    hunt(wanted, *places)
    for pid in box.pids("forward"):
        os.kill(pid, signal.SIGKILL)
    upstream.start()
    assert box.wait(lambda: len(upstream.instances()) == 12, 60)
    assert hunt(wanted, *places, *of_processes(box)) > 10
    with pytest.raises(AssertionError):  # the PACS has what we look for
        hunt(wanted, upstream.directory)


@pytest.fixture
def dumping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where cores of what is started now would lie. Shown by one that does."""
    cores = tmp_path / "cores"
    cores.mkdir()
    monkeypatch.chdir(cores)
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
    try:
        subprocess.run([sys.executable, "-c", "import os; os.abort()"], check=False)
        if not (found := list(cores.iterdir())):
            pytest.skip("no program leaves a core here: core_pattern or the limits say so")
        for core in found:
            core.unlink()
        yield cores
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, before)


def test_a_program_that_crashes_leaves_no_core(dumping: Path, start: Start, tmp_path: Path) -> None:
    monkey = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = f"{REPOSITORY}:{monkey}".rstrip(":")  # the working directory is another
    try:
        site, box, _ = start()
    finally:
        os.environ["PYTHONPATH"] = monkey
    images = list(ct_series(tmp_path / "ct", 2))
    Modality("CT1", site.ct).send(images, site.port, "PACS", lambda *_: None)
    for program in PROGRAMS:
        for pid in reversed(box.pids(program)):
            limits = Path(f"/proc/{pid}/limits").read_text()
            assert re.search(r"Max core file size +0 +0 ", limits), program
            try:
                os.kill(pid, signal.SIGABRT)
            except ProcessLookupError:  # its parent was faster
                continue
            assert box.wait(lambda pid=pid: not Path(f"/proc/{pid}/exe").exists(), 20)  # type: ignore[misc]
    assert list(dumping.iterdir()) == []
    assert hunt(needles(images), site.state, site.runtime, site.log) > 5


@pytest.mark.skipif(os.geteuid() != 0, reason="a mount namespace needs root")
def test_receive_runs_without_an_identity_and_cannot_open_what_it_stored(tmp_path: Path) -> None:
    site = build(tmp_path, classical=True, port=free_port(), upstream_port=free_port())
    hidden = [site.root / "keys" / "identity", site.recovery]
    hide = " && ".join(f"mount --bind /dev/null '{path}'" for path in hidden)
    program = f"'{sys.executable}' -m appliance program receive --config '{site.config}'"
    with site.log.open("ab") as log:
        receive = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", f"{hide} && exec {program}"],
            stdout=log,
            stderr=log,
        )
    try:
        until = time.monotonic() + 30
        while not listens(site.port):
            assert receive.poll() is None and time.monotonic() < until, site.log.read_text()
            time.sleep(0.05)
        answers: list[str] = []
        images = list(ct_series(tmp_path / "ct", 3))
        Modality("CT1", site.ct).send(images, site.port, "PACS", lambda _, said: answers.append(said))
        assert answers == ["Success"] * 3
        secrets = [
            secret.encode() for path in hidden for secret in re.findall("AGE-SECRET-KEY-[0-9A-Z-]+", _text(path))
        ]
        assert len(secrets) == 2
        for pid in (receive.pid, *children(receive.pid)):
            assert {path.stat().st_rdev for path in _as_seen_by(pid, hidden)} == {os.stat("/dev/null").st_rdev}
            memory = _memory(pid)
            assert sum(map(len, memory)) > 1 << 20
            for secret in secrets:
                assert not [part for part in memory if secret in part]
        assert _opened(receive.pid, site) == "nothing opens: 3"
        assert _opened(os.getpid(), site) == "opened: 3"
    finally:
        receive.terminate()
        assert receive.wait(20) == 0, site.log.read_text()


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _as_seen_by(pid: int, paths: list[Path]) -> list[Path]:
    return [Path(f"/proc/{pid}/root{path}") for path in paths]


def _memory(pid: int) -> list[bytes]:
    """What a process can write to, and so may have read into."""
    parts = []
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in _text(Path(f"/proc/{pid}/maps")).splitlines():
            span, rights, *_ = line.split()
            first, last = (int(each, 16) for each in span.split("-"))
            if rights.startswith("rw"):
                memory.seek(first)
                try:
                    parts.append(memory.read(last - first))
                except OSError:  # a guard
                    continue
    return parts


_OPEN = """
import io, re, sys
from pathlib import Path
from appliance.seal.errors import SealError
from appliance.seal.header import read_header
from appliance.seal.keys import parse_identity
from appliance.seal.opening import Opening
site = Path(sys.argv[1])
contents = {}
for path in site.rglob("*"):
    try:
        contents[path] = path.read_bytes() if path.is_file() else b""
    except FileNotFoundError:  # a place for the next instance goes its way meanwhile
        pass
keys = {key for each in contents.values() for key in re.findall(rb"AGE-SECRET-KEY-[0-9A-Z-]+", each)}
identities = [parse_identity(key.decode()) for key in keys]
sealed = [each[start.start():] for path, each in contents.items() if "state" in path.parts
          for start in re.finditer(rb"age-encryption.org/v1\\n", each)]
opened = 0
for each in sealed:
    try:
        next(iter(Opening(io.BytesIO(each), identities)))
        opened += 1
    except SealError as error:
        opened += error.name not in ("no-identity-matches", "payload-tampered")
print(f"opened: {opened}" if opened or identities else f"nothing opens: {len(sealed)}")
"""


def _opened(pid: int, site: Site) -> str:
    """What whoever sees the files that this process sees can open, with every key that lies in them."""
    enter = ["nsenter", "--target", str(pid), "--mount", f"--wd={REPOSITORY}"]
    ran = subprocess.run([*enter, sys.executable, "-c", _OPEN, str(site.root)], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()
