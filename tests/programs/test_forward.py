"""`forward` as a process: what was sealed into `incoming/` reaches real upstreams, whatever is killed in between."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.base.errors import LocalError
from appliance.delivery.control import ask, control_socket
from appliance.host.snapshot import panel_socket
from appliance.seal.commitment import CommitmentRequest
from appliance.vault.commitment_requests import keep
from appliance.vault.incoming import Incoming
from tests.delivery.requestor import Requestor
from tests.delivery.test_dimse import pynetdicom_scp
from tests.delivery.upstream import Authority, StoreScp, free_port, tls_options, until
from tests.delivery.vaults import CT, J2K, ROOT, State


class Box:
    """A state directory, a configuration file, and the program on them."""

    def __init__(self, root: Path, keep: str = "72h") -> None:
        self.root = root
        self.state = State(root / "state")
        self.runtime = root / "run"
        self.runtime.mkdir()
        self.path = root / "appliance.toml"
        self.keep = keep
        self.destinations: dict[str, str] = {}
        self.process: subprocess.Popen[bytes] | None = None
        for name, secret in (("identity", self.state.identity.export()), ("index", self.state.index_key.export())):
            (root / name).write_text(secret + "\n")
            (root / name).chmod(0o400)

    def destination(self, name: str, port: int, **more: str) -> None:
        entry = {"name": name, "kind": "dimse", "address": f"localhost:{port}", "ae_title": "PACS", **more}
        if "ca" not in entry:
            entry["tls"] = "never"
        self.destinations[name] = "".join(f'{key} = "{value}"\n' for key, value in entry.items())

    def configure(self, identity: bool = True) -> None:
        names = ", ".join(f'"{name}"' for name in self.destinations)
        self.path.write_text(
            f'[appliance]\nae_title = "EDGE01"\nstate_dir = "{self.state.root}"\nruntime_dir = "{self.runtime}"\n'
            f'[receive]\nlisten_plain = ["127.0.0.1:11112"]\n'
            f'[vault]\nrecipients = ["{self.state.identity.recipient}"]\nindex_key = "file:{self.root}/index"\n'
            f'keep = "{self.keep}"\nmin_free = "1MiB"\n'
            + (f'identity = "file:{self.root}/identity"\n' if identity else "")
            + "".join(f"[[destination]]\n{entry}" for entry in self.destinations.values())
            + f"[[route]]\nto = [{names}]\n"
        )

    def start(self) -> None:
        with (self.root / "forward.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "appliance", "program", "forward", "--config", str(self.path)],
                stderr=log,
                stdout=log,
            )

    def ready(self) -> None:
        until(lambda: self.ask("queue"))

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        status = self.process.wait(20)
        self.process = None
        return status

    def ask(self, op: str, **more: Any) -> dict[str, Any] | None:
        try:
            return ask(control_socket(self.runtime), {"op": op, **more})
        except LocalError:
            return None

    def delivered(self, name: str = "pacs") -> int:
        answer = self.ask("queue")
        return int(answer["destinations"][name]["delivered"]) if answer else -1

    @property
    def log(self) -> str:
        return (self.root / "forward.log").read_text()


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    box = Box(tmp_path)
    yield box
    if box.process:
        box.process.kill()
        box.process.wait()


def test_what_receive_sealed_is_delivered_and_the_end_is_orderly(box: Box, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "pki")
    ours, theirs = authority.issue("edge"), authority.issue("pacs")
    with StoreScp(tmp_path / "upstream", tls_options(authority, theirs)) as upstream:
        box.destination(
            "pacs",
            upstream.port,
            ca=str(authority.certificate),
            certificate=str(ours.certificate),
            key=str(ours.key),
        )
        box.configure()
        for _ in range(5):
            box.state.put(pixels=100_000)
        box.start()
        for _ in range(20):
            box.state.put(pixels=100_000)
        until(lambda: box.delivered() == 25)
        assert upstream.received() == box.state.sent
        assert not list(box.state.layout.incoming.iterdir())
    assert box.stop() == 0
    assert "STARTED" in box.log
    assert "STOPPED" in box.log
    assert ROOT not in box.log
    for path in box.state.root.rglob("*"):
        if path.is_file():
            assert b"Delivered^Test" not in path.read_bytes()
            assert ROOT.encode() not in path.read_bytes()


def test_a_kill_while_an_instance_is_long_under_way_repeats_none_of_those_before(box: Box) -> None:
    came: list[str] = []
    leave = threading.Event()

    def answer(event: Any) -> int:
        came.append(event.request.AffectedSOPInstanceUID)
        if len(came) > 1:
            leave.wait(30)
        return 0

    with pynetdicom_scp(answer) as port:
        try:
            box.destination("pacs", port)
            box.configure()
            for _ in range(3):
                box.state.put()
            box.start()
            until(lambda: box.delivered() == 1)
            assert len(came) > 1
            box.stop(signal.SIGKILL)
        finally:
            leave.set()
        box.start()
        until(lambda: box.delivered() == 3)
    assert came.count(came[0]) == 1
    assert set(came) == set(box.state.sent)
    assert box.stop() == 0


@pytest.mark.slow
def test_killed_again_and_again_everything_is_delivered(box: Box, tmp_path: Path) -> None:
    with StoreScp(tmp_path / "upstream", options=("+xa", "--fork")) as upstream:
        box.destination("pacs", upstream.port)
        box.configure()
        dice = random.Random(7)
        for _ in range(6):
            for _ in range(25):
                box.state.put(pixels=60_000)
            box.start()
            box.ready()
            time.sleep(dice.random() * 0.15)
            assert box.stop(signal.SIGKILL) == -signal.SIGKILL
        box.start()
        until(lambda: box.delivered() == 150)
        assert upstream.received() == box.state.sent
        assert box.stop() == 0


def test_one_dead_upstream_and_one_that_comes_back(box: Box, tmp_path: Path) -> None:
    upstream = StoreScp(tmp_path / "upstream", options=("+xa", "--fork"))
    box.destination("pacs", upstream.port)
    box.destination("dead", free_port())
    box.configure()
    box.start()
    for _ in range(10):
        box.state.put()
    until(lambda: "cannot connect" in box.log)
    upstream.start()
    try:
        until(lambda: box.delivered() == 10)
        assert upstream.received() == box.state.sent
        dead = (box.ask("queue") or {})["destinations"]["dead"]
        assert dead["delivered"] == 0
        assert dead["waiting"] + dead["leased"] == 10
        assert "Connection refused" in dead["error"]
    finally:
        upstream.stop()
    assert box.stop() == 0


def test_a_held_delivery_is_shown_and_sent_on_by_a_person(box: Box, tmp_path: Path) -> None:
    upstream = StoreScp(tmp_path / "upstream", options=("--fork",)).start()
    try:
        box.destination("pacs", upstream.port)
        box.configure()
        box.start()
        object_id = box.state.put(b"\0" * 1000, syntax=J2K)
        until(lambda: (box.ask("held") or {}).get("held"))
        (held,) = (box.ask("held", destination="pacs") or {})["held"]
        assert held["object"] == object_id
        assert "does not accept" in held["reason"]
        upstream.stop()
        upstream.options = ("+xa",)
        upstream.start()
        assert (box.ask("retry", destination="pacs") or {})["released"] == 1
        until(lambda: box.delivered() == 1)
        with pytest.raises(LocalError, match="no destination"):
            ask(control_socket(box.runtime), {"op": "retry", "destination": "nowhere"})
    finally:
        upstream.stop()


def test_what_is_proven_is_forgotten_after_its_time(box: Box, tmp_path: Path) -> None:
    with StoreScp(tmp_path / "upstream") as upstream:
        box.keep = "1s"
        box.destination("pacs", upstream.port)
        box.configure()
        box.start()
        box.state.put()
        until(lambda: box.delivered() == 1)
        until(lambda: (box.ask("queue") or {}).get("objects") == 0)
        until(lambda: not list(box.state.layout.objects.rglob("*.age")))
    assert box.stop() == 0


def test_the_panel_hears_of_changes_and_of_the_end(box: Box, tmp_path: Path) -> None:
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as panel,
        StoreScp(tmp_path / "upstream") as upstream,
    ):
        panel.bind(str(panel_socket(box.runtime)))
        panel.settimeout(10)
        box.destination("pacs", upstream.port)
        box.configure()
        box.start()
        box.state.put()
        snapshots: list[dict[str, Any]] = []
        while not snapshots or snapshots[-1].get("destinations", {}).get("pacs", {}).get("delivered", 0) < 1:
            snapshots.append(json.loads(panel.recv(65536)))
        assert snapshots[-1]["program"] == "forward"
        assert "starting" in snapshots[0] and "starting" not in snapshots[-1]
        assert snapshots[-1]["objects"] == 1
        assert box.stop() == 0
        while not snapshots[-1].get("stopped"):
            snapshots.append(json.loads(panel.recv(65536)))


def test_without_an_identity_it_adopts_and_says_that_deliveries_wait(box: Box) -> None:
    box.destination("pacs", free_port())
    box.configure(identity=False)
    box.start()
    box.state.put()
    until(lambda: (box.ask("queue") or {}).get("objects") == 1)
    assert "no identity" in (box.ask("queue") or {})["destinations"]["pacs"]["error"]
    until(lambda: "DELIVERIES-LOCKED" in box.log)
    assert box.stop() == 0


def test_without_an_identity_it_reports_on_commitment_all_the_same(box: Box) -> None:
    box.destination("pacs", free_port())
    box.configure(identity=False)
    with Requestor() as modality:
        box.path.write_text(
            box.path.read_text() + '[[peer]]\nname = "CT suite"\nae_titles = ["CT1"]\naddresses = ["127.0.0.1"]\n'
            'tls = "never"\nservices = ["commit"]\n'
            f'commitment = {{ address = "127.0.0.1:{modality.port}", ae_title = "CT_COMMIT", tls = "never" }}\n'
        )
        references = ((CT, f"{ROOT}.2.1"), (CT, f"{ROOT}.2.2"))
        for _, uid in references:
            box.state.put(uid=uid)
        request = CommitmentRequest("a" * 32, time.time(), "CT suite", "CT1", "PACS", f"{ROOT}.9", references)
        keep(Incoming(box.state.layout), request, box.state.index_key)
        box.start()
        until(lambda: modality.reports)
        assert (modality.reports[0].event_type, modality.reports[0].calling_ae) == (1, "PACS")
        assert modality.reports[0].committed == list(references)
        until(lambda: (box.ask("queue") or {}).get("commitments") == {"asked": 0, "decided": 0})
        assert box.stop() == 0
    assert "COMMITMENT-REPORTED" in box.log
    assert ROOT not in box.log
    for path in box.state.root.rglob("*"):
        assert not path.is_file() or ROOT.encode() not in path.read_bytes()


def test_the_wrong_index_key_stops_it_before_it_touches_anything(box: Box, tmp_path: Path) -> None:
    with StoreScp(tmp_path / "upstream") as upstream:
        box.destination("pacs", upstream.port)
        box.configure()
        box.state.put()
        box.start()
        until(lambda: box.delivered() == 1)
        assert box.stop() == 0
    (tmp_path / "index").unlink()
    other = State(tmp_path / "other")
    (tmp_path / "index").write_text(other.index_key.export() + "\n")
    os.chmod(tmp_path / "index", 0o400)
    object_id = box.state.put()
    box.start()
    assert box.process is not None
    assert box.process.wait(20) == 65
    box.process = None
    assert box.state.layout.incoming_file(object_id).exists()
