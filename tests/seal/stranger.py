"""The format read by somebody who has FORMAT.md and primitives, and nothing of ours. Opens what is sound.

A second reading of the specification: it imports nothing from the appliance, and refuses nothing with a name.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from base64 import b64decode
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, Suite

ZERO = bytes(12)


def hkdf(secret: bytes, salt: bytes, info: bytes) -> bytes:
    """RFC 5869: one block of output is all that is needed."""
    return hmac.digest(hmac.digest(salt or bytes(32), secret, "sha256"), info + b"\1", "sha256")


def poly1305(key: bytes, data: bytes) -> bytes:
    """RFC 8439 2.5, with Python's integers."""
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    total = 0
    for start in range(0, len(data), 16):
        total = (total + int.from_bytes(data[start : start + 16] + b"\1", "little")) * r % ((1 << 130) - 5)
    return ((total + int.from_bytes(key[16:], "little")) % (1 << 128)).to_bytes(16, "little")


def digest(index_key: bytes, kind: str, data: bytes) -> bytes:
    """Section 3."""
    hashed = poly1305(hkdf(index_key, b"", b"pacs-appliance/v1/hash/" + kind.encode()), data)
    return hmac.digest(hkdf(index_key, b"", b"pacs-appliance/v1/digest/" + kind.encode()), hashed, "sha256")


def raw64(text: str) -> bytes:
    return b64decode(text + "=" * (-len(text) % 4))


def bech32(text: str) -> tuple[str, bytes]:
    """Prefix and data; the checksum is taken on trust."""
    prefix, _, symbols = text.lower().rpartition("1")
    number = 0
    for symbol in symbols[:-6]:
        number = number << 5 | "qpzry9x8gf2tvdw0s3jn54khce6mua7l".index(symbol)
    bits = 5 * len(symbols[:-6])
    return prefix, (number >> bits % 8).to_bytes(bits // 8, "big")


class Parsed(NamedTuple):
    """Sections 2 and 9."""

    stanzas: list[tuple[list[str], bytes]]
    covered: bytes
    mac: bytes
    nonce: bytes
    payload: bytes

    @classmethod
    def of(cls, data: bytes) -> Parsed:
        if data.lstrip().startswith(b"-----BEGIN"):
            data = b64decode(b"".join(data.strip().splitlines()[1:-1]))
        covered, _, rest = data.partition(b"\n---")
        mac, _, payload = rest.partition(b"\n")
        stanzas: list[tuple[list[str], str]] = []
        for line in covered.decode("ascii").split("\n")[1:]:
            if line.startswith("-> "):
                stanzas.append((line[3:].split(" "), ""))
            else:
                stanzas[-1] = (stanzas[-1][0], stanzas[-1][1] + line)
        bodies = [(arguments, raw64(body)) for arguments, body in stanzas]
        return cls(bodies, covered + b"\n---", raw64(mac[1:].decode()), payload[:16], payload[16:])


def public(secret: bytes) -> bytes:
    """X25519(secret, basepoint)."""
    return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


def x25519_keys(secret: bytes, share: bytes) -> tuple[bytes, bytes]:
    """Shared secret and wrap key, section 2.2."""
    ours = X25519PrivateKey.from_private_bytes(secret)
    shared = ours.exchange(X25519PublicKey.from_public_bytes(share))
    return shared, hkdf(shared, share + public(secret), b"age-encryption.org/v1/X25519")


def file_key(parsed: Parsed, secret_text: str) -> bytes:
    """From the first stanza that the identity or passphrase opens."""
    kind, secret = ("scrypt", b"") if not secret_text.startswith("AGE-SECRET-KEY-") else bech32(secret_text)
    for arguments, body in parsed.stanzas:
        try:
            if arguments[0] == "X25519" and kind == "age-secret-key-":
                return ChaCha20Poly1305(x25519_keys(secret, raw64(arguments[1]))[1]).decrypt(ZERO, body, None)
            if arguments[0] == "mlkem768x25519" and kind == "age-secret-key-pq-":
                seed = hashlib.shake_256(secret).digest(96)
                key = MLKEM768X25519PrivateKey(
                    MLKEM768PrivateKey.from_seed_bytes(seed[:64]), X25519PrivateKey.from_private_bytes(seed[64:])
                )
                suite = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
                return suite.decrypt(raw64(arguments[1]) + body, key, info=b"age-encryption.org/mlkem768x25519")
            if arguments[0] == kind == "scrypt":
                salt = b"age-encryption.org/v1/scrypt" + raw64(arguments[1])
                wrap = hashlib.scrypt(secret_text.encode(), salt=salt, n=1 << int(arguments[2]), r=8, p=1, dklen=32)
                return ChaCha20Poly1305(wrap).decrypt(ZERO, body, None)
        except Exception:  # another's stanza
            continue
    raise AssertionError("no stanza opens")


def plaintext(data: bytes, secret_text: str) -> bytes:
    """All of it, the MAC and every chunk checked."""
    parsed = Parsed.of(data)
    key = file_key(parsed, secret_text)
    assert hmac.digest(hkdf(key, b"", b"header"), parsed.covered, "sha256") == parsed.mac
    cipher = ChaCha20Poly1305(hkdf(key, parsed.nonce, b"payload"))
    starts = range(0, len(parsed.payload), 65552)
    return b"".join(
        cipher.decrypt(
            n.to_bytes(11, "big") + bytes([n == len(starts) - 1]), parsed.payload[start : start + 65552], None
        )
        for n, start in enumerate(starts)
    )


def layout(parsed: Parsed, index_key: bytes) -> bytes:
    """The 628 bytes of section 4."""
    ((arguments, body),) = [stanza for stanza in parsed.stanzas if stanza[0][0] == "pacs-appliance.record"]
    key = hkdf(index_key, raw64(arguments[1]), b"pacs-appliance/v1/record")
    return ChaCha20Poly1305(key).decrypt(ZERO, body, None)


def record(data: bytes, index_key: bytes) -> dict[str, str]:
    """The fields of section 4 as the vectors write them, with header and payload checked."""
    parsed = Parsed.of(data)
    whole = layout(parsed, index_key)
    assert len(whole) == 628 and whole[:2] == b"\0\2"
    fields = {"object_id": whole[2:18].hex(), "received": str(struct.unpack(">d", whole[18:26])[0])}
    texts = {
        "peer": 26,
        "calling_ae": 284,
        "called_ae": 302,
        "sop_class": 320,
        "transfer_syntax": 386,
        "modality": 452,
    }
    for name, at in texts.items():
        fields[name] = whole[at + 2 : at + 2 + int.from_bytes(whole[at : at + 2], "big")].decode("utf-8")
    for name, at in {"study_tag": 470, "series_tag": 488, "instance_tag": 506}.items():
        fields[name] = whole[at + 2 : at + 2 + int.from_bytes(whole[at : at + 2], "big")].hex()
    fields["size"] = str(int.from_bytes(whole[524:532], "big"))
    fields["data_set_digest"], fields["payload_digest"] = whole[532:564].hex(), whole[564:596].hex()
    assert hmac.digest(whole[596:], parsed.covered, "sha256") == parsed.mac
    assert digest(index_key, "payload", parsed.nonce + parsed.payload) == whole[564:596]
    return fields


def facts(data: bytes, secret_text: str) -> bytes:
    """Section 4.1."""
    parsed = Parsed.of(data)
    ((_, body),) = [stanza for stanza in parsed.stanzas if stanza[0] == ["pacs-appliance.facts"]]
    key = hkdf(file_key(parsed, secret_text), b"", b"pacs-appliance/v1/facts")
    whole = ChaCha20Poly1305(key).decrypt(ZERO, body, None)
    assert len(whole) == 600 and not any(whole[2 + int.from_bytes(whole[:2], "big") :])
    return whole[2 : 2 + int.from_bytes(whole[:2], "big")]
