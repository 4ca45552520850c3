"""`forward` before its vault is there: it waits for the mount that the machine declares, and says so.

Opens nothing and makes nothing. To begin a vault in the empty mount point would be worse than to wait for ever. A
configuration that changes meanwhile is taken up, and who asks what became of it hears.
"""

from __future__ import annotations

import select
import time
from contextlib import closing

from appliance.base import catalogue
from appliance.host import notify
from appliance.host.log import log
from appliance.host.reloading import Reloading
from appliance.host.signals import Signals
from appliance.host.snapshot import Reporter
from appliance.vault.declared_mount import DeclaredMount

_EVERY = 5.0  # seconds between two looks


def wait_for_mount(reloading: Reloading, signals: Signals) -> bool:
    """Return when the state directory may be used; False when we were told to stop before."""
    places = reloading.config.appliance  # both take a restart
    mount = DeclaredMount(places.state_dir)
    missing = mount.objection()
    if missing is None:
        return True
    began = time.monotonic()
    places.runtime_dir.mkdir(parents=True, exist_ok=True)
    notify.ready(missing.message)
    log(catalogue.MEDIUM_LOST, reason=missing.message, advice=missing.fix)
    sources = [each for each in (signals.socket.fileno(), reloading.fileno()) if each >= 0]
    with closing(Reporter(places.runtime_dir, "forward")) as reporter:
        while missing := mount.objection():
            reporter.send({"medium": missing.message, **reloading.snapshot()})
            notify.beat()
            select.select(sources, [], [], min(_EVERY, reloading.wait()))
            signals.drain()
            if signals.stop:
                reporter.send({"stopped": True})
                return False
            if signals.take_reload():
                reloading.reload()
            else:
                reloading.attend()
    log(catalogue.MEDIUM_REGAINED, span=f"{time.monotonic() - began:.0f} s")
    return True
