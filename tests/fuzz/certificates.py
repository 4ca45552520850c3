"""The target of certificates on the wire: who shows one may show anything."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from appliance.base import limits
from appliance.capture.certificate import read_certificate
from appliance.host.certificates import Authority
from appliance.host.site_authorities import SiteAuthorities
from appliance.inspection.tls_reader import _certificates
from tests.fuzz.target import Target
from tests.host.pki import authority_below, root_authority

_ROOT, _FEIGNED = root_authority("Hospital root"), root_authority("Hospital root")
_BELOW = authority_below(_ROOT, "Devices CA")
_SITE = SiteAuthorities(_ROOT.certificate)


def certificate_chain(data: bytes) -> None:
    """The chain in a Certificate message is short, its first certificate gives facts or none, a CA of the site signed
    it only where it is one of those that were issued, word for word, and nothing is raised."""
    chain = _certificates(data)
    assert len(chain) <= 1 + limits.SENSOR_CHAIN.default
    assert sum(map(len, chain)) <= len(data)
    facts = read_certificate(chain[0]) if chain else None
    if _SITE.signed(chain):
        assert facts is not None
        assert x509.load_der_x509_certificate(chain[0]).tbs_certificate_bytes in _ISSUED


def _message(*chain: bytes) -> bytes:
    listed = b"".join(len(each).to_bytes(3, "big") + each for each in chain)
    return len(listed).to_bytes(3, "big") + listed


def _der(pem: bytes) -> bytes:
    return x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)


def _leaf(authority: Authority) -> bytes:
    return _der(authority.issue("pacs", ["pacs.example"], server=True).certificate)


_OF_ROOT, _OF_BELOW = _leaf(_ROOT), _leaf(_BELOW)
_CAS = _der(_ROOT.certificate), _der(_BELOW.certificate)
_ISSUED = {x509.load_der_x509_certificate(each).tbs_certificate_bytes for each in (_OF_ROOT, _OF_BELOW, *_CAS)}

TARGETS = (
    Target(
        certificate_chain,
        (
            _message(_OF_ROOT),
            _message(_OF_BELOW, _CAS[1], _CAS[0]),
            _message(_leaf(_FEIGNED), _CAS[0], _der(_FEIGNED.certificate)),
        ),
    ),
)
