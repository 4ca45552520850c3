"""Requests as files: durable or gone, sealed, taken over once."""

from __future__ import annotations

import errno
import os

import pytest

from appliance.seal.commitment import CommitmentRequest
from appliance.seal.errors import RequestMalformed, RequestTampered
from appliance.seal.index_key import IndexKey
from appliance.vault.commitment_requests import WaitingRequests, keep
from appliance.vault.incoming import Incoming
from appliance.vault.medium import Medium
from appliance.vault.refusals import DiskRefused, NotThere, refusable
from tests.vault.samples import CT, INDEX_KEY, NOW, Vault

UID = "1.2.826.0.1.3680043.8.498.1234567890"


def request(number: int = 1, **changes: object) -> CommitmentRequest:
    values: dict[str, object] = {
        "request_id": f"{number:032x}",
        "received": NOW,
        "peer": "CT suite 2",
        "calling_ae": "CT1",
        "called_ae": "EDGE01",
        "transaction": f"{UID}.{number}",
        "references": ((CT, f"{UID}.2"), (CT, f"{UID}.3")),
    }
    return CommitmentRequest(**values | changes)  # type: ignore[arg-type]


class Recorded(Medium):
    """A disk that notes what is asked of it, and fails where it is told to."""

    def __init__(self, fails: str = "") -> None:
        self.done: list[str] = []
        self.fails = fails

    def __getattribute__(self, name: str) -> object:
        found = object.__getattribute__(self, name)
        if name in ("write_at", "sync_data", "link", "sync_directory", "unlink", "close"):
            self.done.append(name)
            if name == self.fails:
                return refusable("try")(_fail)
        return found


def _fail(*_: object) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_a_kept_request_is_read_back_and_leaves(vault: Vault) -> None:
    keep(vault.incoming, request(), INDEX_KEY)
    waiting = WaitingRequests(vault.layout, INDEX_KEY)
    assert waiting.ids() == [request().request_id]
    found, sealed = waiting.read(request().request_id)
    assert found == request() == waiting.open(sealed)
    waiting.leave(request().request_id)
    waiting.leave(request().request_id)
    waiting.settle()
    assert waiting.ids() == []


def test_no_uid_is_in_the_file_or_its_name(vault: Vault) -> None:
    keep(vault.incoming, request(), INDEX_KEY)
    (path,) = vault.layout.incoming.iterdir()
    assert UID.encode() not in path.read_bytes()
    assert UID not in path.name
    assert path.stat().st_mode & 0o007 == 0


def test_objects_and_requests_do_not_see_each_other(vault: Vault) -> None:
    object_id = vault.store()
    keep(vault.incoming, request(), INDEX_KEY)
    assert vault.objects.waiting() == [object_id]
    assert [found.object_id for found in vault.adopt()] == [object_id]
    assert WaitingRequests(vault.layout, INDEX_KEY).ids() == [request().request_id]


def test_the_order_is_content_name_directory(vault: Vault) -> None:
    medium = Recorded()
    keep(Incoming(vault.layout, medium), request(), INDEX_KEY)
    assert medium.done == ["write_at", "sync_data", "link", "sync_directory", "close"]


@pytest.mark.parametrize("fails", ["write_at", "sync_data", "link", "sync_directory"])
def test_what_fails_anywhere_leaves_nothing(vault: Vault, fails: str) -> None:
    medium = Recorded(fails)
    with pytest.raises(DiskRefused):
        keep(Incoming(vault.layout, medium), request(), INDEX_KEY)
    assert not list(vault.layout.incoming.iterdir())
    assert medium.done[-1] == "close"


def test_what_cannot_be_read_is_named_and_set_aside(vault: Vault) -> None:
    keep(vault.incoming, request(), INDEX_KEY)
    request_id = request().request_id
    path = vault.layout.incoming_request(request_id)
    with pytest.raises(RequestTampered):
        WaitingRequests(vault.layout, IndexKey(bytes(32))).read(request_id)
    waiting = WaitingRequests(vault.layout, INDEX_KEY)
    other = vault.layout.incoming_request("f" * 32)
    path.rename(other)
    with pytest.raises(RequestTampered, match="name"):
        waiting.read("f" * 32)
    other.write_bytes(bytes(20 << 20))
    with pytest.raises(RequestMalformed):
        waiting.read("f" * 32)
    with pytest.raises(NotThere):
        waiting.read(request_id)
    waiting.set_aside("f" * 32)
    waiting.set_aside("f" * 32)
    assert waiting.ids() == []
    assert vault.objects.quarantined() == [other.name]


def test_a_link_in_its_place_leads_nowhere(vault: Vault) -> None:
    vault.layout.incoming_request("a" * 32).symlink_to("/etc/passwd")
    with pytest.raises(RequestMalformed, match="not a regular file"):
        WaitingRequests(vault.layout, INDEX_KEY).read("a" * 32)


def test_what_is_set_aside_overwrites_nothing(vault: Vault) -> None:
    """Not even itself: a cut may leave both of its names, and then a rename to the same one does nothing."""
    waiting = WaitingRequests(vault.layout, INDEX_KEY)
    path = vault.layout.incoming_request("a" * 32)
    for content in (b"one", b"two"):
        path.write_bytes(content)
        waiting.set_aside("a" * 32)
    path.hardlink_to(vault.layout.quarantine / path.name)
    waiting.set_aside("a" * 32)
    assert waiting.ids() == []
    aside = {name: (vault.layout.quarantine / name).read_bytes() for name in vault.objects.quarantined()}
    assert aside == {path.name: b"one", f"{path.name}.1": b"two", f"{path.name}.2": b"one"}
