"""The beginning of a data set whose fragments are still coming. Keeps no more than its limit, and not for long."""

from __future__ import annotations

from appliance.base import limits
from appliance.inspection.command_set import Command
from appliance.inspection.conversation import Conversation
from appliance.inspection.stream import Stream


class HeadAssembly:
    """Wanted from the command on to which the data set belongs, until enough of it came."""

    __slots__ = ("_conversation", "_data", "_stream", "command", "last")

    def __init__(self, stream: Stream, conversation: Conversation) -> None:
        self._stream = stream
        self._conversation = conversation
        self._data = bytearray()
        self.command: Command | None = None  # while it is wanted
        self.last = False  # whether the fragment that comes is the data set's last

    def wanted(self) -> int:
        """How many more bytes would do."""
        return limits.SENSOR_DATA_HEAD.default - len(self._data) if self.command else 0

    def add(self, piece: memoryview) -> None:
        """Take bytes, `wanted` at most."""
        self._data += piece
        self._stream.keep(len(piece))
        self._conversation.statistics.inspected += len(piece)

    def end(self, whole: bool) -> None:
        """No more is wanted, or no more comes; `whole`: it is the whole data set."""
        command, head = self.command, bytes(self._data)
        self.drop()
        if command is not None and head:
            self._conversation.data_set(command, head, whole, self._stream.from_client)

    def drop(self) -> None:
        """Forget it."""
        self._stream.release(len(self._data))
        self._data.clear()
        self.command = None
