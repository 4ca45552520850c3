"""A storage SCP that one instance crashes: `python -m tests.delivery_lab.crashing_scp PORT UID DIRECTORY`."""

from __future__ import annotations

import os
import sys
import uuid
from pathlib import Path
from typing import Any

import pynetdicom

from tests.delivery.vaults import CT, EXPLICIT


def main() -> None:
    """Until it crashes, or is ended."""
    port, poison, directory = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])

    def store(event: Any) -> int:
        uid = event.request.AffectedSOPInstanceUID
        if uid == poison:
            os._exit(139)
        (directory / f"{uid}.{uuid.uuid4().hex}").write_bytes(event.request.DataSet.getvalue())
        return 0x0000

    entity = pynetdicom.AE(ae_title="PACS")
    entity.add_supported_context(CT, EXPLICIT)
    entity.start_server(("127.0.0.1", port), evt_handlers=[(pynetdicom.evt.EVT_C_STORE, store)])


if __name__ == "__main__":
    main()
