"""Sealed objects into stores: a directory, and a bucket of a real S3 service."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.base.errors import ConfigError, CryptoError, UpstreamError
from appliance.config.destinations import ObjectStoreDestination
from appliance.delivery.keyring import Keyring, Locked
from appliance.delivery.object_store import ObjectStore, ObjectStoreSession
from appliance.delivery.outcome import Outcome, Verdict
from appliance.delivery.source import Source
from appliance.delivery.store import name_of
from appliance.seal.index_key import IndexKey
from appliance.seal.opening import open_object
from tests.delivery.relay import Fault, Relay
from tests.delivery.s3_peer import BUCKET, KEY, MISSING, S3, s3
from tests.delivery.vaults import CT, EXPLICIT, State


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "state")


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "archive"
    path.mkdir()
    return path


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    if MISSING:
        pytest.skip(MISSING)
    with s3(tmp_path_factory.mktemp("s3") / "data") as running:
        yield running


def locked() -> tuple[()]:
    Keyring((), lockable=True).identities  # noqa: B018  # raises
    raise AssertionError


def open_session(state: State, url: str, index_key: IndexKey | None = None, **more: Any) -> ObjectStoreSession:
    entry = ObjectStoreDestination.model_validate({"name": "archive", "kind": "object-store", "url": url} | more)
    return ObjectStore(entry, index_key or state.index_key)([(CT, EXPLICIT)], "EDGE01")


def bucket_entry(tmp_path: Path, port: int) -> dict[str, Any]:
    secret = tmp_path / "s3-secret"
    if not secret.exists():
        secret.write_text(f"{KEY}\n")
        secret.chmod(0o400)
    return {"endpoint": f"http://localhost:{port}", "access_key_id": KEY, "secret_access_key": f"file:{secret}"}


def store(session: ObjectStoreSession, state: State, object_id: str) -> Outcome:
    with state.layout.incoming_file(object_id).open("rb") as file:
        return session.store(Source(file, locked, (CT, EXPLICIT), object_id))


def sealed(state: State, object_id: str) -> bytes:
    return state.layout.incoming_file(object_id).read_bytes()


def test_the_object_arrives_as_it_is_and_needs_no_identity(state: State, archive: Path, tmp_path: Path) -> None:
    session = open_session(state, f"file://{archive}")
    objects = [state.put(pixels=size) for size in (0, 1000, 1_000_000)]
    assert [store(session, state, each) for each in objects] == [Outcome(Verdict.DONE, "stored", "", 0)] * 3
    assert session.alive()
    session.end()
    for object_id in objects:
        assert (archive / name_of(object_id)).read_bytes() == sealed(state, object_id)
    with (tmp_path / "opened").open("wb") as out:
        open_object(archive / name_of(objects[2]), [state.identity], out)
    assert (tmp_path / "opened").read_bytes().endswith(list(state.sent.values())[2])
    with pytest.raises(Locked):
        locked()


def test_in_a_bucket_too(state: State, service: S3, tmp_path: Path) -> None:
    session = open_session(state, f"s3://{BUCKET}/first", **bucket_entry(tmp_path, service.port))
    objects = [state.put(pixels=size) for size in (0, 1000, 20_000_000)]
    assert [store(session, state, each).verdict for each in objects] == [Verdict.DONE] * 3
    for object_id in objects:
        assert service.content(f"first/{name_of(object_id)}") == sealed(state, object_id)


@pytest.mark.parametrize("kind", ["file", "s3"])
def test_the_same_is_success_and_another_is_never_written_over(
    state: State, archive: Path, service: S3, tmp_path: Path, kind: str
) -> None:
    more = bucket_entry(tmp_path, service.port) if kind == "s3" else {}
    session = open_session(state, f"s3://{BUCKET}/second" if kind == "s3" else f"file://{archive}", **more)
    object_id = state.put(pixels=3_000_000)
    again = Outcome(Verdict.DONE, "it was there already, the same", "", 0)
    assert [store(session, state, object_id) for _ in range(2)] == [Outcome(Verdict.DONE, "stored", "", 0), again]

    def replace(content: bytes) -> None:
        path = archive / name_of(object_id)
        if kind == "s3":
            path = service.directory / BUCKET / f"second/{name_of(object_id)}._S3rver_object"
        path.write_bytes(content)

    original = sealed(state, object_id)
    for other in (original[:-1] + bytes([original[-1] ^ 1]), original + b"x", original[:-2] + b"x", b"x"):
        replace(other)
        outcome = store(session, state, object_id)
        assert (outcome.verdict, outcome.reason) == (
            Verdict.PERMANENT,
            "something else lies there under the name of this object",
        )
        kept = service.content(f"second/{name_of(object_id)}") if kind == "s3" else None
        assert (kept if kind == "s3" else (archive / name_of(object_id)).read_bytes()) == other
    for part in (original[:-1], original[:100_000], b""):  # what a store may leave that is killed in the middle
        replace(part)
        assert store(session, state, object_id) == Outcome(Verdict.DONE, "stored", "", 0)
        assert store(session, state, object_id) == again


@pytest.mark.parametrize("at", [-1, -40_000, 0.5])
def test_what_rotted_here_does_not_go(state: State, archive: Path, at: float) -> None:
    session = open_session(state, f"file://{archive}")
    object_id = state.put(pixels=200_000)
    raw = bytearray(sealed(state, object_id))
    raw[int(at * len(raw)) if at > 0 else int(at)] ^= 1
    state.layout.incoming_file(object_id).write_bytes(raw)
    with pytest.raises(CryptoError):
        store(session, state, object_id)
    assert list(archive.iterdir()) == []


def test_an_object_under_the_name_of_another_does_not_go(state: State, archive: Path) -> None:
    session = open_session(state, f"file://{archive}")
    one, two = state.put(), state.put()
    state.layout.incoming_file(one).write_bytes(sealed(state, two))
    with pytest.raises(CryptoError, match="another object"):
        store(session, state, one)
    assert list(archive.iterdir()) == []


def test_without_the_index_key_of_the_box_nothing_goes(state: State, archive: Path) -> None:
    with pytest.raises(CryptoError):
        store(open_session(state, f"file://{archive}", IndexKey.generate()), state, state.put())


def test_read_back_finds_what_was_changed_on_its_way_and_takes_it_away(
    state: State, service: S3, tmp_path: Path
) -> None:
    """s3rver does not compare what came with the SHA-256 that came along, as others do; so reading back has to."""
    object_id = state.put(pixels=300_000)
    with Relay(service.port, Fault(flip=200_000)) as relay:
        session = open_session(state, f"s3://{BUCKET}/third", proof="read-back", **bucket_entry(tmp_path, relay.port))
        outcome = store(session, state, object_id)
        assert (outcome.verdict, outcome.reason) == (
            Verdict.TEMPORARY,
            "what the store gives back is not what was put there",
        )
        assert relay.fault.flip is None
        assert service.content(f"third/{name_of(object_id)}") is None
        assert store(session, state, object_id).verdict is Verdict.DONE
    assert service.content(f"third/{name_of(object_id)}") == sealed(state, object_id)


def test_a_store_that_fails_fails_the_destination(state: State, service: S3, tmp_path: Path) -> None:
    entry = bucket_entry(tmp_path, service.port)
    with pytest.raises(UpstreamError, match="there is no bucket"):
        store(open_session(state, "s3://nowhere", **entry), state, state.put())
    with pytest.raises(UpstreamError, match="there is no directory"):
        store(open_session(state, f"file://{tmp_path}/missing"), state, state.put())
    with pytest.raises(ConfigError, match="cannot read the secret"):
        open_session(state, "s3://x-y", **entry | {"secret_access_key": f"file:{tmp_path}/none"})


def test_the_session_proposes_and_accepts_everything(state: State, archive: Path) -> None:
    session = open_session(state, f"file://{archive}")
    assert (CT, EXPLICIT) in session.proposed and (os.urandom(4).hex(), "") in session.accepted
    assert list(session.proposed) == [] and len(session.accepted) == 0
    assert session.calling_ae == "EDGE01"
