"""An association of `receive`, as `forward` meets it on the report channel, with a peer that answers as it is told."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

from appliance.host import report_channel
from appliance.host.report_channel import Answered, Asked, Begun, Here, Message, Report
from appliance.seal.commitment import open_request
from appliance.seal.index_key import IndexKey


class FarEnd:
    """Opens one connection. What is handed to it lies in `reports` as (request id, Transaction UID, reasons)."""

    def __init__(
        self, runtime_dir: Path, index_key: IndexKey, here: Here, *asked: str, answers: tuple[int | None, ...] = ()
    ) -> None:
        """`answers` are the statuses of its peer, one after another, then 0x0000; -1: the association ends instead,
        -2: before it began to send."""
        self.reports: list[tuple[str, str, tuple[int, ...]]] = []
        self._index_key = index_key
        self._answers = list(answers)
        self._socket = report_channel.connect(runtime_dir)
        self._socket.settimeout(20)
        for message in (here, *map(Asked, asked)):
            self.say(message)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def say(self, message: Message) -> None:
        report_channel.send(self._socket, message)

    def end(self) -> None:
        """The association is over."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        try:
            while received := report_channel.receive(self._socket):
                message, descriptor = received
                assert isinstance(message, Report) and descriptor is not None
                sealed, reasons = report_channel.unpack(descriptor, message.sealed)
                os.close(descriptor)
                answer = self._answers.pop(0) if self._answers else 0
                if answer == -2:
                    return self._socket.shutdown(socket.SHUT_RDWR)
                self.say(Begun(message.request_id))
                self.reports.append((message.request_id, open_request(sealed, self._index_key).transaction, reasons))
                if answer == -1:
                    return self._socket.shutdown(socket.SHUT_RDWR)
                self.say(Answered(message.request_id, answer))
        except OSError:
            pass  # forward is gone
