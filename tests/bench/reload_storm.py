"""make reload-storm: the configuration changes hundreds of times while modalities send and associations stand open.

Each step adds or removes peers and changes a limit; some rotate the certificate of the box, some change the
destination. Meanwhile storescu sends associations of small instances without a pause, and pynetdicom holds associations
open from the first step to the last and does C-ECHOs over them. No association may break, no instance may be lost, and
memory, descriptors and processes must not grow. That a step counts is seen from outside: a device that comes and goes
is let in or refused, and the listener shows the certificate of the last rotation.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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

GUEST = "GUEST"  # a device that every second step lets in
REPLAY = 40  # instances an association
STANDING = 3  # associations that stay open all the time
GROWTH = 1.10
WORKERS = 2
EVERY = 5  # steps between two looks from outside
_SETTLED = 0.2  # of all steps, after which memory is measured first


@dataclass(slots=True)
class Found:
    """What a storm came to."""

    reloads: int = 0
    associations: int = 0
    sent: int = 0
    broken: list[str] = field(default_factory=list)
    echoes: int = 0
    probes: int = 0
    shown: int = 0
    uncounted: list[str] = field(default_factory=list)
    missing: int = 0
    processes: int = 0
    first: dict[str, float] = field(default_factory=dict)
    last: dict[str, float] = field(default_factory=dict)
    descriptors: dict[str, list[int]] = field(default_factory=dict)
    slowest: float = 0.0

    def verdicts(self) -> list[Verdict]:
        """What is demanded."""
        return [
            Verdict("associations that broke", len(self.broken), 0, "associations"),
            Verdict("instances answered and not upstream", self.missing, 0, "instances"),
            Verdict("reloads that did not count outside", len(self.uncounted), 0, "reloads"),
            Verdict("processes of receive that are left", self.processes, 1 + WORKERS, "processes"),
            *(
                Verdict(f"memory of {name} at the end, to that after a fifth", self.last[name] / size, GROWTH)
                for name, size in self.first.items()
            ),
            *(
                Verdict(f"descriptors of {name} more than after a fifth", after - before, STANDING, "descriptors")
                for name, (before, after) in self.descriptors.items()
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
        text = self.site.config.read_text().replace("[receive]\n", f'[receive]\nidle = "20min"\nworkers = {WORKERS}\n')
        self._text = re.sub(r"\[sensor\].*?decoy_ae[^\n]*\n", "", text, flags=re.DOTALL)
        self.site.config.write_text(self._text)
        self._ended = threading.Event()
        image = next(ct_series(root / "template", 1))
        small = pydicom.dcmread(image.path)
        small.Rows, small.Columns, small.PixelData = 64, 64, os.urandom(8192)
        small.save_as(image.path)
        self._answered: set[str] = set()
        self._certificate = b""
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
        if number % 2:
            text += f'\n[[peer]]\nname = "guest"\nae_titles = ["{GUEST}"]\naddresses = ["127.0.0.1"]\n'
        workers = f"workers = {WORKERS}"
        text = text.replace(workers, f"{workers}\nartim = '{20 + number % 5}s'")
        if number % 3 == 0:
            text = text.replace('ae_title    = "PACS"', f'ae_title    = "PACS"\nassociations = {1 + number // 3 % 2}')
        if number % 5 == 4:
            self._rotate()
        fresh = self.site.config.with_name("fresh")
        fresh.write_text(text)
        fresh.replace(self.site.config)
        began = time.monotonic()
        digest = hashlib.sha256(text.encode()).hexdigest()
        before = {name: self._said(name).get("reloads", 0) for name in ("receive", "forward")}
        for name in before:
            os.kill(self.box.pids(name)[0], signal.SIGHUP)
        while not all(
            said.get("digest") == digest and said.get("reloads", 0) > count
            for name, count in before.items()
            for said in (self._said(name),)
        ):
            assert time.monotonic() - began < 30, self.site.log.read_text()[-2000:]
            time.sleep(0.02)
        status = self.box.status()["programs"]
        assert not any(status[name]["config_error"] for name in before), status
        self.found.slowest = max(self.found.slowest, time.monotonic() - began)
        self.found.reloads += 1

    def _said(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.box.said(name).get("config", {})
        return found

    def _rotate(self) -> None:
        """The box gets another certificate, of a CA that everybody trusts."""
        issued = self._authority.issue("edge01", ["edge01.demo.example", "127.0.0.1"], server=True, client=True)
        self._certificate = issued.certificate
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
                else:
                    self.found.broken.append(f"one that stands open, at step {number}")
        if number % EVERY == EVERY - 1:
            self._look_from_outside(number)
        if number == int(reloads * _SETTLED):
            self.found.first = self._memory()
            self.found.descriptors = {name: [count] for name, count in self._descriptors().items()}
        if sys.stderr.isatty():
            print(f"\r{number + 1} of {reloads}", end="", file=sys.stderr)

    def _look_from_outside(self, number: int) -> None:
        """Whether the last step counts for who comes now."""
        refused = Modality(GUEST, self.site.ct).echo(self.site.port, "EDGE01")
        self.found.probes += 1
        if bool(refused) == bool(number % 2):
            self.found.uncounted.append(f"step {number}: the guest heard {refused or 'that all is well'}")
        if self._certificate:
            context = ssl.create_default_context(cafile=self.site.ct.ca)
            context.load_cert_chain(self.site.ct.certificate, self.site.ct.key)
            with (
                socket.create_connection(("127.0.0.1", self.site.port), 10) as raw,
                context.wrap_socket(raw, server_hostname="edge01.demo.example") as connection,
            ):
                shown = connection.getpeercert(binary_form=True)
            self.found.shown += 1
            if shown != ssl.PEM_cert_to_DER_cert(self._certificate.decode()):
                self.found.uncounted.append(f"step {number}: an older certificate is shown")

    def _send(self) -> None:
        """Associations of storescu, one after the other."""
        directory = self.site.root / "outgoing"
        directory.mkdir()
        modality = Modality("CT1", self.site.ct)
        for turn in range(1, 100_000):
            if self._ended.is_set():
                return
            paths: list[str] = []
            uids: list[str] = []
            for number in range(REPLAY):
                other = self._uid[:-10] + f".{100_000_000 + turn * 1000 + number}".encode()
                uids.append(other.decode())
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
            if not done.returncode and answered == REPLAY:
                self._answered.update(uids)
            else:
                self.found.broken.append(f"association {turn}: {answered} answered; {done.stderr[-300:]}")

    def _memory(self) -> dict[str, float]:
        """MB of each program, workers left out: those come and go."""
        self.box.wait(lambda: len(self.box.pids("receive")) <= 1 + WORKERS + STANDING, 20)
        return {name: proc.memory(self.box.pids(name)[0]).resident for name in ("receive", "forward", "panel")}

    def _descriptors(self) -> dict[str, int]:
        names = ("receive", "forward", "panel")
        return {name: len(list(Path(f"/proc/{self.box.pids(name)[0]}/fd").iterdir())) for name in names}

    def _count(self) -> None:
        self.box.wait(lambda: not self._missing(), 60, 1.0)
        self.found.missing = self._missing()
        self.box.wait(lambda: len(self.box.pids("receive")) <= 1 + WORKERS, 20)
        self.found.processes = len(self.box.pids("receive"))
        for name, count in self._descriptors().items():
            self.found.descriptors[name].append(count)

    def _missing(self) -> int:
        there = {path.name.partition(".")[2] for path in self.upstream.directory.iterdir()}
        return len(self._answered - there)


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
        f"over {STANDING} that stood open; {found.probes} times a guest was let in or refused, {found.shown} times the "
        "certificate was looked at"
    )
    for name, size in found.first.items():
        print(f"  {name}: {size:.1f} MB after a fifth, {found.last[name]:.1f} MB at the end")
    for line in (*found.broken[:10], *found.uncounted[:10]):
        print(f"  broken: {line}")
    verdicts = found.verdicts()
    for verdict in verdicts:
        print(verdict.line())
    print(summary(verdicts))
    return int(not all(verdict.met for verdict in verdicts))


if __name__ == "__main__":
    sys.exit(main())
