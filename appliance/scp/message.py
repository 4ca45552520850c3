"""DIMSE messages that a peer sends us, each with its answer: C-ECHO, C-STORE, and what we do not serve.

A message takes the fragments of its data set, if one follows, and gives the response at the end. A refused data set is
drained, not cut off: senders show the status only if they could send to the end (measured with storescu).
"""

from __future__ import annotations

from typing import Protocol

from appliance.base import limits
from appliance.base.errors import PeerError
from appliance.upper_layer.command import CommandSet


class Message(Protocol):
    """A request in progress."""

    def data(self, fragment: memoryview) -> None:
        """Take a piece of the data set. Raises PeerError when enough is enough."""

    def finish(self) -> CommandSet:
        """All was received: the response, true when it is sent."""

    def abandon(self) -> None:
        """The association ended in the middle; nothing was promised."""


class Answered:
    """A message whose response is known; its data set, if there is one, is drained and dropped."""

    def __init__(self, response: CommandSet) -> None:
        self._response = response
        self._drained = 0

    def data(self, fragment: memoryview) -> None:
        self._drained += len(fragment)
        if self._drained > limits.DRAIN.default:
            raise PeerError(f"more than {limits.DRAIN.default} bytes followed a refused request")

    def finish(self) -> CommandSet:
        return self._response

    def abandon(self) -> None:
        pass
