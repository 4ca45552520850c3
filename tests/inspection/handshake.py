"""TLS between two ends of OpenSSL in memory: what each says, in turns, as it stands on the wire."""

from __future__ import annotations

import datetime
import ssl
import tempfile
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

NOW = datetime.datetime(2023, 11, 14, tzinfo=datetime.UTC)  # of the scenes
DAY = datetime.timedelta(days=1)


def certificate(
    begins: int = -10,
    ends: int = 100,
    weak: bool = False,
    issuer: str = "pacs.rad.example",
    names: tuple[str, ...] = (),
) -> bytes:
    """A certificate that its own key signed, and that key, PEM. Days count from the scenes' day."""
    key = rsa.generate_private_key(65537, 1024) if weak else ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pacs.rad.example")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW + begins * DAY)
        .not_valid_after(NOW + ends * DAY)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in names]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made.public_bytes(serialization.Encoding.PEM) + private


def talk(
    pem: bytes,
    server_maximum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2,
    ciphers: str = "ALL:@SECLEVEL=0",
    name: str | None = None,
    protocols: tuple[str, ...] = (),
    client_maximum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
) -> list[tuple[bool, bytes]]:
    """A whole handshake, as (from the client, bytes)."""
    with tempfile.TemporaryDirectory() as where:
        path = Path(where) / "pem"
        path.write_bytes(pem)
        serve = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        serve.set_ciphers("ALL:@SECLEVEL=0")
        serve.load_cert_chain(path)
    serve.maximum_version = server_maximum
    call = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    call.check_hostname, call.verify_mode = False, ssl.CERT_NONE
    call.set_ciphers(ciphers)
    call.maximum_version = client_maximum
    if protocols:
        call.set_alpn_protocols(list(protocols))
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = call.wrap_bio(down, up, server_hostname=name)
    server = serve.wrap_bio(up, down, server_side=True)
    said: list[tuple[bool, bytes]] = []
    for _ in range(4):
        for end, outgoing, from_client in ((client, up, True), (server, down, False)):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                pass
            if outgoing.pending:
                data = outgoing.read()
                said.append((from_client, data))
                outgoing.write(data)
    return said
