"""How fast the vault is on this disk: `python -m tests.vault.measure DIRECTORY`. Not a test; numbers are for people.
With `segments` behind the directory, only small instances in files of their own against those in segments.

Compare within one run only: the machine is shared.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from appliance.seal.keys import generate_identity
from appliance.vault.deliveries import Queue
from appliance.vault.incoming import Incoming
from appliance.vault.intake import Intake
from appliance.vault.ledger import Ledger
from appliance.vault.medium import Medium
from appliance.vault.segments import Segments
from tests.vault.samples import HEAD, INDEX_KEY, NOW, Vault, facts, record

_TURN = 20  # instances of one road before it is the other's turn


class Timed(Medium):
    """The real disk and the time that its flushes and links take, all threads together."""

    def __init__(self) -> None:
        self.spent = dict.fromkeys(("sync_data", "link", "sync_directory", "write_at"), 0.0)
        self.calls = dict.fromkeys(self.spent, 0)

    def _time(self, name: str, *arguments: object) -> None:
        start = time.perf_counter()
        try:
            getattr(super(), name)(*arguments)
        finally:
            self.spent[name] += time.perf_counter() - start
            self.calls[name] += 1

    def write_at(self, descriptor: int, data: bytes | memoryview, offset: int) -> None:
        self._time("write_at", descriptor, data, offset)

    def sync_data(self, descriptor: int) -> None:
        self._time("sync_data", descriptor)

    def link(self, descriptor: int, path: Path | str) -> None:
        self._time("link", descriptor, path)

    def sync_directory(self, directory: Path) -> None:
        self._time("sync_directory", directory)


class NotDurable(Timed):
    """The same without any flush: what sealing and writing cost alone."""

    def sync_data(self, descriptor: int) -> None:
        pass

    def sync_directory(self, directory: Path) -> None:
        pass


def intake(parent: Path, medium: Timed, size: int, threads: int, count: int, kind: str) -> None:
    with tempfile.TemporaryDirectory(dir=parent) as directory:
        vault = Vault(Path(directory) / "state")
        recipients = [generate_identity(kind).recipient for _ in range(2)]  # type: ignore[arg-type]
        shared = Intake(Incoming(vault.layout, medium), recipients, INDEX_KEY)
        data = memoryview(os.urandom(size))
        in_commit = [0.0] * threads

        def associate(number: int) -> None:
            for _ in range(count // threads):
                with shared.begin(HEAD) as instance:
                    for start in range(0, size, 16_384):
                        instance.write(data[start : start + 16_384])
                    start_commit = time.perf_counter()
                    instance.commit(facts(instance.object_id, "1.2.3"))
                    in_commit[number] += time.perf_counter() - start_commit

        start, cpu = time.perf_counter(), time.process_time()
        workers = [threading.Thread(target=associate, args=(number,)) for number in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu
        flush = medium.spent["sync_data"] + medium.spent["sync_directory"]
        print(
            f"{type(medium).__name__:10} {kind:9} {size:7} B, {threads} threads: {count / wall:6.0f}/s "
            f"{count * size / wall / 1e6:6.1f} MB/s; a thread spends {in_commit[0] / wall:4.0%} in commit, "
            f"{flush / threads / wall:4.0%} in flushes ({medium.calls['sync_directory']} of the directory "
            f"for {count}), cpu {cpu / wall:.2f}"
        )
        vault.close()


def segments(parent: Path, size: int, threads: int, count: int) -> None:
    """ms until an instance is durable, in a file of its own and in a segment, by turns: both meet the same disk.

    Flushes alone, without the sealing: both roads get the same sealed bytes.
    """
    with tempfile.TemporaryDirectory(dir=parent) as directory:
        vault = Vault(Path(directory) / "state")
        own = Segments(vault.layout, quiet=0.0)
        start = time.perf_counter()
        own.prepare()
        while not own.ready:
            time.sleep(0.001)
        making = time.perf_counter() - start
        header, payload = os.urandom(3_500), os.urandom(size)
        roads = {"own file": Incoming(vault.layout), "segment": Incoming(vault.layout, segments=own)}
        spent: dict[str, list[float]] = {road: [] for road in roads}
        wall = dict.fromkeys(roads, 0.0)

        def associate(road: str) -> None:
            for _ in range(_TURN):
                start = time.perf_counter()
                roads[road].keep(header, payload, os.urandom(16).hex())
                spent[road].append((time.perf_counter() - start) * 1000)

        for _ in range(count // threads // _TURN):
            for road in roads:
                start = time.perf_counter()
                workers = [threading.Thread(target=associate, args=(road,)) for _ in range(threads)]
                for worker in workers:
                    worker.start()
                for worker in workers:
                    worker.join()
                wall[road] += time.perf_counter() - start
        for road, each in spent.items():
            each.sort()
            print(
                f"{road:8} {size:7} B, {threads} threads: median {statistics.median(each):.3f} ms, "
                f"9 of 10 below {each[len(each) * 9 // 10]:.3f} ms, {len(each) / wall[road]:.0f}/s"
            )
        print(f"a segment is made in {making:.2f} s")
        own.close()
        vault.close()


class Device:
    """What the block device below a directory is asked to do. To be read on a device that nobody else uses: a file with
    ext4 in it, mounted with `-o loop`, has its journal's count of commits as well."""

    def __init__(self, directory: Path) -> None:
        number = directory.stat().st_dev
        self._name = f"{os.major(number)}:{os.minor(number)}"

    def counts(self) -> tuple[float, float, float, float]:
        """Writes, kB written, flushes, commits of the journal (0 where it does not tell)."""
        for line in Path("/proc/diskstats").read_text().splitlines():
            major, minor, name, *rest = line.split()
            if f"{major}:{minor}" == self._name:
                journal = Path(f"/proc/fs/jbd2/{name}-8/info")
                commits = int(journal.read_text().split()[0]) if journal.exists() else 0
                return int(rest[4]), int(rest[6]) * 0.512, int(rest[15]), commits
        return 0, 0, 0, 0

    @staticmethod
    def told(spent: Sequence[float], count: int) -> str:
        return "{:.2f} writes, {:.1f} kB, {:.2f} flushes, {:.2f} commits".format(*(each / count for each in spent))


def both_ends(parent: Path, count: int, batch: int, *, in_segments: bool) -> None:
    """What receiving and adopting cost the disk for each instance of 13 kB, in files and in segments."""
    with tempfile.TemporaryDirectory(dir=parent) as directory:
        vault = Vault(Path(directory) / "state")
        own = Segments(vault.layout, quiet=0.0)
        if in_segments:
            vault.incoming.segments = own
            own.supply()
            own.supply()
        device = Device(Path(directory))
        os.sync()
        times: dict[str, list[float]] = {"receiving": [], "adopting": []}
        spent = {what: [0.0] * 4 for what in times}

        def adopt() -> None:
            vault.adopt()
            vault.adoption.retire_segments()

        def receive() -> None:
            for _ in range(batch):
                vault.store(b"x" * 13_000, os.urandom(8).hex())

        for _ in range(count // batch):
            for what, do in (("receiving", receive), ("adopting", adopt)):
                before, start = device.counts(), time.perf_counter()
                do()
                times[what].append((time.perf_counter() - start) * 1000 / batch)
                spent[what] = [
                    total + after - first
                    for total, first, after in zip(spent[what], before, device.counts(), strict=True)
                ]
        for what, took in times.items():
            print(
                f"{'segments' if in_segments else 'files':8} {batch:3} at a time, {what:9}: median "
                f"{statistics.median(took):.2f} ms; {Device.told(spent[what], count)}"
            )
        own.close()
        vault.close()


def adoption(parent: Path, count: int) -> None:
    with tempfile.TemporaryDirectory(dir=parent) as directory:
        vault = Vault(Path(directory) / "state")
        for number in range(count):
            vault.store(b"x" * 13_000, str(number))
        start = time.perf_counter()
        vault.adopt()
        print(f"adoption: {count / (time.perf_counter() - start):.0f}/s")
        start = time.perf_counter()
        while leases := vault.ledger.lease("pacs", NOW + 1, 60, 16):
            for lease in leases:
                vault.ledger.delivered(lease.object_id, "pacs", 0, NOW)
        print(f"lease 16 and deliver, each durable: {count / (time.perf_counter() - start):.0f}/s")
        vault.close()


def ledger(parent: Path, rows: int) -> None:
    with tempfile.TemporaryDirectory(dir=parent) as directory:
        made = Ledger(Path(directory) / "ledger.sqlite")
        made.adopt(record(0, received=0.0), ["pacs"], NOW)
        for goal in (1_000, rows):
            have = made.holdings()["present"].objects
            start = time.perf_counter()
            for first in range(have, goal, 64):
                with made.transaction():
                    for number in range(first, min(first + 64, goal)):
                        entry = record(number, object_id=os.urandom(16).hex(), instance_tag=os.urandom(16))
                        made.adopt(entry, ["pacs"], NOW * 2)
                        if number % 100:
                            made.delivered(entry.object_id, "pacs", 0, NOW)
            insert = (goal - have) / (time.perf_counter() - start)
            timings = {}
            for name, call in {
                "lease 16": lambda: made.lease("pacs", NOW * 2, -1, 16),
                "next_due": lambda: made.next_due("pacs", NOW),
                "counts": made.counts,
                "evictable 64": lambda: made.evictable(NOW, 0, 64),
            }.items():
                start = time.perf_counter()
                for _ in range(20):
                    call()
                timings[name] = (time.perf_counter() - start) / 20 * 1000
            print(
                f"{goal} rows: {insert:.0f} entered and delivered/s; "
                + ", ".join(f"{name} {ms:.2f} ms" for name, ms in timings.items())
            )
        assert isinstance(made.counts()["pacs"], Queue)
        start = time.perf_counter()
        made.close()
        again = Ledger(Path(directory) / "ledger.sqlite")
        again.take_back_leases(NOW)
        print(f"{rows} rows: close, open, take back leases {time.perf_counter() - start:.2f} s")
        again.close()


if __name__ == "__main__":
    where = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.gettempdir())
    for bytes_ in (13_000, 60_000):
        for threads_ in (1, 4):
            segments(where, bytes_, threads_, 800)
    for at_a_time in (1, 8, 64):
        for new in (False, True):
            both_ends(where, 512, at_a_time, in_segments=new)
    if sys.argv[2:] == ["segments"]:
        sys.exit()
    for bytes_, number_of in ((13_000, 800), (525_000, 200)):
        for threads_ in (1, 4):
            for disk in (NotDurable, Timed):
                intake(where, disk(), bytes_, threads_, number_of, "hybrid")
    intake(where, Timed(), 13_000, 4, 800, "classical")
    adoption(where, 1024)
    ledger(where, int(sys.argv[2]) if len(sys.argv) > 2 else 100_000)
