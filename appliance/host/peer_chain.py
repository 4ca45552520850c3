"""The certificates that the other side of a TLS connection shows, for a person to look at. Proves nothing by itself.

Where a connection fails since its certificates are refused, they are asked for once more on a connection of its own, in
which nothing is sent and nothing of ours is shown.
"""

from __future__ import annotations

import socket
import ssl
from typing import Any

from appliance.base.errors import CryptoError
from appliance.config.posture.facts import CertificateFacts
from appliance.host.certificate_facts import read_certificates

_DER = 2  # _ssl.ENCODING_DER


def peer_chain(connection: ssl.SSLSocket) -> tuple[CertificateFacts, ...]:
    """What the other side sent, its own certificate first. Raises CryptoError where one of them is malformed."""
    ders: list[bytes] = []
    inner: Any = connection
    if not hasattr(inner, "get_unverified_chain"):  # public from Python 3.13 on
        inner = getattr(connection, "_sslobj", None)
    if hasattr(inner, "get_unverified_chain"):
        found = inner.get_unverified_chain() or ()
        ders = [each if isinstance(each, bytes) else each.public_bytes(_DER) for each in found]
    elif leaf := connection.getpeercert(binary_form=True):
        ders = [leaf]
    if not ders:
        return ()
    return read_certificates("".join(map(ssl.DER_cert_to_PEM_cert, ders)).encode("ascii"))


def look(host: str, port: int, name: str, seconds: float) -> tuple[CertificateFacts, ...]:
    """The certificates that a server shows to anybody; none where it shows none, or malformed ones."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((host, port), timeout=seconds) as raw,
            context.wrap_socket(raw, server_hostname=name) as connection,
        ):
            return chain_of(connection)
    except OSError:
        return ()


def chain_of(connection: ssl.SSLSocket) -> tuple[CertificateFacts, ...]:
    """As `peer_chain`, but empty where it cannot be read."""
    try:
        return peer_chain(connection)
    except CryptoError:
        return ()
