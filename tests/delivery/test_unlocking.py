"""What the control socket asks of the lock: what it answers, what it logs, and that neither holds a secret."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from appliance.base.errors import LocalError
from appliance.base.limits import CONTROL_MESSAGE
from appliance.delivery.control import Control, ask
from appliance.delivery.keyring import Keyring
from appliance.delivery.queue import DestinationQueue
from appliance.delivery.unlocking import Unlocking
from appliance.seal.keys import generate_identity
from appliance.vault.deliveries import Queue
from appliance.vault.ledger import Ledger

BOX, OTHER = generate_identity(), generate_identity()
SECRETS = [identity.export() for identity in (BOX, OTHER)]


@dataclass
class Scene:
    """A lock with one queue behind it, and its control socket."""

    path: Path
    queue: DestinationQueue

    def ask(self, op: str, **more: Any) -> dict[str, Any]:
        return ask(self.path, {"op": op, **more})

    @property
    def error(self) -> str:
        return str(self.queue.snapshot(Queue())["error"])


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    ledger = Ledger(tmp_path / "ledger")
    queue = DestinationQueue("pacs", ledger)
    unlocking = Unlocking(Keyring([str(BOX.recipient)], lockable=True), "unlock", [queue])
    control = Control(tmp_path / "control.sock", unlocking.operations)
    control.start()
    yield Scene(tmp_path / "control.sock", queue)
    control.stop()
    ledger.close()


def test_locked_from_the_start_until_somebody_unlocks(scene: Scene, capfd: pytest.CaptureFixture[str]) -> None:
    assert scene.ask("identity") == {"source": "unlock", "state": "locked", "recipients": [], "lamp": "backlog"}
    assert scene.error == "locked: run `appliance unlock`"
    opened = scene.ask("unlock", identities=[BOX.export()])
    assert opened == {"source": "unlock", "state": "open", "recipients": [str(BOX.recipient)], "lamp": ""}
    assert scene.error == ""
    assert scene.ask("lock")["state"] == scene.ask("lock")["state"] == "locked"
    assert scene.error == "locked: run `appliance unlock`"
    said = capfd.readouterr().err
    assert [said.count(each) for each in (" UNLOCKED:", " LOCKED:")] == [1, 1]


def test_another_boxs_identity_is_refused(scene: Scene, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(LocalError, match="not among recipients of \\[vault\\].*keys show"):
        scene.ask("unlock", identities=[OTHER.export()])
    assert scene.ask("identity")["state"] == "locked"
    assert "UNLOCK-REFUSED" in capfd.readouterr().err


@pytest.mark.parametrize(
    "given",
    [
        None, "", 3, [], {}, [None], [[]], ["x"], [BOX.export()[:-1]], [BOX.export().lower() + "q"],
        [f"{BOX.export()}\n{BOX.export()}"], [BOX.export()] * 33, [str(BOX.recipient)],
    ],
)  # fmt: skip
def test_what_is_no_identity_is_refused_and_never_repeated(
    scene: Scene, given: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(LocalError) as refusal:
        scene.ask("unlock", identities=given)
    shown = (str(refusal.value) + capfd.readouterr().err).upper()
    assert not any(secret[20:-8] in shown for secret in SECRETS)
    assert scene.ask("identity")["state"] == "locked"


def test_a_request_that_is_too_long_is_not_read(scene: Scene, capfd: pytest.CaptureFixture[str]) -> None:
    request = {"op": "unlock", "identities": [BOX.export()], "more": "x" * CONTROL_MESSAGE.default}
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(30)
        connection.connect(str(scene.path))
        try:
            connection.sendall(json.dumps(request).encode() + b"\n")
            answer = connection.recv(65536)
        except OSError:
            answer = b""
    assert not answer or "error" in json.loads(answer)
    assert BOX.export().encode() not in answer
    assert BOX.export() not in capfd.readouterr().err
    assert scene.ask("identity")["state"] == "locked"


def test_a_sealed_only_site_waits_for_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    unlocking = Unlocking(Keyring([str(BOX.recipient)], lockable=False), None, [])
    assert unlocking.snapshot() == {"source": None, "state": "absent", "recipients": [], "lamp": ""}
    assert capfd.readouterr().err == ""
