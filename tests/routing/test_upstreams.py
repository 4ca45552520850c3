"""As whom destinations may report on storage commitment."""

from __future__ import annotations

from typing import Any

import pytest

from appliance.config.model import Peer
from appliance.routing.upstreams import reporters
from tests.routing.configs import SHA, config

PACS: dict[str, Any] = {
    "name": "pacs",
    "kind": "dimse",
    "address": "10.0.0.9:2762",
    "ae_title": "PACS",
    "proof": "commitment",
}


def of(**changes: Any) -> Peer | None:
    found = reporters(config(destination=[PACS | changes], route=[{"to": ["pacs"]}]))
    assert len(found) <= 1
    return found[0] if found else None


def test_nobody_else_may_report() -> None:
    assert reporters(config()) == ()
    assert of(proof="status") is None
    store = {"name": "bucket", "kind": "object-store", "url": "file:///mnt/objects"}
    assert reporters(config(destination=[store], route=[{"to": ["bucket"]}])) == ()


def test_it_reports_as_what_we_send_to() -> None:
    peer = of()
    assert peer is not None
    assert peer.name == "pacs"
    assert peer.ae_titles == ("PACS",)
    assert [str(each) for each in peer.addresses] == ["10.0.0.9/32"]
    assert (peer.tls, str(peer.certificate)) == ("required", "san:10.0.0.9")
    assert peer.services == ("echo",), "it may store nothing"
    assert peer.max_associations == 4


def test_an_address_of_version_6() -> None:
    peer = of(address="[2001:db8::9]:2762")
    assert peer is not None
    assert [str(each) for each in peer.addresses] == ["2001:db8::9/128"]


def test_who_is_named_by_a_name_reports_only_where_addresses_are_given() -> None:
    assert of(address="pacs.example:2762") is None
    peer = of(address="pacs.example:2762", reports={"addresses": ["10.0.0.16/29"]})
    assert peer is not None
    assert [str(each) for each in peer.addresses] == ["10.0.0.16/29"]
    assert str(peer.certificate) == "san:pacs.example"


@pytest.mark.parametrize(
    ("changes", "tls", "certificate"),
    [
        ({"tls": "never"}, "never", None),
        ({"server_name": "archive.example"}, "required", "san:archive.example"),
        ({"reports": {"certificate": f"sha256:{SHA}"}}, "required", f"sha256:{SHA}"),
        ({"reports": {"tls": "never"}}, "never", None),
        ({"reports": {"tls": "allowed"}}, "allowed", None),
        ({"tls": "never", "reports": {"tls": "required"}}, "required", "san:10.0.0.9"),
    ],
)
def test_tls_and_the_certificate(changes: dict[str, Any], tls: str, certificate: str | None) -> None:
    peer = of(**changes)
    assert peer is not None
    assert peer.tls == tls
    assert (str(peer.certificate) if peer.certificate else None) == certificate


def test_reports_may_come_under_other_titles() -> None:
    peer = of(reports={"ae_titles": ["COMMIT1", "COMMIT2"]})
    assert peer is not None
    assert peer.ae_titles == ("COMMIT1", "COMMIT2")
