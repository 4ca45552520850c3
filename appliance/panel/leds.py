"""Lamps below /sys/class/leds: the kernel keeps them blinking, we say what. Tolerant of a board that has none.

Writes nothing but `trigger`, `brightness`, `pattern`, `repeat`, `delay_on` and `delay_off` of the lamps that it was
given. A lamp that refuses is said once, and never holds anything up.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from appliance.base import catalogue
from appliance.config.panel import Leds as Names
from appliance.host.log import log
from appliance.panel.lamps import FUNCTIONS, LIFE, OFF, SINGLE, Pattern

CLASS = Path("/sys/class/leds")
_PATIENCE, _MOMENT = 10, 0.02  # times, seconds
LATER, AGAIN = 20, 0.5  # times that a pattern is tried later before it is given up, seconds between
RENEW = LIFE * 0.4  # seconds after which a pattern that would end is begun anew


class Led:
    """One lamp."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.identity = _identity(path)
        self._brightest = int(self._read("max_brightness") or "1")
        self._said = False
        self._tries = 0
        self.waits = False  # for udev, on a busy board: show it again soon

    def show(self, pattern: Pattern) -> bool:
        """Begin a pattern. False, and said once, where the lamp refuses."""
        try:
            can = self.triggers()
            self.waits = False
            if "pattern" in can and self._blink(pattern):
                self._tries = 0
            elif "pattern" in can and self._tries < LATER:
                self._tries += 1
                self.waits = True
                if pattern.steps[0][0]:
                    self._write("brightness", str(self._brightest))
            elif len(pattern.steps) > 1 and "timer" in can:
                self._timer(pattern)
            else:
                self._steady(pattern.steps[0][0] * self._brightest)
        except OSError as error:
            if not self._said:
                self._said = True
                log(catalogue.LAMP_UNUSABLE, lamp=self.path.name, reason=error.strerror or "no answer")
            return False
        self._said = False
        return True

    def triggers(self) -> list[str]:
        """What the kernel can do with it; the one in use first."""
        words = self._read("trigger").split()
        return sorted((word.strip("[]") for word in words), key=lambda word: f"[{word}]" not in words)

    def restore(self, before: tuple[str, str]) -> None:
        """Give it back its trigger and brightness, as `state` read them. What a pattern was, the kernel has forgotten:
        such a lamp is left dark under no trigger, so that whoever had it notices."""
        trigger, brightness = before if before[0] != "pattern" else ("none", "0")
        self._write("trigger", trigger)
        if trigger == "none":  # else the trigger has it, and writing zero would take it away
            self._write("brightness", brightness)

    def state(self) -> tuple[str, str]:
        """The trigger in use, and the brightness."""
        return (self.triggers() or ["none"])[0], self._read("brightness") or "0"

    def _steady(self, level: int) -> None:
        self._choose("none")
        self._write("brightness", str(level))

    def _blink(self, pattern: Pattern) -> bool:
        """By the kernel's pattern trigger (ABI sysfs-class-led-trigger-pattern). False where we may not say how."""
        fresh = self._choose("pattern")
        for _ in range(_PATIENCE if fresh else 1):
            try:
                self._write("pattern", self._edges(pattern))
                # Last, for it begins the pattern anew.
                self._write("repeat", "-1" if pattern.lasting else str(max(1, round(LIFE * 1000 / pattern.period))))
                return True
            except (PermissionError, FileNotFoundError):
                # The kernel makes these files when the trigger is chosen, for root; udev hands them on, a moment later.
                time.sleep(_MOMENT)
        return False

    def _edges(self, pattern: Pattern) -> str:
        """The steps with hard edges: a level is repeated with no time, or the kernel would fade. Ends dark."""
        steps = [*pattern.steps] if pattern.steps[-1][0] == 0 or pattern.lasting else [*pattern.steps, (0, 100)]
        return " ".join(f"{level * self._brightest} {length} {level * self._brightest} 0" for level, length in steps)

    def _timer(self, pattern: Pattern) -> None:
        """By the timer trigger, which every kernel has: the right lamp blinks, if not in the right rhythm."""
        self._choose("timer")
        try:
            self._write("delay_on", str(pattern.steps[0][1]))
            self._write("delay_off", str(pattern.steps[1][1]))
        except (FileNotFoundError, PermissionError):
            pass

    def _choose(self, trigger: str) -> bool:
        """Whether it was another before."""
        if self.triggers()[:1] == [trigger]:
            return False
        self._write("trigger", trigger)
        return True

    def _read(self, name: str) -> str:
        try:
            return (self.path / name).read_text().strip()
        except OSError:
            return ""

    def _write(self, name: str, value: str) -> None:
        descriptor = os.open(self.path / name, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)
        try:
            os.write(descriptor, value.encode())
        finally:
            os.close(descriptor)


def _identity(path: Path) -> int:
    """Of the kernel's object behind a name; 0 for none. A lamp that was unplugged and came back is another."""
    try:
        return path.stat().st_ino
    except OSError:
        return 0


def find(names: Names | None, directory: Path = CLASS, *, again: bool = False) -> dict[str, Led]:
    """The lamps by function: those that are named, else those whose names end with a function ("edge:red:alarm"). A
    lamp that is named and not there is said, but not `again`."""
    found = {}
    for function in (*FUNCTIONS, SINGLE):
        if names is None:
            paths = sorted(directory.glob(f"*:{function}"))
        else:
            name = getattr(names, function)
            paths = [directory / name] if name else []
        for path in paths[:1]:
            if path.is_dir():
                found[function] = Led(path)
            elif not again:
                log(catalogue.LAMP_UNUSABLE, lamp=path.name, reason="it is not there")
    return found


class Lamps:
    """The lamps of the box. Times are seconds on any one clock."""

    def __init__(self, leds: Mapping[str, Led], lock: Path) -> None:
        """`lock` is a file that `appliance lamps test` holds while it has them."""
        self._leds = dict(leds)
        self._lock = lock
        self._shown: dict[str, tuple[Pattern, float]] = {}
        self._refused: set[str] = set()
        self._triggers: dict[str, str] = {}  # what the kernel was left with

    def take_up(self, found: Mapping[str, Led]) -> None:
        """Those that are there now: one whose driver came late, or that was plugged in, is shown something at once."""
        for function in self._leds.keys() - found.keys():
            self._forget(function)
        for function, led in found.items():
            ours = self._leds.get(function)
            if ours is None or (ours.path, ours.identity) != (led.path, led.identity):
                self._forget(function)
                self._leds[function] = led

    def _forget(self, function: str) -> None:
        self._leds.pop(function, None)
        self._shown.pop(function, None)
        self._refused.discard(function)

    def show(self, patterns: Mapping[str, Pattern], now: float) -> float | None:
        """Bring all lamps up to date; the seconds until one wants to be renewed, None for never."""
        if not self._leds:
            return None
        with alone(self._lock, wait=False) as ours:
            if not ours:
                self._shown.clear()  # somebody tries the lamps: all of them are ours again, later
                return RENEW
            for function, led in self._leds.items():
                pattern = patterns.get(function, OFF)
                before = self._shown.get(function)
                if before and before[0] == pattern and not led.waits:
                    # systemd takes the alarm lamp for a program that ended, also for one that it starts again.
                    ours_still = (
                        pattern.lasting and function not in self._refused and led.state()[0] == self._triggers[function]
                    )
                    if ours_still or 0 <= now - before[1] < RENEW:
                        continue
                if led.show(pattern):
                    self._refused.discard(function)
                else:
                    self._refused.add(function)
                self._shown[function] = (pattern, now)
                self._triggers[function] = led.state()[0]
        ends = [
            since + RENEW - now
            for function, (pattern, since) in self._shown.items()
            if not pattern.lasting or function in self._refused
        ]
        if any(led.waits for led in self._leds.values()):
            ends.append(AGAIN)
        return max(0.0, min(ends)) if ends else None

    def dark(self) -> None:
        """Nobody serves any more."""
        with alone(self._lock, wait=False) as ours:
            for led in self._leds.values() if ours else ():
                led.show(OFF)
        self._shown.clear()


@contextmanager
def alone(lock: Path, wait: bool) -> Iterator[bool]:
    """Have the lamps to oneself, as `flock` on a file; yields whether that is so."""
    try:
        descriptor = _lock_file(lock)
    except OSError:
        yield True  # nobody else can have it either
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError:
            yield False
            return
        yield True
    finally:
        os.close(descriptor)


def _lock_file(lock: Path) -> int:
    """Open for reading, which is enough for `flock`, and as the one who made it need not be us. With O_CREAT the kernel
    would refuse another's file in a sticky directory (fs.protected_regular), to root too."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        return os.open(lock, flags)
    except FileNotFoundError:
        return os.open(lock, flags | os.O_CREAT, 0o640)
