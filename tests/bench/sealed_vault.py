"""A vault full of sealed instances whose deliveries are held, and `forward` on it: what the delivery benchmark times.

Held rows wait until somebody sends them on, so the clock starts with one command to a program that is up and stops when
the last proof is durable. Owns the site and its directory; never judges a figure.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.base.errors import LocalError
from appliance.cli.demo.dcmtk import free_port
from appliance.cli.demo.site import Site, build
from appliance.delivery.control import ask, control_socket
from appliance.delivery.file_meta import parse_file_meta
from appliance.host.credentials import read_secret
from appliance.scp.part10 import file_head
from appliance.seal.index_key import IndexKey
from appliance.seal.keys import parse_identity
from appliance.seal.record import RecordFacts
from appliance.vault.adoption import Adoption
from appliance.vault.incoming import Incoming
from appliance.vault.intake import Intake
from appliance.vault.layout import StateLayout
from appliance.vault.ledger import Ledger
from appliance.vault.objects import Objects
from tests.bench import proc

_PIECE = 1 << 20
_HEAD = 4096


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one run took, and what `forward` needed for it: seconds, CPU seconds, MB at its peak."""

    seconds: float
    cpu: float
    peak: float


@dataclass(frozen=True, slots=True)
class SealedVault:
    """`count` adopted objects of a site."""

    site: Site
    count: int

    @classmethod
    def fill(cls, root: Path, files: Sequence[str]) -> SealedVault:
        """Seal these files to two hybrid recipients, as `receive` would, and adopt them."""
        site = build(root, classical=False, port=free_port(), upstream_port=free_port())
        layout = StateLayout(site.state)
        layout.create()
        objects = Objects(layout)
        objects.prepare()
        index_key = IndexKey.parse(read_secret(f"file:{root}/keys/index-key"))
        recovery = parse_identity(site.recovery.read_text().strip())
        intake = Intake(Incoming(layout), [site.box.recipient, recovery.recipient], index_key)
        for path in files:
            _seal(intake, index_key, Path(path))
        ledger = Ledger(layout.ledger)
        adoption = Adoption(objects, ledger, index_key, lambda _: ("pacs",))
        waiting = objects.waiting()
        for start in range(0, len(waiting), 64):
            adoption.adopt(waiting[start : start + 64], time.time())
        ledger.close()
        return cls(site, len(files))

    def hold(self) -> None:
        """Have everything owed again, and held."""
        ledger = Ledger(StateLayout(self.site.state).ledger)
        with ledger.transaction() as sqlite:
            sqlite.execute("DELETE FROM delivery")
            sqlite.execute("UPDATE object SET proven = NULL")
            sqlite.execute(
                "INSERT INTO delivery (object, destination, state, since, due) "
                "SELECT id, 'pacs', 'held', received, 0 FROM object ORDER BY id"
            )
        ledger.close()

    def destination(self, address: str, associations: int | None = None) -> None:
        """Have the destination at this address, with so many associations; None: as is the default."""
        more = f"associations = {associations}\n" if associations else ""
        text = self.site.config.read_text()
        head, _, rest = text.partition("[[destination]]\n")
        lines = [line for line in rest.splitlines(True) if not line.startswith("associations")]
        rest = "".join(f'address     = "{address}"\n' if line.startswith("address ") else line for line in lines)
        self.site.config.write_text(f"{head}[[destination]]\n{more}{rest}")

    def deliver(self, prefix: Sequence[str] = (), allowed: float = 120.0) -> Delivered:
        """Time from the command that sends all on to the durable proof of the last one. Raises RuntimeError where it
        takes longer than `allowed` seconds, or anything is held. `prefix` is put before the command."""
        self.hold()
        with forward(self.site, prefix) as process:
            before = proc.cpu([process.pid])
            began = time.perf_counter()
            released = self._ask("retry")["released"]
            if released != self.count:
                raise RuntimeError(f"{released} were sent on of {self.count}")
            while (done := self._state()["delivered"]) < self.count:
                spent = time.perf_counter() - began
                if spent > allowed or process.poll() is not None:
                    raise RuntimeError(f"{done} of {self.count} after {spent:.0f} s: {self._state()}")
                # Every look costs forward a little: few, and close together near the end. Proofs come in batches, so
                # what is left is guessed badly; a look too late by a fiftieth is what that may cost.
                left = spent * (self.count - done) / done if done else 0.02
                time.sleep(min(max(left / 2, 0.002), max(spent / 50, 0.005)))
            seconds = time.perf_counter() - began
            if (failures := self._state()["error"]) or self._state()["held"]:
                raise RuntimeError(f"not all of it went through: {failures}")
            cpu = proc.cpu([process.pid]) - before
            return Delivered(seconds, cpu.total, proc.memory(process.pid).peak)

    def _ask(self, op: str) -> dict[str, Any]:
        return ask(control_socket(self.site.runtime), {"op": op})

    def _state(self) -> dict[str, Any]:
        found: dict[str, Any] = self._ask("queue")["destinations"]["pacs"]
        return found


@contextlib.contextmanager
def forward(site: Site, prefix: Sequence[str] = ()) -> Iterator[subprocess.Popen[bytes]]:
    """`forward` until the block ends, ready. What it says lies in the site's log."""
    command = [*prefix, sys.executable, "-m", "appliance", "program", "forward", "--config", str(site.config)]
    with site.log.open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                ask(control_socket(site.runtime), {"op": "queue"})
                break
            except LocalError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"forward did not start: {site.log.read_text()[-2000:]}") from None
                time.sleep(0.02)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _seal(intake: Intake, index_key: IndexKey, path: Path) -> None:
    with path.open("rb") as file:
        meta = parse_file_meta(file.read(_HEAD))
        facts = {"sop_class": meta.sop_class, "transfer_syntax": meta.transfer_syntax}
        titles = {"calling_ae": "CT1", "called_ae": "EDGE01"}
        instance = intake.begin(file_head(sop_instance=meta.sop_instance, own_ae="EDGE01", **facts, **titles))
        file.seek(meta.data_set_offset)
        for piece in iter(_reader(file.read), b""):
            instance.write(piece)
    tag = index_key.tag("instance", meta.sop_instance)
    record = RecordFacts(
        object_id=instance.object_id, received=time.time(), peer="CT suite 1", modality="CT",
        study_tag=b"", series_tag=b"", instance_tag=tag, **facts, **titles,
    )  # fmt: skip
    instance.commit(record)


def _reader(read: Callable[[int], bytes]) -> Callable[[], bytes]:
    return lambda: read(_PIECE)
