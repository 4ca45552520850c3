"""Signals become readable events."""

import os
import select
import signal

from appliance.host.signals import Signals


def test_hup_asks_for_a_reload_and_term_for_the_end() -> None:
    signals = Signals()
    try:
        os.kill(os.getpid(), signal.SIGHUP)
        assert select.select([signals.socket], [], [], 5)[0]
        signals.drain()
        assert signals.take_reload() and not signals.take_reload() and not signals.stop
        os.kill(os.getpid(), signal.SIGTERM)
        assert select.select([signals.socket], [], [], 5)[0]
        assert signals.stop
    finally:
        signals.close()
        signal.signal(signal.SIGINT, signal.default_int_handler)
