"""`forward` as a process between a sealed vault and one upstream, and the panel beside it: what is put in, what `queue`
and `status` say while a fault is on, what arrived.

Each fault ends with `arrived`, which compares every data set bit for bit.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.delivery.file_meta import parse_file_meta
from tests.delivery.upstream import Authority, StoreScp, tls_options
from tests.delivery_lab import odd_data_sets
from tests.delivery_lab.row import Row, Told, judge
from tests.delivery_lab.telling import Telling, Wrong
from tests.programs.test_forward import Box

PATIENCE = 20.0
_HURRY = 0.3  # seconds between two words of a person who retries


@dataclass(frozen=True, slots=True)
class Fault:
    """What is done to delivery: its name for people, and what tries it."""

    name: str
    run: Callable[[Lab], Row]
    long: bool = False
    """Whether it takes more than CI has time for."""


class Lab:
    """One box with one destination, below a directory."""

    def __init__(self, root: Path, fault: str, kills: int) -> None:
        self.root = root
        self.fault = fault
        self.kills = kills
        self.box = Box(root)
        self.telling = Telling(self.box.path)
        self.heard: list[Told] = []
        self.seen: list[str] = []
        self._panel: subprocess.Popen[bytes] | None = None

    def put(self, count: int = 12, pixels: int = 3000) -> list[str]:
        """Seal so many instances, odd ones among them; their object ids."""
        return odd_data_sets.put(self.box.state, count, pixels)

    def begin(self, port: int, **entry: str) -> None:
        """Configure the destination "pacs" at a port, and start `forward`."""
        self.box.destination("pacs", port, **entry)
        self.run()

    def run(self) -> None:
        """Start `forward` with the destinations that there are."""
        self.box.configure()
        self.watch()
        self.box.start()
        self.box.ready()

    def watch(self) -> None:
        """Start the panel, which answers `status`, unless it runs."""
        if self._panel:
            return
        command = [sys.executable, "-m", "appliance", "program", "panel", "--config", str(self.box.path)]
        with (self.root / "panel.log").open("ab") as log:
            self._panel = subprocess.Popen(command, stderr=log, stdout=log)

    def end(self) -> None:
        """Kill what still runs."""
        for process in (self.box.process, self._panel):
            if process:
                process.kill()
                process.wait()

    @property
    def queue(self) -> dict[str, Any]:
        """What `forward` says of the destination."""
        found: dict[str, Any] = (self.box.ask("queue") or {})["destinations"]["pacs"]
        return found

    def hear(self, ask: Callable[[], Told | None], seconds: float = PATIENCE) -> None:
        """Wait until the commands say what they should; that goes into the table."""
        end = time.monotonic() + seconds
        while True:
            try:
                if told := ask():
                    self.heard.append(told)
                return
            except Wrong as error:
                if time.monotonic() > end:
                    raise AssertionError(f"{self.fault}: not within {seconds:.0f} s: {error}") from None
            time.sleep(0.05)

    def failing(self, *words: str) -> None:
        """Wait until `queue` and `status` say that the destination fails for one of these reasons, and what to do."""
        self.hear(lambda: self.telling.failing(*words))

    def held(self, words: str, count: int = 1) -> None:
        """Wait until they say that so many deliveries are held for this reason."""
        self.hear(lambda: self.telling.held(words, count))

    def await_(self, condition: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
        """Wait, and say in full what was there instead."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(
                    f"{self.fault}: not within {seconds:.0f} s: {what}; {self.queue}; {self.box.log[-1500:]}"
                )
            time.sleep(0.02)

    def all_delivered(self, hurry: bool = True) -> None:
        """Wait until the queue is empty, with a person who says `queue retry` meanwhile unless not to `hurry`."""
        count, said = len(self.box.state.sent), 0.0

        def done() -> bool:
            nonlocal said
            if hurry and time.monotonic() - said > _HURRY:
                said = time.monotonic()
                self.box.ask("retry", destination="pacs")
            return self.box.delivered() == count

        self.await_(done, f"{count} delivered")

    def arrived(self, data_sets: Iterable[tuple[str, bytes]], *, twice: int = 0, ends: bool = True) -> Row:
        """Compare what arrived, by SOP Instance UID, with what was sent: all there, every bit, and at most `twice` more
        than once. Then end in order."""
        sent = self.box.state.sent
        missing, differing, again = compare(sent, data_sets)
        self.hear(self.telling.well)
        orderly = not ends or self.box.stop() == 0
        logs = self.box.log + (self.root / "panel.log").read_text()
        quiet = "Traceback" not in logs and "INTERNAL-ERROR" not in logs
        return judge(
            self.fault,
            not missing and not differing and again <= twice and orderly and quiet and bool(self.heard),
            "; ".join(
                (
                    f"{len(sent)} sent, {missing} missing, {differing} differ, {again} came twice (allowed: {twice})",
                    *self.seen,
                    *(() if quiet else ("the log has an error of ours",)),
                )
            ),
            self.heard,
        )


def compare(sent: dict[str, bytes], data_sets: Iterable[tuple[str, bytes]]) -> tuple[int, int, int]:
    """How many instances are missing, how many differ in a bit or were never sent, and how many copies are too many."""
    found: dict[str, list[bytes]] = {}
    for uid, content in data_sets:
        found.setdefault(uid, []).append(content)
    differing = sum(any(content != sent.get(uid) for content in contents) for uid, contents in found.items())
    return len(sent.keys() - found.keys()), differing, sum(len(contents) - 1 for contents in found.values())


def stored(upstream: StoreScp) -> list[tuple[str, bytes]]:
    """Every file that storescp has written whole, copies of one instance too."""
    found = []
    for path in sorted(upstream.directory.iterdir()):
        whole = path.read_bytes()
        with contextlib.suppress(Exception):  # what it had not finished when it was killed was answered to nobody
            meta = parse_file_meta(whole)
            found.append((meta.sop_instance, whole[meta.data_set_offset :]))
    return found


def whole(upstream: StoreScp, sent: dict[str, bytes]) -> list[tuple[str, bytes]]:
    """As `stored`, without the beginnings that a killed or cut storescp left: prefixes of what was sent, which nobody
    was told of as stored."""
    files = stored(upstream)
    complete = Counter(uid for uid, content in files if content == sent.get(uid))
    return [
        (uid, content)
        for uid, content in files
        if content == sent.get(uid) or not (complete[uid] and sent.get(uid, b"").startswith(content))
    ]


@contextlib.contextmanager
def storescp(lab: Lab, *options: str, tls: tuple[str, ...] = ("+xa",)) -> Iterator[StoreScp]:
    """DCMTK's storescp with these further options at its first start; `again` starts it without."""
    upstream = StoreScp(lab.root / "upstream", (*tls, "--fork", "+uf")).start(*options)
    try:
        yield upstream
    finally:
        upstream.stop()


def again(upstream: StoreScp) -> None:
    """Kill it, and start it without the options of its first start."""
    upstream.stop()
    upstream.start()


def tried(fault: Fault, kills: int = 6) -> Row:
    """One fault in a directory of its own, which is removed; `forward` is killed where the fault left it running."""
    with tempfile.TemporaryDirectory(prefix="lab-") as directory:
        lab = Lab(Path(directory), fault.name, kills)
        try:
            return fault.run(lab)
        except AssertionError as error:
            return judge(fault.name, False, str(error), lab.heard)
        finally:
            lab.end()


def entry_of(lab: Lab, authority: Authority) -> dict[str, str]:
    """Our side of mutual TLS, for the destination's entry."""
    ours = authority.issue("edge")
    return {"ca": str(authority.certificate), "certificate": str(ours.certificate), "key": str(ours.key)}


__all__ = ["Fault", "Lab", "again", "entry_of", "stored", "storescp", "tls_options", "tried", "whole"]
