"""What `appliance unlock`, `lock` and `keys show` ask of `forward`, and what that does to the queues.

Hands identities on to the keyring and to nothing else: no log line, answer or error holds one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from appliance.base import catalogue
from appliance.base.errors import ApplianceError, ConfigError
from appliance.base.limits import RECIPIENTS
from appliance.delivery.control import Operation, Request
from appliance.delivery.keyring import Keyring
from appliance.delivery.queue import DestinationQueue
from appliance.host.log import log
from appliance.seal.keys import parse_identity

_REASONS = {
    "locked": "locked: run `appliance unlock`",
    "absent": "this box has no identity to open objects with",
}


class Unlocking:
    """The lock of a keyring, and the queues that wait behind it."""

    def __init__(self, keyring: Keyring, source: str | None, queues: Iterable[DestinationQueue]) -> None:
        """`queues` are those whose destinations take plaintext; `source` is identity of [vault]."""
        self._keyring = keyring
        self._source = source
        self._queues: list[DestinationQueue] = []
        self.serve(queues)

    def serve(self, queues: Iterable[DestinationQueue]) -> None:
        """These wait behind the lock from now on."""
        before, self._queues = self._queues, list(queues)
        self._settle()
        if self._queues != before and self._queues and (reason := _REASONS.get(self._keyring.state)):
            log(catalogue.DELIVERIES_LOCKED, destinations=self._names, reason=reason)

    @property
    def operations(self) -> dict[str, Operation]:
        """For the control socket."""
        return {"unlock": self._on_unlock, "lock": self._on_lock, "identity": lambda _: self.snapshot()}

    def snapshot(self) -> dict[str, Any]:
        """The state as JSON values: nothing that is secret."""
        waits = self._keyring.state != "open" and bool(self._queues)
        return {
            "source": self._source,
            "state": self._keyring.state,
            "recipients": list(self._keyring.recipients),
            "lamp": catalogue.DELIVERIES_LOCKED.lamp if waits else "",
        }

    def _on_unlock(self, request: Request) -> dict[str, Any]:
        texts = request.get("identities")
        if not isinstance(texts, list) or not 1 <= len(texts) <= RECIPIENTS.ceiling:
            raise ConfigError(f"identities are a list of 1 to {RECIPIENTS.ceiling}", fix="Run `appliance unlock`.")
        try:
            self._keyring.unlock([parse_identity(text if isinstance(text, str) else "") for text in texts])
        except ApplianceError as error:
            log(catalogue.UNLOCK_REFUSED, reason=error.message)
            raise
        self._settle()
        log(catalogue.UNLOCKED, destinations=self._names)
        return self.snapshot()

    def _on_lock(self, _: Request) -> dict[str, Any]:
        before = self._keyring.state
        self._keyring.lock()
        self._settle()
        if before == "open":
            log(catalogue.LOCKED, destinations=self._names)
        return self.snapshot()

    def _settle(self) -> None:
        reason = _REASONS.get(self._keyring.state, "")
        for queue in self._queues:
            queue.block(reason)

    @property
    def _names(self) -> str:
        return ", ".join(queue.name for queue in self._queues) or "nobody"
