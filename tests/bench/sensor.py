"""make bench-sensor: what the sensor costs and how far it reaches, beside tshark and scapy on the same capture.

As root, for the live parts. Rates are of one sender of Python on the other core, so "as fast as it goes" is what both
can do. Nothing else should run on the machine meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

from appliance.inspection.engine import Inspection, Packet
from tests.bench.verdict import Section, Verdict, percentile, summary
from tests.capture import measure
from tests.capture.lab import wire
from tests.inspection.scene import registry
from tests.inspection.wire import ACK, associate, frame
from tests.sensor_lab.ground import raw_socket, within

_SECONDS = 4.0
_GIGABIT = 125_000  # packets a second, a third of them acknowledgements: 1 Gbit/s of Ethernet
_RATES = (_GIGABIT, 150_000, 180_000, None)
_FIELDS = ("frame.number", "dicom.pdu.type", "dicom.assoc.ae.called", "dicom.assoc.ae.calling", "dicom.tag")
_SCAPY = """
import sys
from scapy.layers.l2 import Ether
from scapy.layers.inet import IP, TCP
from scapy.sendrecv import sniff
from scapy.sessions import TCPSession
from scapy.contrib.dicom import DICOM
seen = [0]
def count(packet):
    seen[0] += DICOM in packet
sniff(offline=sys.argv[1], session=TCPSession, prn=count, store=False)
print(seen[0])
"""
_CONFIG = """
[appliance]
ae_title = "EDGE01"
state_dir = "{root}/state"
runtime_dir = "{root}/run"
[receive]
listen_plain = ["{near}:11113"]
[vault]
recipients = ["age1{key}"]
[sensor]
interface = "{interface}"
"""


def write_pcap(path: Path, packets: Iterable[Packet]) -> Path:
    """Packets as a classic pcap."""
    with path.open("wb") as out:
        out.write(struct.pack("=IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1))
        for at, data, length, _ in packets:
            out.write(struct.pack("=IIII", int(at), int(at % 1 * 1e9), len(data), length) + bytes(data))
    return path


def _spent(command: list[str]) -> float:
    """Seconds of CPU that a command took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def capacity() -> Section:
    """Live through a veth, at rising rates; the middle one of three runs at a gigabit is judged."""
    section = Section("Live: bulk C-STORE in full frames through a veth, 16 KiB PDUs, every second frame acknowledged")
    best = 0.0
    for rate in _RATES:
        runs = [measure.live(rate, _SECONDS) for _ in range(3 if rate == _GIGABIT else 1)]
        section.lines += [each.line() for each in runs]
        whole = [each for each in runs if not each.dropped and not each.said["blind"]]
        best = max([best, *(each.packets for each in whole)])
        if rate == _GIGABIT:
            middle = sorted(runs, key=lambda each: each.share)[1]
            section.judge(Verdict("inspected", min(each.gbit for each in runs), 1, "Gbit/s", at_least=True))
            section.judge(Verdict("share of a core for that", middle.share, 0.6, "cores"))
            section.judge(
                Verdict("frames of it dropped by the kernel", max(each.dropped for each in runs), 0, "frames")
            )
            a_gb = middle.share * _SECONDS / (middle.said["bytes"] / 1e9)
            section.lines.append(f"  CPU a GB: {a_gb:.2f} s")
            section.figures |= {"cpu_s_a_gb": a_gb, "gbit": middle.gbit}
    section.lines.append(f"  most packets/s without a drop, of the rates tried: {best:,.0f}")
    section.figures["packets_s"] = best
    return section


def beside() -> Section:
    """The same captures through our engine, tshark's dissector, and scapy's TCPSession: CPU a packet."""
    section = Section("The same captures of C-STORE traffic: CPU a packet, start-up taken off")
    options = [word for field in _FIELDS for word in ("-e", field)]
    with tempfile.TemporaryDirectory() as directory:
        for longest in (16384, 131072):
            packets = measure.traffic(60, longest)
            whole = write_pcap(Path(directory) / "whole.pcap", packets)
            few = write_pcap(Path(directory) / "few.pcap", packets[: len(packets) // 10])
            one = write_pcap(Path(directory) / "one.pcap", packets[:1])
            tshark = ("tshark", "-d", "tcp.port==104,dicom", "-T", "fields", *options, "-r")
            scapy = (sys.executable, "-c", _SCAPY)
            took = {
                "ours": _engine(packets),
                "tshark -T fields": _more(tshark, whole, one) / len(packets),
                "scapy TCPSession": _more(scapy, few, one) / (len(packets) // 10),
            }
            section.lines.append(f"  PDUs of {longest} bytes, {len(packets)} packets:")
            section.lines += [f"    {name}: {each * 1e6:8.2f} µs a packet" for name, each in took.items()]
            times = {name: each / took["ours"] for name, each in took.items() if name != "ours"}
            section.figures[str(longest)] = times
            what = f"tshark's CPU a packet, times ours, PDUs of {longest} bytes"
            section.judge(Verdict(what, times["tshark -T fields"], 20, at_least=True))
            section.lines.append(f"    scapy's CPU a packet is {times['scapy TCPSession']:,.0f} times ours")
    return section


def _more(command: tuple[str, ...], path: Path, one: Path) -> float:
    """Seconds of CPU for a capture, beyond those for a capture of one packet."""
    return max(1e-9, _spent([*command, str(path)]) - _spent([*command, str(one)]))


def _engine(packets: list[Packet]) -> float:
    """CPU seconds a packet of the engine, the least of three runs."""
    views = [(at, memoryview(data), length, vlan) for at, data, length, vlan in packets]
    took = []
    for _ in range(3):
        engine = Inspection(registry())
        begun = time.process_time()
        engine.inspect(views)
        took.append((time.process_time() - begun) / len(packets))
        assert not engine.snapshot()["blind"]
    return min(took)


def half_open() -> Section:
    """Memory for 10,000 flows that stopped in the middle of a request, in a process of its own."""
    section = Section("10,000 half-open flows")
    code = "import json; from tests.capture.measure import memory; print(json.dumps(memory()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, more, flows = json.loads(done.stdout)
    section.lines.append(f"  {before:.0f} MB before, {flows} flows known after")
    section.judge(Verdict("memory above idle", more, 64, "MB"))
    section.judge(Verdict("flows that are known", flows, 10_000, "flows", at_least=True))
    return section


def latency(count: int = 25) -> Section:
    """From a stranger's frame to the line in the alert log of the sensor program."""
    section = Section("From the packet to the alert in the log of the sensor program")
    with wire(10) as lab, tempfile.TemporaryDirectory() as directory:
        config = Path(directory) / "appliance.toml"
        values = {"root": directory, "near": lab.near_ip, "interface": lab.near, "key": "q" * 58}
        config.write_text(_CONFIG.format(**values))
        for each in ("state/alerts", "run"):
            (Path(directory) / each).mkdir(parents=True)
        log = Path(directory) / "state/alerts/sensor.jsonl"
        command = [sys.executable, "-m", "appliance", "program", "sensor", "--config", str(config)]
        with (Path(directory) / "log").open("wb") as told, subprocess.Popen(command, stderr=told) as program:
            try:
                until = time.monotonic() + 20
                while b"STARTED" not in (Path(directory) / "log").read_bytes() and time.monotonic() < until:
                    time.sleep(0.05)
                with within(lab.namespace, lambda: raw_socket(lab.far)) as out:
                    delays = [_alert(out, lab.near_ip, log, number) for number in range(count)]
            finally:
                program.terminate()
    section.lines.append(f"  {count} alerts: median {percentile(delays, 0.5):.0f} ms, longest {max(delays):.0f} ms")
    section.judge(Verdict("99 of 100 are told within", percentile(delays, 0.99), 100, "ms"))
    return section


def _alert(out: socket.socket, near: str, log: Path, number: int) -> float:
    """Have one request seen; milliseconds until its alert stands in the log."""
    time.sleep(0.013 * (number % 7))  # not in step with the ring's blocks
    size = log.stat().st_size if log.exists() else 0
    source = f"198.51.100.{number + 1}"
    data = frame(source, 40000, near, 104, 7, 1, ACK, associate(calling=f"ROGUE{number}".encode()))
    out.send(data)
    end = time.monotonic() + 2
    while time.monotonic() < end:
        if log.exists() and log.stat().st_size > size:
            now = time.time()
            *lines, _ = log.read_bytes()[size:].split(b"\n")  # the last may not be whole yet
            for line in lines:
                record = json.loads(line)
                if record["src_ip"] == source:
                    return (now - datetime.fromisoformat(record["timestamp"]).timestamp()) * 1000
        time.sleep(0.001)
    return float("inf")


PARTS: dict[str, Callable[[], Section]] = {
    "live": capacity,
    "beside": beside,
    "memory": half_open,
    "latency": latency,
}


def main() -> int:
    """Command line. Targets that are missed are no failure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", action="append", choices=list(PARTS), help="default: all")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    arguments = parser.parse_args()
    if os.geteuid() != 0 or not shutil.which("tshark"):
        print("bench-sensor: needs root, for a veth and a capture, and tshark", file=sys.stderr)
        return 77
    verdicts: list[Verdict] = []
    written = {}
    for name in arguments.part or PARTS:
        section = PARTS[name]()
        print(section.text(), flush=True)
        verdicts += section.verdicts
        written[name] = section.as_json()
    print(summary(verdicts))
    if arguments.json:
        arguments.json.write_text(json.dumps(written, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
