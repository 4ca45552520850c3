"""`make power-cut`: pull the plug of a guest that receives, again and again, and count what was answered and lost.

    python -m tests.vm.power_cut.run [--cuts 50] [--seed N] [--without-flushes]

The guest is frozen through QMP and its disk copied, which is what a power cut leaves of a drive without a cache; the
last cut is kill -9 of the machine. Then the log of its writes is cut at moments at which some were not flushed, and by
chance half of these are dropped: a drive with a cache. As many cuts each way.
Exit status 1 when an answered instance is lost.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.vm.debian import BUILD
from tests.vm.machine import missing
from tests.vm.power_cut import guest as guests
from tests.vm.power_cut.copies import Found, look
from tests.vm.power_cut.drive_cache import DriveCache
from tests.vm.power_cut.senders import Answers, Load

BOOT = 120.0  # seconds; an emulated core that others share
BETWEEN = (0.05, 1.2)  # seconds that it runs from one cut to the next


@dataclass
class Outcome:
    """Of all cuts."""

    cuts: int = 0
    answered: int = 0
    lost: int = 0
    dropped: int = 0
    surplus: int = 0
    unrepaired: int = 0
    set_aside: int = 0


class Cuts:
    """One guest, its plug pulled again and again; then what its drive's cache would have taken along."""

    def __init__(self, work: Path, seed: int, say: Callable[[str], None]) -> None:
        began = time.monotonic()
        self._work, self._say, self._dice = work, say, random.Random(seed)
        self.outcome = Outcome()
        self._guest = guests.make(work)
        self._answers = Answers(self._guest.log)
        self._copy = work / "copy.img"
        self._empty = work / "empty.img"
        _copy(self._guest.disk, self._empty)
        say(f"guest made in {time.monotonic() - began:.1f} s")

    def pull(self, cuts: int, *, flushes: bool = True) -> None:
        """The last of the cuts is kill -9 of the machine."""
        machine, load = self._guest.start(flushes=flushes), None
        try:
            self._say(f"ready {machine.wait_for(guests.READY, BOOT):.1f} s after it was switched on; the load begins")
            load = Load(self._guest.port, guests.AE_TITLE, self._answers)
            _until(lambda: len(self._answers) >= 3, BOOT, "no three instances were answered")
            for number in range(1, cuts):
                time.sleep(self._dice.uniform(*BETWEEN))
                with machine.frozen():
                    time.sleep(0.05)  # what it has said already arrives
                    _copy(self._guest.disk, self._copy)
                    answered = self._answers.so_far()
                self._look(answered, f"cut {number}")
            time.sleep(self._dice.uniform(*BETWEEN))
            machine.kill()
            time.sleep(0.2)
            _copy(self._guest.disk, self._copy)
            self._look(self._answers.so_far(), f"cut {cuts}, kill -9")
        finally:
            machine.kill()
            if load:
                load.stop()

    def lose_cache(self, cuts: int) -> None:
        """The same load, cut at moments at which something was in the drive's cache, and half of that is lost."""
        drive = DriveCache(self._guest.log, self._empty, self._work / "durable.img", self._dice)
        for number, place in enumerate(drive.moments(cuts, self._answers.first()), 1):
            drive.cut(place, self._copy)
            self.outcome.dropped += drive.dropped
            self._look(self._answers.so_far(place), f"cache {number}, {drive.dropped} writes gone")

    def _look(self, answered: dict[str, bytes], about: str) -> None:
        found = look(self._copy, self._work / "look", answered, self._guest.identity, self._guest.index_key)
        _count(self.outcome, found, f"{about}: {len(answered)} answered", self._say)
        self.outcome.answered = max(self.outcome.answered, len(answered))


def _count(outcome: Outcome, found: Found, about: str, say: Callable[[str], None]) -> None:
    outcome.cuts += 1
    outcome.lost += len(found.lost)
    outcome.surplus += found.surplus
    outcome.unrepaired += not found.repaired
    outcome.set_aside += found.set_aside
    say(
        f"{about}, {found.whole} whole, {len(found.lost)} lost, {found.surplus} more were durable, "
        f"{found.set_aside} set aside, file system {'clean' if found.repaired else 'NOT REPAIRED BY ITS JOURNAL'}"
    )


def _copy(disk: Path, copy: Path) -> None:
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", disk, copy], check=True)


def _until(true: Callable[[], bool], seconds: float, otherwise: str) -> None:
    give_up = time.monotonic() + seconds
    while not true():
        if time.monotonic() > give_up:
            raise RuntimeError(f"{otherwise} within {seconds:.0f} s")
        time.sleep(0.1)


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--cuts", type=int, default=50)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--without-flushes", action="store_true", help="the proof that it can fail: nothing is flushed")
    chosen = parser.parse_args()
    if why := missing("x86_64"):
        print(f"power-cut: {why}")
        return 77
    BUILD.mkdir(parents=True, exist_ok=True)
    work, began = Path(tempfile.mkdtemp(prefix="power-cut-", dir=BUILD)), time.monotonic()
    try:
        cuts = Cuts(work, chosen.seed, print)
        cuts.pull(chosen.cuts, flushes=not chosen.without_flushes)
        cuts.lose_cache(chosen.cuts)
    finally:
        shutil.rmtree(work)
    outcome = cuts.outcome
    print(
        f"{outcome.cuts} power cuts (seed {chosen.seed}) in {time.monotonic() - began:.0f} s: {outcome.answered} "
        f"instances answered, {outcome.lost} lost; {outcome.dropped} writes gone with the drive's cache; "
        f"{outcome.unrepaired} file systems not repaired by their journal, {outcome.set_aside} files set aside"
    )
    return 1 if outcome.lost or outcome.unrepaired else 0


if __name__ == "__main__":
    sys.exit(main())
