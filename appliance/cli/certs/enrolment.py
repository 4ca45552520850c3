"""The page that goes to a device with its certificate: what to type there, and what to add to the configuration."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from textwrap import fill

from appliance.base.errors import CryptoError
from appliance.cli.first_config import quoted
from appliance.config.model import Config
from appliance.config.posture.facts import CertificateFacts
from appliance.host.certificate_facts import read_certificates

_WIDTH = 78


def page(
    config: Config,
    device: str,
    certificate: CertificateFacts,
    *,
    ae_title: str | None,
    address: str | None,
    files: Mapping[str, str],
    authorities: bytes,
) -> str:
    """One page of text; no secret is on it. `authorities`: the CA that signed it, and one that it replaces."""
    ours, *before = read_certificates(authorities)
    port = next((str(each.port) for each in config.receive.listen), "2762")
    rows = [
        ("Remote AE title", " or ".join(config.called_ae_titles)),
        ("Host", _own_name(config) or "the name or address of the appliance in your network"),
        *([("", "or its address, where the device takes no name")] if _own_name(config) else []),
        ("Port", f"{port}, with TLS (called Secure DICOM, TLS or BCP 195 profile)"),
        ("Own AE title", ae_title or "as it is now: tell it to whoever runs the appliance"),
        *zip(("Key and certificate", "", ""), _key_words(files), strict=False),
        ("Trusted CA", f'"{ours.subject}",'),
        ("", "the second certificate in the same file"),
        ("Its SHA-256", ours.sha256[:32]),
        ("", ours.sha256[32:]),
        *(row for each in before for row in _second_authority(each)),
        ("Good until", f"{certificate.not_after:%Y-%m-%d}; ask for the next one a month before"),
    ]
    width = max(len(name) for name, _ in rows)
    lines = [f"  {name:<{width}}  {value}" for name, value in rows]
    name = certificate.names[0] if certificate.names else certificate.subject
    peer = [
        "  [[peer]]",
        f"  name        = {quoted(device)}",
        f"  ae_titles   = [{quoted(ae_title or 'ITS_AE_TITLE')}]",
        f"  addresses   = [{quoted(address or 'ITS.ADDRESS')}]",
        f"  certificate = {quoted(f'san:{name}')}",
    ]
    marked = fill(
        "This certificate comes from the CA that is built into the appliance, for a site that has none of its own. "
        "Trust it for DICOM with this appliance and for nothing else.",
        _WIDTH,
    )
    return "\n".join(
        [
            f"Enrolment of {device} at {config.appliance.ae_title}",
            "=" * _WIDTH,
            "",
            marked,
            "",
            "At the device",
            "-" * _WIDTH,
            *lines,
            "",
            "  Then: verification (C-ECHO), and one test image.",
            "",
            "In appliance.toml",
            "-" * _WIDTH,
            *(_upstream(config, device, name, ae_title) if certificate.serves else ()),
            *peer,
            "",
            f"  The certificate: {', '.join(certificate.names)}",
            f"  SHA-256 {certificate.sha256}",
            "",
            f"When it was stolen, lost or sold: appliance certs revoke {shlex.quote(device)}",
            "When it does not work: the log of the appliance says why, in a line with HANDSHAKE-FAILED or",
            "ASSOCIATION-REFUSED (journalctl -u appliance-receive).",
            "",
        ]
    )


def _second_authority(old: CertificateFacts) -> list[tuple[str, str]]:
    """While a CA is replaced the box shows a certificate of the old one, and later one of the new."""
    return [
        ("Trusted CA, too", f'"{old.subject}",'),
        ("", "the third certificate in that file: until you are told to remove it"),
        ("Its SHA-256", old.sha256[:32]),
        ("", old.sha256[32:]),
    ]


def _own_name(config: Config) -> str:
    """What the box is called in the certificate that it shows: devices that check names want just that."""
    try:
        names = read_certificates((config.receive.certificate or Path()).read_bytes())[0].names
    except (OSError, CryptoError):
        return ""
    return names[0] if names else ""


def _upstream(config: Config, device: str, name: str, ae_title: str | None) -> list[str]:
    """What has it get images from here: who takes associations may be a PACS."""
    tls = (config.receive.client_ca or Path("/etc/appliance/tls/site-ca.crt")).parent
    return [
        "  Where it is a PACS that gets images from here:",
        "",
        "  [[destination]]",
        f"  name        = {quoted(device)}",
        '  kind        = "dimse"',
        f'  address     = "{f"[{name}]" if ":" in name else name}:2762"',
        f"  ae_title    = {quoted(ae_title or 'ITS_AE_TITLE')}",
        f"  ca          = {quoted(str(config.receive.client_ca))}",
        f"  certificate = {quoted(str(tls / 'appliance-client.crt'))}",
        f"  key         = {quoted(str(tls / 'appliance-client.key'))}",
        "",
        "  [[route]]",
        f"  to = [{quoted(device)}]",
        "",
        "  Where it sends to the appliance:",
        "",
    ]


def _key_words(files: Mapping[str, str]) -> list[str]:
    def base(kind: str) -> str:
        return files[kind].rpartition("/")[2]

    if "p12" in files:
        return [f"import {base('p12')};", "its passphrase is told to you apart from it"]
    if "key" in files:
        return [
            f"{base('key')}, and the first certificate in {base('crt')};",
            "the key is secret: remove it from the stick",
        ]
    return ["the key that the device made,", f"and the first certificate in {base('crt')}"]
