"""A message whose data set is held until it is whole, then kept as a small file: storage commitment's two.

What speaks against keeping it is answered with a status of PS3.7 annex C, and the rest of the data set is drained.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from appliance.base import limits
from appliance.base.errors import DiskError
from appliance.scp.ingest import SUCCESS, Refused
from appliance.scp.message import Answered
from appliance.seal.errors import SealError
from appliance.upper_layer import commitment as words
from appliance.upper_layer.command import CommandSet, response


def refuse(command: CommandSet, status: int, comment: str, reason: str, advice: str, refused: Refused) -> Answered:
    """Log the refusal and make the message that drains and answers it."""
    refused(status, reason, advice)
    return Answered(response(command, status, error_comment=comment))


class HeldMessage(ABC):
    """A message of which at most `limits.COMMITMENT_REQUEST` bytes are held."""

    def __init__(self, command: CommandSet, refused: Refused, unusable: str, advice: str) -> None:
        """`unusable` is the error comment on a data set that does not say what it should, `advice` what to do then."""
        self._command = command
        self._refused = refused
        self._unusable = unusable
        self._advice = advice
        self._data = bytearray()
        self._answered: Answered | None = None

    @abstractmethod
    def keep(self, data_set: bytes) -> None:
        """Make durable what the data set says. Raises `ReferencesRefused`, `DiskError` and `SealError`."""

    def data(self, fragment: memoryview) -> None:
        if self._answered is None and len(self._data) + len(fragment) > limits.COMMITMENT_REQUEST.default:
            self._refuse(words.RESOURCE_LIMITATION, "Too many instances", "its data set is longer than we take")
        if self._answered:
            self._answered.data(fragment)
        else:
            self._data += fragment

    def finish(self) -> CommandSet:
        if self._answered is None:
            self._try()
        if self._answered:
            return self._answered.finish()
        return response(self._command, SUCCESS)

    def abandon(self) -> None:
        self._data = bytearray()

    def _try(self) -> None:
        try:
            self.keep(bytes(self._data))
        except words.ReferencesRefused as error:
            self._refuse(error.status, self._unusable, error.message)
        except DiskError as error:
            self._refuse(words.RESOURCE_LIMITATION, "Out of storage", error.message, error.fix)
        except SealError as error:
            self._refuse(words.PROCESSING_FAILURE, "Processing failure", error.message, error.fix)

    def _refuse(self, status: int, comment: str, reason: str, advice: str = "") -> None:
        self._data = bytearray()
        self._answered = refuse(self._command, status, comment, reason, advice or self._advice, self._refused)
