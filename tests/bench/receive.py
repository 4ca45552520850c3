"""make bench-receive: how long storescu needs to be rid of a series, for each receiver, side by side in one run.

The order of receivers is shuffled anew in each round, so that drift of the machine hits all of them alike. Medians; the
ratios are what counts.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench import inputs, receivers
from tests.bench.receivers import DISK, MEMORY, Receiver, Target


def all_receivers() -> list[Receiver]:
    """Those that this machine has."""
    found = [
        Receiver("appliance, TLS 1.3, sealed, durable", receivers.ours),
        Receiver("appliance on tmpfs", receivers.ours, MEMORY),
    ]
    if shutil.which("storescp") and shutil.which("gcc"):
        found += [
            Receiver("storescp, cleartext, durable", receivers.storescp(receivers.shim())),
            Receiver("storescp on tmpfs, cleartext", receivers.storescp(), MEMORY),
        ]
    found.append(Receiver("pynetdicom, TLS", receivers.pynetdicom_tls))
    if shutil.which("Orthanc"):
        found.append(Receiver("Orthanc, TLS", receivers.orthanc_tls))
    return found


def send(target: Target, files: list[str], nagle: bool) -> float:
    """Seconds of one storescu run that sends all files over one association."""
    command = ["storescu", "-q", "-xe", "-R", "-pdu", "131072", "-aec", target.called_ae, *target.options]
    environment = {**os.environ}
    if not nagle:
        environment["TCP_NODELAY"] = "1"
    began = time.perf_counter()
    subprocess.run([*command, "127.0.0.1", str(target.port), *files], check=True, env=environment)
    return time.perf_counter() - began


def measure(receiver: Receiver, files: list[str], nagle: bool = False) -> float:
    """One run on a fresh receiver."""
    receiver.where.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=receiver.where, prefix="run-") as directory,
        receiver.start(Path(directory)) as target,
    ):
        send(target, files[:1], nagle)  # what is lazy is loaded now
        return send(target, files, nagle)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", default="", help="receivers whose name holds this")
    parser.add_argument("--input", action="append", choices=list(inputs.SERIES), help="default: all")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    arguments = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    series = inputs.make(DISK / "inputs", arguments.input or list(inputs.SERIES))
    chosen = [receiver for receiver in all_receivers() if arguments.only in receiver.name]
    results: dict[str, dict[str, list[float]]] = {}
    for each in series:
        times = results[each.name] = {receiver.name: [] for receiver in chosen}
        for round_number in range(arguments.runs):
            for receiver in random.sample(chosen, len(chosen)):
                sys.stderr.write(f"{each.name}, round {round_number + 1}: {receiver.name}\n")
                times[receiver.name].append(measure(receiver, each.files))
    report(results, series)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2))


def report(results: dict[str, dict[str, list[float]]], series: list[inputs.Input]) -> None:
    """Medians, and how many times as long as the first receiver each took."""
    for each in series:
        medians = {name: statistics.median(times) for name, times in results[each.name].items()}
        first = next(iter(medians.values()))
        print(f"\n{each.name} ({each.bytes / 1e6:.0f} MB)")
        for name, seconds in medians.items():
            spread = max(results[each.name][name]) / min(results[each.name][name])
            speed = each.bytes / seconds / 1e6
            print(f"  {name:40} {seconds:8.3f} s  x {seconds / first:6.2f}   {speed:7.0f} MB/s  spread {spread:.2f}")


if __name__ == "__main__":
    main()
