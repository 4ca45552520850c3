"""make reload-storm: the configuration changes hundreds of times while modalities send and associations stand open.

Each step adds or removes peers and changes a limit; some rotate the certificate of the box, some change the
destination. Meanwhile storescu sends associations of small instances without a pause, and pynetdicom holds associations
open from the first step to the last and does C-ECHOs over them. No association may break, no instance may be lost, and
memory must not grow.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pydicom
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.sop_class import Verification

from appliance.cli.demo.box import Box
from appliance.cli.demo.dcmtk import Modality, Upstream, free_port
from appliance.cli.demo.images import ct_series
from appliance.cli.demo.site import build
from appliance.host.certificates import Authority
from tests.bench import proc
from tests.bench.verdict import Verdict, summary

REPLAY = 40  # instances an association
STANDING = 3  # associations that stay open all the time
GROWTH = 1.10
_SETTLED = 0.2  # of all steps, after which memory is measured first


@dataclass(slots=True)
class Found:
    """What a storm came to."""

    reloads: int = 0
    associations: int = 0
    sent: int = 0
    broken: list[str] = field(default_factory=list)
    echoes: int = 0
    missing: int = 0
    first: dict[str, float] = field(default_factory=dict)
    last: dict[str, float] = field(default_factory=dict)
    slowest: float = 0.0

    def verdicts(self) -> list[Verdict]:
        """What is demanded."""
        return [
            Verdict("associations that broke", len(self.broken), 0, "associations"),
            Verdict("instances answered and not upstream", self.missing, 0, "instances"),
            *(
                Verdict(f"memory of {name} at the end, to that after a fifth", self.last[name] / size, GROWTH)
                for name, size in self.first.items()
            ),
        ]


class Storm:
    """One site, and what happens to it."""

    def __init__(self, root: Path) -> None:
        self.site = build(root, classical=True, port=free_port(), upstream_port=free_port())
        self.box = Box(self.site)
        self.upstream = Upstream(root / "upstream", self.site.upstream_port, self.site.upstream)
        self.found = Found()
        self._authority = Authority.create("Rotating CA")
        trusted = self.site.root / "tls" / "site-ca.crt"
        trusted.write_bytes(trusted.read_bytes() + self._authority.certificate)
        text = self.site.config.read_text().replace("[receive]\n", '[receive]\nidle = "20min"\nworkers = 2\n')
        self._text = re.sub(r"\[sensor\].*?decoy_ae[^\n]*\n", "", text, flags=re.DOTALL)
        self.site.config.write_text(self._text)
        self._ended = threading.Event()
        image = next(ct_series(root / "template", 1))
        small = pydicom.dcmread(image.path)
        small.Rows, small.Columns, small.PixelData = 64, 64, os.urandom(8192)
        small.save_as(image.path)
        self._uid, self._bytes = image.instance.encode(), image.path.read_bytes()

    def run(self, reloads: int) -> Found:
        """All of it."""
        self.upstream.start()
        self.box.start()
        try:
            with self._standing() as standing:
                sender = threading.Thread(target=self._send)
                sender.start()
                try:
                    for number in range(reloads):
                        self._step(number)
                        self._look_after(number, reloads, standing)
                finally:
                    self._ended.set()
                    sender.join()
            self.found.last = self._memory()
            self._count()
        finally:
            self.box.stop()
            self.upstream.stop()
        log = self.site.log.read_text()
        assert "Traceback" not in log and "INTERNAL-ERROR" not in log and "PROGRAM-DIED" not in log, log[-3000:]
        return self.found

    def _step(self, number: int) -> None:
        """Change the file, as an editor does, and wait until every program has it."""
        text = self._text
        for extra in range(number % 4):
            text += f'\n[[peer]]\nname = "device {number}.{extra}"\nae_titles = ["DEV{extra}"]\n'
            text += f'addresses = ["192.0.2.{number % 250}"]\n'
        text = text.replace("workers = 2", f"workers = 2\nartim = '{20 + number % 5}s'")
        if number % 3 == 0:
            text = text.replace('ae_title    = "PACS"', f'ae_title    = "PACS"\nassociations = {1 + number // 3 % 2}')
        if number % 5 == 4:
            self._rotate()
        fresh = self.site.config.with_name("fresh")
        fresh.write_text(text)
        fresh.replace(self.site.config)
        began = time.monotonic()
        before = {name: self._said(name).get("reloads", 0) for name in ("receive", "forward")}
        for name in before:
            os.kill(self.box.pids(name)[0], signal.SIGHUP)
        while not all(self._said(name).get("reloads", 0) > count for name, count in before.items()):
            assert time.monotonic() - began < 30, self.site.log.read_text()[-2000:]
            time.sleep(0.02)
        status = self.box.status()["programs"]
        assert not any(status[name]["config_error"] for name in before), status
        self.found.slowest = max(self.found.slowest, time.monotonic() - began)
        self.found.reloads += 1

    def _said(self, name: str) -> dict[str, int]:
        found: dict[str, int] = self.box.said(name).get("config", {})
        return found

    def _rotate(self) -> None:
        """The box gets another certificate, of a CA that everybody trusts."""
        issued = self._authority.issue("edge01", ["edge01.demo.example", "127.0.0.1"], server=True, client=True)
        tls = self.site.root / "tls"
        for name, content in (("appliance.key", issued.key), ("appliance.crt", issued.certificate)):
            fresh = tls / "fresh"
            fresh.write_bytes(content)
            fresh.chmod(0o400)
            fresh.replace(tls / name)

    @contextlib.contextmanager
    def _standing(self) -> Iterator[list[Association]]:
        context = ssl.create_default_context(cafile=self.site.ct.ca)
        context.load_cert_chain(self.site.ct.certificate, self.site.ct.key)
        entity = AE("CT1")
        entity.add_requested_context(Verification)
        entity.network_timeout = None
        opened = [
            entity.associate("127.0.0.1", self.site.port, ae_title="EDGE01", tls_args=(context, "edge01.demo.example"))
            for _ in range(STANDING)
        ]
        assert all(each.is_established for each in opened)
        try:
            yield opened
        finally:
            for each in opened:
                if each.is_established:
                    each.release()
                else:
                    self.found.broken.append("one that stood open from the beginning")

    def _look_after(self, number: int, reloads: int, standing: list[Association]) -> None:
        if number % 10 == 0:
            for each in standing:
                if each.is_established and each.send_c_echo().get("Status") == 0:
                    self.found.echoes += 1
        if number == int(reloads * _SETTLED):
            self.found.first = self._memory()
        if sys.stderr.isatty():
            print(f"\r{number + 1} of {reloads}", end="", file=sys.stderr)

    def _send(self) -> None:
        """Associations of storescu, one after the other."""
        directory = self.site.root / "outgoing"
        directory.mkdir()
        modality = Modality("CT1", self.site.ct)
        for turn in range(1, 100_000):
            if self._ended.is_set():
                return
            paths = []
            for number in range(REPLAY):
                other = self._uid[:-10] + f".{100_000_000 + turn * 1000 + number}".encode()
                content = self._bytes.replace(self._uid, other)
                path = directory / f"{number}.dcm"
                path.write_bytes(content)
                paths.append(str(path))
            command = ["storescu", "-v", "-R", "-xe", *modality.arguments(), "-aec", "PACS", "-ta", "10", "-td", "60"]
            done = subprocess.run(
                [*command, "127.0.0.1", str(self.site.port), *paths], capture_output=True, text=True, timeout=120
            )
            answered = (done.stdout + done.stderr).count("Received Store Response (Success)")
            self.found.associations += 1
            self.found.sent += answered
            if done.returncode or answered != REPLAY:
                self.found.broken.append(f"association {turn}: {answered} answered; {done.stderr[-300:]}")

    def _memory(self) -> dict[str, float]:
        """MB of each program, workers left out: those come and go."""
        self.box.wait(lambda: len(self.box.pids("receive")) <= 3 + STANDING, 20)
        return {name: proc.memory(self.box.pids(name)[0]).resident for name in ("receive", "forward", "panel")}

    def _count(self) -> None:
        self.box.wait(lambda: self.upstream.count() >= self.found.sent, 60)
        self.found.missing = max(0, self.found.sent - self.upstream.count())


def storm(root: Path, reloads: int) -> Found:
    """Run one below `root`."""
    return Storm(root).run(reloads)


def main() -> int:
    """The command; 1 where a target was missed."""
    parser = argparse.ArgumentParser(prog="make reload-storm", description=__doc__)
    parser.add_argument("--reloads", type=int, default=500)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="reload-storm-") as directory:
        began = time.monotonic()
        found = storm(Path(directory), arguments.reloads)
    print(
        f"{found.reloads} reloads in {time.monotonic() - began:.0f} s, the slowest {found.slowest:.2f} s; "
        f"{found.associations} associations, {found.sent} instances; {found.echoes} C-ECHOs "
        f"over {STANDING} that stood open"
    )
    for name, size in found.first.items():
        print(f"  {name}: {size:.1f} MB after a fifth, {found.last[name]:.1f} MB at the end")
    for line in found.broken[:10]:
        print(f"  broken: {line}")
    verdicts = found.verdicts()
    for verdict in verdicts:
        print(verdict.line())
    print(summary(verdicts))
    return int(not all(verdict.met for verdict in verdicts))


if __name__ == "__main__":
    sys.exit(main())
