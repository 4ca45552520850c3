"""`forward` as a process between a sealed vault and one upstream: what is put in, what `queue` says, what arrived.

Each fault ends with `arrived`, which compares every data set bit for bit. `Row` is the demo's.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.cli.demo.evidence import Row, judge
from appliance.delivery.file_meta import parse_file_meta
from tests.delivery.upstream import Authority, StoreScp, tls_options
from tests.delivery_lab import odd_data_sets
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
        self.seen: list[str] = []

    def put(self, count: int = 12, pixels: int = 3000) -> None:
        """Seal so many instances, odd ones among them."""
        odd_data_sets.put(self.box.state, count, pixels)

    def begin(self, port: int, **entry: str) -> None:
        """Configure the destination "pacs" at a port, and start `forward`."""
        self.box.destination("pacs", port, **entry)
        self.run()

    def run(self) -> None:
        """Start `forward` with the destinations that there are."""
        self.box.configure()
        self.box.start()
        self.box.ready()

    @property
    def queue(self) -> dict[str, Any]:
        """What `appliance queue` and `appliance status` are told of the destination."""
        found: dict[str, Any] = (self.box.ask("queue") or {})["destinations"]["pacs"]
        return found

    def told(self, words: str) -> None:
        """Wait until the state of the queue names the fault."""
        errors = [""]

        def says() -> bool:
            errors.append(str(self.queue["error"]))
            return bool(errors[-1]) and words in errors[-1]

        self.await_(says, f"the queue says {words!r}")
        self.seen.append(errors[-1])

    def held(self, words: str, count: int = 1) -> None:
        """Wait until so many deliveries are held for this reason."""
        self.await_(lambda: self.queue["held"] == count, f"{count} held")
        reasons = {each["reason"] for each in (self.box.ask("held") or {})["held"]}
        if not all(words in reason for reason in reasons):
            raise AssertionError(f"held for {reasons}, not for {words!r}")
        self.seen += [f"held: {reason}" for reason in reasons]

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
        queue = self.queue
        last = (queue["last_error"] or {}).get("reason", "nothing, for it only took longer")
        said = "; ".join(dict.fromkeys(self.seen)) or last
        clean = queue["held"] == queue["waiting"] == queue["leased"] == 0 and not queue["error"]
        orderly = not ends or self.box.stop() == 0
        quiet = "Traceback" not in self.box.log and "INTERNAL-ERROR" not in self.box.log
        return judge(
            self.fault,
            not missing and not differing and again <= twice and clean and orderly and quiet,
            f"{len(sent)} sent, {missing} missing, {differing} differ, {again} came twice (allowed: {twice})"
            f"{'' if clean else f'; left: {queue}'}. Said: {said}",
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
            return judge(fault.name, False, str(error))
        finally:
            if lab.box.process:
                lab.box.process.kill()
                lab.box.process.wait()


def entry_of(lab: Lab, authority: Authority) -> dict[str, str]:
    """Our side of mutual TLS, for the destination's entry."""
    ours = authority.issue("edge")
    return {"ca": str(authority.certificate), "certificate": str(ours.certificate), "key": str(ours.key)}


__all__ = ["Fault", "Lab", "again", "entry_of", "stored", "storescp", "tls_options", "tried", "whole"]
