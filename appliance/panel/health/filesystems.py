"""Did a file system find errors in itself?"""

from __future__ import annotations

from collections.abc import Iterator

from appliance.panel.health.facts import Facts
from appliance.panel.health.finding import Finding, Level
from appliance.panel.health.words import count

_FIX = "Look at the kernel's log (dmesg), then have it checked: e2fsck -f while it is not mounted. The medium may fail."


def check(facts: Facts) -> Iterator[Finding]:
    """One finding a file system with errors; one for all where there are none."""
    known = facts.machine.file_system_errors
    for name, errors in known.items():
        if errors:
            what = f"has a file system with {count(errors, 'error')} that nobody mended"
            yield Finding("filesystems", name, Level.WARN, what, _FIX, lamps=("alarm:notice",))
    if known and not any(known.values()):
        yield Finding("filesystems", "file systems", Level.OK, "have no errors that they know of")
