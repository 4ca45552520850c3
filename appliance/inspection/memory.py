"""One account for all payload bytes that flows keep, so that no number of slow flows can fill the box."""

from __future__ import annotations


class Memory:
    """`used` of `limit` bytes. Who keeps bytes says so, and says so again when it lets them go."""

    __slots__ = ("limit", "used")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
