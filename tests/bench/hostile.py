"""make bench-hostile: what a registered modality notices of hostile traffic.

For each kind of attackers (strangers at other loopback addresses; then the modality's own address) the same load runs
twice: against the appliance, and against a sink that accepts and closes. Meanwhile a modality at a registered address
does C-ECHOs, each over a new association (mutual TLS 1.3, from connect to the response), and then sends its CT series.
The load and the receiver share this machine's cores; the sink's run shows what the load alone costs.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from appliance.cli.demo.dcmtk import free_port
from appliance.cli.demo.site import Site
from appliance.host import tls
from appliance.upper_layer.association import Association, AssociationAccepted, CommandReceived
from appliance.upper_layer.command import c_echo_rq
from appliance.upper_layer.negotiation import AssociateRequest, PresentationContext
from tests.bench import inputs, proc, receivers
from tests.bench.load import Ports
from tests.bench.receivers import DISK, Target, send

ECHO_SECONDS = 0.250
LOSS = 0.20
KINDS = ("silent", "hello", "header", "flood", "associations")
STRANGERS = [f"127.0.1.{number}" for number in range(1, 41)]
OWN = ["127.0.0.1"]
_CONTEXTS = (PresentationContext(1, "1.2.840.10008.1.1", ("1.2.840.10008.1.2",)),)


@dataclass(slots=True)
class Figures:
    """One load's effect: seconds of each C-ECHO, of each series, failures, and what the attackers got to do."""

    echoes: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    series: list[float] = field(default_factory=list)
    cpu: dict[str, float] = field(default_factory=dict)
    attackers: dict[str, int] = field(default_factory=dict)


@contextlib.contextmanager
def appliance(root: Path) -> Iterator[tuple[Site, Target, Ports, int]]:
    """`receive` with a TLS and a cleartext listener."""
    site = receivers.hospital(root)
    plain = free_port()
    text = site.config.read_text().replace(
        "called_ae_titles", f'listen_plain     = ["127.0.0.1:{plain}"]\ncalled_ae_titles'
    )
    site.config.write_text(text)
    command = [sys.executable, "-m", "appliance", "program", "receive", "--config", str(site.config)]
    with receivers.process(command, site.port, environment={"APPLIANCE_LOG_LEVEL": "WARNING"}) as running:
        options = ["-aet", "CT1", *receivers.tls_options(site)]
        target = Target(site.port, "EDGE01", options, running.pid, site.state / "incoming", site)
        yield site, target, Ports(site.port, plain), running.pid


@contextlib.contextmanager
def sink() -> Iterator[Ports]:
    """The sink."""
    ports = Ports(free_port(), free_port())
    command = [sys.executable, "-m", "tests.bench.sink", str(ports.tls), str(ports.plain)]
    with receivers.process(command, ports.plain):
        yield ports


@contextlib.contextmanager
def load(ports: Ports, site: Site, sources: list[str], kinds: list[str], figures: Figures) -> Iterator[None]:
    """The attackers, while the block runs. From the modality's own address they are the modality itself."""
    own = sources == OWN
    party = site.ct if own else site.other
    command = [sys.executable, "-m", "tests.bench.load", *kinds, "--calling-ae", "CT1" if own else "ROGUE"]
    command += ["--tls-port", str(ports.tls), "--plain-port", str(ports.plain)]
    command += [word for source in sources for word in ("--source", source)]
    command += ["--identity", str(party.ca), str(party.certificate), str(party.key)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield
        said, _ = process.communicate("", timeout=60)
    for what, count in json.loads(said or "{}").items():
        figures.attackers[what] = figures.attackers.get(what, 0) + count


def echo(port: int, context: ssl.SSLContext) -> float:
    """Seconds from connect to the C-ECHO-RSP. Raises OSError or AssertionError when there is none."""
    engine = Association.requestor(AssociateRequest("EDGE01", "CT1", _CONTEXTS))
    began = time.perf_counter()
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as raw,
        context.wrap_socket(raw, server_hostname="edge01.demo.example") as connection,
    ):
        connection.sendall(engine.associate_request())
        assert isinstance(list(engine.receive(connection.recv(65536)))[-1], AssociationAccepted)
        connection.sendall(engine.send_command(1, c_echo_rq(1), False))
        assert isinstance(list(engine.receive(connection.recv(65536)))[-1], CommandReceived)
        taken = time.perf_counter() - began
        connection.sendall(engine.release())
        connection.recv(65536)
    return taken


def measure(site: Site, target: Target, files: list[str], seconds: float, figures: Figures) -> None:
    """The modality's day: C-ECHOs for a while, then its series."""
    context = tls.client_context(site.ct.ca, site.ct.certificate, site.ct.key)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            figures.echoes.append(echo(target.port, context))
        except (OSError, AssertionError, IndexError) as error:
            figures.failures.append(f"C-ECHO: {type(error).__name__}")
        time.sleep(0.05)
    for _ in range(3):
        try:
            figures.series.append(send(target, files, nagle=False))
        except subprocess.CalledProcessError as error:
            figures.failures.append(f"series: storescu ended with {error.returncode}")


def cpu(acceptor: int) -> dict[str, float]:
    """CPU seconds of the acceptor and of its workers together, up to now."""
    return {"acceptor": proc.cpu([acceptor]).total, "workers": proc.cpu(proc.workers(acceptor)).total}


def run(arguments: argparse.Namespace) -> dict[str, dict[str, Figures]]:
    """Figures by who attacks, then by what is attacked."""
    results: dict[str, dict[str, Figures]] = {"nobody": {"nothing": Figures()}}
    (series,) = inputs.make(DISK / "inputs", [inputs.CT])
    DISK.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=DISK, prefix="hostile-") as root,
        appliance(Path(root)) as started,
        sink() as idle,
    ):
        site, target, ports, pid = started
        send(target, series.files[:1], nagle=False)
        for _ in range(arguments.runs):
            measure(site, target, series.files, arguments.seconds, results["nobody"]["nothing"])
        for who, sources in (("strangers", STRANGERS), ("its own address", OWN)):
            if arguments.sources not in (who, "all"):
                continue
            figures = results[who] = {"a sink": Figures(), "the appliance": Figures()}
            for number in range(arguments.runs):
                for what, attacked in (("a sink", idle), ("the appliance", ports)):
                    sys.stderr.write(f"{who} attack {what}, round {number + 1}\n")
                    with load(attacked, site, sources, arguments.kind or list(KINDS), figures[what]):
                        time.sleep(arguments.ramp)
                        before = cpu(pid)
                        measure(site, target, series.files, arguments.seconds, figures[what])
                        for name, seconds in cpu(pid).items():
                            figures[what].cpu[name] = round(seconds - before.get(name, 0.0), 2)
                    time.sleep(1)
    return results


def report(results: dict[str, dict[str, Figures]]) -> dict[str, Any]:
    """Print; the same as JSON values."""
    out: dict[str, Any] = {}
    for who, by_target in results.items():
        for what, figures in by_target.items():
            echoes = sorted(figures.echoes) or [float("nan")]
            row = out.setdefault(who, {})[what] = {
                "echo_median_ms": round(statistics.median(echoes) * 1e3, 1),
                "echo_p99_ms": round(echoes[int(len(echoes) * 0.99)] * 1e3, 1),
                "echo_max_ms": round(echoes[-1] * 1e3, 1),
                "echoes": len(figures.echoes),
                "failures": figures.failures,
                "series_s": round(statistics.median(figures.series), 3) if figures.series else None,
                "cpu_s": figures.cpu,
                "attackers": figures.attackers,
            }
            print(f"\n{who} attack {what}" if who != "nobody" else "\nundisturbed")
            print(
                f"  C-ECHO, new association: median {row['echo_median_ms']} ms, p99 {row['echo_p99_ms']} ms, ", end=""
            )
            print(f"longest {row['echo_max_ms']} ms of {row['echoes']}; {len(figures.failures)} failures")
            print(f"  CT series: {row['series_s']} s; CPU of the last round: {figures.cpu}")
            if figures.attackers:
                print(
                    "  attackers: " + ", ".join(f"{count} {done}" for done, count in sorted(figures.attackers.items()))
                )
        if who == "nobody":
            continue
        attacked, reference = out[who]["the appliance"], out[who]["a sink"]
        met = not attacked["failures"] and attacked["echo_max_ms"] <= ECHO_SECONDS * 1e3
        print(f"  -> C-ECHO within {ECHO_SECONDS * 1e3:.0f} ms: {'yes' if met else 'NO'}")
        if attacked["series_s"] and reference["series_s"]:
            loss = out[who]["loss"] = round(1 - reference["series_s"] / attacked["series_s"], 3)
            print(
                f"  -> speed lost against the sink: {loss:.1%}, {'at most' if loss <= LOSS else 'MORE than'} {LOSS:.0%}"
            )
    return out


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4, help="of C-ECHOs, before each series")
    parser.add_argument("--ramp", type=float, default=12, help="seconds until 1000 connections stand")
    parser.add_argument("--kind", action="append", choices=KINDS, help="default: all at once")
    parser.add_argument("--sources", choices=["strangers", "its own address", "all"], default="all")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    arguments = parser.parse_args()
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[2])
    figures = report(run(arguments))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
