"""Where the inventory keeps entries of one kind: bounded, and invented ones go before those that were proven."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from typing import Any, Generic, Protocol, TypeVar

from appliance.base import limits


class _Keyed(Protocol):
    last: float

    @property
    def key(self) -> Hashable: ...

    def as_dict(self) -> dict[str, Any]: ...


E = TypeVar("E", bound=_Keyed)


class Table(Generic[E]):
    """Entries of one kind, the one seen longest ago first. `proven` ones stay while others can go."""

    def __init__(self) -> None:
        self._tried: OrderedDict[Hashable, E] = OrderedDict()
        self._proven: OrderedDict[Hashable, E] = OrderedDict()

    def __len__(self) -> int:
        return len(self._tried) + len(self._proven)

    def __iter__(self) -> Iterator[E]:
        yield from self._proven.values()
        yield from self._tried.values()

    def get(self, key: Hashable) -> E | None:
        """The entry, if it is known."""
        found = self._proven.get(key)
        return found if found is not None else self._tried.get(key)

    def put(self, entry: E, proven: bool) -> None:
        """Keep an entry as the latest seen. Once proven it stays so."""
        key = entry.key
        proven = proven or key in self._proven
        self._tried.pop(key, None)
        self._proven.pop(key, None)
        (self._proven if proven else self._tried)[key] = entry
        while len(self) > limits.SENSOR_INVENTORY.default:
            (self._tried or self._proven).popitem(last=False)
