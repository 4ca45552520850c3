"""Commitment reports as files: durable or gone, sealed, taken over once."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.seal.errors import RequestMalformed, RequestTampered
from appliance.seal.index_key import IndexKey
from appliance.seal.proof_report import ProofReport
from appliance.vault.commitment_requests import WaitingRequests
from appliance.vault.incoming import Incoming
from appliance.vault.proof_reports import WaitingReports, keep
from appliance.vault.refusals import DiskRefused, NotThere
from tests.vault.samples import CT, INDEX_KEY, NOW, Vault
from tests.vault.test_commitment_requests import Recorded

UID = "1.2.826.0.1.3680043.8.498.1234567890"


def report(number: int = 1) -> ProofReport:
    return ProofReport(
        f"{number:032x}",
        NOW,
        "pacs",
        INDEX_KEY.tag("transaction", f"{UID}.1"),
        ((CT, INDEX_KEY.tag("instance", f"{UID}.2"), 0), (CT, INDEX_KEY.tag("instance", f"{UID}.3"), 0x0112)),
    )


def waiting(vault: Vault) -> WaitingReports:
    return WaitingReports(vault.layout, INDEX_KEY)


def only_file(vault: Vault) -> Path:
    (path,) = vault.layout.incoming.iterdir()
    return path


def test_a_kept_report_is_read_back_and_leaves(vault: Vault) -> None:
    keep(vault.incoming, report(), INDEX_KEY)
    assert waiting(vault).ids() == [report().report_id]
    assert waiting(vault).read(report().report_id) == report()
    for _ in range(2):
        waiting(vault).leave(report().report_id)
    assert waiting(vault).ids() == []
    with pytest.raises(NotThere):
        waiting(vault).read(report().report_id)


def test_no_uid_is_in_the_file_or_its_name_and_nobody_else_may_read_it(vault: Vault) -> None:
    keep(vault.incoming, report(), INDEX_KEY)
    path = only_file(vault)
    assert UID.encode() not in path.read_bytes()
    assert UID not in path.name
    assert path.stat().st_mode & 0o007 == 0


def test_reports_requests_and_objects_do_not_see_each_other(vault: Vault) -> None:
    object_id = vault.store()
    keep(vault.incoming, report(), INDEX_KEY)
    assert WaitingRequests(vault.layout, INDEX_KEY).ids() == []
    assert vault.objects.waiting() == [object_id]
    assert [found.object_id for found in vault.adopt()] == [object_id]
    assert waiting(vault).ids() == [report().report_id]


def test_the_order_is_content_name_directory(vault: Vault) -> None:
    medium = Recorded()
    keep(Incoming(vault.layout, medium), report(), INDEX_KEY)
    assert medium.done == ["write_at", "sync_data", "link", "sync_directory", "close"]


@pytest.mark.parametrize("fails", ["write_at", "sync_data", "link", "sync_directory"])
def test_what_fails_anywhere_leaves_nothing(vault: Vault, fails: str) -> None:
    with pytest.raises(DiskRefused):
        keep(Incoming(vault.layout, Recorded(fails)), report(), INDEX_KEY)
    assert not list(vault.layout.incoming.iterdir())


def test_another_key_a_changed_byte_and_another_name_are_refused(vault: Vault) -> None:
    keep(vault.incoming, report(), INDEX_KEY)
    path, report_id = only_file(vault), report().report_id
    with pytest.raises(RequestTampered):
        WaitingReports(vault.layout, IndexKey(bytes(32))).read(report_id)
    sealed = path.read_bytes()
    for at in (0, len(sealed) // 2, len(sealed) - 1):
        path.write_bytes(sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :])
        with pytest.raises((RequestTampered, RequestMalformed)):
            waiting(vault).read(report_id)
    path.write_bytes(sealed)
    other = "f" * 32
    path.rename(vault.layout.incoming_report(other))
    with pytest.raises(RequestTampered, match="name"):
        waiting(vault).read(other)


@pytest.mark.parametrize("content", [b"", b"\0" * 10, bytes(20 << 20)])
def test_what_is_no_report_is_refused_and_set_aside(vault: Vault, content: bytes) -> None:
    path = vault.layout.incoming_report("a" * 32)
    path.write_bytes(content)
    with pytest.raises((RequestMalformed, RequestTampered)):
        waiting(vault).read("a" * 32)
    waiting(vault).set_aside("a" * 32)
    assert waiting(vault).ids() == []
    assert vault.objects.quarantined() == [path.name]


def test_a_link_in_its_place_leads_nowhere(vault: Vault) -> None:
    vault.layout.incoming_report("a" * 32).symlink_to("/etc/passwd")
    with pytest.raises(RequestMalformed, match="not a regular file"):
        waiting(vault).read("a" * 32)
