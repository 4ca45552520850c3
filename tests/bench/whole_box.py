"""make bench-idle: what the whole appliance costs while nothing happens, how fast it starts, and whether a panel that
hangs slows anybody.

Start-up is from the start of a process to its READY=1, each program alone, the median of some runs. Memory is the sum
of proportional shares (PSS) of all programs with four workers, the supervisor of `appliance run` left out, since
systemd does its work on an appliance. The panel is stopped with SIGSTOP while storescu sends the same instances as
before, in turns with a panel that runs.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import pydicom

from appliance.cli.demo.box import Box
from appliance.cli.demo.dcmtk import Modality, Upstream, free_port
from appliance.cli.demo.images import Image, ct_series
from appliance.cli.demo.site import Site, build
from appliance.config.load import load_config
from appliance.programs.names import PROGRAMS, command, wanted
from tests.bench import proc
from tests.bench.verdict import Section, Verdict, median, summary

STARTUP = 1.5  # seconds
MEMORY = 250.0  # MB
STOPPED = 1.10  # times as long as with a panel that runs
WORKERS = 4
INSTANCES = 100
_SETTLED = 12.0


def site(root: Path) -> Site:
    """The demo's hospital, with four workers."""
    made = build(root, classical=False, port=free_port(), upstream_port=free_port())
    text = made.config.read_text().replace("[receive]\n", f"[receive]\nworkers = {WORKERS}\n", 1)
    made.config.write_text(text)
    return made


def starting(root: Path, runs: int) -> Section:
    """Each program alone, until it says that it is ready."""
    section = Section("Start-up, until READY=1")
    hospital = site(root)
    for program in [name for name in PROGRAMS if name in wanted(load_config(hospital.config))]:
        taken = [_start(hospital, program) for _ in range(runs)]
        if any(each is None for each in taken):
            section.lines.append(f"  {program}: left out, it lacks a privilege here")
            continue
        seconds = median([each for each in taken if each is not None])
        section.figures[program] = seconds
        section.judge(Verdict(f"{program} is ready", seconds, STARTUP, "s"))
    return section


def _start(hospital: Site, program: str) -> float | None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        path = hospital.root / "notify.sock"
        path.unlink(missing_ok=True)
        notify.bind(str(path))
        notify.settimeout(0.05)
        began = time.monotonic()
        with hospital.log.open("ab") as log:
            process = subprocess.Popen(
                command(program, hospital.config),
                stdout=log,
                stderr=log,
                env={**os.environ, "NOTIFY_SOCKET": str(path)},
            )
        try:
            while True:
                try:
                    if b"READY=1" in notify.recv(4096):
                        return time.monotonic() - began
                except TimeoutError:
                    if process.poll() is not None:
                        assert process.returncode == 77, hospital.log.read_text()[-2000:]
                        return None
        finally:
            process.terminate()
            process.wait(30)


def resting(box: Box, names: Sequence[str], settle: float) -> Section:
    """Memory of all programs while nothing happens."""
    section = Section(f"Memory with {WORKERS} workers, idle")
    time.sleep(settle)
    total = 0.0
    for name in names:
        pids = box.pids(name)
        shares = [proc.memory(pid).proportional for pid in pids]
        total += sum(shares)
        section.figures[name] = sum(shares)
        section.lines.append(f"  {name}: {sum(shares):.1f} MB in {len(pids)} process{'es' if len(pids) > 1 else ''}")
    section.figures["all"] = total
    section.judge(Verdict("PSS of all programs", total, MEMORY, "MB"))
    return section


def stopped_panel(hospital: Site, box: Box, runs: int) -> Section:
    """The same sending with a panel that runs and one that was stopped, in turns."""
    section = Section(f"The panel stopped with SIGSTOP, {INSTANCES} instances of 13 kB a run")
    panel = box.pids("panel")[0]
    images = list(_small(hospital.root / "small"))
    seconds: dict[str, list[float]] = {"runs": [], "stopped": []}
    _send(hospital, images)
    for _ in range(runs):
        seconds["runs"].append(_send(hospital, images))
        os.kill(panel, signal.SIGSTOP)
        try:
            seconds["stopped"].append(_send(hospital, images))
        finally:
            os.kill(panel, signal.SIGCONT)
    section.figures = {name: median(each) for name, each in seconds.items()}
    for name, each in seconds.items():
        section.lines.append(f"  panel {name}: {median(each):.2f} s ({min(each):.2f} to {max(each):.2f})")
    ratio = median(seconds["stopped"]) / median(seconds["runs"])
    section.judge(Verdict("sending beside a stopped panel", ratio, STOPPED))
    waiting = box.wait(lambda: box.said("forward").get("destinations", {}).get("pacs", {}).get("waiting", 1) == 0, 30)
    section.judge(Verdict("deliveries that wait at the end", 0.0 if waiting else 1.0, 0.0, ""))
    return section


def _small(directory: Path) -> list[Image]:
    image = next(ct_series(directory, 1))
    small = pydicom.dcmread(image.path)
    small.Rows, small.Columns, small.PixelData = 80, 80, os.urandom(12800)
    small.save_as(image.path)
    return [image]


def _send(hospital: Site, images: list[Image]) -> float:
    modality = Modality("CT1", hospital.ct)
    arguments = ["storescu", "-v", "-R", "-xe", "--repeat", str(INSTANCES), *modality.arguments(), "-aec", "PACS"]
    began = time.monotonic()
    done = subprocess.run(
        [*arguments, "127.0.0.1", str(hospital.port), str(images[0].path)], capture_output=True, text=True, timeout=120
    )
    took = time.monotonic() - began
    assert done.returncode == 0, done.stderr[-500:]
    answered = len(re.findall("Received Store Response \\(Success\\)", done.stdout + done.stderr))
    assert answered == INSTANCES, answered
    return took


def figures(root: Path, runs: int, settle: float = _SETTLED) -> list[Section]:
    """All three."""
    (root / "alone").mkdir()
    (root / "whole").mkdir()
    sections = [starting(root / "alone", runs)]
    hospital = site(root / "whole")
    upstream, box = Upstream(hospital.root / "upstream", hospital.upstream_port, hospital.upstream), Box(hospital)
    upstream.start()
    box.start()
    try:
        names = [name for name in wanted(load_config(hospital.config)) if box.pids(name)]
        sections.append(resting(box, names, settle))
        sections.append(stopped_panel(hospital, box, runs))
    finally:
        box.stop()
        upstream.stop()
    return sections


def main() -> int:
    """The command; 1 where a target was missed."""
    parser = argparse.ArgumentParser(prog="make bench-idle", description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-idle-") as directory:
        sections = figures(Path(directory), arguments.runs)
    for section in sections:
        print(section.text())
    if arguments.json:
        arguments.json.write_text(json.dumps({each.title: each.as_json() for each in sections}, indent=2))
    verdicts = [verdict for section in sections for verdict in section.verdicts]
    print(summary(verdicts))
    return int(not all(verdict.met for verdict in verdicts))


if __name__ == "__main__":
    sys.exit(main())
