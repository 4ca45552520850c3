"""The associations of `receive` that await a commitment report, as `forward` knows them: each is one connection of the
report channel.

Owns the socket and who is there. It never decides what is reported to whom, and keeps nothing: an association that
ends is forgotten, and a `forward` that starts anew is told again who is there.
"""

from __future__ import annotations

import os
import selectors
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

from appliance.base import catalogue, limits
from appliance.base.errors import UpstreamError
from appliance.host import report_channel
from appliance.host.log import log
from appliance.host.report_channel import Answered, Asked, Begun, Here, Message, Report
from appliance.seal.commitment import CommitmentRequest
from appliance.vault.commitments import Pending

Arrived = Callable[[str], None]
"""Called with the name of a peer of which an association is there now."""
LateAnswer = Callable[[str, str, int], None]
"""Called with peer, request id and status, where nobody waits for this answer any more."""


class AssociationEnded(UpstreamError):
    """The association ended, or no answer came in time. `begun`: when the report was on its way to the peer."""

    def __init__(self, message: str, begun: bool) -> None:
        super().__init__(message, fix="Can the device take a report over the association that it opened?")
        self.begun = begun


class OpenAssociation:
    """One of them. All of it is guarded by the lock of `OpenAssociations`."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.here: Here | None = None
        self.asked: dict[str, None] = {}
        self.awaited: str | None = None  # the request on which a report is out
        self.begun = False
        self.status: int | None = None
        self.unsent = False
        self.gone = False


class OpenAssociations:
    """All of them. Thread-safe; two threads must not report over the same association at a time."""

    def __init__(self, runtime_dir: Path) -> None:
        self._runtime_dir = runtime_dir
        self._changed = threading.Condition()
        self._listener: socket.socket | None = None
        self._selector = selectors.DefaultSelector()
        self._associations: dict[socket.socket, OpenAssociation] = {}  # the oldest first
        self._arrived: Arrived = lambda _: None
        self._late: LateAnswer = lambda *_: None
        self.stopping = False
        self._thread = threading.Thread(target=self._run, name="associations", daemon=True)

    def start(self, arrived: Arrived, late: LateAnswer) -> None:
        """Begin to listen to them. Raises LocalError; then there are none. The callbacks must not block."""
        self._arrived, self._late = arrived, late
        self._listener = report_channel.listen(self._runtime_dir)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._wake_receive, self._wake_send = socket.socketpair()
        self._selector.register(self._wake_receive, selectors.EVENT_READ)
        self._thread.start()

    def stop(self) -> None:
        """End. Whoever waits for an answer is told that its association is gone."""
        if self._listener is None:
            self._selector.close()
            return
        with self._changed:
            self.stopping = True
        self._wake_send.close()
        self._thread.join()
        report_channel.socket_path(self._runtime_dir).unlink(missing_ok=True)
        self._listener.close()
        self._wake_receive.close()
        self._selector.close()

    def that_asked(self, request_id: str) -> OpenAssociation | None:
        """The association that made this request, if it is still there. What was said before counts."""
        with self._changed:
            self._hear_all()
            return next((each for each in self._associations.values() if request_id in each.asked), None)

    def of(self, request: CommitmentRequest) -> OpenAssociation | None:
        """The latest association of the one who made this request: the same peer with the same titles."""
        wanted = Here(request.peer, request.calling_ae, request.called_ae)
        with self._changed:
            self._hear_all()
            return next((each for each in reversed(self._associations.values()) if each.here == wanted), None)

    def asked_again(self, request_id: str, earlier_id: str) -> None:
        """The association that made a request awaits the report on an earlier one, which said the same."""
        with self._changed:
            self._hear_all()
            for each in self._associations.values():
                if request_id in each.asked:
                    _remember(each.asked, earlier_id)

    def report(
        self, association: OpenAssociation, pending: Pending, seconds: float = limits.COMMITMENT_ANSWER.default
    ) -> int:
        """Have a decision reported, and wait for the peer's answer; its status. Raises UpstreamError."""
        assert pending.reasons is not None
        with self._changed:
            association.awaited, association.begun = pending.request_id, False
            association.status, association.unsent = None, False
            try:
                self._send(association, pending.request_id, pending.sealed, pending.reasons)
                return self._await(association, seconds)
            finally:
                association.awaited = None

    def _send(self, association: OpenAssociation, request_id: str, sealed: bytes, reasons: tuple[int, ...]) -> None:
        descriptor = report_channel.pack(sealed, reasons)
        try:
            report_channel.send(association.connection, Report(request_id, len(sealed)), descriptor)
        except OSError:  # it is gone, or does not listen
            self._forget(association)
        finally:
            os.close(descriptor)

    def _await(self, association: OpenAssociation, seconds: float) -> int:
        until = time.monotonic() + seconds
        while association.status is None:
            if association.gone:
                raise AssociationEnded("it ended the association before it took the report", association.begun)
            if association.unsent:
                raise UpstreamError("receive could not use the report", fix="Look for INTERNAL-ERROR lines.")
            left = until - time.monotonic()
            if left <= 0:
                if not association.begun:
                    self._forget(association)  # so that it is not sent later, beside another one
                raise AssociationEnded(
                    f"its answer to the report did not come within {seconds:.0f} s", association.begun
                )
            self._changed.wait(left)
        return association.status

    # What they say

    def _run(self) -> None:
        while True:
            self._selector.select()
            with self._changed:
                if self.stopping:
                    for association in list(self._associations.values()):
                        self._forget(association)
                    return
                try:
                    self._hear_all()
                except Exception as error:  # noqa: BLE001, one association must not end the others' reports
                    log(catalogue.INTERNAL_ERROR, kind=type(error).__name__, where="associations")

    def _hear_all(self) -> None:
        """Take in all that was said until now. Under the lock."""
        while self._listener and not self.stopping:
            ready = [key.fileobj for key, _ in self._selector.select(0)]
            heard = [self._accept(self._listener) for each in ready if each is self._listener]
            heard += [self._hear(each) for each in list(self._associations.values()) if each.connection in ready]
            if not any(heard):
                return

    def _accept(self, listener: socket.socket) -> bool:
        try:
            connection, _ = listener.accept()
        except OSError:
            return False
        if len(self._associations) >= limits.ASSOCIATIONS.ceiling:
            connection.close()
            return True
        connection.setblocking(False)
        self._associations[connection] = OpenAssociation(connection)
        self._selector.register(connection, selectors.EVENT_READ)
        return True

    def _hear(self, association: OpenAssociation) -> bool:
        try:
            received = report_channel.receive(association.connection)
        except BlockingIOError:
            return False
        except (OSError, ValueError):
            received = None
        if received is None:
            self._forget(association)
            return True
        message, descriptor = received
        if descriptor is not None:
            os.close(descriptor)
        self._take(association, message)
        return True

    def _take(self, association: OpenAssociation, message: Message) -> None:
        match message:
            case Here():
                association.here = message
                self._arrived(message.peer)
            case Asked(request_id):
                _remember(association.asked, request_id)
            case Begun(request_id) if request_id == association.awaited:
                association.begun = True
            case Answered(request_id, status) if request_id == association.awaited:
                association.status, association.unsent = status, status is None
                self._changed.notify_all()
            case Answered(request_id, int(status)) if association.here:
                self._late(association.here.peer, request_id, status)

    def _forget(self, association: OpenAssociation) -> None:
        if self._associations.pop(association.connection, None):
            self._selector.unregister(association.connection)
            association.connection.close()
            association.gone = True
            self._changed.notify_all()


def _remember(asked: dict[str, None], request_id: str) -> None:
    asked[request_id] = None
    if len(asked) > limits.COMMITMENT_ASKED.default:
        del asked[next(iter(asked))]
