"""The responder: takes the sensor's requests, puts addresses into the packet filter's sets, and tells what became of
each. It decides nothing itself (`inspection/blocking.py`) and believes only what the filter shows.

Thread-safe: a person asks through one thread, the sensor through another.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

from appliance.base import catalogue
from appliance.base.errors import LocalError
from appliance.base.throttle import Throttle, not_shown
from appliance.capture.block_set import BlockSet, FilterFailed
from appliance.config.values import Address
from appliance.inspection.alert import Alert
from appliance.inspection.block_request import BlockRequest, decode
from appliance.inspection.blocking import Block, Blocking, Bounds, Verdict
from appliance.inspection.rules.response import responded
from appliance.inspection.rules.rule import Severity

SCOPES = {
    "self": "this protects this box alone",
    "inline": "this protects what lies behind this box",
}
_MITIGATED = "mitigated"
Tell = Callable[[dict[str, Any]], None]
Say = Callable[..., None]


class Responder:
    """`blocks` is None in a dry-run: then nothing is put into the filter. `tell` takes records of D46, `say` events."""

    def __init__(self, scope: str, bounds: Bounds, blocks: BlockSet | None, tell: Tell, say: Say) -> None:
        self.scope = scope
        self._blocking = Blocking(bounds, dry=blocks is None)
        self._set = blocks
        self._tell = tell
        self._say = say
        self._lock = threading.Lock()
        self._throttle = Throttle(burst=5, period=60.0)
        self.counts = {"blocked": 0, "refused": 0, "failed": 0, "mitigated": 0, "untrusted": 0}

    @property
    def bounds(self) -> Bounds:
        """What may be done at most."""
        return self._blocking.bounds

    def begin(self, now: float) -> None:
        """Make the filter ready, and take over what it holds. Raises FilterRefused or FilterFailed."""
        with self._lock:
            if self._set is None:
                return
            kept = self._set.prepare()
            found = self._blocking.observe(kept, now).found
            removed = self._remove_surplus(now)
            if found:
                self._say(catalogue.BLOCKS_FOUND, count=len(found), removed=removed)

    def rebound(self, bounds: Bounds, now: float) -> None:
        """Other bounds are in force; what they do not allow is released."""
        with self._lock:
            self._blocking.bounds = bounds
            self._remove_surplus(now)
            if self._set is None or self._set.most == bounds.most_blocks:
                return
            self._set.most = bounds.most_blocks
            try:
                self._set.prepare()  # the kernel holds the number too
            except LocalError as error:
                self._failed("", error, now)

    def handle(self, message: bytes, stranger: int, now: float) -> None:
        """Take a message; `stranger` is the user who sent it, where that is not the sensor's, else -1."""
        with self._lock:
            if stranger != -1:
                self._count("untrusted")
                self._refused("", f"user {stranger} asked, and only the sensor may", None, now)
                return
            try:
                request = decode(message)
            except ValueError as error:
                self._count("untrusted")
                self._refused("", f"a message that is none: {error}", None, now)
                return
            self._answer(request, now)

    def _answer(self, request: BlockRequest, now: float) -> None:
        decision = self._blocking.decide(request, now)
        if decision.verdict is Verdict.REFUSE:
            self._refused(str(request.source), decision.reason, request, now)
        elif decision.verdict is not Verdict.KEEP:
            if self._set is not None:
                try:
                    self._put(request.source, decision.seconds, request.rule, now)
                except LocalError as error:
                    self._failed(str(request.source), error, now)
                    return
            block = self._blocking.add(request, decision.seconds, now)
            self._count("blocked")
            did, event = ("blocked", catalogue.BLOCK_SET) if self._set else ("would be blocked", catalogue.BLOCK_WOULD)
            words = f"{did} for {decision.seconds} s because of {request.rule}; {SCOPES[self.scope]}"
            self._record(words, "executed" if self._set else "dry-run", block, now, target=request.target)
            self._say(event, address=block.address, rule=block.rule, seconds=decision.seconds, scope=SCOPES[self.scope])

    def look(self, now: float) -> None:
        """Compare with what the filter shows: counters that moved, blocks that ended or were taken out."""
        with self._lock:
            for block in self._blocking.expire(now):
                self._ended(block, "its time is over", now)
            if self._set is None:
                return
            try:
                elements = self._set.elements()
                if elements is None:
                    self._restore(now)
                    return
            except LocalError as error:
                self._failed("", error, now)
                return
            seen = self._blocking.observe(elements, now)
            for block in seen.mitigated:
                self._count("mitigated")
                words = f"{block.packets} packets dropped since it was blocked because of {block.rule or '?'}"
                self._record(f"{words}; {SCOPES[self.scope]}", _MITIGATED, block, now)
                self._say(catalogue.BLOCK_MITIGATED, address=block.address, packets=block.packets)
            for block in seen.ended:
                self._ended(block, "its time is over", now)
            for block in seen.missing:
                self._ended(block, "somebody took it out of the filter", now)
            for block in seen.found:
                self._record("found in the filter, where somebody put it", "found", block, now)
            self._remove_surplus(now)

    def release(self, address: Address | None, now: float) -> list[Block]:
        """End the block of an address, or of all. Raises FilterRefused or FilterFailed."""
        with self._lock:
            chosen = [each for each in self._blocking.blocks() if address is None or each.address == address]
            self._remove(chosen)
            for block in chosen:
                self._ended(block, "a person released it", now)
            return chosen

    def end(self, now: float) -> None:
        """Release all and take our tables out: the mode was changed. Raises FilterRefused or FilterFailed."""
        with self._lock:
            for block in self._blocking.blocks():
                self._blocking.take(block.address)
                self._ended(block, "the mode was changed", now)
            if self._set is not None:
                self._set.drop()

    def state(self) -> dict[str, Any]:
        """As JSON values."""
        with self._lock:
            return {
                "mode": "block" if self._set is not None else "dry-run",
                "scope": self.scope,
                "protects": SCOPES[self.scope],
                "nameless": list(self.bounds.nameless),
                "most_blocks": self.bounds.most_blocks,
                "addresses": len(self._blocking),
                "blocks": [block.as_dict() for block in self._blocking.blocks()],
                **self.counts,
            }

    # Each of these with the lock held.

    def _put(self, address: Address, seconds: int, rule: str, now: float) -> None:
        """Into the filter. Between two looks somebody may have taken our tables out of it."""
        assert self._set is not None
        try:
            self._set.add(address, seconds, rule)
        except FilterFailed:
            if self._set.elements() is not None:
                raise
            self._restore(now)
            self._set.add(address, seconds, rule)

    def _restore(self, now: float) -> None:
        """Somebody loaded other rules; what we promised stands."""
        assert self._set is not None
        lost = self._blocking.blocks()
        kept = self._set.prepare()
        for block in lost:
            if block.address not in kept:
                self._set.add(block.address, max(1, int(block.until - now)), block.rule)
        passes, swallowed = self._throttle.passes("restored", now)
        if passes:
            words = f"somebody removed or changed our tables in the filter; made again with {len(lost)} blocks"
            self._record(words + not_shown(swallowed), "restored", None, now)
            self._say(catalogue.BLOCKS_RESTORED, count=len(lost), more=not_shown(swallowed))

    def _remove_surplus(self, now: float) -> int:
        surplus = list(self._blocking.surplus(now))
        try:
            self._remove(block for block, _ in surplus)
        except LocalError as error:
            self._failed("", error, now)
            return 0
        for block, reason in surplus:
            self._ended(block, reason, now)
        return len(surplus)

    def _remove(self, blocks: Iterable[Block]) -> None:
        chosen = list(blocks)
        if self._set is not None and chosen:
            self._set.remove([block.address for block in chosen])
        for block in chosen:
            self._blocking.take(block.address)

    def _ended(self, block: Block, reason: str, now: float) -> None:
        outcome = _MITIGATED if block.packets else "ended"
        self._record(f"no longer blocked: {reason}; {block.packets} packets dropped", outcome, block, now)
        self._say(catalogue.BLOCK_ENDED, address=block.address, reason=reason, packets=block.packets)

    def _failed(self, address: str, error: LocalError, now: float) -> None:
        self._count("failed")
        passes, swallowed = self._throttle.passes(("failed", error.message), now)
        if passes:
            said = error.message + not_shown(swallowed)
            self._record(f"could not be blocked: {error.message}", "failed", None, now, address=address)
            self._say(catalogue.BLOCK_FAILED, address=address or "what should be", reason=said, advice=error.fix)

    def _refused(self, address: str, reason: str, request: BlockRequest | None, now: float) -> None:
        self._count("refused")
        passes, swallowed = self._throttle.passes(("refused", reason), now)
        if not passes:
            return
        if request is not None:
            words = f"not blocked for {request.rule}: {reason}"
            self._record(words, "suppressed", None, now, address=address, target=request.target)
        rule = request.rule if request else "nothing"
        self._say(catalogue.BLOCK_REFUSED, address=address or "nobody", rule=rule, reason=reason + not_shown(swallowed))

    def _count(self, what: str) -> None:
        self.counts[what] += 1

    def _record(
        self,
        evidence: str,
        outcome: str,
        block: Block | None,
        now: float,
        address: str = "",
        target: Address | None = None,
    ) -> None:
        serious = outcome in ("failed", "restored", "suppressed")
        finding = responded(evidence, target=target, severity=Severity.MEDIUM if serious else None)
        record = Alert(finding, now, now).record("")
        if block is not None or address:
            record["src_ip"] = address or str(block.address if block else "")
        if outcome == _MITIGATED:
            record["alert"]["action"] = "blocked"
        record["response"] = {"outcome": outcome, "scope": self.scope}
        self._tell(record)
