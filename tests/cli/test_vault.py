"""`appliance vault` with the real forward behind it, and a PACS."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread

from appliance.seal.keys import generate_identity
from tests.cli.terminal import run_on_a_terminal
from tests.delivery.upstream import StoreScp, free_port, until
from tests.delivery.vaults import ROOT
from tests.programs.test_forward import Box


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    box = Box(tmp_path)
    yield box
    if box.process:
        box.process.kill()
        box.process.wait()


def vault(box: Box, *arguments: object) -> tuple[int, str, str]:
    """In a process of its own, as it gives way and forbids dumps."""
    command = [sys.executable, "-m", "appliance", "vault", *map(str, arguments), "--config", str(box.path)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return ran.returncode, ran.stdout, ran.stderr


def as_json(box: Box, *arguments: object, status: int = 0) -> Any:
    ended, out, err = vault(box, *arguments, "--json")
    assert ended == status, err
    return json.loads(out)


def listed(box: Box, *arguments: object) -> list[dict[str, Any]]:
    ended, out, err = vault(box, "list", *arguments, "--json")
    assert ended == 0, err
    return [json.loads(line) for line in out.splitlines()]


def store(box: Box, count: int) -> list[str]:
    """Store and have adopted, with a destination that is away."""
    ids = [box.state.put(pixels=500, modality="CT" if number % 2 else "MR") for number in range(count)]
    until(lambda: box.ask("objects") and len(box.ask("objects")["objects"]) == count)  # type: ignore[index]
    return ids


@pytest.fixture
def away(box: Box) -> Box:
    """forward, of which the one destination does not answer."""
    box.destination("pacs", free_port())
    box.configure()
    box.start()
    box.ready()
    return box


def test_list_show_hold_and_release(away: Box) -> None:
    ids = store(away, 5)
    found = listed(away)
    assert {each["object"] for each in found} == set(ids)
    assert {each["deliveries"][0]["destination"] for each in found} == {"pacs"}
    assert listed(away, "--state", "delivered") == []
    assert len(listed(away, "--since", "1h", "--peer", "CT suite")) == 5
    assert len(listed(away, "--limit", 2)) == 2
    everything = json.dumps(found) + vault(away, "list")[1] + vault(away, "show", ids[0])[1]
    for secret in (ROOT, "Delivered^Test", "Delivered"):
        assert secret not in everything
    assert as_json(away, "show", ids[0])["modality"] == "MR"
    assert vault(away, "show", "f" * 32)[0] == 70

    assert as_json(away, "hold", ids[0], ids[1])["changed"] == ids[:2]
    assert {each["object"] for each in listed(away, "--on-hold")} == set(ids[:2])
    assert as_json(away, "hold", "f" * 32, status=1)["missing"] == ["f" * 32]
    assert len(as_json(away, "hold", "--peer", "CT suite")["changed"]) == 5
    assert as_json(away, "release", ids[0])["changed"] == [ids[0]]
    assert len(as_json(away, "release", "--since", "1h")["changed"]) == 4
    assert listed(away, "--on-hold") == []
    assert vault(away, "hold")[0] == 2


def test_without_forward_it_says_so(box: Box) -> None:
    box.destination("pacs", free_port())
    box.configure()
    for arguments in (["list"], ["hold", "f" * 32], ["rewrap"]):
        ended, _, err = vault(box, *arguments)
        assert ended == 70
        assert "forward does not answer" in err


def test_verify_finds_damage_and_what_only_one_side_has(away: Box) -> None:
    ids = store(away, 6)
    assert as_json(away, "verify") == {**as_json(away, "verify"), "whole": 6, "wrong": {}, "ledger": True}
    damaged, missing, renamed = ids[0], ids[1], ids[2]
    file = away.state.layout.object_file(damaged)
    content = bytearray(file.read_bytes())
    content[-20] ^= 1
    file.write_bytes(content)
    away.state.layout.object_file(missing).unlink()
    stray = "00" + "ab" * 15
    away.state.layout.object_file(stray).hardlink_to(away.state.layout.object_file(renamed))
    found = as_json(away, "verify", "--fast", status=1)
    assert set(found["wrong"]) == {damaged, missing, stray}
    assert "payload" in found["wrong"][damaged]
    assert "missing" in found["wrong"][missing]
    assert found["chunks"] is True
    assert as_json(away, "verify", ids[3], "--fast")["whole"] == 1
    assert as_json(away, "verify", damaged, "--fast", status=1)["whole"] == 0
    away.stop()
    alone = as_json(away, "verify", "--fast", status=1)
    assert alone["ledger"] is False
    assert set(alone["wrong"]) == {damaged, stray}


def test_open_and_export_need_an_identity_and_never_overwrite(away: Box, tmp_path: Path) -> None:
    ids = store(away, 3)
    target = tmp_path / "image.dcm"
    opened = as_json(away, "open", ids[0], "-o", target)
    assert opened == {"object": ids[0], "file": str(target), "bytes": target.stat().st_size}
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert dcmread(target).PatientName == "Delivered^Test"
    assert vault(away, "open", ids[1], "-o", target)[0] == 70

    out = tmp_path / "images"
    assert len(as_json(away, "export", out, "--since", "1h")["written"]) == 3
    assert {path.name for path in out.iterdir()} == {f"{each}.dcm" for each in ids}
    assert {stat.S_IMODE(path.stat().st_mode) for path in out.iterdir()} == {0o600}
    (out / f"{ids[0]}.dcm").write_bytes(b"mine")
    (out / f"{ids[1]}.dcm").unlink()
    again = as_json(away, "export", out, *ids)
    assert (again["written"], len(again["there"])) == ([ids[1]], 2)
    assert (out / f"{ids[0]}.dcm").read_bytes() == b"mine"
    other = tmp_path / "other"
    other.write_text(generate_identity("classical").export() + "\n")
    other.chmod(0o400)
    assert set(as_json(away, "export", tmp_path / "none", *ids, "-i", other, status=1)["failed"]) == set(ids)
    assert list((tmp_path / "none").iterdir()) == []

    away.configure(identity=False)
    asked = (["open", ids[0], "-o", tmp_path / "x"], ["export", tmp_path / "y", ids[0]], ["rewrap"], ["studies"])
    for arguments in asked:
        for form in ([], ["--json"]):
            ended, said, err = vault(away, *arguments, *form)
            assert ended == 78 and (json.loads(said)["error"]["exit_status"] == 78 if form else not said)
            assert "opened with an identity" in err and "--identity FILE" in err
    assert as_json(away, "verify", "--fast")["chunks"] is False
    assert not (tmp_path / "x").exists()
    assert not (tmp_path / "y").exists()


def test_rewrap_gives_objects_to_the_present_recipients(away: Box, tmp_path: Path) -> None:
    ids = store(away, 20)
    new = generate_identity("classical")
    both = tmp_path / "both"
    both.write_text(f"{new.export()}\n{away.state.identity.export()}\n")
    both.chmod(0o400)
    before = {each: away.state.layout.object_file(each).read_bytes()[-500:] for each in ids}
    arguments = ("rewrap", "--to", new.recipient, "-i", both)
    assert as_json(away, *arguments) == {"rewrapped": 20, "already": 0, "gone": 0, "wrong": {}}
    assert as_json(away, *arguments) == {"rewrapped": 0, "already": 20, "gone": 0, "wrong": {}}
    assert as_json(away, "rewrap", "f" * 32)["gone"] == 1
    assert as_json(away, *arguments, "--all")["rewrapped"] == 20
    assert {each: away.state.layout.object_file(each).read_bytes()[-500:] for each in ids} == before
    alone = tmp_path / "new"
    alone.write_text(new.export() + "\n")
    alone.chmod(0o400)
    assert as_json(away, "verify", "--fast", "-i", alone)["whole"] == 20
    assert len(as_json(away, "verify", "--fast", status=1)["wrong"]) == 20  # with the old identity
    assert len(as_json(away, "rewrap", status=1)["wrong"]) == 20


def test_a_ledger_that_is_lost_or_damaged_costs_no_proof_and_no_hold(box: Box, tmp_path: Path) -> None:
    with StoreScp(tmp_path / "upstream") as upstream:
        box.destination("pacs", upstream.port)
        box.configure()
        box.start()
        ids = [box.state.put() for _ in range(6)]
        until(lambda: box.delivered() == 6)
        as_json(box, "hold", ids[0])
        ledger = box.state.layout.ledger
        ended, _, err = vault(box, "rebuild")
        assert ended == 70
        assert "--at-start" in err
        assert as_json(box, "rebuild", "--at-start") == {"at_start": True}
        for how in ("asked for", "deleted", "damaged", "by hand"):
            assert box.stop() == 0
            if how == "deleted":
                ledger.unlink()
            elif how == "damaged":
                ledger.write_bytes(os.urandom(8192))
            elif how == "by hand":
                result = as_json(box, "rebuild")
                assert (result["objects"], result["complete"], result["again"]) == (6, True, {})
            box.start()
            box.ready()
            assert box.delivered() == 6, how
            assert [each["object"] for each in listed(box, "--on-hold")] == [ids[0]]
        assert len(upstream.received()) == 6
        until(lambda: box.log.count("LEDGER-REBUILT") == 3)
        assert "REDELIVERY-ANNOUNCED" not in box.log

        assert box.stop() == 0
        ledger.unlink()
        for path in box.state.layout.journal.iterdir():
            path.unlink()
        box.start()
        box.ready()
        until(lambda: "REDELIVERY-ANNOUNCED" in box.log)
        began = time.monotonic()
        fresh = box.state.put()
        until(lambda: box.delivered() == 7)
        assert time.monotonic() - began < 10
        assert fresh


def test_progress_is_for_long_work_on_a_terminal() -> None:
    """Two seconds are the shortest that is long; here it is none, and an hour."""
    work = (
        "import sys, time\n"
        "from appliance.cli.vault import reading\n"
        "reading._LONG = float(sys.argv[1])\n"
        "with reading.progress_bar() as progress:\n"
        "    for each in progress.track(range(3), description='checking'): time.sleep(0.3)\n"
        "print('done')\n"
    )
    for seconds, terminal, shown in ((0, True, True), (3600, True, False), (0, False, False)):
        ran = run_on_a_terminal([sys.executable, "-c", work, str(seconds)], errors=terminal)
        assert ran.status == 0 and b"done" in ran.out
        assert ("checking" in ran.seen) is shown, (seconds, terminal, ran.seen)
