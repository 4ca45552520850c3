"""Lists that were fetched, good ones and such as would turn everybody away."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from appliance.base.errors import CryptoError
from appliance.host.certificates import Authority
from appliance.host.revocation_update import take_lists
from tests.host.pki import DAY, revocation_list

HOSPITAL, BUILT_IN = Authority.create("Hospital CA"), Authority.create("Site CA")
TRUSTED = BUILT_IN.certificate + HOSPITAL.certificate
NOW = datetime.now(UTC)
OURS = revocation_list(BUILT_IN)


def der(pem: bytes) -> bytes:
    return subprocess.run(["openssl", "crl", "-outform", "DER"], input=pem, capture_output=True, check=True).stdout


@pytest.mark.parametrize("form", [lambda pem: pem, der, lambda pem: b"text\r\n" + pem.replace(b"\n", b"\r\n")])
def test_it_takes_the_place_of_the_one_before_and_of_no_other(form: Callable[[bytes], bytes]) -> None:
    old, new = (revocation_list(HOSPITAL, begin=-begin * DAY) for begin in (3, 2))
    text, facts = take_lists(old + OURS, form(new), TRUSTED, NOW)
    assert text.split() == (OURS + new).split()
    assert [each.issuer for each in facts] == ["CN=Hospital CA"]
    assert take_lists(text, form(new), TRUSTED, NOW)[0] == text  # again: the same
    assert take_lists(b"", form(new), TRUSTED, NOW)[0].split() == new.split()


def delta() -> bytes:
    ca = x509.load_pem_x509_certificate(HOSPITAL.certificate)
    builder = x509.CertificateRevocationListBuilder().issuer_name(ca.subject).last_update(NOW - DAY)
    builder = builder.next_update(NOW + DAY).add_extension(x509.DeltaCRLIndicator(1), critical=True)
    made = builder.sign(load_pem_private_key(HOSPITAL.key, None), hashes.SHA256())  # type: ignore[arg-type]
    return made.public_bytes(encoding=serialization.Encoding.PEM)


GOOD = revocation_list(HOSPITAL)
BAD = {
    "nothing": (b"<html>404</html>", "no revocation list in it"),
    "cut short": (der(GOOD)[:-9], "cut short"),
    "damaged": (b"\n".join(line for number, line in enumerate(GOOD.split(b"\n")) if number != 2), "malformed"),
    "expired": (revocation_list(HOSPITAL, end=-timedelta(minutes=1)), "expired on"),
    "early": (revocation_list(HOSPITAL, begin=timedelta(hours=1)), "holds from"),
    "older": (revocation_list(HOSPITAL, begin=-9 * DAY), "in force is newer"),
    "of a stranger": (
        revocation_list(Authority.create("stranger")),
        "no CA in client_ca signed this list of CN=stranger",
    ),
    "in the name of the CA": (revocation_list(Authority.create("Hospital CA")), "no CA in client_ca signed"),
    "a delta": (delta(), "only what changed"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_would_turn_everybody_away_is_not_taken(what: str) -> None:
    content, said = BAD[what]
    with pytest.raises(CryptoError, match=said):
        take_lists(GOOD + OURS, content, TRUSTED, NOW)
    if content.startswith(b"-----"):
        with pytest.raises(CryptoError, match=said):
            take_lists(GOOD, revocation_list(BUILT_IN) + content, TRUSTED, NOW)  # all of them, or none
