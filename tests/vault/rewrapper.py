"""Rewraps every object of a vault, to be killed: ROOT, old identity, new identity. Says how many it did."""

from __future__ import annotations

import sys
from pathlib import Path

from appliance.seal import stream
from appliance.seal.header import read_header
from appliance.seal.keys import parse_identity
from appliance.seal.rewrap import rewrap
from appliance.vault.layout import StateLayout
from appliance.vault.ledger import Ledger
from appliance.vault.objects import Objects
from appliance.vault.rewrapping import remove_parts, replace_header
from tests.vault.samples import INDEX_KEY


def main() -> None:
    layout = StateLayout(Path(sys.argv[1]))
    old, new = parse_identity(sys.argv[2]), parse_identity(sys.argv[3])
    stream.ChaCha20Poly1305 = None  # type: ignore[assignment, misc]  # whoever opens a payload from here on fails
    objects, ledger = Objects(layout), Ledger(layout.ledger)
    remove_parts(objects)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    done = 0
    for directory in layout.fan():
        for object_id in objects.stored(directory):
            with objects.open(object_id) as file:
                header = read_header(file)
            if new.unwrap(header.stanzas) is None:
                assert replace_header(objects, ledger, INDEX_KEY, object_id, rewrap(header, [old], [new.recipient]))
                done += 1
    sys.stdout.write(f"{done}\n")


if __name__ == "__main__":
    main()
