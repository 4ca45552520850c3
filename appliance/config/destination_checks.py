"""What must fit together within a [[destination]]. Reads the tables as they were written, like `checks.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from appliance.config.document import table, tables
from appliance.config.words import listed

Place = tuple[str | int, ...]
Finding = tuple[Place, str]

_OF_BUCKETS = ("endpoint", "region", "path_style", "access_key_id", "secret_access_key", "ca")


def destinations(document: dict[str, Any]) -> Iterator[Finding]:
    """Everything that does not fit, as the place in the file and what to say of it."""
    for index, entry in tables(document, "destination"):
        at: Place = ("destination", index)
        kind = entry.get("kind")
        yield from _pair(entry, at)
        if isinstance(kind, str) and kind in _BY_KIND:
            yield from _BY_KIND[kind](entry, at)


def _pair(entry: dict[str, Any], at: Place) -> Iterator[Finding]:
    for one, other in (("certificate", "key"), ("key", "certificate")):
        if one in entry and other not in entry:
            yield (*at, one), f"{one} and {other} go together; {other} is missing"


def _dimse(entry: dict[str, Any], at: Place) -> Iterator[Finding]:
    if entry.get("tls", "required") == "required" and "ca" not in entry:
        yield (
            (*at, "ca"),
            'missing; a TLS destination needs the CA that signed its certificate (or tls = "never" for cleartext)',
        )


def _stow(entry: dict[str, Any], at: Place) -> Iterator[Finding]:
    if "token" in entry and "oauth" in entry:
        yield (*at, "oauth"), "token and oauth are two ways of one thing; leave one of them out"
    oauth = table(entry, "oauth")
    if _begins(entry, "url", "https:"):
        if "ca" not in entry:
            yield (
                (*at, "ca"),
                "missing; HTTPS needs the CA that signed its certificate; for one of a public CA that is "
                '"/etc/ssl/certs/ca-certificates.crt"',
            )
    elif _begins(entry, "url", "http:"):
        for key in ("token", "oauth"):
            if key in entry:
                yield (*at, key), "over http:// anybody on the way could take the token; use https://"
        if _begins(oauth, "token_url", "https:") and "ca" not in oauth and "ca" not in entry:
            yield (*at, "oauth", "ca"), "missing; HTTPS needs the CA that signed its certificate"
    if _begins(oauth, "token_url", "http:"):
        yield (*at, "oauth", "token_url"), "over http:// anybody on the way could take the secret; use https://"


def _object_store(entry: dict[str, Any], at: Place) -> Iterator[Finding]:
    if _begins(entry, "url", "file:"):
        for key in _OF_BUCKETS:
            if key in entry:
                yield (*at, key), "with a file:// URL this is not looked at; leave one of them out"
    elif _begins(entry, "url", "s3:"):
        missing = [key for key in ("access_key_id", "secret_access_key") if key not in entry]
        if missing:
            yield (*at, "url"), f"a bucket needs {listed(missing)} too"
        if "endpoint" not in entry and "region" not in entry:
            yield (*at, "url"), 'a bucket needs endpoint = "https://…" of its service, or its AWS region'
        if "ca" in entry and _begins(entry, "endpoint", "http:"):
            yield (*at, "ca"), "with an http:// endpoint there is no TLS; leave one of them out"


_BY_KIND: dict[str, Callable[[dict[str, Any], Place], Iterator[Finding]]] = {
    "dimse": _dimse,
    "stow": _stow,
    "object-store": _object_store,
}


def _begins(entry: dict[str, Any], key: str, scheme: str) -> bool:
    value = entry.get(key)
    return isinstance(value, str) and value.startswith(scheme)
