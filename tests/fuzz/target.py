"""What a fuzz target is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """A parser with its invariant, and inputs that it knows what to do with."""

    run: Callable[[bytes], None]
    seeds: tuple[bytes, ...]

    @property
    def name(self) -> str:
        return self.run.__name__


def cut(data: bytes) -> Iterator[bytes]:
    """Pieces of `data[1:]`, of a size that the first byte says."""
    size = data[0] % 97 if data else 0
    rest = data[1:]
    yield from (rest[at : at + size] for at in range(0, len(rest), size)) if size else (rest,)
