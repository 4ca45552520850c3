"""A DIMSE message whose fragments are still coming: its command set, and the beginning of its data set (PS3.8 annex E).

Keeps no more than the limits of both, and the beginning of a data set not for long.
"""

from __future__ import annotations

from appliance.base import limits
from appliance.inspection.command_set import C_FIND, Command, CommandAssembly
from appliance.inspection.conversation import Conversation
from appliance.inspection.stream import Stream
from appliance.inspection.versions import SecondReading


class MessageAssembly:
    """Of one direction of an association. `busy`: what comes next of the message is looked at."""

    __slots__ = ("_at", "_command", "_conversation", "_head", "_of", "_stream", "busy", "last", "second")

    def __init__(self, stream: Stream, conversation: Conversation) -> None:
        self._stream = stream
        self._conversation = conversation
        self._command = CommandAssembly()
        self._at = -1  # where a command set lies that came in one piece
        self._head = bytearray()
        self._of: Command | None = None  # the command whose data set is wanted
        self.busy = False
        self.last = False  # whether the data fragment that comes is the data set's last
        self.second = SecondReading(stream, conversation)

    # The command set.

    def in_command(self, context_id: int | None = None) -> bool:
        """Whether a command set is not whole yet; of this presentation context, if one is given."""
        return bool(self._command) and context_id in (None, self._command.context_id)

    def begin_command(self, context_id: int, last: bool, at: int) -> None:
        """A fragment of a command set begins at an offset of the stream."""
        self._drop_head()
        self._at = at if last and not self._command else -1
        self._command.begin(context_id, last)
        self.busy = True

    def add_command(self, piece: memoryview) -> None:
        """Take bytes of it."""
        self._stream.keep(self._command.add(piece))

    def command_ended(self) -> None:
        """The fragment is over; if it was the last, the command is told."""
        if not self._command.whole:
            return
        command, data = self._command.parse(), self._command.data
        self._stream.release(self._command.clear())
        self.busy = False
        self._conversation.command(command, self._stream.from_client)
        if self._at >= 0:
            self.second.read(self._at, data, command.context_id or 1)
        if self._conversation.wants_head(command):
            self._of = command
            self.busy = True

    # The data set.

    @property
    def wants_head(self) -> bool:
        """Whether more of the data set's beginning would be looked at."""
        return self._of is not None

    @property
    def asks(self) -> bool:
        """Whether that data set is a query's: short, and judged by all that it says."""
        return self._of is not None and self._of.command_field == C_FIND

    def wanted(self) -> int:
        """How many bytes of it would do."""
        return limits.SENSOR_DATA_HEAD.default - len(self._head) if self._of else 0

    def add_head(self, piece: memoryview) -> None:
        """Take bytes, `wanted` at most."""
        self._head += piece
        self._stream.keep(len(piece))
        self._conversation.statistics.inspected += len(piece)

    def data_ended(self, over: bool) -> None:
        """Tell what there is, if the data set is `over` or nothing more is wanted of it."""
        if self._of is None or not (over or self.wanted() == 0):
            return
        command, head = self._of, bytes(self._head)
        self._drop_head()
        if head:
            self._conversation.data_set(command, head, over, self._stream.from_client)

    def _drop_head(self) -> None:
        self._stream.release(len(self._head))
        self._head.clear()
        self._of = None
        self.busy = bool(self._command)

    def lost(self, framed: bool) -> None:
        """Bytes will never come. `framed`: they were of a data set, and the rest of the message is as it was."""
        if not framed:
            self._stream.release(self._command.clear())
        self._drop_head()
