"""Reads an X.509 certificate that was seen on the wire. What cannot be read is None, whatever is wrong with it."""

from __future__ import annotations

import ssl
import warnings

from appliance.config.posture.facts import CertificateFacts


def read_certificate(certificate: bytes) -> CertificateFacts | None:
    """The facts of a certificate (DER)."""
    from appliance.host.certificate_facts import read_certificates  # 15 MiB that a VLAN without TLS need not cost

    try:
        with warnings.catch_warnings(action="ignore"):  # of the library, about what strangers show: no line of the log
            return read_certificates(ssl.DER_cert_to_PEM_cert(certificate).encode())[0]
    except Exception:  # noqa: BLE001 - a stranger's bytes in a library that says more than one kind of no
        return None
