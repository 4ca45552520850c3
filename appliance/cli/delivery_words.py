"""The words for how a destination is, from what `forward` says of its queue. Pure but for the clock of `last_error`."""

from __future__ import annotations

import time
from typing import Any

from appliance.panel.health.words import span


def state_of(queue: dict[str, Any]) -> tuple[str, str]:
    """How a destination is, in few words, and the colour of that."""
    if queue.get("blocked"):
        return "waits for a key", "yellow"
    if queue.get("paused") is not None:
        return "held back", "yellow"
    if queue.get("error"):
        again = queue.get("next_try_in") or 0
        return ("failing, tried now" if again < 1 else f"failing, next try in {span(again)}"), "red"
    if queue.get("opens_in"):
        return f"closed for {span(queue['opens_in'])}", "yellow"
    if queue.get("proof_error") or queue.get("overdue"):
        return "ok, proof is late", "yellow"
    return "ok", "green"


BY_A_PERSON = "a person holds it back"
"""As in vault/deliveries.py, whose import would take longer than a whole command."""

LEFT = ("not configured", "yellow")
"""The state of a destination that the configuration does not name any more; see `delivery/left.py`."""


def forecast(queue: dict[str, Any]) -> str:
    """When the backlog will be gone, in words."""
    drained = queue.get("drained_in")
    if not queue.get("waiting", 0) + queue.get("leased", 0):
        return ""
    return f"in {span(drained)}" if isinstance(drained, int | float) and drained >= 1 else "" if drained else "?"


def pace(queue: dict[str, Any]) -> str:
    """Instances a second, in words."""
    rate = queue.get("rate") or 0.0
    return "" if rate < 0.01 else f"{rate:.1f}/s" if rate < 10 else f"{rate:.0f}/s"


def advice(queue: dict[str, Any]) -> str:
    """What a person can do about what stops it, or else about what went wrong last."""
    return str(queue.get("advice") or (queue.get("last_error") or {}).get("advice") or "")


def last_error(queue: dict[str, Any], now: float | None = None) -> str:
    """What went wrong last, and when."""
    last = queue.get("last_error")
    if not last:
        return str(queue.get("error") or "")
    ago = (time.time() if now is None else now) - last["at"]
    return f"{last['reason']} ({span(ago)} ago)"


def held_advice(held: list[dict[str, Any]], destinations: dict[str, Any]) -> list[str]:
    """What to do about what is held, one line a destination: what the last refusal said, where it is of this kind."""
    lines = []
    for name in dict.fromkeys(each["destination"] for each in held):
        last = destinations.get(name, {}).get("last_error") or {}
        reasons = {each["reason"] for each in held if each["destination"] == name}
        if last.get("advice") and last["reason"] in reasons:
            lines.append(f"{name}: {last['advice']}")
        elif reasons == {BY_A_PERSON}:
            lines.append(f"{name}: `appliance queue release {name} OBJECT` lets one go on.")
        else:
            lines.append(f"{name}: journalctl -u appliance-forward APPLIANCE_EVENT=DELIVERY-HELD has the whole story.")
    return lines
