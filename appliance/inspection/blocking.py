"""What may be blocked, and for how long: decisions only. Pure; times are seconds since the epoch.

The caller puts decisions into a packet filter, and tells what it found there (`observe`). A block is never prolonged:
who goes on after its end is blocked anew.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Address
from typing import NamedTuple

from appliance.config.values import Address, Network
from appliance.inspection.block_request import BlockRequest

_BROADCAST = IPv4Address("255.255.255.255")


class Verdict(Enum):
    """What is to be done about a request."""

    BLOCK = "block"
    WOULD = "would block"  # dry-run
    KEEP = "is blocked already"
    REFUSE = "refuse"


class Decision(NamedTuple):
    """`seconds` for BLOCK and WOULD, `reason` for REFUSE; it holds nothing that a stranger wrote."""

    verdict: Verdict
    seconds: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Never:
    """An address that must stay reachable, whatever it does, and why."""

    network: Network
    why: str


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the box's owner allows at most. `nameless`: hosts that must stay reachable and have no address yet."""

    most_seconds: int
    most_blocks: int
    never: tuple[Never, ...] = ()
    nameless: tuple[str, ...] = ()


@dataclass(slots=True)
class Block:
    """An address in the set."""

    address: Address
    rule: str
    until: float
    since: float
    packets: int = 0  # dropped, by the filter's own counter
    dry: bool = False

    def as_dict(self) -> dict[str, object]:
        """As JSON values."""
        return {
            "address": str(self.address),
            "rule": self.rule,
            "since": self.since,
            "until": self.until,
            "packets": self.packets,
            "dry_run": self.dry,
        }


class Element(NamedTuple):
    """An address as the packet filter has it. `rule` is empty where the filter was given it by somebody else."""

    rule: str
    expires: float  # seconds from now
    packets: int


@dataclass(slots=True)
class Observed:
    """What the packet filter shows: blocks whose counter moved for the first time, blocks that ended or were taken
    out, addresses that were found there without our doing."""

    mitigated: list[Block] = field(default_factory=list)
    ended: list[Block] = field(default_factory=list)
    missing: list[Block] = field(default_factory=list)
    found: list[Block] = field(default_factory=list)


class Blocking:
    """The blocks, and the rules by which they are made. `bounds` and `dry` may be replaced at any time."""

    def __init__(self, bounds: Bounds, dry: bool) -> None:
        self.bounds = bounds
        self.dry = dry
        self._blocks: dict[Address, Block] = {}

    def __len__(self) -> int:
        return len(self._blocks)

    def blocks(self) -> list[Block]:
        """All blocks, the oldest first."""
        return sorted(self._blocks.values(), key=lambda block: block.since)

    def decide(self, request: BlockRequest, now: float) -> Decision:
        """What to do about a request. Nothing changes by it."""
        if not request.acknowledged:
            return Decision(Verdict.REFUSE, reason="the handshake was not acknowledged both ways: it may be forged")
        if reason := self.protected(request.source):
            return Decision(Verdict.REFUSE, reason=reason)
        if self.bounds.nameless:
            hosts = ", ".join(self.bounds.nameless)
            return Decision(Verdict.REFUSE, reason=f"the address of {hosts} is not known, and it may be this one")
        if request.source in self._blocks:
            return Decision(Verdict.KEEP)
        if len(self._blocks) >= self.bounds.most_blocks:
            return Decision(Verdict.REFUSE, reason=f"{len(self._blocks)} addresses are blocked, which is the most")
        seconds = max(1, min(request.seconds, self.bounds.most_seconds))
        return Decision(Verdict.WOULD if self.dry else Verdict.BLOCK, seconds)

    def protected(self, address: Address) -> str:
        """Why an address is never blocked; empty where it may be."""
        if address.is_loopback or address.is_multicast or address.is_unspecified or address == _BROADCAST:
            return "it is no address of a single other machine"
        if address.version == 6 and address.is_link_local:
            return "it is a link-local address, which a peer or a router may have beside its own"
        for each in self.bounds.never:
            if address in each.network:
                return f"it is never blocked: {each.why}"
        return ""

    def add(self, request: BlockRequest, seconds: int, now: float) -> Block:
        """A decision was carried out, or in a dry-run would have been."""
        block = Block(request.source, request.rule, now + seconds, now, dry=self.dry)
        self._blocks[request.source] = block
        return block

    def take(self, address: Address) -> Block | None:
        """Forget a block, which a person or we ended."""
        return self._blocks.pop(address, None)

    def expire(self, now: float) -> list[Block]:
        """The blocks of a dry-run whose time is over."""
        over = [block for block in self._blocks.values() if block.dry and block.until <= now]
        for block in over:
            del self._blocks[block.address]
        return over

    def observe(self, elements: Mapping[Address, Element], now: float) -> Observed:
        """What the packet filter has now. Blocks that it has and we do not are taken over."""
        seen = Observed()
        for address, element in elements.items():
            block = self._blocks.get(address)
            if block is None:
                block = Block(address, element.rule, now + element.expires, now, element.packets)
                self._blocks[address] = block
                seen.found.append(block)
                continue
            block.until = now + element.expires  # whatever became of our clock
            if element.packets > block.packets:
                if not block.packets:
                    seen.mitigated.append(block)
                block.packets = element.packets
        for block in list(self._blocks.values()):
            if block.dry or block.address in elements:
                continue
            del self._blocks[block.address]
            (seen.ended if block.until <= now + 1 else seen.missing).append(block)
        return seen

    def surplus(self, now: float) -> Iterable[tuple[Block, str]]:
        """Blocks that may not be, by the present bounds, and why: each is to be released."""
        count = 0
        for block in self.blocks():
            if reason := self.protected(block.address):
                yield block, reason
            elif self.dry != block.dry:
                yield block, "the mode was changed"
            elif math.ceil(block.until - now) > self.bounds.most_seconds:
                yield block, "it would last longer than is allowed"
            elif count >= self.bounds.most_blocks:
                yield block, "more addresses are blocked than is allowed"
            else:
                count += 1
