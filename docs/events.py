"""Writes what is said of events from the code: `python docs/events.py` makes docs/events.md and journald's catalogue
(systemd/appliance.catalog) anew, `--check` compares.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from appliance.base.catalogue import EVENTS
from appliance.base.events import Event
from appliance.base.explanations import explanation

ROOT = Path(__file__).parents[1]
CATALOG = ROOT / "systemd/appliance.catalog"
DOCUMENT = ROOT / "docs/events.md"
_FIELD = re.compile(r"\{([a-z_]+)\}")

_CATALOG_HEAD = """\
# What the events of the PACS edge appliance mean, for `journalctl -x`. Made from the code by docs/events.py; change
# appliance/base/catalogue.py and explanations.py instead. After installing it: journalctl --update-catalog
"""
_DOCUMENT_HEAD = """\
# What the log says

One line an event. Each begins with a code to search for, and has in the journal a MESSAGE_ID, its fields as
`APPLIANCE_…`, and an explanation (`journalctl -x`). No event holds patient data. This file is made from the code by
`docs/events.py`.

```
journalctl -u 'appliance-*' -p warning                  # what needs somebody
journalctl APPLIANCE_EVENT=ASSOCIATION-REFUSED -x       # one kind, explained
journalctl APPLIANCE_ADDRESS=10.20.0.11                 # one device
```
"""


def entry(event: Event) -> str:
    """One entry of the catalogue (https://systemd.io/CATALOG); journald puts the fields in."""
    subject = _FIELD.sub(lambda found: f"@APPLIANCE_{found[1].upper()}@", event.line)
    return (
        f"-- {event.message_id}\n"
        f"Subject: {event.code}: {subject}\n"
        "Defined-By: pacs-appliance\n"
        "Support: file:///usr/share/doc/pacs-appliance/README.md\n"
        "Documentation: file:///usr/share/doc/pacs-appliance/docs/events.md\n"
        f"\n{explanation(event)}\n"
        f"{_advice(event)}"
    )


def _advice(event: Event) -> str:
    return "\nWhat the program itself advised: @APPLIANCE_ADVICE@\n" if "{advice}" in event.fix else ""


def catalog() -> str:
    """The whole catalogue."""
    return "\n".join([_CATALOG_HEAD, *(entry(event) for event in EVENTS)])


def document() -> str:
    """The page for people."""
    return "\n".join([_DOCUMENT_HEAD, *(_section(event) for event in EVENTS)])


def _section(event: Event) -> str:
    line = _FIELD.sub(lambda found: f"*{found[1]}*", event.line).replace("[[", "\\[\\[")
    lamp = f" · lamp: {event.lamp}" if event.lamp else ""
    about = f"{event.level.name.lower()}{lamp} · `MESSAGE_ID={event.message_id}`"
    return f"## {event.code}\n\n{line}\n\n{about}\n\n{explanation(event)}\n"


def main(arguments: list[str]) -> int:
    """Write both, or say which is stale."""
    stale = 0
    for path, text in ((CATALOG, catalog()), (DOCUMENT, document())):
        if "--check" not in arguments:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            print(f"{path.relative_to(ROOT)} is stale: PYTHONPATH=. .venv/bin/python docs/events.py", file=sys.stderr)  # noqa: T201
            stale = 1
    return stale


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
