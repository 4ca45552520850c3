"""Who signed what a peer shows: real chains, changed in each way that should count and in some that should not."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from appliance.base import limits
from appliance.base.errors import CryptoError
from appliance.capture.certificate import read_certificate
from appliance.host import site_authorities
from appliance.host.certificate_facts import is_signed_by
from appliance.host.certificates import Authority
from appliance.host.site_authorities import SiteAuthorities
from tests.host.pki import authority_below, root_authority, rsa_certificate

SITE = Authority.create("Site CA")
ROOT = root_authority("Hospital root")
BELOW = authority_below(ROOT, "Devices CA")
DEEPER = authority_below(BELOW, "Scanners CA")


def der(*pems: bytes) -> list[bytes]:
    return [each.public_bytes(Encoding.DER) for pem in pems for each in x509.load_pem_x509_certificates(pem)]


def leaf(authority: Authority) -> bytes:
    return authority.issue("pacs", ["pacs.example"], server=True).certificate


@pytest.mark.parametrize(
    ("file", "chain", "signed"),
    [
        ([SITE], [leaf(SITE)], True),
        ([SITE], [leaf(SITE), SITE.certificate], True),
        ([SITE, ROOT], [leaf(ROOT)], True),
        ([SITE], [leaf(ROOT)], False),
        ([SITE], [leaf(ROOT), ROOT.certificate], False),
        ([ROOT], [leaf(BELOW)], False),  # nothing leads there
        ([ROOT], [leaf(BELOW), BELOW.certificate], True),
        ([ROOT], [leaf(DEEPER), BELOW.certificate, DEEPER.certificate], True),  # in any order
        ([ROOT], [leaf(DEEPER), DEEPER.certificate, leaf(SITE), BELOW.certificate], True),
        ([ROOT], [leaf(DEEPER), DEEPER.certificate], False),
        ([BELOW], [leaf(BELOW)], True),  # trusted as it is, without its root
        ([BELOW], [leaf(DEEPER), DEEPER.certificate], True),
        ([BELOW], [leaf(ROOT), ROOT.certificate], False),
    ],
)
def test_who_signed(file: Sequence[Authority], chain: Sequence[bytes], signed: bool) -> None:
    authorities = SiteAuthorities(b"".join(each.certificate for each in file))
    assert authorities.signed(der(*chain)) is signed


def test_a_name_is_no_signature() -> None:
    """Another key that calls itself as the site's CA does; by itself, and beside the real one."""
    feigned = Authority.create("Site CA")
    authorities = SiteAuthorities(SITE.certificate)
    for chain in ([leaf(feigned)], [leaf(feigned), feigned.certificate], [leaf(feigned), SITE.certificate]):
        assert authorities.signed(der(*chain)) is False
    both = SiteAuthorities(SITE.certificate + feigned.certificate)  # as after a renewal with a new key
    assert both.signed(der(leaf(feigned))) and both.signed(der(leaf(SITE)))


def test_the_device_of_a_site_is_no_ca() -> None:
    """Who stole a device's key signs another one with it, and shows both."""
    stolen = ROOT.issue("ct", ["ct.example"], client=True)
    subject = x509.load_pem_x509_certificate(stolen.certificate)
    forger = Authority(subject, load_pem_private_key(stolen.key, None))  # type: ignore[arg-type]
    assert SiteAuthorities(ROOT.certificate).signed(der(leaf(forger), stolen.certificate)) is False
    pinned = SiteAuthorities(ROOT.certificate + stolen.certificate)
    assert pinned.signed(der(stolen.certificate)) is True
    assert pinned.signed(der(leaf(forger))) is False


def below(
    root: Authority, name: str, depth: int | None, own_key: Authority | None = None, sign: bool = True
) -> Authority:
    """A CA below `root`, with the key of `own_key` where one is given. `sign`: its key usage says so."""
    now = datetime.now(UTC).replace(microsecond=0)
    key = load_pem_private_key(own_key.key, None) if own_key else ec.generate_private_key(ec.SECP256R1())
    usage = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
        .issuer_name(root.subject)
        .public_key(key.public_key())  # type: ignore[arg-type]
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=9))
        .add_extension(x509.BasicConstraints(ca=True, path_length=depth), critical=True)
        .add_extension(x509.KeyUsage(digital_signature=True, key_cert_sign=sign, crl_sign=sign, **usage), critical=True)
        .sign(load_pem_private_key(root.key, None), hashes.SHA256())  # type: ignore[arg-type]
    )
    return Authority(made, key)  # type: ignore[arg-type]


def test_how_many_cas_may_stand_below_one() -> None:
    """RFC 5280 4.2.1.9; as OpenSSL has it, of the CA in the file too."""
    narrow = below(ROOT, "Narrow CA", 0)
    deep = below(narrow, "Too deep CA", None)
    authorities = SiteAuthorities(ROOT.certificate)
    assert authorities.signed(der(leaf(narrow), narrow.certificate)) is True
    assert authorities.signed(der(leaf(deep), deep.certificate, narrow.certificate)) is False
    under = below(SITE, "Under CA", None)
    assert SiteAuthorities(SITE.certificate).signed(der(leaf(under), under.certificate)) is False


def test_a_new_key_of_a_ca_that_the_old_one_signed() -> None:
    fresh = below(SITE, "Site CA", 0)
    assert SiteAuthorities(SITE.certificate).signed(der(leaf(fresh), fresh.certificate)) is True


def test_a_ca_that_may_not_sign_certificates() -> None:
    lists = below(ROOT, "Lists CA", None, sign=False)
    assert SiteAuthorities(ROOT.certificate).signed(der(leaf(lists), lists.certificate)) is False


def test_a_ca_that_others_signed_too() -> None:
    """Whichever of its two certificates is in the file, and whichever the peer shows."""
    elsewhere = root_authority("Somebody's root")
    crossed = below(elsewhere, "Devices CA", None, own_key=BELOW)
    for file, shown in (
        (BELOW, crossed),
        (crossed, BELOW),
        (ROOT, BELOW),
        (elsewhere, crossed),
    ):
        assert SiteAuthorities(file.certificate).signed(der(leaf(BELOW), shown.certificate)) is True
    assert SiteAuthorities(ROOT.certificate).signed(der(leaf(BELOW), crossed.certificate)) is False
    assert SiteAuthorities(ROOT.certificate).signed(der(leaf(BELOW), crossed.certificate, BELOW.certificate)) is True


def openssl(tmp_path: Path, command: str) -> None:
    subprocess.run(["openssl", *command.split()], cwd=tmp_path, check=True, capture_output=True)


@pytest.mark.parametrize("kind", ["rsa:2048", "ed25519", "ec -pkeyopt ec_paramgen_curve:P-384", "rsa-pss"])
@pytest.mark.parametrize("digest", ["", "-sha1", "-sha512"])
def test_cas_of_openssl(tmp_path: Path, kind: str, digest: str) -> None:
    """Of each kind of key. What one signed with SHA-1 is its own all the same: that it is weak is said elsewhere."""
    digest = "" if kind == "ed25519" else digest
    openssl(tmp_path, f"req -x509 -newkey {kind} -nodes -subj /CN=CA -keyout ca.key -out ca.crt -days 9")
    openssl(tmp_path, "req -newkey rsa:2048 -nodes -subj /CN=pacs -keyout pacs.key -out pacs.csr")
    openssl(tmp_path, f"x509 -req -in pacs.csr -CA ca.crt -CAkey ca.key {digest} -out pacs.crt -days 9")
    shown = der((tmp_path / "pacs.crt").read_bytes())
    assert SiteAuthorities((tmp_path / "ca.crt").read_bytes()).signed(shown) is True
    assert SiteAuthorities(SITE.certificate).signed(shown) is False
    openssl(tmp_path, f"req -x509 -newkey {kind} -nodes -subj /CN=CA -keyout other.key -out other.crt -days 9")
    assert SiteAuthorities((tmp_path / "other.crt").read_bytes()).signed(shown) is False


def test_what_was_signed_with_md5_anybody_may_have_signed(tmp_path: Path) -> None:
    openssl(tmp_path, "req -x509 -newkey rsa:2048 -nodes -subj /CN=CA -keyout ca.key -out ca.crt -days 9")
    openssl(tmp_path, "req -newkey rsa:2048 -nodes -subj /CN=pacs -keyout pacs.key -out pacs.csr")
    openssl(tmp_path, "x509 -req -in pacs.csr -CA ca.crt -CAkey ca.key -md5 -out pacs.crt -days 9")
    authorities = SiteAuthorities((tmp_path / "ca.crt").read_bytes())
    assert authorities.signed(der((tmp_path / "pacs.crt").read_bytes())) is False


def test_a_root_of_version_1_is_a_ca_in_the_file_and_none_on_the_wire(tmp_path: Path) -> None:
    openssl(tmp_path, "req -newkey rsa:2048 -nodes -subj /CN=Old -keyout ca.key -out ca.csr")
    openssl(tmp_path, "x509 -req -in ca.csr -signkey ca.key -out ca.crt -days 9")
    openssl(tmp_path, "req -newkey rsa:2048 -nodes -subj /CN=pacs -keyout pacs.key -out pacs.csr")
    openssl(tmp_path, "x509 -req -in pacs.csr -CA ca.crt -CAkey ca.key -out pacs.crt -days 9")
    old, shown = ((tmp_path / name).read_bytes() for name in ("ca.crt", "pacs.crt"))
    assert x509.load_pem_x509_certificate(old).version is x509.Version.v1
    assert SiteAuthorities(old + SITE.certificate).signed(der(shown)) is True
    assert SiteAuthorities(SITE.certificate).signed(der(shown, old)) is False


def test_an_rsa_leaf(tmp_path: Path) -> None:
    rsa_certificate(SITE, "pacs.example", tmp_path / "crt", tmp_path / "key")
    assert SiteAuthorities(SITE.certificate).signed(der((tmp_path / "crt").read_bytes())) is True


def test_strangers_bytes_raise_nothing_and_hide_nothing() -> None:
    authorities = SiteAuthorities(ROOT.certificate)
    shown = der(leaf(BELOW), BELOW.certificate)
    for which in (0, 1):
        whole = shown[which]
        for at in range(0, len(whole), 7):
            for changed in (whole[:at], whole[:at] + bytes((whole[at] ^ 0x55,)) + whole[at + 1 :]):
                chain = [*shown]
                chain[which] = changed
                if changed != whole:
                    assert authorities.signed(chain) is False, (which, at)
    assert authorities.signed([]) is False
    assert authorities.signed([b"", b""]) is False
    assert authorities.signed([shown[0], b"\x30\x82\xff\xff", shown[1]]) is True  # what is none hides nothing behind it


def test_what_the_library_says_of_a_strangers_certificate_is_no_line_of_the_log(
    recwarn: pytest.WarningsRecorder,
) -> None:
    """A country of ten letters, of which it warns. It is a warning all the same where nobody asked."""
    (whole,) = der(leaf(SITE))
    strange = whole.replace(b"\x06\x03\x55\x04\x03", b"\x06\x03\x55\x04\x06")  # what was a common name
    assert strange != whole
    assert SiteAuthorities(SITE.certificate).signed([strange]) is False
    assert read_certificate(strange) is not None
    assert not recwarn.list
    with pytest.warns(UserWarning, match="length"):
        str(x509.load_der_x509_certificate(strange).subject)


def test_the_work_and_the_memory_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[object] = []

    def counted(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
        tries.append(certificate)
        return is_signed_by(certificate, issuer)

    monkeypatch.setattr(site_authorities, "is_signed_by", counted)
    monkeypatch.setattr(site_authorities, "_MOST_KNOWN", 4)
    most = limits.SENSOR_CHAIN.default
    authorities = SiteAuthorities(ROOT.certificate)
    feigned = root_authority("Hospital root")
    many = [leaf(feigned), *(below(feigned, "Hospital root", None).certificate for _ in range(most + 3))]
    assert authorities.signed(der(*many)) is False
    assert len(tries) == 1 + most
    assert authorities.signed(der(*many)) is False
    assert len(tries) == 1 + most  # known by now
    for _ in range(9):
        assert authorities.signed(der(leaf(ROOT))) is True
    assert len(authorities._known) <= 4


@pytest.mark.parametrize(
    ("pem", "why"),
    [
        (b"", "no certificate in PEM"),
        (b"rubbish", "no certificate in PEM"),
        (leaf(SITE), "no certificate of a CA"),
        (ssl.DER_cert_to_PEM_cert(b"\x30\x03\x02\x01\x01").encode(), "no certificate in PEM"),
        (SITE.certificate * (limits.SITE_AUTHORITIES.default + 1), "it holds 65 certificates, 64 are the most"),
    ],
)
def test_a_file_that_will_not_do(pem: bytes, why: str) -> None:
    with pytest.raises(CryptoError, match=why):
        SiteAuthorities(pem)
