"""`forward` before its vault is there: it waits for the mount that the machine declares, and says so.

Opens nothing and makes nothing. To begin a vault in the empty mount point would be worse than to wait for ever.
"""

from __future__ import annotations

import select
import time
from contextlib import closing

from appliance.base import catalogue
from appliance.config.model import Config
from appliance.host import notify
from appliance.host.log import log
from appliance.host.signals import Signals
from appliance.host.snapshot import Reporter
from appliance.vault.declared_mount import DeclaredMount

_EVERY = 5.0  # seconds between two looks


def wait_for_mount(config: Config, signals: Signals) -> bool:
    """Return when the state directory may be used; False when we were told to stop before."""
    mount = DeclaredMount(config.appliance.state_dir)
    missing = mount.objection()
    if missing is None:
        return True
    began = time.monotonic()
    config.appliance.runtime_dir.mkdir(parents=True, exist_ok=True)
    notify.ready(missing.message)
    log(catalogue.MEDIUM_LOST, reason=missing.message, advice=missing.fix)
    with closing(Reporter(config.appliance.runtime_dir, "forward")) as reporter:
        while missing := mount.objection():
            reporter.send({"medium": missing.message})
            notify.beat()
            if select.select([signals.socket], [], [], _EVERY)[0]:
                signals.drain()
            if signals.stop:
                reporter.send({"stopped": True})
                return False
    log(catalogue.MEDIUM_REGAINED, span=f"{time.monotonic() - began:.0f} s")
    signals.reload = True  # the file may have changed meanwhile
    return True
