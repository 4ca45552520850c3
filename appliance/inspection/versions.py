"""The other versions of bytes that came twice and differed: what a receiver may have taken instead. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from appliance.inspection.command_set import parse_command
from appliance.inspection.conversation import Conversation
from appliance.inspection.stream import Stream

Piece = tuple[int, bytes | bytearray]
_RECENT = 4
_MOST = 5
_LONGEST = 1 << 17


def readings(start: int, original: bytes, versions: Sequence[Piece], grows: bool = False) -> list[bytes]:
    """What may stand at `start` instead of `original`: all versions laid over it in their order, then each alone.

    As long as `original`, unless a version `grows` beyond it.
    """
    end = start + len(original)
    touching = [(at, data) for at, data in versions if at < end and start < at + len(data)]
    found: list[bytes] = []
    for chosen in (touching, *([each] for each in touching[: _MOST - 1] if len(touching) > 1)):
        changed = bytearray(original)
        for at, data in chosen:
            cut = data[max(0, start - at) :]
            begin = max(0, at - start)
            if not grows:
                cut = cut[: len(original) - begin]
            changed[begin : begin + len(cut)] = cut
        reading = bytes(changed[:_LONGEST])
        if reading != original and reading not in found:
            found.append(reading)
    return found


def remembered(stream: Stream, start: int, length: int) -> bytes | None:
    """Bytes of the stream that were looked at lately; None where some of them were forgotten."""
    found = stream.looked_at.run(start, length)
    return found if len(found) == length else None


class SecondReading:
    """What one direction of an association said lately, to be judged anew where another version of it comes."""

    __slots__ = ("_conversation", "_recent", "_stream")

    def __init__(self, stream: Stream, conversation: Conversation) -> None:
        self._stream = stream
        self._conversation = conversation
        self._recent: list[tuple[int, int, int]] = []  # offset, length, presentation context of a command set

    def read(self, start: int, original: bytes, context: int = 0) -> None:
        """A control PDU, or with its context a command set, was read: read what may have stood there instead."""
        self._recent.append((start, len(original), context))
        del self._recent[:-_RECENT]
        if self._stream.versions:
            self._judge(readings(start, original, self._stream.versions), context)

    def disputed(self) -> None:
        """Another version came of what may have been read already."""
        latest = self._stream.versions[-1:]
        for start, length, context in self._recent:
            original = remembered(self._stream, start, length)
            if original is not None:
                self._judge(readings(start, original, latest), context)

    def _judge(self, versions: list[bytes], context: int) -> None:
        for version in versions:
            if context:
                self._conversation.other_command(parse_command(context, version), self._stream.from_client)
            else:
                self._conversation.other_version(version, self._stream.from_client)
