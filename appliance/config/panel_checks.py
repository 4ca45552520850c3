"""What must fit together within [panel] and [alerts]. Reads the tables as they were written, like `checks.py`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from appliance.config.document import mistaken, table
from appliance.config.words import plain

Place = tuple[str | int, ...]
Finding = tuple[Place, str]


def panel(document: dict[str, Any]) -> Iterator[Finding]:
    """Everything that does not fit, as the place in the file and what to say of it."""
    alerts = table(document, "alerts")
    for one, other in (("certificate", "key"), ("key", "certificate")):
        if one in alerts and other not in alerts:
            yield ("alerts", one), f"{one} and {other} go together; {other} is missing"
    client_ca = mistaken(document, "receive") or "client_ca" in table(document, "receive")
    if "syslog" in alerts and "ca" not in alerts and not client_ca:
        yield (
            ("alerts", "syslog"),
            "it needs the CA that signed the certificate of the collector: ca here, or client_ca of [receive]",
        )
    leds = table(table(document, "panel"), "leds")
    seen: dict[str, str] = {}
    for function, name in leds.items():
        if not isinstance(name, str):
            continue
        if name in seen:
            yield ("panel", "leds", function), f'"{plain(name)}" is the lamp of {seen[name]} already'
        seen.setdefault(name, function)
