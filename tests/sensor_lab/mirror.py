"""The watcher at the lab's mirror: frames from the ring into the engine of the scene that is on, and into its capture.

Owns the lab's clock. It runs as fast as the real one, from noon on in each scene, and jumps ahead when a scene says so:
what takes an hour or a day is tried in no time. Frames are stamped with it, in the captures too.
"""

from __future__ import annotations

import os
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from appliance.capture.ring import Ring
from appliance.inspection.engine import Inspection, Packet
from tests.inspection.wire import ACK, frame
from tests.sensor_lab.ground import Ground

_MARK = b"\xff" * 6 + b"\x02\x00\x00\x20\xee\xee\x88\xb5"  # an Ethertype for experiments (IEEE 802)
_WORD = frame("10.20.0.4", 50000, "10.20.0.21", 50000, 1, 1, ACK)
_PCAP = struct.pack("=IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1)


class Mirror(threading.Thread):
    """Watches until `close`. One scene at a time has the engine: `begin`, `settle` as often as needed, `finish`."""

    def __init__(self, ground: Ground) -> None:
        super().__init__(daemon=True)
        self._ring = Ring(ground.mirror)
        self._marker = ground.hub_socket()
        self._wake, self._waker = os.pipe()
        self._lock = threading.Lock()
        self._seen = threading.Condition()
        self._marks = 0
        self._sent = 0
        self._over = False
        self._engine: Inspection | None = None
        self._offset = 0.0
        self._frames: list[tuple[float, bytes]] = []
        self.alerts: list[dict[str, Any]] = []
        self.delays: list[float] = []
        self.failed: BaseException | None = None

    @property
    def now(self) -> float:
        """The lab's time, in seconds since the epoch."""
        return time.time() + self._offset

    def run(self) -> None:
        try:
            for batch in self._ring.batches(self._wake, 0.2):
                with self._lock:
                    self._take(batch)
                if self._over:
                    return
        except BaseException as error:
            self.failed = error
            with self._seen:
                self._seen.notify_all()

    def _take(self, batch: Any) -> None:
        engine = self._engine
        if engine is None:
            for _ in self._kept(batch):
                pass
            return
        engine.inspect(self._kept(batch))
        engine.tick(self.now)
        self._collect(engine)

    def _collect(self, engine: Inspection) -> None:
        told = engine.take_alerts()
        self.alerts += told

    def _kept(self, batch: Iterator[Packet]) -> Iterator[Packet]:
        for at, data, length, vlan in batch:
            if length < 60 and data[: len(_MARK)] == _MARK:
                with self._seen:
                    self._marks = int.from_bytes(data[14:18], "big")
                    self._seen.notify_all()
                continue
            whole = bytes(data)
            if vlan is not None:  # the kernel took the tag out
                self._frames.append((at + self._offset, whole[:12] + struct.pack("!HH", 0x8100, vlan) + whole[12:]))
            else:
                self._frames.append((at + self._offset, whole))
            yield at + self._offset, data, length, vlan

    def begin(self, engine: Inspection) -> None:
        """A scene begins."""
        self.settle()
        with self._lock:
            self._engine = engine
            self._offset += 86400 - (self.now - 43200) % 86400  # to the next noon
            self._frames, self.alerts = [], []

    def settle(self, seconds: float = 0.02) -> None:
        """Wait until what was sent before this call was seen."""
        time.sleep(seconds)  # the other ends of the hosts' connections say their last words
        self._sent += 1
        self._marker.send(_MARK + self._sent.to_bytes(4, "big") + bytes(30))
        with self._seen:
            seen = self._seen.wait_for(lambda: self._marks >= self._sent or self.failed is not None, 10)
        if self.failed is not None:
            raise self.failed
        assert seen, "the mirror shows nothing"
        with self._lock:
            pass  # the batch is through

    def pass_time(self, seconds: float, silent: bool = False) -> None:
        """The clock jumps ahead. Somebody says a word meanwhile that means nothing, unless it was `silent`."""
        self.settle()
        with self._lock:
            self._offset += seconds
            if self._engine is not None:
                if not silent:
                    self._frames.append((self.now, _WORD))
                    self._engine.inspect([(self.now, _WORD, len(_WORD), None)])
                for _ in range(3):  # a sweep looks at a part of the flows
                    self._engine.tick(self.now)
                    self._offset += 1.1
                self._collect(self._engine)

    def finish(self) -> list[dict[str, Any]]:
        """The scene is over: all its alerts, in their last version."""
        self.settle()
        with self._lock:
            engine, self._engine = self._engine, None
            assert engine is not None
            engine.finish()
            self._collect(engine)
            return self.alerts

    def write(self, path: Path) -> Path:
        """The scene's frames as a pcap, with nanoseconds."""
        with path.open("wb") as out:
            out.write(_PCAP)
            for at, data in self._frames:
                seconds = int(at)
                out.write(struct.pack("=IIII", seconds, int((at - seconds) * 1e9), len(data), len(data)) + data)
        return path

    def close(self) -> None:
        """Stop watching."""
        self._over = True
        os.write(self._waker, b"x")
        self.join(5)
        self._ring.close()
        self._marker.close()
        os.close(self._wake)
        os.close(self._waker)
