"""Deadlines, as a peer that drags its feet meets them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from appliance.upper_layer import association as upper
from tests.scp.scene import Scene, data_set


def wait_for_end(sock) -> float:  # type: ignore[no-untyped-def]
    began = time.monotonic()
    while sock.recv(4096):
        pass
    return time.monotonic() - began


def test_a_silent_connection_is_cut_off_at_artim(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Scene(tmp_path, artim="200ms").connect() as stranger:
        assert wait_for_end(stranger.socket) < 5
    assert "the A-ASSOCIATE-RQ (ARTIM) took too long" in capsys.readouterr().err


def test_dripping_into_the_first_pdu_does_not_move_artim(tmp_path: Path) -> None:
    with Scene(tmp_path, artim="300ms").connect() as stranger:
        began = time.monotonic()
        with pytest.raises(OSError):
            for byte in b"\x01\x00\x00\x00\x10\x00" + bytes(100):
                stranger.socket.sendall(bytes([byte]))
                time.sleep(0.05)
        assert time.monotonic() - began < 2


def test_an_idle_association_is_cut_off(tmp_path: Path) -> None:
    with Scene(tmp_path, idle="200ms").connect() as modality:
        assert isinstance(modality.associate(), upper.AssociationAccepted)
        assert wait_for_end(modality.socket) < 5


def test_half_a_message_is_cut_off_and_leaves_nothing(tmp_path: Path) -> None:
    scene = Scene(tmp_path, pdu="200ms")
    with scene.connect() as modality:
        modality.associate()
        modality.send_store("1.2.3.4", data_set("1.2.3.4"), last=False)
        assert wait_for_end(modality.socket) < 5
    assert not scene.files()


def test_a_message_that_is_slower_than_one_pdu_may_be_is_fine(tmp_path: Path) -> None:
    scene = Scene(tmp_path, pdu="1500ms")
    with scene.connect() as modality:
        modality.associate()
        assert modality.engine is not None
        whole = data_set("1.2.3.4", filling=40_000)
        modality.send_store("1.2.3.4", whole[:8000], last=False)
        for start in range(8000, len(whole), 8000):
            time.sleep(0.5)
            for pdu in modality.engine.send_data(3, whole[start : start + 8000], start + 8000 >= len(whole)):
                modality.socket.sendall(pdu)
        event = modality.hear()
        assert isinstance(event, upper.CommandReceived) and event.command.status == 0


def test_when_the_worker_stops_a_message_under_way_is_finished(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    with scene.connect() as modality:
        modality.associate()
        assert modality.engine is not None
        whole = data_set("1.2.3.4", filling=40_000)
        modality.send_store("1.2.3.4", whole[:8000], last=False)
        time.sleep(0.1)
        scene.served.stopping.set()
        for pdu in modality.engine.send_data(3, whole[8000:], True):
            modality.socket.sendall(pdu)
        event = modality.hear()
        assert isinstance(event, upper.CommandReceived) and event.command.status == 0
        assert isinstance(modality.hear(), upper.Aborted)
    assert len(scene.files()) == 1
