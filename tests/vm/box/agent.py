"""What runs in the guest for the tests: it does what the host asks over a virtio serial port, and watches the lamps.

Stands alone, with Python's standard library: it is copied into the guest and started by systemd. One JSON object a line
each way. All times are seconds of the guest's monotonic clock.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

PORT = "box"
LEDS = Path("/sys/class/leds")
FILES = ("trigger", "brightness", "max_brightness", "pattern", "repeat", "delay_on", "delay_off")
LATE = 124  # the exit status of a command that took too long
EVERY = 0.1  # seconds between two looks at the lamps


class Lamps:
    """What each lamp was told, with the time of each change; what the kernel does with the light is not a change."""

    def __init__(self) -> None:
        self.changes: list[tuple[float, str, dict[str, str]]] = []
        self._last: dict[str, dict[str, str]] = {}

    def watch(self) -> None:
        while True:
            for lamp in sorted(LEDS.glob("edge:*")):
                said = {name: read(lamp / name) for name in FILES}
                said["trigger"] = next((word[1:-1] for word in said["trigger"].split() if word[0] == "["), "")
                if said["trigger"] != "none":
                    said["brightness"] = ""
                if said != self._last.get(lamp.name):
                    self._last[lamp.name] = said
                    self.changes.append((time.monotonic(), lamp.name, said))
            time.sleep(EVERY)


def read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def answer(asked: dict[str, Any], lamps: Lamps) -> dict[str, Any]:
    """`run`: a line for the shell, `seconds` at most. `lamps`: their changes, from this number on."""
    if "lamps" in asked:
        return {"now": time.monotonic(), "changes": lamps.changes[asked["lamps"] :]}
    began = time.monotonic()
    try:
        # Into a file: a pipe would have us wait for whatever was left running with it, too.
        with tempfile.TemporaryFile() as said:
            status = LATE
            with contextlib.suppress(subprocess.TimeoutExpired):
                status = subprocess.run(
                    ["/bin/bash", "-c", asked["run"]],
                    stdin=subprocess.DEVNULL, stdout=said, stderr=said, timeout=asked["seconds"],
                ).returncode  # fmt: skip
            said.seek(0)
            out = said.read()
    except OSError as error:
        status, out = LATE, str(error).encode()
    return {"status": status, "out": out.decode(errors="replace"), "began": began, "ended": time.monotonic()}


def main() -> None:
    """For ever."""
    (port,) = (each.parent.name for each in Path("/sys/class/virtio-ports").glob("*/name") if read(each) == PORT)
    lamps = Lamps()
    threading.Thread(target=lamps.watch, daemon=True).start()
    descriptor, rest = os.open(f"/dev/{port}", os.O_RDWR), b""
    while True:
        some = os.read(descriptor, 65536)
        if not some:  # nobody at the other end yet
            time.sleep(0.2)
            continue
        *lines, rest = (rest + some).split(b"\n")
        for line in lines:
            left = memoryview(json.dumps(answer(json.loads(line), lamps)).encode() + b"\n")
            while left:
                left = left[os.write(descriptor, left) :]


if __name__ == "__main__":
    main()
