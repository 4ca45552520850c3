"""What a scene of the lab is: something that is done with real tools, and the rules that must speak of it alone."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.sensor_lab.site import Lab

Act = Callable[[Lab], object]
CALM = "calm"
INFO = 3  # the lowest severity


@dataclass(frozen=True)
class Scene:
    """`rule` is what it is about; `says` is what is to be heard: nothing else, and nothing at all of a quiet twin."""

    rule: str
    tool: str
    says: frozenset[str]
    act: Act
    quiet: bool
    evidence: str = ""  # to be found in what the rule says

    @property
    def name(self) -> str:
        return f"{self.rule}-{self.act.__name__}"

    @property
    def title(self) -> str:
        """In words: its docstring."""
        return " ".join((self.act.__doc__ or self.act.__name__).split()).rstrip(".")


@dataclass
class Outcome:
    """How a scene went."""

    scene: Scene
    rules: frozenset[str] = frozenset()
    alerts: list[dict[str, Any]] = field(default_factory=list)
    pcap: Path | None = None
    counters: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    failed: str = ""
    skipped: str = ""

    @property
    def as_expected(self) -> bool:
        heard = [a for a in self.alerts if a["alert"]["signature_id"] == self.scene.rule]
        fits = not self.scene.evidence or any(self.scene.evidence in _evidence(each) for each in heard)
        if self.scene.rule == CALM:
            return not self.failed and all(each["alert"]["severity"] >= INFO for each in self.alerts)
        return not self.failed and self.rules == self.scene.says and (self.scene.quiet or fits)

    def wrong(self) -> str:
        """Why it is not as expected."""
        said = [f"{a['alert']['signature_id']}: {_evidence(a)}" for a in self.alerts]
        return self.failed or f"heard {sorted(self.rules)}, expected {sorted(self.scene.says)}: {said}"


def _evidence(record: dict[str, Any]) -> str:
    return str(record["alert"]["metadata"]["evidence"])


SCENES: list[Scene] = []


def shows(rule: str, tool: str, *more: str, evidence: str = "") -> Callable[[Act], Act]:
    """A scene of which `rule` must speak, and `more`."""

    def add(act: Act) -> Act:
        SCENES.append(Scene(rule, tool, frozenset((rule, *more)), act, False, evidence))
        return act

    return add


def quiet(rule: str, tool: str, *says: str) -> Callable[[Act], Act]:
    """The twin of a scene of `rule`: as like it as can be, and nothing is wrong with it, but for what others say."""

    def add(act: Act) -> Act:
        assert rule not in says
        SCENES.append(Scene(rule, tool, frozenset(says), act, True))
        return act

    return add


def calm(tool: str) -> Callable[[Act], Act]:
    """Peers that behave: nothing above "info" may be heard."""

    def add(act: Act) -> Act:
        SCENES.append(Scene(CALM, tool, frozenset(), act, True))
        return act

    return add


def play(lab: Lab, scene: Scene, captures: Path) -> Outcome:
    """Play a scene: a new sensor watches it from its beginning to its end."""
    outcome = Outcome(scene)
    missing = [tool for tool in scene.tool.split(", ") if tool in _PROGRAMS and not shutil.which(tool)]
    if missing:
        outcome.skipped = f"not installed: {', '.join(missing)}"
        return outcome
    begun = time.monotonic()
    engine = lab.engine()
    lab.mirror.begin(engine)
    lab.announce()
    running = {host.name: list(host.started) for host in lab.ground.hosts.values()}
    try:
        scene.act(lab)
    except Exception as error:
        outcome.failed = f"{type(error).__name__}: {error} {getattr(error, 'stderr', '')}"
    finally:
        for host in lab.ground.hosts.values():
            for process in [each for each in host.started if each not in running[host.name]]:
                host.stop(process)
    outcome.alerts = lab.mirror.finish()
    outcome.counters = engine.snapshot()
    outcome.rules = frozenset(record["alert"]["signature_id"] for record in outcome.alerts)
    outcome.pcap = lab.mirror.write(captures / f"{scene.name}.pcap")
    outcome.seconds = time.monotonic() - begun
    if outcome.counters["faults"]:
        outcome.failed = outcome.failed or f"{outcome.counters['faults']} faults of the sensor's own"
    return outcome


_PROGRAMS = frozenset(
    (
        *("echoscu", "storescu", "findscu", "movescu", "getscu", "pdf2dcm"),
        *("nmap", "openssl", "hping3", "arpspoof", "macof", "dnsmasq", "curl", "bash", "nft"),
    )
)
