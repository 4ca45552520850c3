"""The panel: collects what the programs say of themselves, and shows it to who asks. Holds no key, opens no object."""

from __future__ import annotations

import selectors
import time
from pathlib import Path

from appliance.base import catalogue
from appliance.config.model import Config
from appliance.host import notify
from appliance.host.log import log
from appliance.host.signals import Signals
from appliance.host.snapshot import Collector
from appliance.panel.board import Board
from appliance.panel.desk import Desk


def expected(config: Config) -> tuple[str, ...]:
    """The programs that this configuration wants."""
    return ("receive", "forward", *(("sensor",) if config.sensor else ()))


def main(config: Config, path: Path) -> int:
    """Run until told to stop. `path` is where the configuration came from."""
    config.appliance.runtime_dir.mkdir(parents=True, exist_ok=True)
    board = Board(time.time())
    collector = Collector(config.appliance.runtime_dir)
    desk = Desk(config.appliance.runtime_dir)
    signals = Signals()
    selector = selectors.DefaultSelector()
    for source in (collector.socket, desk.socket, signals.socket):
        selector.register(source, selectors.EVENT_READ, source)
    notify.ready("collecting")
    log(catalogue.STARTED, program="panel", detail="status is answered")
    wanted = expected(config)
    while not signals.stop:
        for key, _ in selector.select(notify.watchdog_period()):
            if key.data is collector.socket:
                received = collector.receive()
                if received:
                    board.post(received[1], time.time())
            elif key.data is desk.socket:
                desk.answer(board.status(wanted, time.time()))
            else:
                signals.drain()
        notify.beat()
    notify.stopping()
    log(catalogue.STOPPED, program="panel", detail="as told")
    return 0
