"""A directory of the state directory that a program has to itself: used, and made, only where the declared disk is.

What was written below its mount point would be hidden as soon as the disk is there.
"""

from __future__ import annotations

from pathlib import Path

from appliance.vault.declared_mount import DeclaredMount


class OwnDirectory:
    """The directory at `path`, below the state directory."""

    def __init__(self, state: Path, path: Path) -> None:
        self.path = path
        self._mount = DeclaredMount(state)

    def there(self) -> bool:
        """Whether it may be used now. One that cannot be made is told by who uses it."""
        if self._mount.objection():
            return False
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError:
            pass
        return True
