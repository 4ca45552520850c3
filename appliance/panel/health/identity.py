"""Can the box open what destinations want as plaintext?"""

from __future__ import annotations

from collections.abc import Iterator

from appliance.config.posture.identity import theft
from appliance.panel.health.facts import Facts
from appliance.panel.health.finding import Finding, Level


def check(facts: Facts) -> Iterator[Finding]:
    """One finding, where `forward` talks of its identity."""
    identity = facts.said("forward").get("identity")
    if not isinstance(identity, dict):
        return
    stolen = theft(identity.get("source"))
    state, waits = identity.get("state"), bool(identity.get("lamp"))
    if state == "open":
        yield Finding(
            "identity", "identity", Level.OK, f"is in memory; objects can be opened for delivery. {_sentence(stolen)}"
        )
    elif not waits:
        yield Finding(
            "identity", "identity", Level.OK, f"is not here, and no destination needs it. {_sentence(stolen)}"
        )
    elif state == "locked":
        yield Finding(
            "identity",
            "identity",
            Level.WARN,
            "is locked; images are received, and their deliveries wait",
            "Run `appliance unlock`.",
            lamps=("backlog:locked",),
        )
    else:
        yield Finding(
            "identity",
            "identity",
            Level.ALARM,
            "is missing; deliveries that need plaintext wait for ever",
            "Set identity of [vault]; `appliance check` says more.",
            lamps=("backlog:locked", "alarm:alarm"),
        )


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]
