"""How fast sealed objects reach storescp: `python -m tests.delivery.measure [--couriers N]`. Not a test.

For each load: DCMTK's storescu from plain files in cleartext with TCP_NODELAY, then our couriers from the sealed vault
in cleartext and over mutual TLS, to the same storescp, which drops what it gets.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import tempfile
import time
from pathlib import Path

from appliance.config.destinations import DimseDestination
from appliance.delivery.courier import Courier
from appliance.delivery.dimse import Dimse
from appliance.delivery.keyring import Keyring
from appliance.delivery.queue import DestinationQueue
from appliance.scp.part10 import file_head
from appliance.vault.adoption import Adoption
from appliance.vault.deliveries import Queue
from appliance.vault.ledger import Ledger
from appliance.vault.objects import Objects
from tests.delivery.upstream import Authority, StoreScp, tls_options, until
from tests.delivery.vaults import CT, EXPLICIT, State

LOADS = {"200 x 525 kB": (200, 525_000), "1000 x 13 kB": (1000, 12_700)}


def storescu(upstream: StoreScp, files: Path) -> float:
    """Seconds that storescu needs for a directory of plain files."""
    begin = time.monotonic()
    subprocess.run(
        ["storescu", "-R", "+sd", "-xs", "-aec", "PACS", "localhost", str(upstream.port), str(files)],
        check=True,
        env={"TCP_NODELAY": "1", "PATH": os.environ["PATH"]},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return time.monotonic() - begin


def couriers(state: State, ids: list[str], entry: dict[str, str], count: int) -> str:
    """Time, and CPU time of ours, that `count` couriers need for adopted objects."""
    objects, ledger = Objects(state.layout), Ledger(state.layout.ledger)
    name = entry["name"]
    with ledger.transaction() as sqlite:  # owe all of them to this destination
        sqlite.execute(
            "INSERT INTO delivery (object, destination, state, since, due) SELECT id, ?, 'waiting', 0, 0 FROM object",
            (name,),
        )
    queue = DestinationQueue(name, ledger)
    keyring = Keyring([str(state.identity.recipient)], [state.identity], lockable=False)
    destination = DimseDestination.model_validate({"kind": "dimse", "ae_title": "PACS", **entry})
    staff = [Courier(queue, Dimse(destination), objects, keyring, "EDGE01") for _ in range(count)]
    used = resource.getrusage(resource.RUSAGE_SELF)
    begin = time.monotonic()
    for courier in staff:
        courier.start()
    until(lambda: ledger.counts().get(name, Queue()).delivered == len(ids), seconds=300)
    took = time.monotonic() - begin
    after = resource.getrusage(resource.RUSAGE_SELF)
    queue.stop()
    for courier in staff:
        courier.join()
    ledger.close()
    cpu = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    return f"{took:.2f} s, {cpu:.2f} s of CPU"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--couriers", type=int, default=2)
    parser.add_argument("--max-pdu", default="16384", help="what storescp announces")
    options = parser.parse_args()
    for load, (count, size) in LOADS.items():
        with tempfile.TemporaryDirectory() as directory:
            root = Path(directory)
            state = State(root / "state")
            plain = root / "plain"
            plain.mkdir()
            ids = [state.put(pixels=size) for _ in range(count)]
            for uid, content in state.sent.items():
                head = file_head(
                    sop_class=CT, sop_instance=uid, transfer_syntax=EXPLICIT, calling_ae="A", called_ae="B", own_ae="C"
                )
                (plain / f"{uid}.dcm").write_bytes(head + content)
            state.sent.clear()
            ledger = Ledger(state.layout.ledger)
            Adoption(Objects(state.layout), ledger, state.index_key, lambda _: ()).adopt(ids, 4e9)
            ledger.close()
            authority = Authority(root / "pki")
            ours, theirs = authority.issue("edge"), authority.issue("pacs")
            common = ("--ignore", "--fork", "-pdu", options.max_pdu)
            with StoreScp(root / "a", ("+xa", *common)) as upstream:
                print(f"{load}: storescu, plain files, cleartext: {storescu(upstream, plain):.2f} s")
                entry = {"name": "plain", "address": f"localhost:{upstream.port}", "tls": "never"}
                print(f"{load}: ours, sealed, cleartext: {couriers(state, ids, entry, options.couriers)}")
            with StoreScp(root / "b", (*tls_options(authority, theirs), *common)) as upstream:
                entry = {
                    "name": "tls",
                    "address": f"localhost:{upstream.port}",
                    "ca": str(authority.certificate),
                    "certificate": str(ours.certificate),
                    "key": str(ours.key),
                }
                print(f"{load}: ours, sealed, mutual TLS: {couriers(state, ids, entry, options.couriers)}")


if __name__ == "__main__":
    main()
