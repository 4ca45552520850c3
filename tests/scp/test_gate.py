"""Who is let in, as the wire would show it: user identity, the peer's own limit, and what an accept says of both."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from appliance.base.errors import ConfigError
from appliance.config.passcode import make_passcode
from appliance.scp.user_identities import UserIdentities
from appliance.upper_layer import association as upper
from appliance.upper_layer.negotiation import UserIdentity
from tests.host.tokens import CLAIMS, public, token
from tests.scp.scene import Scene

KEY = ec.generate_private_key(ec.SECP256R1())
PASSCODE = str(make_passcode(b"geheim", bytes(16)))


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    (tmp_path / "idp.pem").write_bytes(public(KEY))
    return Scene(tmp_path / "state")


def wants(scene: Scene, kind: str, **more: Any) -> None:
    scene.change_peer(user_identity={"type": kind, **more})


def jwt(tmp_path: Path, **more: Any) -> dict[str, Any]:
    return {"key": str(tmp_path / "idp.pem"), "issuer": "https://idp.example", "audience": "EDGE01", **more}


def fresh_token(**claims: Any) -> bytes:
    return token(KEY, {**CLAIMS, "exp": time.time() + 60, "nbf": time.time() - 60, **claims})


def associate(scene: Scene, identity: UserIdentity | None) -> upper.Event:
    with scene.connect() as modality:
        return modality.associate(user_identity=identity)


def answer(event: upper.Event) -> bytes | None:
    assert isinstance(event, upper.AssociationAccepted), event
    return event.accept.identity_response


def refused(event: upper.Event) -> None:
    assert isinstance(event, upper.AssociationRejected), event
    # PS3.7 D.3.3.7, PS3.8 table 9-21: permanent, by the ACSE, no reason given.
    assert (event.result, event.source, event.reason) == (1, 2, 1)


def test_another_application_context_is_rejected(scene: Scene) -> None:
    with scene.connect() as modality:
        event = modality.associate(application_context="1.2.840.10008.3.1.1.2")
    assert isinstance(event, upper.AssociationRejected)
    assert (event.result, event.source, event.reason) == (1, 1, 2)


def test_a_user_name(scene: Scene) -> None:
    wants(scene, "username", usernames=["ct-2", "bedienung ü"])
    assert answer(associate(scene, UserIdentity(1, b"ct-2"))) is None
    assert answer(associate(scene, UserIdentity(1, "bedienung ü".encode(), response_requested=True))) == b""
    assert answer(associate(scene, UserIdentity(2, b"ct-2", b"whatever"))) is None
    for wrong in (None, UserIdentity(1, b"ct-3"), UserIdentity(1, b"\xff"), UserIdentity(5, b"ct-2")):
        refused(associate(scene, wrong))


def test_a_user_name_with_its_passcode(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    wants(scene, "username+passcode", passcodes={"ct-2": PASSCODE})
    assert answer(associate(scene, UserIdentity(2, b"ct-2", b"geheim", response_requested=True))) == b""
    for wrong in (
        None,
        UserIdentity(1, b"ct-2"),
        UserIdentity(2, b"ct-2", b"falsch"),
        UserIdentity(2, b"ct-2"),
        UserIdentity(2, b"jemand", b"geheim"),
        UserIdentity(2, b"jemand"),
    ):
        refused(associate(scene, wrong))
    said = capsys.readouterr().err
    assert "its passcode is wrong" in said and 'user_identity of [[peer]] "CT"' in said
    told = said + str(scene.alerts)
    assert not [each for each in ("geheim", "falsch", "jemand", "ct-2") if each in told]


def test_a_token(scene: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wants(scene, "jwt", **jwt(tmp_path, usernames=["ct-2"]))
    shown = fresh_token()
    assert answer(associate(scene, UserIdentity(5, shown))) is None
    assert answer(associate(scene, UserIdentity(5, shown, response_requested=True))) == shown
    late = fresh_token(exp=time.time() - 3600)
    for wrong in (UserIdentity(5, late), UserIdentity(5, b"x"), UserIdentity(1, b"ct-2"), UserIdentity(3, shown)):
        refused(associate(scene, wrong))
    said = capsys.readouterr().err
    assert "the token has expired" in said and "its user identity is a user name, not a token" in said
    assert shown.decode() not in said and late.decode() not in said


def test_an_identity_that_nobody_asked_for_is_not_answered(scene: Scene) -> None:
    assert answer(associate(scene, UserIdentity(2, b"ct-2", b"geheim", response_requested=True))) is None


def test_the_key_of_tokens_is_read_when_the_configuration_is(scene: Scene, tmp_path: Path) -> None:
    wants(scene, "jwt", **jwt(tmp_path))
    (tmp_path / "idp.pem").write_bytes(b"nothing")
    with pytest.raises(ConfigError, match="idp.pem: there is no public key in it"):
        UserIdentities(scene.config)
    (tmp_path / "idp.pem").unlink()
    with pytest.raises(ConfigError, match="idp.pem: No such file"):
        UserIdentities(scene.config)


def test_a_peer_has_its_own_limit_and_a_released_place_is_free_at_once(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.change_peer(max_associations=1)
    with scene.connect() as first:
        assert isinstance(first.associate(), upper.AssociationAccepted)
        with scene.connect() as second:
            event = second.associate()
        assert isinstance(event, upper.AssociationRejected)
        assert (event.result, event.source, event.reason) == (2, 3, 2)
        assert "it has 1 associations open" in capsys.readouterr().err
        first.socket.sendall(first.engine.release())  # type: ignore[union-attr]
        assert isinstance(first.hear(), upper.Released)
        with scene.connect() as third:
            assert isinstance(third.associate(), upper.AssociationAccepted)


def test_a_peer_without_a_limit_leaves_a_place_for_each_other_peer(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    other = scene.config.peer[0].model_copy(update={"name": "MR", "ae_titles": ("MR1",)})
    switched_off = other.model_copy(update={"name": "XA", "ae_titles": ("XA1",), "accept": False})
    receive = scene.config.receive.model_copy(update={"max_associations": 2})
    peers = (*scene.config.peer, other, switched_off)
    scene.config = scene.config.model_copy(update={"peer": peers, "receive": receive})
    with scene.connect() as first, scene.connect() as second:
        assert isinstance(first.associate(), upper.AssociationAccepted)
        event = second.associate()
        assert isinstance(event, upper.AssociationRejected)
        assert (event.result, event.source, event.reason) == (2, 3, 2)
        assert "kept for the other peers" in capsys.readouterr().err
        with scene.connect() as third:
            assert isinstance(third.associate("MR1"), upper.AssociationAccepted)


def test_a_place_comes_back_from_a_peer_that_breaks_off(scene: Scene) -> None:
    scene.change_peer(max_associations=1)
    for _ in range(3):
        with scene.connect() as modality:
            assert isinstance(modality.associate(), upper.AssociationAccepted)
    with scene.connect() as modality:
        assert isinstance(modality.associate(), upper.AssociationAccepted)
        modality.socket.sendall(b"\x99" * 10)
        assert isinstance(modality.hear(), upper.Aborted)
    with scene.connect() as modality:
        assert isinstance(modality.associate(), upper.AssociationAccepted)
