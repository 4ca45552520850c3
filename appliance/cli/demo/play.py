"""The play: what happens in the demo, in its order."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from appliance.base.errors import LocalError
from appliance.cli.demo import evidence
from appliance.cli.demo.box import Box
from appliance.cli.demo.dcmtk import Modality, Upstream, free_port, listens, need
from appliance.cli.demo.evidence import Row, Verdict, judge
from appliance.cli.demo.images import Image, ct_series, real_files
from appliance.cli.demo.site import Site, build
from appliance.cli.demo.strangers import Staller, Visit, all_visits

_RETRIES = 120.0  # seconds for which the modality tries again
_AGAIN = 20
_DRAIN = 120.0  # seconds for the deliveries after the upstream came back


class Play:
    """One performance."""

    def __init__(
        self, root: Path, console: Console, *, instances: int, kills: int, seed: int | None, classical: bool
    ) -> None:
        self._console = console
        self._instances = instances
        self._kills = kills
        self._npm = _npm_package()
        self._classical = classical or self._npm is None
        self._root = root
        self._dice = random.Random(seed)  # noqa: S311 - it chooses moments, not keys
        self._answered: dict[str, Image] = {}
        self._events: list[str] = []

    def run(self) -> list[Row]:
        """All acts. Returns the rows of the table."""
        for program in ("storescu", "storescp", "echoscu"):
            need(program)
        ports = free_port(), free_port()
        site = build(self._root, classical=self._classical, port=ports[0], upstream_port=ports[1])
        self._console.print(f"A hospital in {self._root}: site CA, certificates, keys, {site.config.name}.")
        images = [*real_files(self._root / "real"), *ct_series(self._root / "ct", self._instances)]
        sent = self._reference(images)
        images = [image for image in images if image.instance in sent]
        upstream = Upstream(self._root / "upstream", site.upstream_port, site.upstream)
        upstream.start()
        box = Box(site)
        try:
            self._console.print(f"`appliance run` is ready after {box.start():.1f} s.")
            backlog = self._transfer(site, box, upstream, images)
            drained = self._drain(box, upstream)
            stalled = self._nobody_stalls(site, box, images)
            self._strangers_came = datetime.now(UTC)
            visits = self._strangers(site)
            rows = self._judge(site, box, upstream, images, sent, visits)
            rows[3:3] = [self._outage(backlog, drained), stalled]
            return rows
        finally:
            stopped = box.stop()
            upstream.stop()
            if stopped:
                self._console.print(f"[red]The appliance ended with exit status {stopped}.[/]")

    def _reference(self, images: list[Image]) -> dict[str, bytes]:
        """What storescu puts on the wire for each image, by SOP Instance UID: a storescp without us in between."""
        reference = Upstream(self._root / "reference", free_port(), None)
        reference.start()
        port = reference.port
        try:
            with self._progress("storescu straight to a storescp, to know what it sends", len(images)) as (bar, task):
                Modality("CT1", None).send(images, port, "PACS", lambda *_: bar.advance(task))
        finally:
            reference.stop()
        return reference.instances()

    def _transfer(self, site: Site, box: Box, upstream: Upstream, images: list[Image]) -> int:
        """Send all images, again and again until each was answered 0x0000. Gives the number of deliveries that wait."""
        moments = sorted(self._dice.sample(range(1, len(images)), min(self._kills, len(images) - 1)))
        outage = len(images) // 4
        upstream_is_up = True

        def answered(image: Image, status: str) -> None:
            nonlocal upstream_is_up
            if status != "Success":
                self._events.append(f"answered {status}")
                return
            if image.instance not in self._answered:
                self._answered[image.instance] = image
                bar.advance(task)
            if upstream_is_up and len(self._answered) >= outage:
                upstream_is_up = False
                upstream.stop()
                bar.console.print("  the upstream goes away")
            if moments and len(self._answered) >= moments[0]:
                moments.pop(0)
                bar.console.print(f"  kill -9: {box.kill_something(self._dice)}")

        began = time.monotonic()
        with self._progress("storescu to the appliance, mutual TLS", len(images)) as (bar, task):
            while left := [image for image in images if image.instance not in self._answered]:
                Modality("CT1", site.ct).send(left, site.port, "PACS", answered)
                if len(self._answered) < len(images):
                    if time.monotonic() - began > _RETRIES:
                        break
                    time.sleep(0.3)
        box.wait(lambda: self._destination(box).get("waiting", 0) > 0, 10)
        return int(self._destination(box).get("waiting", 0))

    def _drain(self, box: Box, upstream: Upstream) -> float | None:
        """The upstream comes back: wait until nothing waits for it. Gives the seconds, None if it never was."""
        upstream.start()
        began = time.monotonic()
        wanted = len(self._answered)
        with self._progress("the upstream is back; sealed objects to storescp, TLS", wanted) as (bar, task):

            def done() -> bool:
                queue = self._destination(box)
                bar.update(task, completed=min(wanted, upstream.count()))
                return bool(queue) and not (queue.get("waiting") or queue.get("leased"))

            finished = box.wait(done, _DRAIN)
            bar.update(task, completed=min(wanted, upstream.count()))
        return time.monotonic() - began if finished else None

    def _strangers(self, site: Site) -> list[Visit]:
        with self._console.status("strangers try to get in"):
            return all_visits(site)

    def _judge(
        self,
        site: Site,
        box: Box,
        upstream: Upstream,
        images: list[Image],
        sent: dict[str, bytes],
        visits: list[Visit],
    ) -> list[Row]:
        with self._console.status("looking at what is on the disks"):
            answered = list(self._answered.values())
            return [
                evidence.holds_no_key(site, box),
                evidence.no_phi(site, images, upstream.directory),
                evidence.delivered(answered, sent, upstream.instances(), len(images), self._kills),
                evidence.opens_with_age(site, sent, self._classical, self._npm),
                Row(
                    "Wire speed on two cores, in Python",
                    Verdict.NOT_HERE,
                    "a demo is no benchmark: make bench-receive says how far we are from it",
                ),
                self._refused(visits),
                self._seen(site, box, visits, self._strangers_came),
            ]

    def _outage(self, backlog: int, drained: float | None) -> Row:
        return judge(
            "Deliveries outlive an outage of the upstream",
            backlog > 0 and drained is not None,
            f"{backlog} deliveries waited while it was away, "
            + (f"all were done {drained:.1f} s after it came back" if drained is not None else "and not all were done"),
        )

    def _nobody_stalls(self, site: Site, box: Box, images: list[Image]) -> Row:
        """An echo and some instances that were sent before, while two connections hang. Duplicates are welcome."""
        again, modality = images[: 2 * _AGAIN : 2], Modality("CT1", site.ct)
        answers: list[str] = []
        if not box.wait(lambda: listens(site.port), _RETRIES):
            raise LocalError("the appliance does not listen again after a kill", fix=f"Its log is {site.log}.")
        with Staller(site) as staller:
            began = time.monotonic()
            echo = modality.echo(site.port, "PACS")
            echoed = time.monotonic() - began
            modality.send(again, site.port, "PACS", lambda _, status: answers.append(status))
            seconds = time.monotonic() - began - echoed
            hanging = staller.hangs()
        return judge(
            "A silent connection and a half-sent PDU stall nobody",
            not echo and answers == ["Success"] * len(again) and hanging,
            f"while both hung: C-ECHO over a new association {echoed:.2f} s, and {answers.count('Success')} of "
            f"{len(again)} instances sent once more in {seconds:.1f} s",
        )

    @staticmethod
    def _refused(visits: list[Visit]) -> Row:
        tried = [visit for visit in visits if visit.refused is not None]
        let_in = [visit.who for visit in tried if not visit.refused]
        skipped = "".join(f"; {visit.who}: {visit.ended}" for visit in visits if visit.refused is None)
        return judge(
            "Strangers are refused",
            bool(tried) and not let_in,
            f"{len(tried) - len(let_in)} of {len(tried)} were: " + "; ".join(visit.who for visit in tried) + skipped,
        )

    @staticmethod
    def _seen(site: Site, box: Box, visits: list[Visit], began: datetime) -> Row:
        promise = "A sensor that understands DICOM"
        sensor = box.said("sensor")
        if sensor.get("state") != "ok":
            return Row(promise, Verdict.NOT_HERE, "the sensor may not capture here (CAP_NET_RAW)")
        expected = {rule for visit in visits if visit.refused is not None for rule in visit.rules}
        box.wait(lambda: expected <= set(evidence.raised(site, since=began)), 5)
        seen, false = evidence.raised(site, since=began), evidence.raised(site, until=began)
        missing = expected - set(seen)
        words = ", ".join(f"{rule} {title}" for rule, title in sorted(seen.items()))
        return judge(
            promise,
            not missing and not false,
            f"alerts about the strangers: {words}; missing: {', '.join(sorted(missing)) or 'none'}; "
            f"alerts before they came: {', '.join(sorted(false)) or 'none'}",
        )

    @staticmethod
    def _destination(box: Box) -> dict[str, int]:
        found: dict[str, int] = box.said("forward").get("destinations", {}).get("pacs", {})
        return found

    @contextmanager
    def _progress(self, title: str, total: int) -> Iterator[tuple[Progress, TaskID]]:
        columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self._console) as bar:
            yield bar, bar.add_task(title, total=total)


def _npm_package() -> Path | None:
    """Where npm's age-encryption was put by `make setup`, if it was."""
    place = Path(__file__).resolve().parents[3] / "build" / "npm"
    return place if (place / "node_modules" / "age-encryption").is_dir() else None
