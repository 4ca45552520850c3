"""Which observations are counted, by what, and how often is too often: one line a pattern. Pure and bounded."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import Any, NamedTuple

from appliance.base import limits
from appliance.base.limits import Limit
from appliance.config.values import Address
from appliance.inspection.command_set import C_FIND, C_MOVE, C_STORE, MOVE_UNKNOWN
from appliance.inspection.counts import Counts
from appliance.inspection.developments import Kind, Recurring
from appliance.inspection.flow import Flow, endpoints
from appliance.inspection.observations import (
    Aborted,
    AssociationAnswered,
    AssociationRequested,
    CommandSeen,
    Malformed,
    TlsAlertSeen,
)
from appliance.inspection.registry import Calling, Registry
from appliance.inspection.rules import shown

_VERIFICATION = b"1.2.840.10008.1.1"
_PROVIDER = 2
_CERTIFICATE_ALERTS = frozenset((42, 43, 44, 45, 46, 48, 49, 116))

Item = tuple[Hashable, Hashable]
"""What is counted together, and what makes two of them the same (None: nothing does)."""


class _Pattern(NamedTuple):
    kind: Kind
    seen: type
    of: Callable[[Any, Registry], Item | None]
    limit: Limit
    window: float = 60.0


def _client(flow: Flow) -> bytes:
    return flow.key[: (len(flow.key) - 4) // 2]


def _pair(flow: Flow) -> bytes:
    return flow.key[:-4]


def _names_rejected(seen: AssociationAnswered, registry: Registry) -> Item | None:
    """PS3.8 table 9-21: rejected for good by the user, for the calling (3) or the called (7) AE title.

    The same pair of names counts once: who has a wrong setting tries it again and again.
    """
    if seen.reject not in ((1, 1, 3), (1, 1, 7)):
        return None
    names = (seen.request.calling, seen.request.called) if seen.request else None
    return _client(seen.flow), names


def _names_tried(seen: AssociationRequested, registry: Registry) -> Item | None:
    if _known(seen, registry):
        return None
    return _client(seen.flow), (seen.request.calling, seen.request.called)


def _known(seen: AssociationRequested, registry: Registry) -> bool:
    """Whether a registered caller calls a registered server, each by its name."""
    client, _, server, port = endpoints(seen.flow.key)
    calling, called = shown.ae(seen.request.calling), shown.ae(seen.request.called)
    known = registry.calling(calling, client, registry.server(server, port)) is Calling.KNOWN
    return known and registry.answers(called, server, port)


def _queries(seen: CommandSeen, registry: Registry) -> Item | None:
    return (_client(seen.flow), None) if seen.from_client and seen.command.command_field == C_FIND else None


def _tls_alerts(seen: TlsAlertSeen, registry: Registry) -> Item | None:
    return (_pair(seen.flow), None) if seen.code in _CERTIFICATE_ALERTS else None


def _busy(seen: AssociationAnswered, registry: Registry) -> Item | None:
    return (_pair(seen.flow), None) if seen.reject and seen.reject[1:] in ((3, 1), (3, 2)) else None


def _aborts(seen: Aborted, registry: Registry) -> Item | None:
    return (_pair(seen.flow), None) if seen.source == _PROVIDER else None


def _fault_kinds(seen: Malformed, registry: Registry) -> Item | None:
    return (_client(seen.flow), seen.what) if seen.from_client else None


def _failed_stores(seen: CommandSeen, registry: Registry) -> Item | None:
    command = seen.command
    if command.command_field != C_STORE | 0x8000 or command.status is None:
        return None
    failed = command.status >> 12 in (0xA, 0xC) or 0x0100 <= command.status < 0x0200
    return (_pair(seen.flow), None) if failed else None


def _echo_sweep(seen: AssociationRequested, registry: Registry) -> Item | None:
    """What monitors registered servers, every minute, is no sweep."""
    syntaxes = {each.abstract_syntax.rstrip(b"\0 ") for each in seen.request.contexts}
    if syntaxes != {_VERIFICATION} or _known(seen, registry):
        return None
    return _client(seen.flow), _pair(seen.flow)


def _moves_unknown(seen: CommandSeen, registry: Registry) -> Item | None:
    command = seen.command
    failed = command.command_field == C_MOVE | 0x8000 and command.status == MOVE_UNKNOWN
    return (_pair(seen.flow), None) if failed else None


_PATTERNS = (
    _Pattern(Kind.NAMES_REJECTED, AssociationAnswered, _names_rejected, limits.SENSOR_GUESSES),
    _Pattern(Kind.NAMES_TRIED, AssociationRequested, _names_tried, limits.SENSOR_GUESSES),
    _Pattern(Kind.QUERIES, CommandSeen, _queries, limits.SENSOR_QUERIES),
    _Pattern(Kind.TLS_ALERTS, TlsAlertSeen, _tls_alerts, limits.SENSOR_TLS_ALERTS),
    _Pattern(Kind.BUSY, AssociationAnswered, _busy, limits.SENSOR_BUSY_REJECTS),
    _Pattern(Kind.ABORTS, Aborted, _aborts, limits.SENSOR_ABORTS),
    _Pattern(Kind.FAULT_KINDS, Malformed, _fault_kinds, limits.SENSOR_FAULT_KINDS, 300.0),
    _Pattern(Kind.FAILED_STORES, CommandSeen, _failed_stores, limits.SENSOR_FAILED_STORES, 600.0),
    _Pattern(Kind.MOVES_UNKNOWN, CommandSeen, _moves_unknown, limits.SENSOR_MOVES),
    _Pattern(Kind.ECHO_SWEEP, AssociationRequested, _echo_sweep, limits.SENSOR_ECHO_SWEEP),
)


class Recurrences:
    """The counts of all patterns, and of the associations that are open."""

    def __init__(self) -> None:
        self._by_type: dict[type, list[tuple[_Pattern, Counts]]] = {}
        for pattern in _PATTERNS:
            counts = Counts(pattern.window, pattern.limit.default)
            self._by_type.setdefault(pattern.seen, []).append((pattern, counts))
        self.sees = frozenset(self._by_type)
        self._doubtful: OrderedDict[Hashable, float] = OrderedDict()  # when a flow counted that may be forged
        self._silent = Counts(60.0, limits.SENSOR_STALLED.default)
        self._backlog = Counts(60.0, limits.SENSOR_BACKLOG.default)
        self._open: Counter[bytes] = Counter()  # bounded by the flow table: each counts a flow in it

    def take(self, seen: object, registry: Registry, now: float) -> Iterator[Recurring]:
        """Count an observation."""
        for pattern, counts in self._by_type.get(type(seen), ()):
            item = pattern.of(seen, registry)
            if item is None:
                continue
            flow: Flow = seen.flow  # type: ignore[attr-defined]
            proven = self._proven(pattern, item[0], flow, now)
            if count := counts.add(item[0], now, item[1]):
                yield Recurring(pattern.kind, count, endpoints(flow.key)[0], flow, proven)
        if isinstance(seen, AssociationAnswered) and seen.accept is not None and not seen.flow.associated:
            yield from self._opened(seen.flow)

    def _proven(self, pattern: _Pattern, key: Hashable, flow: Flow, now: float) -> bool:
        """Whether no flow was counted lately whose source may be forged."""
        if not flow.proven or flow.conflicted:
            self._doubtful[pattern.kind, key] = now
            self._doubtful.move_to_end((pattern.kind, key))
            if len(self._doubtful) > limits.SENSOR_SOURCES.default:
                self._doubtful.popitem(last=False)
        return now - self._doubtful.get((pattern.kind, key), float("-inf")) > pattern.window

    def _opened(self, flow: Flow) -> Iterator[Recurring]:
        flow.associated = True
        pair = _pair(flow)
        self._open[pair] += 1
        if not self._open[pair] % limits.SENSOR_CONCURRENT.default:
            yield Recurring(Kind.CONCURRENT, self._open[pair], endpoints(flow.key)[0], flow)

    def ended(self, flow: Flow) -> None:
        """A flow that counted as an open association is over."""
        pair = _pair(flow)
        self._open[pair] -= 1
        if self._open[pair] <= 0:
            del self._open[pair]

    def silent(self, client: Address, server: Address, port: int, now: float) -> Iterator[Recurring]:
        """A connection to a DICOM server was opened, nothing was said on it, and it was not closed again."""
        if count := self._silent.add(client, now):
            yield Recurring(Kind.SILENT, count, client, None)
        if count := self._backlog.add((server, port), now):  # whoever its sources are: they may be forged
            yield Recurring(Kind.BACKLOG, count, server, None)
