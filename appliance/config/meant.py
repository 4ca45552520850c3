"""Which of the valid keys somebody meant who wrote another: what other products call it, or a slip of the hand."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from typing import Any

_LONGEST = 64  # comparing is quadratic, and nobody meant that
_TITLE = ("ae_title", "ae_titles")
_PLACE = ("address", "addresses")
_OTHERS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("ae", "aes", "aet", "aets", "aetitle", "aetitles", "ae_name", "title", "titles"), _TITLE),
    **dict.fromkeys(("ip", "ips", "ip_address", "host", "hosts", "hostname", "addr", "network", "networks"), _PLACE),
    **dict.fromkeys(("cert", "crt", "cert_file", "certfile", "pem"), ("certificate",)),
    **dict.fromkeys(("private_key", "key_file", "keyfile"), ("key",)),
    **dict.fromkeys(("ca_file", "cafile", "ca_cert", "cacert", "ca_certificate"), ("ca", "client_ca")),
    **dict.fromkeys(("crl", "crl_file"), ("client_crl",)),
    **dict.fromkeys(("destination", "destinations", "dest", "target"), ("to",)),
    **dict.fromkeys(("nic", "iface", "device"), ("interface",)),
    **dict.fromkeys(("retention", "keep_for", "ttl"), ("keep",)),
    **dict.fromkeys(("enabled", "enable", "active"), ("accept",)),
    **dict.fromkeys(("type", "protocol"), ("kind",)),
    **dict.fromkeys(("threads", "processes"), ("workers",)),
    **dict.fromkeys(("ports", "port"), ("ports", "listen")),
}


def meant(key: str, valid: Collection[str], least: float = 0.6) -> str:
    """The one of `valid` that was meant by `key`, or "". `least`: how like it must be, 1.0 being equal."""
    if key in valid or len(key) > _LONGEST:
        return ""
    plain = key.strip().lower().replace("-", "_")
    for other in _OTHERS.get(plain, ()):
        if other in valid:
            return other
    by_folded = {each.lower(): each for each in valid}
    cutoff = max(least, 0.6 if len(plain) > 4 else 0.75)
    close = difflib.get_close_matches(key.strip().lower(), by_folded, n=1, cutoff=cutoff)
    return by_folded[close[0]] if close else ""


def stands_in(table: Mapping[str, Any], key: str, valid: Collection[str]) -> bool:
    """Whether `key` is in `table` under a name that is none: that is said, and that it is missing need not be."""
    return any(meant(each, valid) == key for each in table)
