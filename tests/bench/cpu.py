"""CPU a GB: what receive's workers spend, beside the floor (floor.py) fed as many bytes in the same run.

Seconds of user and system CPU by /proc; the floor's by its own getrusage. Both write to the same disk and flush. The
floor that is judged by gets one stream and flushes once, whatever the input is: files, names, keys and answers are our
own cost. Beside it stands the floor with a file for each CT, which tells how much of that cost is the file system's.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from appliance.host import tls
from tests.bench import inputs, proc, receivers
from tests.bench.proc import Cpu
from tests.bench.receivers import DISK, HERE, Receiver, send
from tests.bench.verdict import Section, Verdict, median

PDUS = {131072: 1.5, 16384: 2.0}  # what the sender puts into a PDU: times the floor that we may cost
REPEATS = {inputs.CT: 4, inputs.LARGE: 1}  # so that each is 420 MB
FLOOR, FLOOR_FILES = "the floor", "the floor, a file for each CT"


def floor(size: int, each: int) -> tuple[Cpu, str]:
    """Feed the floor `size` bytes over TLS 1.3, `each` to a file; what it spent a GB, and the suite in use."""
    DISK.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=DISK, prefix="run-") as directory:
        site = receivers.hospital(Path(directory))
        store = Path(directory) / "store"
        store.mkdir()
        context = tls.client_context(site.ct.ca, site.ct.certificate, site.ct.key)
        command = [sys.executable, "-m", "tests.bench.floor", f"{directory}/tls", str(store), str(each)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=HERE.parents[1]) as process:
            assert process.stdout
            port = int(process.stdout.readline())
            raw = socket.create_connection(("127.0.0.1", port))
            with context.wrap_socket(raw, server_hostname="edge01.demo.example") as connection:
                block = memoryview(bytes(131072))
                for at in range(0, size, len(block)):
                    connection.sendall(block[: size - at])
                connection.unwrap()
            said = json.loads(process.stdout.read())
    return Cpu(said["user"], said["system"]) / (said["bytes"] / 1e9), said["tls"]


def run(runs: int) -> Section:
    """`runs` rounds of the floor and of each input with each PDU size; medians."""
    section = Section("CPU: seconds of user and system CPU a GB received")
    series = inputs.make(DISK / "inputs", list(REPEATS))
    spent: dict[str, list[Cpu]] = {FLOOR: [], FLOOR_FILES: []}
    suite = ""
    for number in range(runs):
        with Receiver("appliance", receivers.appliance()).run() as target:
            send(target, series[0].files[:1])
            for each in series:
                sys.stderr.write(f"cpu: round {number + 1}: the floor\n")
                size = each.bytes * REPEATS[each.name]
                cost, suite = floor(size, size)
                spent[FLOOR].append(cost)
                for pdu in PDUS:
                    sys.stderr.write(f"cpu: round {number + 1}: {each.name}, PDUs of {pdu}\n")
                    before = proc.cpu(proc.workers(target.pid))
                    for _ in range(REPEATS[each.name]):
                        send(target, each.files, options=("--max-send-pdu", str(pdu)))
                    used = proc.cpu(proc.workers(target.pid)) - before
                    spent.setdefault(key(each.name, pdu), []).append(used / (size / 1e9))
        (ct,) = (each for each in series if each.name == inputs.CT)
        spent[FLOOR_FILES].append(floor(ct.bytes * REPEATS[inputs.CT], ct.bytes // len(ct.files))[0])
    report(section, spent)
    section.figures["suite of the floor"] = suite
    return section


def report(section: Section, spent: dict[str, list[Cpu]]) -> None:
    """Medians, and the verdicts."""
    limits = {key(name, pdu): limit for name in REPEATS for pdu, limit in PDUS.items()}
    least = middle(spent[FLOOR]).total
    for what, each in spent.items():
        found = middle(each)
        section.figures[what] = [asdict(it) for it in each]
        section.lines.append(f"  {what:34} {found.total:6.2f}  (user {found.user:.2f}, system {found.system:.2f})")
        if what in limits:
            section.judge(Verdict(f"{what}: CPU / the floor's", found.total / least, limits[what]))


def middle(each: Sequence[Cpu]) -> Cpu:
    """The run whose total is the median; of an even number the lower one."""
    total = median([it.total for it in each])
    return max((it for it in each if it.total <= total), key=lambda it: it.total)


def key(name: str, pdu: int) -> str:
    """How a figure is named."""
    return f"{name}, {pdu // 1024} KiB PDUs"
