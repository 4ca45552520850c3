"""A process that receives: commits instances from two threads for ever, and says each id once it is acknowledged.
With one more argument, small ones go into a segment.

Started by test_killed.py, which kills it. Each line is one write to the pipe, made after `commit` returned.
"""

from __future__ import annotations

import itertools
import os
import sys
import threading
from pathlib import Path

from appliance.seal.index_key import IndexKey
from appliance.seal.keys import parse_recipient
from appliance.vault.incoming import Incoming
from appliance.vault.intake import Intake
from appliance.vault.layout import StateLayout
from tests.vault.samples import HEAD, facts, supplied

SIZES = (13_000, 200_000, 70_000, 1_000)


def associate(intake: Intake, name: int) -> None:
    for number, size in zip(itertools.count(), itertools.cycle(SIZES), strict=False):
        with intake.begin(HEAD) as instance:
            instance.write(instance.object_id.encode() * (size // 32))
            object_id = instance.commit(facts(instance.object_id, f"{os.getpid()}.{name}.{number}"))
        os.write(1, f"{object_id} {size // 32 * 32}\n".encode())


if __name__ == "__main__":
    root, recipient, index_key, *segment = sys.argv[1:]
    layout = StateLayout(Path(root))
    incoming = Incoming(layout, segments=supplied(layout) if segment else None)
    shared = Intake(incoming, [parse_recipient(recipient)], IndexKey.parse(index_key))
    for each in range(2):
        threading.Thread(target=associate, args=(shared, each)).start()
