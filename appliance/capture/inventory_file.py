"""The inventory's file: written by the sensor alone, whole or not at all, and read by whoever may. No patient data.

It lies beside the alerts, where the sensor may write. Its size is bounded by the inventory's.
"""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

from appliance.base.errors import DiskError, LocalError
from appliance.inspection.inventory import Inventory, stored_form

NAME = "inventory.json"
_MODE = 0o640
_LARGEST = 64 << 20


class InventoryUnreadable(LocalError):
    """There is a file, and it is no inventory."""

    exit_status = 65  # EX_DATAERR


class InventoryForbidden(InventoryUnreadable):
    """There is a file, and it is not for us."""

    exit_status = 77  # EX_NOPERM


def read_inventory(path: Path) -> Inventory:
    """The inventory in a file; an empty one where there is none. Raises InventoryUnreadable."""
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST + 1)
    except FileNotFoundError:
        return Inventory()
    except PermissionError as error:
        raise InventoryForbidden(f"cannot read {path}: {error.strerror}", fix="Run this as root.") from None
    except OSError as error:
        raise InventoryUnreadable(f"cannot read {path}: {error.strerror}", fix="Look at the disk.") from None
    try:
        if len(raw) > _LARGEST:
            raise ValueError
        return Inventory.of(json.loads(raw))
    except (ValueError, RecursionError):
        raise InventoryUnreadable(
            f"{path} is no inventory of this version", fix="Remove it; the sensor begins a new one."
        ) from None


class InventoryFile:
    """The writer's side."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written = 0  # the revision that the file has
        self._thread: threading.Thread | None = None
        self._error: DiskError | None = None

    def save(self, inventory: Inventory) -> None:
        """Write it now. Raises DiskError."""
        self._wait()
        revision = inventory.revision
        self._write(stored_form(inventory.began, inventory.tables()))
        self._written = revision

    def save_beside(self, inventory: Inventory) -> None:
        """Write it in a thread of its own, if something new is in it. Raises the DiskError of the time before."""
        if self._thread is not None and self._thread.is_alive():
            return
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        if inventory.revision == self._written:
            return
        began, tables, self._written = inventory.began, inventory.tables(), inventory.revision

        def write() -> None:
            try:
                self._write(stored_form(began, tables))
            except DiskError as error:
                self._error = error

        self._thread = threading.Thread(target=write, daemon=True)
        self._thread.start()

    def _wait(self) -> None:
        if self._thread is not None:
            self._thread.join()

    def _write(self, stored: dict[str, Any]) -> None:
        raw = json.dumps(stored, separators=(",", ":"), ensure_ascii=True).encode()
        beside = self._path.with_name(self._path.name + ".new")
        try:
            beside.unlink(missing_ok=True)
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, _MODE)
            with os.fdopen(descriptor, "wb") as file:
                file.write(raw)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)
        except OSError as error:
            raise DiskError(
                f"cannot write the inventory to {self._path}: {error.strerror}", fix="Make room on the disk."
            ) from None
