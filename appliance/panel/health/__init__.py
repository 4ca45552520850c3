"""Is it well? One file a question, each a pure function from facts to findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from appliance.panel.health import (
    alerts,
    backlog,
    blocks,
    certificates,
    clock,
    commitments,
    configuration,
    destination,
    disk,
    filesystems,
    heat,
    held,
    identity,
    inodes,
    left,
    links,
    memory,
    program,
    proofs,
    reception,
    reports,
    revocations,
    sensor,
    speed,
    supply,
    syslog,
    wear,
)
from appliance.panel.health.facts import Facts
from appliance.panel.health.finding import Finding

# In the order in which a person should hear of them.
QUESTIONS: dict[str, Callable[[Facts], Iterator[Finding]]] = {
    "program": program.check,
    "configuration": configuration.check,
    "disk": disk.check,
    "inodes": inodes.check,
    "filesystems": filesystems.check,
    "wear": wear.check,
    "speed": speed.check,
    "supply": supply.check,
    "heat": heat.check,
    "memory": memory.check,
    "links": links.check,
    "reception": reception.check,
    "identity": identity.check,
    "held": held.check,
    "left": left.check,
    "destination": destination.check,
    "backlog": backlog.check,
    "proofs": proofs.check,
    "commitments": commitments.check,
    "certificates": certificates.check,
    "revocations": revocations.check,
    "clock": clock.check,
    "sensor": sensor.check,
    "alerts": alerts.check,
    "blocks": blocks.check,
    "syslog": syslog.check,
    "reports": reports.check,
}


def examine(facts: Facts) -> list[Finding]:
    """The answers to all questions, the good ones too."""
    return [finding for check in QUESTIONS.values() for finding in check(facts)]
