"""`respond` as a program: blocks for a while what the sensor asks for, within what root allows. It sees no packet,
holds no key, and loads no scapy.
"""

from __future__ import annotations

import ipaddress
import os
import selectors
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.base import catalogue, limits
from appliance.base.errors import ApplianceError, ConfigError, LocalError
from appliance.capture.block_channel import Requests
from appliance.capture.block_set import BlockSet
from appliance.capture.never_block import bounds
from appliance.capture.responder import Responder
from appliance.config.model import Config
from appliance.config.respond_policy import RespondPolicy, parse_policy
from appliance.host import notify
from appliance.host.alerts import AlertLog
from appliance.host.control import Control, Request
from appliance.host.log import log
from appliance.host.reloading import Reloading
from appliance.host.root_file import read_root_file
from appliance.host.signals import Signals
from appliance.host.snapshot import Reporter
from appliance.inspection.blocking import Bounds
from appliance.vault.own_directory import OwnDirectory

_BUSY_LOOK, _IDLE_LOOK = 2.0, 30.0  # seconds between two looks at the filter, with blocks and without
_HEARTBEAT = 10.0
_LOOK_AROUND = 300.0  # between two looks at routers and names, which may change
_BATCH, _LISTEN = 64, 1.0  # messages, and seconds, before the rest is looked after


def control_path(runtime_dir: Path) -> Path:
    """Where `appliance blocks` asks."""
    return runtime_dir / "respond" / "control"


def read_policy(config: Config) -> RespondPolicy:
    """Root's own file. A dry-run does without one, and takes one of our own user."""
    assert config.sensor is not None
    path, dry = config.sensor.respond_file, config.sensor.respond != "block"
    if dry and not path.exists():
        return RespondPolicy()
    return parse_policy(read_root_file(path, limits.RESPOND_FILE.ceiling, os.geteuid() if dry else 0), str(path))


def _read_by_us(config: Config) -> list[Path]:
    """Root's own file."""
    return [config.sensor.respond_file] if config.sensor else []


def main(config: Config, path: Path) -> int:
    """Run until told to stop. `path` and root's file are read again when they change, and on SIGHUP."""
    os.umask(0o027)
    if config.sensor is None:
        raise ConfigError("the configuration has no [sensor]", fix="Without one there is nothing to respond to.")
    respond = Respond(config, path)
    signals = Signals()
    respond.run(signals)
    return 0


@dataclass(frozen=True, slots=True)
class _Force:
    """What is in force: a mode, a scope, and the responder for it, None where the mode is off."""

    mode: str
    scope: str
    responder: Responder | None


class Respond:
    """The parts of the program, wired."""

    def __init__(self, config: Config, path: Path) -> None:
        self._config = config
        self._reloading = Reloading(config, path, "respond", self._put_in_force, files=_read_by_us)
        runtime = config.appliance.runtime_dir
        state = config.appliance.state_dir
        records = OwnDirectory(state, state / "responses")
        self._records = AlertLog(records.path / "respond.jsonl", there=records.there)
        self._reporter = Reporter(runtime, "respond")
        self._policy = read_policy(config)
        self._force = self._begin(config, bounds(config, self._policy), None)
        self._requests = Requests(runtime)
        self._control = Control(control_path(runtime), {"blocks": self._blocks, "release": self._release})
        # New ones, from a thread that may have to wait for a resolver, and the configuration that they are of.
        self._bounds: tuple[Config, Bounds] | None = None
        self._looked_around = time.monotonic()
        self._looked = self._reported = 0.0

    def _begin(self, config: Config, allowed: Bounds, before: _Force | None) -> _Force:
        """Put a mode and a scope in force. Raises what `Responder.begin` does."""
        assert config.sensor is not None
        mode, scope = config.sensor.respond, "inline" if config.sensor.mode == "inline" else "self"
        if before and (before.mode, before.scope) == (mode, scope):
            if before.responder:
                before.responder.rebound(allowed, time.time())
            return before
        if before and before.responder and (before.mode == "dry-run" or mode != "block"):
            before.responder.end(time.time())
        if mode != "block" and before is None:
            self._clear()
        if mode == "off":
            return _Force(mode, scope, None)
        blocks = BlockSet(scope, allowed.most_blocks) if mode == "block" else None
        responder = Responder(scope, allowed, blocks, self._tell, log)
        responder.begin(time.time())
        return _Force(mode, scope, responder)

    @staticmethod
    def _clear() -> None:
        """End what an earlier start left in the filter, if we may."""
        try:
            BlockSet("self", 1).drop()
        except LocalError:
            pass  # then it ends by itself

    def run(self, signals: Signals) -> None:
        """Until `signals` says stop."""
        self._control.start()
        words = self._words()
        notify.ready(words)
        log(catalogue.STARTED, program="respond", detail=words)
        with selectors.DefaultSelector() as selector:
            selector.register(self._requests.socket, selectors.EVENT_READ)
            selector.register(signals.socket, selectors.EVENT_READ)
            if self._reloading.fileno() >= 0:
                selector.register(self._reloading.fileno(), selectors.EVENT_READ)
            while not signals.stop:
                self._round()
                selector.select(self._rest())
                signals.drain()
                self._hear()
                if signals.take_reload():
                    self._reloading.reload()
                    self._reported = 0.0
                if self._reloading.attend():
                    self._reported = 0.0
                notify.beat()
        notify.stopping()
        self._control.stop()
        self._requests.close()
        self._report(stopped=True)
        log(catalogue.STOPPED, program="respond", detail="as told; blocks end by themselves")

    def _rest(self) -> float:
        """Seconds to the next thing that we do by ourselves; new bounds, of which no descriptor tells, wait so long."""
        busy = self._force.responder and self._force.responder.state()["blocks"]
        due = [_BUSY_LOOK if busy else _HEARTBEAT, self._reloading.wait(), notify.watchdog_period()]
        return min(each for each in due if each is not None)

    def _hear(self) -> None:
        until = time.monotonic() + _LISTEN  # a filter that hangs costs seconds a message, and the watchdog waits
        for _ in range(_BATCH):
            if time.monotonic() > until:
                return
            received = self._requests.receive()
            if received is None:
                return
            if self._force.responder:
                self._force.responder.handle(*received, time.time())
                self._reported = 0.0

    def _round(self) -> None:
        now, responder = time.monotonic(), self._force.responder
        if self._bounds is not None and responder:
            (config, allowed), self._bounds = self._bounds, None
            if config is self._config:
                responder.rebound(allowed, time.time())
        if responder and now - self._looked >= (_BUSY_LOOK if responder.state()["blocks"] else _IDLE_LOOK):
            self._looked = now
            responder.look(time.time())
        if now - self._looked_around > (_LOOK_AROUND if not (responder and responder.bounds.nameless) else _IDLE_LOOK):
            self._looked_around = now
            threading.Thread(target=self._look_around, daemon=True).start()
        if now - self._reported > _HEARTBEAT:
            self._report()
        try:
            self._records.catch_up()
            self._records.settle_beside()
        except ApplianceError:
            pass  # it was told when the record came

    def _look_around(self) -> None:
        config, policy = self._config, self._policy
        self._bounds = config, bounds(config, policy)

    def _put_in_force(self, config: Config, _: bool) -> None:
        policy = read_policy(config)
        self._force = self._begin(config, bounds(config, policy), self._force)
        self._config, self._policy = config, policy
        notify.status(self._words())

    def _words(self) -> str:
        responder = self._force.responder
        if responder is None:
            return "blocks nothing: respond is off"
        what = "blocks" if self._force.mode == "block" else "says what it would block, and blocks nothing"
        return f"{what}; {responder.state()['protects']}"

    def _state(self) -> dict[str, Any]:
        responder = self._force.responder
        return responder.state() if responder else {"mode": "off", "scope": self._force.scope, "blocks": []}

    def _report(self, **more: Any) -> None:
        self._reported = time.monotonic()
        self._reporter.send({**self._state(), **self._reloading.snapshot(), **more})

    def _tell(self, record: dict[str, Any]) -> None:
        try:
            self._records.append(record)
        except ApplianceError as error:
            log(catalogue.DISK_REFUSED, reason=error.message, advice=error.fix)
        self._reporter.tell(record)

    # What a person asks, in the thread of the control socket.

    def _blocks(self, request: Request) -> dict[str, Any]:
        return self._state()

    def _release(self, request: Request) -> dict[str, Any]:
        responder, text = self._force.responder, request.get("address")
        try:
            address = None if request.get("all") is True else ipaddress.ip_address(text)  # type: ignore[arg-type]
        except ValueError:
            raise ConfigError("that is no address") from None
        released = responder.release(address, time.time()) if responder else []
        return {"released": [str(block.address) for block in released]}
