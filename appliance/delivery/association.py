"""An association as requestor: drives the upper layer's engine over a transport, one message at a time.

Every wait has a deadline. An association on which anything went wrong in mid-message is aborted and never used again
(the next message's PDVs would interleave with the rest of the last). The command and the data set travel in PDUs of
their own, since some receivers fail otherwise, but in one write where they fit.
"""

from __future__ import annotations

import ssl
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from appliance.base import limits
from appliance.base.errors import LocalError, UpstreamError
from appliance.delivery.deadlines import Deadlines
from appliance.delivery.endings import LOG, LOST, ended
from appliance.delivery.transport import Transport, tls_words
from appliance.upper_layer.association import (
    Association,
    AssociationAccepted,
    CommandReceived,
    DataFragment,
    Event,
    PeerFault,
    Released,
    ReleaseRequested,
)
from appliance.upper_layer.command import CommandField, CommandSet, c_echo_rq, c_store_rq, response
from appliance.upper_layer.negotiation import AssociateRequest, AsyncWindow

OnReport = Callable[[int, CommandSet, bytes], int]
"""Takes an N-EVENT-REPORT-RQ: its context, command and data set; gives the status to answer."""

_RECEIVE = 65536
_RESPONSE = 0x8000  # with this bit a command field names the response
_SLOW = "Look at the destination's load and at the network."


class RequestorAssociation:
    """An open association. Not thread-safe. Raises UpstreamError; after that only `answered` and `close`
    may be called."""

    def __init__(
        self, transport: Transport, request: AssociateRequest, deadlines: Deadlines, on_report: OnReport | None = None
    ) -> None:
        """Associate. Closes the transport when that fails. Without `on_report` no event report is taken."""
        self._transport = transport
        self._deadlines = deadlines
        self._on_report = on_report
        self._engine = Association.requestor(request)
        self._buffer = memoryview(bytearray(_RECEIVE))
        self._events: deque[Event] = deque()
        self._message_id = 0
        self._out: dict[int, CommandSet] = {}  # requests that are not answered, by message id
        self.usable = False
        try:
            self._send(self._engine.associate_request())
            answer = self._next_event(deadlines.association, "an answer to our A-ASSOCIATE-RQ")
            if not isinstance(answer, AssociationAccepted):
                raise ended(answer)
        except BaseException:
            self.abort()
            raise
        self.accepted = frozenset(self._engine.accepted)
        self.roles = answer.accept.roles
        self.window = _agreed(request.async_window, answer.accept.async_window)
        """How many instances may be out at a time (PS3.7 D.3.3.3)."""
        self.usable = True

    def c_store(
        self, context_id: int, sop_class: str, sop_instance: str, data_set: Iterable[tuple[memoryview, bool]]
    ) -> int:
        """Store one instance; the status of its C-STORE-RSP.

        `data_set` yields pieces with a flag on the last. What it raises passes through, after an abort.
        """
        self.begin_store(context_id, sop_class, sop_instance, data_set)
        return self.answer()[1]

    def begin_store(
        self, context_id: int, sop_class: str, sop_instance: str, data_set: Iterable[tuple[memoryview, bool]]
    ) -> int:
        """Send one instance as `c_store` does, and do not wait for its answer; its message id."""
        message_id = self._next_message_id()
        self._request(context_id, c_store_rq(message_id, sop_class, sop_instance), data_set)
        return message_id

    def answer(self) -> tuple[int, int]:
        """Wait for the answer to whichever instance that is out comes next: its message id and its status."""
        return self._response(self._deadlines.response)

    def answered(self) -> list[tuple[int, int]]:
        """The answers that came before an error, and were not asked for: message ids and statuses. Never raises."""
        commands = [event.command for event in self._events if isinstance(event, CommandReceived)]
        found = {self._answers(command): command.status or 0 for command in reversed(commands)}
        return [(message_id, status) for message_id, status in reversed(found.items()) if message_id]

    def c_echo(self, context_id: int) -> int:
        """Verify (PS3.7 9.1.5); the status of its C-ECHO-RSP, for which there is less time than for that of a store."""
        seconds = min(self._deadlines.response, limits.DELIVERY_ECHO.default)
        return self._invoke(context_id, c_echo_rq(self._next_message_id()), None, seconds)

    def n_event_report(
        self, context_id: int, sop_class: str, sop_instance: str, event_type: int, data_set: bytes
    ) -> int:
        """Report an event (PS3.7 10.1.1); the status of its N-EVENT-REPORT-RSP."""
        command = CommandSet(
            command_field=CommandField.N_EVENT_REPORT_RQ,
            message_id=self._next_message_id(),
            affected_sop_class=sop_class,
            affected_sop_instance=sop_instance,
            event_type=event_type,
        )
        return self._invoke(context_id, command, _pieces(memoryview(data_set)))

    def n_action(self, context_id: int, sop_class: str, sop_instance: str, action_type: int, data_set: bytes) -> int:
        """Ask for an action (PS3.7 10.1.4); the status of its N-ACTION-RSP."""
        command = CommandSet(
            command_field=CommandField.N_ACTION_RQ,
            message_id=self._next_message_id(),
            requested_sop_class=sop_class,
            requested_sop_instance=sop_instance,
            action_type=action_type,
        )
        return self._invoke(context_id, command, _pieces(memoryview(data_set)))

    def listen(self, seconds: float, enough: Callable[[], bool] = lambda: False) -> None:
        """Take event reports for so long, or until it is `enough`, or until the other side releases the association."""
        until = time.monotonic() + seconds
        try:
            while self.usable and not enough() and (event := self._await(until)) is not None:
                if self._is_report(event):
                    self._take_report(event)
                elif isinstance(event, ReleaseRequested):
                    self._reply_to_release()
                    self.usable = False
                else:
                    raise ended(event)
        except BaseException:
            self.abort()
            raise

    def cut(self) -> None:
        """Have whatever waits for the other side end now; another thread may call this."""
        self._transport.cut()

    def _next_message_id(self) -> int:
        self._message_id = self._message_id % 0xFFFF + 1
        return self._message_id

    def _invoke(
        self,
        context_id: int,
        command: CommandSet,
        data_set: Iterable[tuple[memoryview, bool]] | None,
        seconds: float | None = None,
    ) -> int:
        """Send a request with its data set, where it has one; the status of its response."""
        self._request(context_id, command, data_set)
        return self._response(seconds or self._deadlines.response)[1]

    def _request(
        self, context_id: int, command: CommandSet, data_set: Iterable[tuple[memoryview, bool]] | None
    ) -> None:
        """Send a request with its data set, where it has one."""
        assert command.message_id is not None
        self.usable = False
        over = time.monotonic() + self._deadlines.message
        try:
            while self._events and self._is_report(self._events[0]):
                self._take_report(self._events.popleft())
            if not self._only_answers():  # nobody asked for what it said, so this is an end of some kind
                raise self._end(0.0, "")
            pdus = [self._engine.send_command(context_id, command, data_set_follows=data_set is not None)]
            if data_set is None:
                self._send(pdus.pop())
            for piece, last in data_set or ():
                pdus += self._engine.send_data(context_id, piece, last)
                self._send(b"".join(pdus))
                pdus.clear()
                if time.monotonic() > over:
                    raise UpstreamError(
                        f"it took longer than {self._deadlines.message:.0f} s to send one instance", fix=_SLOW
                    )
        except BaseException:
            self.abort()
            raise
        self._out[command.message_id] = command
        self.usable = True

    def alive(self) -> bool:
        """Whether the association still stands after an idle time. Looks at what has come, without waiting for more."""
        if self.usable and self._transport.readable():
            try:
                count = self._transport.receive_into(self._buffer, time.monotonic())
                self._receive(count)
                self.usable = bool(count)
            except TimeoutError:
                pass  # something of the TLS layer only, like a key update
            except OSError:
                self.usable = False
        if not self._only_answers():  # nothing else was asked for, so this is an end of one kind or another
            self.usable = False
            if not self._out and any(isinstance(event, ReleaseRequested) for event in self._events):
                self._reply_to_release()
        return self.usable

    def release(self) -> None:
        """End the association in order, or at once where the other side does not play along. Never raises."""
        try:
            self._send(self._engine.release())
            while not isinstance(event := self._next_event(self._deadlines.release, "a release"), Released):
                if not isinstance(event, ReleaseRequested):
                    break
                self._reply_to_release()  # both asked at once: PS3.8 9.2.3
        except (UpstreamError, LocalError):
            pass  # it ended in another way meanwhile
        finally:
            self.close()

    def abort(self) -> None:
        """Send an A-ABORT if the connection still takes it, and close. Never raises."""
        self.usable = False
        try:
            if last_words := self._engine.abort():
                self._transport.send(last_words, self._deadlines.release)
        except (OSError, LocalError):
            pass
        finally:
            self.close()

    def close(self) -> None:
        """Close the connection."""
        self.usable = False
        self._transport.close()

    def _reply_to_release(self) -> None:
        try:
            self._transport.send(self._engine.release_reply(), self._deadlines.release)
        except (OSError, LocalError):
            pass  # it did not wait for it

    def _response(self, seconds: float) -> tuple[int, int]:
        """The next response to what is out: its message id and status."""
        name = next(iter(self._out.values())).name.removesuffix("-RQ")
        self.usable = False
        try:
            event = self._next_event(seconds, f"the response to {_article(name)}")
            while self._is_report(event):
                self._take_report(event)
                event = self._next_event(seconds, f"the response to {_article(name)}")
            if not isinstance(event, CommandReceived):
                raise ended(event)
            message_id, status = self._answers(event.command), event.command.status
            if not message_id or status is None:
                raise UpstreamError(f"it answered something else than our {name}", fix=LOG)
        except BaseException:
            self.abort()
            raise
        self.usable = True
        del self._out[message_id]
        return message_id, status

    def _answers(self, command: CommandSet) -> int:
        """The message id of what is out and is answered by this; 0 where nothing is."""
        message_id = command.message_id_responded_to or 0
        request = self._out.get(message_id)
        return message_id if request and command.command_field == request.command_field | _RESPONSE else 0

    def _only_answers(self) -> bool:
        """Whether nothing has come but answers to what is out."""
        return all(isinstance(event, CommandReceived) and self._answers(event.command) for event in self._events)

    def _end(self, seconds: float, awaited: str) -> UpstreamError:
        """Why the association ended. The answers that came before are kept."""
        kept: list[Event] = []
        try:
            while isinstance(event := self._next_event(seconds, awaited), CommandReceived):
                if not self._answers(event.command):
                    break
                kept.append(event)
            return ended(event)
        finally:
            self._events.extendleft(reversed(kept))

    def _send(self, data: bytes) -> None:
        # While something is out it may be at work on that, and take nothing before it is done.
        seconds = max(self._deadlines.write, self._deadlines.response) if self._out else self._deadlines.write
        try:
            self._transport.send(data, seconds)
        except TimeoutError:
            raise UpstreamError(f"it took nothing from us for {seconds:.0f} s", fix=_SLOW) from None
        except OSError:
            # The other side is gone; what it said before may tell why.
            raise self._end(self._deadlines.release, "the end of the connection") from None

    def _is_report(self, event: Event) -> bool:
        return (
            self._on_report is not None
            and isinstance(event, CommandReceived)
            and event.command.command_field == CommandField.N_EVENT_REPORT_RQ
        )

    def _take_report(self, event: Event) -> None:
        """Have an event report taken, and answer it."""
        assert isinstance(event, CommandReceived) and self._on_report
        data = bytearray()
        last = not event.command.data_set_follows
        while not last:
            fragment = self._next_event(self._deadlines.response, "the rest of an event report")
            if not isinstance(fragment, DataFragment):
                raise ended(fragment)
            data += fragment.data
            last = fragment.last
            if len(data) > limits.COMMITMENT_REQUEST.default:
                raise UpstreamError("its event report is longer than any of storage commitment")
        status = self._on_report(event.context_id, event.command, bytes(data))
        self._send(self._engine.send_command(event.context_id, response(event.command, status), False))

    def _receive(self, count: int) -> None:
        """Take what was received; the pieces of a data set outlive the buffer."""
        for event in self._engine.receive(self._buffer[:count]):
            kept = replace(event, data=memoryview(bytes(event.data))) if isinstance(event, DataFragment) else event
            self._events.append(kept)

    def _next_event(self, seconds: float, awaited: str) -> Event:
        event = self._await(time.monotonic() + seconds)
        if event is None:
            raise UpstreamError(f"{awaited} did not come within {seconds:.0f} s", fix=_SLOW)
        return event

    def _await(self, deadline: float) -> Event | None:
        """The next event, None when it does not come before the deadline."""
        while not self._events:
            try:
                count = self._transport.receive_into(self._buffer, deadline)
            except TimeoutError:
                return None
            except ssl.SSLError as error:
                # In TLS 1.3 the other side looks at our certificate after our handshake is over.
                raise UpstreamError(f"TLS failed: {tls_words(error)}", fix="Does it trust our certificate?") from None
            except OSError:
                count = 0
            if count:
                self._receive(count)
            else:
                self._events.extend(self._engine.connection_lost())
                if not self._events:
                    raise UpstreamError("the connection was lost", fix=LOST)
        event = self._events.popleft()
        if isinstance(event, PeerFault):
            try:
                self._transport.send(event.reply, self._deadlines.release)
            except OSError:
                pass
        return event


def _agreed(proposed: AsyncWindow | None, accepted: AsyncWindow | None) -> int:
    """How many operations we may have outstanding; where it allows any number, as many as we asked for."""
    if proposed is None or accepted is None:
        return 1
    return min(proposed.invoked, accepted.invoked or proposed.invoked)


def _article(name: str) -> str:
    return f"an {name}" if name.startswith("N") else f"a {name}"


def _pieces(data: memoryview) -> Iterator[tuple[memoryview, bool]]:
    for start in range(0, len(data), _RECEIVE):
        yield data[start : start + _RECEIVE], start + _RECEIVE >= len(data)
