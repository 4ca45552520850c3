"""Which key somebody meant who wrote another: what other products call it, a slip of the hand, or the wrong section.
And the file as it was meant, for checks that look at several keys: so a name that is wrong is said once.
"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Collection, Iterable
from typing import Any

from appliance.config.anatomy import Place, home, section_at
from appliance.config.destinations import KINDS

_LONGEST = 64  # comparing is quadratic, and nobody meant that
_SURE = 0.85  # how like a key it must be, where another section has one of that very name
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
    if len(plain) <= 4:  # of a short word half may differ, and it be another
        return next((by_folded[each] for each in by_folded if sorted(each) == sorted(plain)), "") or _like(
            plain, by_folded, max(least, 0.75)
        )
    return _like(key.strip().lower(), by_folded, least)


def _like(key: str, by_folded: dict[str, str], least: float) -> str:
    close = difflib.get_close_matches(key, by_folded, n=1, cutoff=least)
    return by_folded[close[0]] if close else ""


def meant_at(place: Place) -> str:
    """The key of the same table that was meant by the unknown one at `place`, or ""."""
    section = section_at(place[:-1])
    return meant(str(place[-1]), section.model_fields, _SURE if home(place) else 0.6) if section else ""


def meant_place(place: Place) -> Place:
    """Where the unknown key at `place` belongs, as far as it can be told; else ()."""
    if better := meant_at(place):
        return (*place[:-1], better)
    section = home(place)
    return (*section.split("."), str(place[-1])) if section else ()


def kind_key(entry: Any) -> str:
    """The key that stands for `kind` in a destination that has none, or ""."""
    names = {key for model in KINDS.values() for key in model.model_fields}
    return next((key for key in entry if meant(key, names) == "kind"), "") if isinstance(entry, dict) else ""


def as_meant(document: dict[str, Any], unknown: Iterable[tuple[Place, Place]]) -> dict[str, Any]:
    """The tables of a file with the keys of `unknown` at the places where they belong, if those are free."""
    moves = list(unknown)
    mended = copy.deepcopy(document) if moves else document
    for place, better in moves:
        source, target = _table(mended, place[:-1]), _table(mended, better[:-1])
        if source is not None and target is not None and place[-1] in source:
            target.setdefault(better[-1], source.pop(place[-1]))
    return mended


def _table(document: Any, place: Place) -> dict[str | int, Any] | None:
    for part in place:
        try:
            document = document[part]
        except (KeyError, IndexError, TypeError):
            return None
    return document if isinstance(document, dict) else None
