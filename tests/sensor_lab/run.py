"""make sensor-lab: every scene, and the table of rules, scenes and outcomes. Captures stay below build/sensor-lab.

python -m tests.sensor_lab.run [WORD…]   the scenes whose name has one of the words; all of them without
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import tests.sensor_lab.scenes  # noqa: F401
from tests.sensor_lab.scene import SCENES, Outcome, Scene, play
from tests.sensor_lab.site import lab

KEPT = Path(__file__).parents[2] / "build" / "sensor-lab"


def line(outcome: Outcome) -> str:
    """One row of the table."""
    scene = outcome.scene
    kind = "quiet " if scene.quiet else "speaks"
    heard = " ".join(sorted(outcome.rules)) or "-"
    verdict = f"left out: {outcome.skipped}" if outcome.skipped else "ok" if outcome.as_expected else "WRONG"
    return f"{scene.rule}  {kind}  {scene.tool:22.22}  {scene.title:80.80}  {heard:20}  {verdict}"


def table(outcomes: Iterable[Outcome]) -> list[str]:
    """The table, by rule."""
    head = f"{'rule':4} {'must':6}  {'tool':22}  {'scene':80}  {'heard':20}  verdict"
    return [head, *(line(each) for each in sorted(outcomes, key=lambda each: (each.scene.rule, each.scene.quiet)))]


def play_all(where: Path, captures: Path, scenes: Iterable[Scene], tell: Callable[[Outcome], object]) -> list[Outcome]:
    """Play scenes in one lab. Files of the hospital go below `where`."""
    captures.mkdir(parents=True, exist_ok=True)
    outcomes = []
    with lab(where) as hospital:
        for scene in scenes:
            outcomes.append(play(hospital, scene, captures))
            tell(outcomes[-1])
    return outcomes


def main() -> int:
    """Command line."""
    if os.geteuid() != 0:
        print("sensor-lab: network namespaces need root", file=sys.stderr)
        return 77
    words = sys.argv[1:]
    scenes = [each for each in SCENES if not words or any(word in each.name for word in words)]
    shutil.rmtree(KEPT, ignore_errors=True)

    def tell(outcome: Outcome) -> None:
        print(f"{outcome.seconds:5.1f} s  {line(outcome)}", flush=True)
        if not outcome.as_expected and not outcome.skipped:
            print(f"         {outcome.wrong()}", flush=True)

    with tempfile.TemporaryDirectory() as where:
        outcomes = play_all(Path(where), KEPT, scenes, tell)
    print("\n" + "\n".join(table(outcomes)))
    bad = [each for each in outcomes if not each.as_expected and not each.skipped]
    left_out = sum(1 for each in outcomes if each.skipped)
    print(f"\n{len(outcomes) - len(bad) - left_out} as expected, {len(bad)} not, {left_out} left out; captures: {KEPT}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
