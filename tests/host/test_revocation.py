"""Revocation lists: in the handshake, and as facts."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.base.errors import ConfigError, CryptoError
from appliance.host import tls
from appliance.host.certificates import Authority
from appliance.host.revocation import read_revocations, without_list
from tests.host.handshakes import handshake
from tests.host.pki import DAY, revocation_list

REVOKED, NO_LIST, EARLY, EXPIRED = 23, 3, 11, 12  # X509_V_ERR_… of OpenSSL


class Site:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.authority = Authority.create("site CA")
        self.ca = root / "ca.crt"
        self.ca.write_bytes(self.authority.certificate)
        self.crl = root / "ca.crl"
        for who in ("server", "good", "stolen"):
            issued = self.authority.issue(who, [f"{who}.example"], server=True, client=True)
            issued.write(root / f"{who}.crt", root / f"{who}.key")

    def server(self) -> ssl.SSLContext:
        return tls.server_context(self.root / "server.crt", self.root / "server.key", self.ca, self.crl)

    def comes(self, who: str) -> None:
        client = tls.client_context(self.ca, self.root / f"{who}.crt", self.root / f"{who}.key")
        handshake(self.server(), client, "server.example")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("site"))


def test_who_was_revoked_is_refused_and_nobody_else(made: Site) -> None:
    made.crl.write_bytes(revocation_list(made.authority, made.root / "stolen.crt"))
    made.comes("good")
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        made.comes("stolen")
    assert caught.value.verify_code == REVOKED


@pytest.mark.parametrize(
    ("begin", "end", "code"), [(-2 * DAY, -DAY, EXPIRED), (DAY, 2 * DAY, EARLY)], ids=["expired", "early"]
)
def test_a_list_that_does_not_hold_refuses_everybody(made: Site, begin: timedelta, end: timedelta, code: int) -> None:
    made.crl.write_bytes(revocation_list(made.authority, begin=begin, end=end))
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        made.comes("good")
    assert caught.value.verify_code == code


def test_a_ca_without_a_list_is_refused(made: Site) -> None:
    other = Authority.create("other CA")
    made.crl.write_bytes(revocation_list(other))
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        made.comes("good")
    assert caught.value.verify_code == NO_LIST
    both = made.authority.certificate + other.certificate
    assert without_list(both, made.crl.read_bytes()) == ("CN=site CA",)
    made.crl.write_bytes(revocation_list(other) + revocation_list(made.authority))
    made.comes("good")
    assert without_list(both, made.crl.read_bytes()) == ()


def test_a_list_that_somebody_else_signed_in_its_name_is_none(made: Site) -> None:
    impostor = Authority.create("site CA")
    made.crl.write_bytes(revocation_list(impostor))
    with pytest.raises(ssl.SSLCertVerificationError):
        made.comes("good")
    assert without_list(made.authority.certificate, made.crl.read_bytes()) == ("CN=site CA",)


def test_what_is_no_list_is_named(made: Site) -> None:
    made.crl.write_bytes(made.authority.certificate)
    with pytest.raises(ConfigError, match=f"no revocation list in {made.crl}"):
        made.server()
    made.crl.write_bytes(revocation_list(made.authority).replace(b"\nMI", b"\nAA", 1))
    with pytest.raises(ConfigError, match="cannot use the revocation list"):
        made.server()
    with pytest.raises(CryptoError, match="malformed"):
        read_revocations(made.crl.read_bytes())
    made.crl.unlink()
    with pytest.raises(ConfigError, match="No such file"):
        made.server()


def test_the_facts_of_a_list(made: Site) -> None:
    (facts,) = read_revocations(b"junk\n" + revocation_list(made.authority))
    assert facts.issuer == "CN=site CA"
    assert facts.next_update is not None
    assert facts.next_update - facts.last_update == 8 * DAY
    assert abs(datetime.now(UTC) - facts.last_update - DAY) < timedelta(minutes=1)
    with pytest.raises(CryptoError, match="no revocation list"):
        read_revocations(b"")
