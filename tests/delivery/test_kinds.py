"""Each kind of destination behind its queue and couriers, and what is loaded for it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from appliance.config.destinations import AnyDestination
from appliance.delivery.courier import Courier
from appliance.delivery.keyring import Keyring
from appliance.delivery.kinds import connector, own_title
from appliance.delivery.queue import DestinationQueue
from appliance.delivery.store import name_of
from appliance.vault.deliveries import Queue
from tests.delivery.http_peer import HttpPeer, Reply, Request, reference, said
from tests.delivery.test_courier import QUICK, Office
from tests.delivery.test_stow import takes_all, uid_of
from tests.delivery.upstream import until
from tests.delivery.vaults import ROOT

ADAPTER: TypeAdapter[AnyDestination] = TypeAdapter(AnyDestination)
DIMSE = {"name": "up", "kind": "dimse", "address": "h:104", "ae_title": "PACS", "tls": "never"}
STOW = {"name": "up", "kind": "stow", "url": "http://localhost:1/x"}
FILE = {"name": "up", "kind": "object-store", "url": "file:///nowhere"}


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    office = Office(tmp_path / "state")
    yield office
    office.close()


def serve(office: Office, couriers: int = 1, keyring: Keyring | None = None, **entry: Any) -> DestinationQueue:
    destination = ADAPTER.validate_python({"name": "up", **entry})
    queue = office.queues["up"] = DestinationQueue("up", office.ledger, backoff=QUICK)
    connect = connector(destination, office.state.index_key)
    keyring = keyring or Keyring((), [office.state.identity], lockable=False)
    for _ in range(couriers):
        courier = Courier(queue, connect, office.objects, keyring, own_title(destination, "EDGE01"))
        courier.start()
        office.couriers.append(courier)
    return queue


def counts(office: Office) -> Queue:
    return office.counts("up")


def test_stow_takes_all_that_is_queued_over_a_few_connections(office: Office) -> None:
    with HttpPeer(takes_all) as peer:
        serve(office, couriers=3, kind="stow", url=peer.url)
        office.put(60)
        until(lambda: counts(office).delivered == 60)
        assert {uid_of(request) for request in peer.requests} == set(office.state.sent)
        assert len(peer.requests) == 60 and peer.connections <= 3


def test_a_poison_instance_holds_up_no_other(office: Office) -> None:
    poison = f"{ROOT}.2.3"

    def crashing(request: Request) -> Reply | None:
        return None if uid_of(request) == poison else takes_all(request)

    with HttpPeer(crashing) as peer:
        queue = serve(office, kind="stow", url=peer.url)
        office.put(12)
        until(lambda: counts(office).delivered == 11)
        tried = [uid_of(request) for request in peer.requests].count(poison)
        assert tried >= 1 and counts(office).held == 0
        peer.behaviour = takes_all
        until(lambda: counts(office).delivered == 12)
        assert queue.snapshot(counts(office))["circuit"] == "closed"


def test_a_conflict_is_held_with_its_reason_and_the_rest_goes(office: Office) -> None:
    def conflict(request: Request) -> Reply:
        uid = uid_of(request)
        return said(409, failed=(reference(uid, failure=0x0111),)) if uid.endswith(".2") else takes_all(request)

    with HttpPeer(conflict) as peer:
        serve(office, kind="stow", url=peer.url)
        office.put(5)
        until(lambda: counts(office) == Queue(delivered=4, held=1, oldest=counts(office).oldest))
    (held,) = office.ledger.held("up")
    assert held.error.startswith("HTTP 409 (Conflict), failure reason: status 0x0111, duplicate SOP instance")
    assert ROOT not in held.error


def test_a_service_that_asks_for_time_is_left_alone_so_long(office: Office) -> None:
    asked: list[float] = []

    def busy(request: Request) -> Reply:
        asked.append(time.monotonic())
        return Reply(503, b"", {"Retry-After": "1"}) if len(asked) == 1 else takes_all(request)

    with HttpPeer(busy) as peer:
        queue = serve(office, couriers=2, kind="stow", url=peer.url)
        office.put(1)
        until(lambda: len(asked) == 1)
        office.put(3)
        until(lambda: "503" in queue.snapshot(counts(office))["error"])
        until(lambda: counts(office).delivered == 4)
    assert asked[1] - asked[0] >= 1.0  # QUICK alone would be 0.02 s


def test_without_an_identity_a_store_is_served(office: Office, tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir()
    locked = Keyring((), lockable=True)
    serve(office, keyring=locked, kind="object-store", url=f"file://{tmp_path}/archive")
    ids = office.put(5)
    until(lambda: counts(office).delivered == 5)
    for object_id in ids:
        whole = (tmp_path / "archive" / name_of(object_id)).read_bytes()
        assert whole == office.state.layout.object_file(object_id).read_bytes()


def test_a_store_that_comes_back_gets_the_rest(office: Office, tmp_path: Path) -> None:
    queue = serve(office, kind="object-store", url=f"file://{tmp_path}/mnt")
    office.put(3)
    until(lambda: queue.snapshot(counts(office))["failures"] >= 2)
    assert "Is it mounted" not in queue.snapshot(counts(office))["error"]
    assert "there is no directory" in queue.snapshot(counts(office))["error"]
    (tmp_path / "mnt").mkdir()
    until(lambda: counts(office).delivered == 3)


def test_whom_we_call_as() -> None:
    assert own_title(ADAPTER.validate_python(DIMSE), "EDGE01") == "EDGE01"
    assert own_title(ADAPTER.validate_python(DIMSE | {"calling_ae_title": "peer"}), "EDGE01") is None
    assert own_title(ADAPTER.validate_python(STOW), "EDGE01") == "EDGE01"


@pytest.mark.parametrize(
    ("entries", "loaded"),
    [
        ([], []),
        ([DIMSE], []),
        ([FILE], []),
        ([STOW], ["httpx"]),
        ([FILE | {"url": "s3://sealed", "endpoint": "http://h", "access_key_id": "x",
                  "secret_access_key": "file:SECRET"}], ["obstore"]),
    ],
)  # fmt: skip
def test_a_library_is_loaded_where_its_kind_is_used(
    entries: list[dict[str, str]], loaded: list[str], tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x\n")
    secret.chmod(0o400)
    code = (
        "import json, sys\n"
        "from pydantic import TypeAdapter\n"
        "import appliance.programs.forward\n"
        "from appliance.config.destinations import AnyDestination\n"
        "from appliance.delivery.kinds import connector\n"
        "from appliance.seal.index_key import IndexKey\n"
        "for entry in json.loads(sys.argv[1]):\n"
        "    entry = TypeAdapter(AnyDestination).validate_python(entry)\n"
        "    connector(entry, IndexKey.generate())((), 'EDGE01') if entry.kind != 'dimse' else connector(entry, None)\n"
        "print(json.dumps([each for each in ('httpx', 'obstore', 'scapy') if each in sys.modules]))\n"
    )
    text = json.dumps(entries).replace("SECRET", str(secret))
    done = subprocess.run([sys.executable, "-c", code, text], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == loaded


def test_only_dimse_is_verified_before_an_instance_is_sent_again(office: Office) -> None:
    """A web service has no verification: a query might fail where a store does not."""
    methods: list[str] = []

    def down_and_up(request: Request) -> Reply | None:
        methods.append(request.method)
        return None if len(methods) == 1 else takes_all(request)

    with HttpPeer(down_and_up) as peer:
        serve(office, kind="stow", url=peer.url)
        office.put(2)
        until(lambda: counts(office).delivered == 2)
    assert set(methods) == {"POST"}
