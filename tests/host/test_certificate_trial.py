"""What speaks against a certificate before it is put in its place. `tests/cli/test_certs.py` has OpenSSL's makes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from appliance.base.errors import CryptoError
from appliance.host import certificate_trial
from appliance.host.certificate_facts import load_certificates
from appliance.host.certificate_trial import authorities_of, objections
from appliance.host.certificates import Authority, Issued
from tests.host.pki import DAY, authority_below, root_authority

ROOT = root_authority("Hospital root", begin=-60 * DAY)
NOW = datetime.now(UTC)


def against(issued: Issued, *between: bytes, server: bool = True, names: tuple[str, ...] = ("edge.example",),
            now: datetime = NOW, roots: bytes = ROOT.certificate) -> list[str]:  # fmt: skip
    pem = issued.certificate + b"".join(between)
    return objections(pem, issued.key, roots, server=server, names=names, now=now)


def edge(authority: Authority = ROOT, names: tuple[str, ...] = ("edge.example",), **more: object) -> Issued:
    return authority.issue("edge", names, **{"server": True, **more})  # type: ignore[arg-type]


def test_nothing_speaks_against_a_good_one_for_either_side() -> None:
    assert against(edge()) == []
    assert against(edge(client=True, server=False), server=False) == []
    between = authority_below(ROOT, "issuing")
    assert against(edge(between), between.certificate) == []
    assert against(edge(names=("EDGE.example", "10.0.0.9")), names=("edge.EXAMPLE", "10.0.0.9")) == []


@pytest.mark.parametrize(
    ("moved", "said"),
    [(-3 * DAY, "is the clock of this box right?"), (826 * DAY, "it expired on"), (timedelta(0), None)],
)
def test_its_dates_are_those_of_the_clock(moved: timedelta, said: str | None) -> None:
    found = against(edge(), now=NOW + moved)
    assert [said in each for each in found] == [True] if said else found == []


def test_every_objection_comes_at_once() -> None:
    stranger = Authority.create("stranger").issue("edge", ["other.example"], client=True)
    found = against(Issued(stranger.certificate, edge().key))
    for said in ("not the certificate of this key", "serverAuth is missing", "it is not for edge.example",
                 "the certificate of CN=stranger is missing"):  # fmt: skip
        assert sum(said in each for each in found) == 1, found
    assert len(found) == 4


def test_each_ca_in_between_is_looked_at() -> None:
    old = authority_below(ROOT, "old", begin=-30 * DAY, end=-DAY)
    issued = old.issue("edge", ["edge.example"], server=True, now=NOW - 2 * DAY, lifetime=timedelta(hours=36))
    said = [each for each in against(issued, old.certificate) if each.startswith("CN=old is not valid now")]
    assert len(said) == 1
    below = authority_below(authority_below(ROOT, "a"), "b")
    assert any("the certificate of CN=a is missing" in each for each in against(edge(below), below.certificate))
    short = Authority.create("Short root")  # which has no CA below itself, by its path length
    under = authority_below(short, "under")
    found = against(edge(under), under.certificate, roots=short.certificate)
    assert found == ["CN=Short root may not sign certificates like this"]


def test_a_ca_that_is_no_root_suffices_where_it_is_trusted() -> None:
    between = authority_below(ROOT, "issuing")
    assert against(edge(between), roots=between.certificate) == []


def with_extension(critical: bool) -> Issued:
    """One with an extension that nobody knows."""
    made = edge()
    (one,) = load_certificates(made.certificate)
    builder = x509.CertificateBuilder(
        one.issuer, one.subject, one.public_key(), one.serial_number, one.not_valid_before_utc,  # type: ignore[arg-type]
        one.not_valid_after_utc, list(one.extensions),
    )  # fmt: skip
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
    signed = builder.add_extension(unknown, critical).sign(load_pem_private_key(ROOT.key, None), hashes.SHA256())  # type: ignore[arg-type]
    return Issued(signed.public_bytes(Encoding.PEM), made.key)


def test_openssl_has_the_last_word_where_it_can_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert against(with_extension(critical=False)) == []
    assert against(with_extension(critical=True)) == ["OpenSSL refuses it: unhandled critical extension"]
    monkeypatch.setattr(certificate_trial, "_DESCRIPTORS", Path("/nowhere"))  # no /proc, as where images are made
    assert against(with_extension(critical=True)) == []


def test_a_file_of_cas_has_one() -> None:
    assert authorities_of(edge().certificate + ROOT.certificate)
    with pytest.raises(CryptoError, match="no certificate of a CA"):
        authorities_of(edge().certificate)
