"""`make vm-test`: a board with lamps boots Debian 13 with the appliance and its units, and everything is tried on it.

    python -m tests.vm.box.run [SCENE…]

An arm64 machine in QEMU, emulated; what it is made of is fetched once and kept below build/vm. Each line of the table
is something that was looked at. Exit status 1 when a line failed, 77 where this machine cannot.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from appliance.cli.demo.dcmtk import free_port
from tests.vm.box.guest import Guest
from tests.vm.box.outcome import Outcome
from tests.vm.box.scenes import blocking, credentials, data_disk, hangs, kills, lamps, records, reloads, road, units
from tests.vm.box.site import Site, keys
from tests.vm.debian import BUILD
from tests.vm.machine import missing

SCENES = {
    "units": units.play,
    "road": road.play,
    "lamps": lamps.play,
    "kills": kills.play,
    "hangs": hangs.play,
    "reloads": reloads.play,
    "credentials": credentials.play,
    "data-disk": data_disk.play,
    "blocking": blocking.play,  # late: an alert of the sensor keeps the alarm lamp lit
    "records": records.play,
}
TOOLS = {
    "dtc": "device-tree-compiler",
    "fdtoverlay": "device-tree-compiler",
    "mke2fs": "e2fsprogs",
    "storescu": "dcmtk",
    "storescp": "dcmtk",
    "dpkg-deb": "dpkg",
}


def cannot() -> str | None:
    """Why not here, or None."""
    if why := missing("aarch64"):
        return why
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    for name, package in TOOLS.items():
        if not shutil.which(name, path=path):
            return f"{name} (Debian package {package}) is not on this machine"
    return None


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("scenes", nargs="*", metavar="SCENE", help=f"only these: {', '.join(SCENES)}")
    chosen = parser.parse_args().scenes or list(SCENES)
    if unknown := set(chosen) - set(SCENES):
        parser.error(f"no such scene: {', '.join(sorted(unknown))}")
    if why := cannot():
        print(f"vm-test: {why}")
        return 77
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    BUILD.mkdir(parents=True, exist_ok=True)
    outcome, began = Outcome(), time.monotonic()
    work = Path(tempfile.mkdtemp(prefix="box-", dir=BUILD))
    try:
        _play(chosen, outcome, work)
    finally:
        shutil.rmtree(work)
    print(f"{outcome.lines} lines, {len(outcome.failed)} failed, in {time.monotonic() - began:.0f} s")
    return 1 if outcome.failed else 0


def _play(chosen: list[str], outcome: Outcome, work: Path) -> None:
    upstream_port = free_port()
    etc, issued = work / "etc", work / "issued"
    etc.mkdir()
    issued.mkdir()
    config = keys(etc, issued)
    guest, site = Guest(work, etc, free_port(), upstream_port), None
    try:
        outcome.line("the guest boots", True, f"{guest.wait():.0f} s until it answers")
        state = guest.run("systemctl is-system-running --wait; systemctl --failed --no-legend --plain", 400).out.split()
        outcome.line("systemd says that all of it runs", state[:1] == ["running"], " ".join(state))
        began = time.monotonic()
        site = Site(guest, work, issued, config, upstream_port)
        site.start()
        outcome.line("set up as the README of the units says", True, f"{time.monotonic() - began:.0f} s")
        for name in chosen:
            began = time.monotonic()
            print(f"--      {name}", flush=True)
            with outcome.of(name):
                SCENES[name](site, outcome)
            print(f"--      {name} took {time.monotonic() - began:.0f} s", flush=True)
    finally:
        if site:
            site.upstream.stop()
        guest.end()


if __name__ == "__main__":
    sys.exit(main())
