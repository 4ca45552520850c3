"""A real backlog drains: sealed instances, `forward`, DCMTK's storescp, which takes everything and keeps nothing.

Also: what does an instance wait that comes meanwhile? Ratios count, not seconds: tenth by tenth for the rate, and a
wait beside the time that the backlog needs. What is sealed beforehand is not flushed; all that `forward` does is.
"""

from __future__ import annotations

import contextlib
import itertools
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from appliance.vault.adoption import BATCH, Adoption
from appliance.vault.incoming import Incoming
from appliance.vault.intake import Intake
from appliance.vault.ledger import Ledger
from appliance.vault.medium import Medium
from appliance.vault.objects import Objects
from tests.bench.verdict import Section, Verdict, median
from tests.delivery.upstream import free_port, until
from tests.delivery.vaults import State
from tests.programs.test_forward import Box

MISSING = None if shutil.which("storescp") else "storescp is not here: `make setup` installs DCMTK"
_STEADY = 2.0  # slowest by fastest tenth, at most
_PASSES = 0.05  # of the time that the whole backlog needs, at most, for one that comes meanwhile
_EVERY = 1.0  # seconds between two that come meanwhile
_LOOK = 0.05
_FINE = 0.005  # of the time that passed until then, between two looks at how much is gone
_PIXELS = 500


class _Hasty(Medium):
    """Flushes nothing: what is made beforehand need not outlive a power cut."""

    def sync_data(self, descriptor: int) -> None: ...
    def sync_directory(self, directory: Path) -> None: ...


@dataclass(slots=True)
class Drained:
    """How it went. `crossed` has the seconds after which each tenth was gone."""

    count: int
    crossed: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    idle: list[float] = field(default_factory=list)
    """What an instance waits where nothing else does."""

    @property
    def rates(self) -> list[float]:
        """Instances a second, tenth by tenth."""
        return [self.count / 10 / (end - begin) for begin, end in itertools.pairwise([0.0, *self.crossed])]


def fill(state: State, count: int) -> None:
    """So many small instances, sealed and entered, that "pacs" is owed."""
    hasty = Objects(state.layout, _Hasty())
    durable, state.intake = (
        state.intake,
        Intake(Incoming(state.layout, _Hasty()), [state.identity.recipient], state.index_key),
    )
    ledger = Ledger(state.layout.ledger)
    adoption = Adoption(hasty, ledger, state.index_key, lambda _: ("pacs",))
    for start in range(0, count, BATCH):
        adoption.adopt([state.put(pixels=_PIXELS) for _ in range(min(BATCH, count - start))], time.time())
    ledger.close()
    state.intake = durable


@contextlib.contextmanager
def sink() -> Iterator[int]:
    """storescp that takes and forgets; its port."""
    port = free_port()
    command = ["storescp", "-q", "--ignore", "--fork", "+xa", str(port)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env={"TCP_NODELAY": "1"})
    try:
        yield port
    finally:
        process.kill()
        process.wait()


def drain(root: Path, count: int) -> Drained:
    """Fill, start, and look on until all of it is proven."""
    found = Drained(count)
    box = Box(root)
    sys.stderr.write(f"backlog: sealing {count}\n")
    fill(box.state, count)
    with sink() as port:
        box.destination("pacs", port)
        box.configure()
        box.start()
        try:
            box.ready()
            sys.stderr.write("backlog: it goes\n")
            _watch(box, found)
            for _ in range(10):
                found.idle.append(_wait(box, box.state.put(pixels=_PIXELS)))
        finally:
            if box.process and box.process.poll() is None:
                box.stop()
    return found


def _watch(box: Box, found: Drained) -> None:
    begun = time.monotonic()
    came: dict[str, float] = {}
    next_one, next_look = begun + _EVERY, begun
    while True:
        if time.monotonic() >= next_look:  # it costs `forward` a little to count: seldom, where it takes long
            next_look = time.monotonic() + _FINE * (time.monotonic() - begun)
            destination = (box.ask("queue") or {"destinations": {}})["destinations"].get("pacs", {})
            if destination.get("error") or destination.get("held"):
                raise RuntimeError(f"it does not go through: {destination}")
            gone = int(destination.get("delivered", 0))
            while len(found.crossed) < 10 and gone >= found.count * (len(found.crossed) + 1) / 10:
                found.crossed.append(time.monotonic() - begun)
        now = time.monotonic()
        for object_id in [each for each in came if _is_delivered(box, each)]:
            found.waits.append(time.monotonic() - came.pop(object_id))
        if len(found.crossed) == 10 and not came:
            return
        if now >= next_one and len(found.crossed) < 10:
            next_one = now + _EVERY
            came[box.state.put(pixels=_PIXELS)] = time.monotonic()
        time.sleep(_LOOK)


def _wait(box: Box, object_id: str) -> float:
    begun = time.monotonic()
    until(lambda: _is_delivered(box, object_id), 60)
    return time.monotonic() - begun


def _is_delivered(box: Box, object_id: str) -> bool:
    rows = (box.ask("deliveries", object=object_id) or {"deliveries": []})["deliveries"]
    return any(row["state"] == "delivered" for row in rows)


def report(found: Drained) -> Section:
    """What is demanded of it."""
    section = Section(f"{found.count} instances that wait, to a real storescp")
    rates = found.rates
    whole = found.crossed[-1]
    section.lines.append(f"  gone after {whole:.1f} s, {found.count / whole:.0f}/s")
    section.lines.append(f"  begin {rates[0]:.0f}/s, middle {rates[5]:.0f}/s, end {rates[9]:.0f}/s")
    section.lines.append(f"  tenth by tenth: {' '.join(f'{rate:.0f}' for rate in rates)} instances a second")
    section.judge(Verdict("fastest / slowest tenth", max(rates) / min(rates), _STEADY))
    if found.waits:
        section.lines.append(
            f"  {len(found.waits)} that came meanwhile were delivered after {median(found.waits):.2f} s, at most "
            f"{max(found.waits):.2f} s; where nothing else waits, after {median(found.idle):.2f} s"
        )
        section.judge(
            Verdict("longest wait of one that came meanwhile / the backlog's", max(found.waits) / whole, _PASSES)
        )
    section.figures = {"rates": rates, "seconds": whole, "waits": found.waits, "idle": found.idle}
    return section
