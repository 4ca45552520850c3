"""Whether an answer waits for a delayed acknowledgement: storescu as it is installed (Nagle's algorithm on), and with
TCP_NODELAY, in one run.

The times are storescu's own: its log, with a clock of microseconds, says when it begins to send an instance and when it
has the answer. That is what a modality's user waits for, and nothing stands between the two that was not there anyway:
no relay, no capture, the real pattern of writes.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench import inputs, receivers
from tests.bench.receivers import DISK, Receiver, Target
from tests.bench.verdict import Section, Verdict, median, percentile

LIMIT = 5.0  # milliseconds that Nagle may cost at the 99th percentile
_LOG = """\
log4cplus.rootLogger = INFO, out
log4cplus.appender.out = log4cplus::ConsoleAppender
log4cplus.appender.out.layout = log4cplus::PatternLayout
log4cplus.appender.out.layout.ConversionPattern = %D{%s} %D{%Q} %m%n
"""
_LINE = re.compile(r"^(\d+) (\d+\.\d+) (Sending Store Request|Received Store Response \(Success\))", re.MULTILINE)


def answer_times(log: str) -> list[float]:
    """Milliseconds from each "Sending Store Request" to its "Received Store Response (Success)"."""
    times, began = [], None
    for seconds, milliseconds, what in _LINE.findall(log):
        at = int(seconds) * 1000 + float(milliseconds)
        if what.startswith("Sending"):
            began = at
        elif began is not None:
            times.append(at - began)
            began = None
    return times


def send(target: Target, files: list[str], nagle: bool) -> list[float]:
    """One storescu run; milliseconds of each answer. Raises RuntimeError unless all were answered with success."""
    with tempfile.TemporaryDirectory(dir=receivers.MEMORY) as directory:
        log = Path(directory) / "log"
        (Path(directory) / "logger.cfg").write_text(_LOG)
        command = ["storescu", "-lc", f"{directory}/logger.cfg", "-xe", "-R", "-aec", target.called_ae]
        environment = {key: value for key, value in os.environ.items() if key != "TCP_NODELAY"}
        if not nagle:
            environment["TCP_NODELAY"] = "1"
        with log.open("wb") as output:
            command += [*target.options, "127.0.0.1", str(target.port), *files]
            subprocess.run(command, check=True, env=environment, stdout=output, stderr=output)
        times = answer_times(log.read_text(errors="replace"))
    if len(times) != len(files):
        raise RuntimeError(f"storescu's log tells of {len(times)} answers to {len(files)} instances")
    return times


def all_receivers() -> list[tuple[Receiver, int]]:
    """And how many instances each gets: 90 ms each would take too long."""
    found = [
        (Receiver("appliance, TLS", receivers.appliance()), 500),
        (Receiver("appliance, cleartext", receivers.appliance(plain=True)), 500),
    ]
    if receivers.has_storescp():
        # As they are installed, with Nagle's algorithm on in their answers too: what ours is compared with.
        found.append((Receiver("storescp, cleartext", receivers.storescp(tcp_nodelay=False)), 25))
        found.append((Receiver("storescp, TLS", receivers.storescp(tls=True, tcp_nodelay=False)), 25))
        found.append((Receiver("storescp with TCP_NODELAY", receivers.storescp()), 25))
    return found


def run(runs: int) -> Section:
    """All of them, `runs` times in turn; the times of all runs count together."""
    section = Section("Nagle: milliseconds from sending a 13 kB instance to its answer, by storescu's own clock")
    (series,) = inputs.make(DISK / "inputs", [inputs.SMALL])
    times: dict[str, dict[str, list[float]]] = {}
    for number in range(runs):
        for receiver, count in all_receivers():
            sys.stderr.write(f"nagle: round {number + 1}: {receiver.name}\n")
            mine = times.setdefault(receiver.name, {"Nagle": [], "TCP_NODELAY": []})
            with receiver.run() as target:
                send(target, series.files[:1], nagle=False)
                for name in ("Nagle", "TCP_NODELAY") if number % 2 else ("TCP_NODELAY", "Nagle"):
                    mine[name] += send(target, series.files[:count], nagle=name == "Nagle")
    section.figures = {receiver: {name: figures(each) for name, each in by.items()} for receiver, by in times.items()}
    report(section)
    return section


def figures(times: list[float]) -> dict[str, float]:
    """Of one receiver with one kind of sender."""
    return {"median_ms": median(times), "p99_ms": percentile(times, 0.99), "answers": len(times)}


def report(section: Section) -> None:
    """Lines and verdicts from the figures."""
    for receiver, by in section.figures.items():
        for name, it in by.items():
            section.lines.append(
                f"  {receiver:26} from {name:12} median {it['median_ms']:7.2f}  p99 {it['p99_ms']:7.2f}"
                f"  ({it['answers']} answers)"
            )
    for receiver in ("appliance, TLS", "appliance, cleartext"):
        by = section.figures[receiver]
        cost = by["Nagle"]["p99_ms"] - by["TCP_NODELAY"]["p99_ms"]
        section.judge(Verdict(f"{receiver}: p99 with Nagle - p99 with TCP_NODELAY", cost, LIMIT, "ms"))
        other = section.figures.get(f"storescp, {receiver.partition(', ')[2]}")
        if other:
            times = other["Nagle"]["median_ms"] / by["Nagle"]["median_ms"]
            section.figures[receiver]["storescp_is_slower"] = times
            section.lines.append(f"     with Nagle, storescp's median answer takes {times:.0f} times as long as ours")
