"""A person gives the identity: the box receives while it is locked, delivers while it is unlocked, and says which."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from appliance.base.limits import SCRYPT_WORK
from appliance.cli.demo.box import Box
from appliance.cli.demo.dcmtk import Modality
from appliance.cli.demo.images import ct_series
from appliance.cli.demo.site import Site
from appliance.host.credentials import read_secret
from appliance.seal.index_key import IndexKey
from appliance.seal.key_export import export_keys
from appliance.seal.keys import generate_identity
from tests.e2e.conftest import Start
from tests.hunting import hunt

PASSPHRASE = "correct horse battery staple"


def by_unlock(text: str) -> str:
    """The demo's configuration, with the identity from a person."""
    lines = ['identity  = "unlock"' if line.startswith("identity  = ") else line for line in text.splitlines()]
    return "\n".join([*lines, ""])


def appliance(site: Site, *words: str | Path, content: bytes = b"") -> tuple[int, str]:
    """A command: its exit status, and all that it said."""
    command = [sys.executable, "-m", "appliance", *map(str, words), "--config", str(site.config)]
    done = subprocess.run(
        command, input=content, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, start_new_session=True
    )
    return done.returncode, done.stdout.decode()


def send(site: Site, tmp_path: Path, count: int) -> None:
    folder = tmp_path / f"ct{len(list(tmp_path.iterdir()))}"
    files = list(ct_series(folder, count))
    Modality("CT1", site.ct).send(files, site.port, "PACS", lambda *_: None)


def queue(box: Box) -> dict[str, Any]:
    found: dict[str, Any] = box.said("forward").get("destinations", {}).get("pacs", {})
    return found


def locked(box: Box) -> bool:
    return bool(box.said("forward").get("identity", {}).get("state") == "locked")


@pytest.mark.slow
def test_it_receives_while_locked_delivers_while_unlocked_and_stops_when_locked(start: Start, tmp_path: Path) -> None:
    site, box, upstream = start(by_unlock)
    identity = site.config.parent / "keys/identity"
    secret = read_secret(f"file:{identity}")
    index_key = IndexKey.parse(read_secret(f"file:{site.config.parent}/keys/index-key"))
    exported, passphrase = tmp_path / "edge01.age", tmp_path / "passphrase"
    exported.write_bytes(export_keys([site.box], index_key, PASSPHRASE, SCRYPT_WORK.floor))
    passphrase.write_text(PASSPHRASE + "\n")
    passphrase.chmod(0o400)
    identity.unlink()  # from here on it is on no disk of the box

    send(site, tmp_path, 3)
    assert box.wait(lambda: queue(box).get("waiting") == 3, 20)
    assert locked(box) and queue(box)["error"] == "locked: run `appliance unlock`"
    assert box.said("forward")["identity"]["lamp"] == "backlog"
    status, said = appliance(site, "status", "--json")
    assert status == 1
    (finding,) = (each for each in json.loads(said)["findings"] if each["question"] == "identity")
    assert (finding["level"], finding["fix"], finding["lamps"]) == (
        "warn",
        "Run `appliance unlock`.",
        ["backlog:locked"],
    )
    assert "identity-by-unlock" in appliance(site, "check")[1]
    assert upstream.count() == 0

    other = generate_identity("classical")
    status, said = appliance(site, "unlock", "-", content=other.export().encode())
    assert status == 70 and "not among recipients of [vault]" in said and other.export() not in said
    wrong = tmp_path / "wrong"
    wrong.write_text("correct horse battery stable\n")
    wrong.chmod(0o400)
    status, said = appliance(site, "unlock", exported, "--passphrase-file", wrong)
    assert status == 65 and "passphrase" in said and "stable" not in said
    assert locked(box)

    status, said = appliance(site, "unlock", exported, "--passphrase-file", passphrase)
    assert status == 0, said
    assert box.wait(lambda: queue(box).get("delivered") == 3, 30)
    status, said = appliance(site, "keys", "show", "--json")
    assert status == 0
    shown = json.loads(said)
    assert shown["identity"]["state"] == "open"
    assert [each["whose"] for each in shown["recipients"]] == ["this box", "another: recovery, or a reader elsewhere"]
    send(site, tmp_path, 2)
    assert box.wait(lambda: queue(box).get("delivered") == 5, 30)
    (finding,) = (each for each in box.status()["findings"] if each["question"] == "identity")
    assert finding["level"] == "ok"

    assert appliance(site, "lock")[0] == 0
    send(site, tmp_path, 4)
    assert box.wait(lambda: queue(box).get("waiting") == 4, 20)
    assert locked(box) and (queue(box)["delivered"], queue(box)["held"]) == (5, 0)

    assert appliance(site, "unlock", "-", content=secret.encode())[0] == 0
    assert box.wait(lambda: queue(box).get("delivered") == 9, 30)
    (forward,) = box.pids("forward")
    os.kill(forward, signal.SIGKILL)
    assert box.wait(lambda: locked(box) and box.pids("forward") != [forward], 30)
    send(site, tmp_path, 1)
    assert box.wait(lambda: queue(box).get("waiting") == 1, 20)
    assert upstream.count() == 9

    log = site.log.read_text()
    assert [log.count(f" {event}: ") for event in ("UNLOCKED", "LOCKED", "UNLOCK-REFUSED")] == [2, 1, 1]
    assert hunt({"secret": secret.encode(), "other": other.export().encode()}, site.root, site.log) > 1
