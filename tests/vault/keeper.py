"""A process that keeps waiting files from two threads for ever, and says each id once it was kept.

Started by test_waiting_files.py, which kills it. Each line is one write to the pipe, made after `keep_file` returned.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from appliance.vault.incoming import Incoming
from appliance.vault.layout import StateLayout
from appliance.vault.waiting_files import keep_file

SIZE = 20_000


def content(file_id: str) -> bytes:
    """What the file of this id says, from its first byte to its last."""
    return file_id.encode() * (SIZE // 32)


def keep(incoming: Incoming) -> None:
    while True:
        file_id = os.urandom(16).hex()
        keep_file(incoming, incoming.layout.incoming_request(file_id), content(file_id))
        os.write(1, f"{file_id}\n".encode())


if __name__ == "__main__":
    shared = Incoming(StateLayout(Path(sys.argv[1])))
    for _ in range(2):
        threading.Thread(target=keep, args=(shared,)).start()
