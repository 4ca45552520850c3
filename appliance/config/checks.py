"""What spans several keys or sections. Reads the tables as they were written, not the model: so one mistake never
hides another, and a key that is wrong by itself (`sentences.py` says so) is passed over here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, get_args

from appliance.base.limits import SOCKET_DIRECTORY
from appliance.config.destination_checks import destinations
from appliance.config.document import mistaken, table, tables, texts
from appliance.config.model import Service
from appliance.config.panel_checks import panel
from appliance.config.values import HostPort, Network, parse_ae_title, parse_host_port, parse_name, parse_network
from appliance.config.words import listed, nearest, place, plain

Place = tuple[str | int, ...]
Finding = tuple[Place, str]


def check(document: dict[str, Any]) -> Iterator[Finding]:
    """Everything that does not fit together, as the place in the file and what to say of it."""
    yield from _listeners(document)
    yield from _peers_and_listeners(document)
    yield from _commitment(document)
    yield from _runtime_dir(document)
    for section in ("peer", "destination"):
        yield from _duplicate_names(document, section)
    yield from _shared_titles(document)
    yield from _user_identities(document)
    yield from destinations(document)
    yield from _routes(document)
    yield from _sensor_servers(document)
    yield from _decoy(document)
    yield from _decoy_port(document)
    yield from _evidence(document)
    yield from panel(document)


def _listeners(document: dict[str, Any]) -> Iterator[Finding]:
    if mistaken(document, "receive"):
        return
    receive = table(document, "receive")
    if not _listens(receive, "listen") and not _listens(receive, "listen_plain"):
        yield (
            ("receive", "listen") if "receive" in document else (),
            'there is no listener; in [receive], listen = ["[::]:2762"] is DICOM over TLS',
        )
    if _listens(receive, "listen"):
        missing = [key for key in ("certificate", "key", "client_ca") if key not in receive]
        if missing:
            yield ("receive", "listen"), f"a TLS listener needs {listed(missing)} too"
    seen: list[tuple[HostPort, str]] = []
    for key in ("listen", "listen_plain"):
        for index, text in texts(receive, key):
            if (address := _endpoint(text)) is None:
                continue
            for other, where in seen:
                if address.port == other.port and (address.host == other.host or _any({address.host, other.host})):
                    yield (
                        ("receive", key, index),
                        f'"{plain(text)}" is taken by {where} already; each listener has a port of its own',
                    )
                    break
            seen.append((address, key))


def _listens(receive: dict[str, Any], key: str) -> bool:
    """Whether somebody wants a listener there, however it is written."""
    return bool(receive.get(key, []) != [])


def _any(hosts: set[str]) -> bool:
    return bool(hosts & {"::", "0.0.0.0"})  # noqa: S104  # compared, not bound


def _endpoint(text: str) -> HostPort | None:
    try:
        return parse_host_port(text)
    except ValueError:
        return None


def _peers_and_listeners(document: dict[str, Any]) -> Iterator[Finding]:
    receive = table(document, "receive")
    with_tls, in_clear = _listens(receive, "listen"), _listens(receive, "listen_plain")
    if mistaken(document, "receive") or not (with_tls or in_clear):
        return
    shut: dict[str, list[Place]] = {}
    for index, peer in tables(document, "peer"):
        tls = peer.get("tls", "required")
        if (tls in ("allowed", "never") and not in_clear) or (tls == "required" and not with_tls):
            shut.setdefault(tls, []).append(("peer", index, "tls"))
        if tls == "never" and peer.get("tls_profile") == "legacy":
            yield ("peer", index, "tls_profile"), 'with tls = "never" there is no TLS; leave one of them out'
        if tls == "never" and "certificate" in peer:
            yield ("peer", index, "certificate"), 'with tls = "never" it shows no certificate; leave one of them out'
    for tls, places in shut.items():
        what = "over TLS only, but listen" if tls == "required" else "in cleartext, but listen_plain"
        names = "TLS" if tls == "required" else "cleartext"
        others = f"; so it is with {len(places) - 1} more" if places[1:] else ""
        yield places[0], f'"{tls}" lets it come {what} of [receive] names no {names} listener{others}'


def _commitment(document: dict[str, Any]) -> Iterator[Finding]:
    receive = table(document, "receive")  # whose TLS listener needs client_ca, as is said there
    client_ca = mistaken(document, "receive") or "client_ca" in receive or _listens(receive, "listen")
    for index, peer in tables(document, "peer"):
        at: Place = ("peer", index, "commitment")
        if "commitment" not in peer:
            continue
        services = peer.get("services", [])
        legible = isinstance(services, list) and all(each in get_args(Service) for each in services)
        if legible and "commit" not in services:
            yield at, 'the peer may not ask for commitment; add "commit" to its services, or leave this out'
        entry = table(peer, "commitment")
        if entry and entry.get("tls", "required") == "required" and "ca" not in entry and not client_ca:
            yield (
                at,
                "over TLS it needs the CA that signed the certificate of the device: ca here, or client_ca of "
                '[receive] (or tls = "never" for cleartext)',
            )
        for one, other in (("certificate", "key"), ("key", "certificate")):
            if one in entry and other not in entry:
                yield (*at, one), f"{one} and {other} go together; {other} is missing"


def _runtime_dir(document: dict[str, Any]) -> Iterator[Finding]:
    path = table(document, "appliance").get("runtime_dir")
    if isinstance(path, str) and len(os.fsencode(path)) > SOCKET_DIRECTORY.ceiling:
        yield (
            ("appliance", "runtime_dir"),
            f"the path is too long; {SOCKET_DIRECTORY.ceiling} bytes at most, for sockets are made in it",
        )


def _duplicate_names(document: dict[str, Any], section: str) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, entry in tables(document, section):
        name = entry.get("name")
        if isinstance(name, str):
            if name in seen:
                yield (section, index, "name"), f'"{plain(name)}" is the name of an earlier [[{section}]]'
            seen.add(name)


def _shared_titles(document: dict[str, Any]) -> Iterator[Finding]:
    """Two peers with one AE title at one address: nobody could say which of them called."""
    claims: dict[str, list[tuple[int, Network, str]]] = {}
    for index, peer in tables(document, "peer"):
        if peer.get("accept") is False:
            continue
        networks = [network for _, text in texts(peer, "addresses") if (network := _network(text))]
        found = set()
        for at, text in texts(peer, "ae_titles"):
            title = _title(text)
            earlier = claims.setdefault(title, [])
            for other, network, name in earlier:
                both = [each for each in networks if each.version == network.version and each.overlaps(network)]
                if other != index and both and (other, title) not in found:
                    found.add((other, title))
                    shared = max(both[0], network, key=lambda each: each.prefixlen)
                    yield (
                        ("peer", index, "ae_titles", at),
                        f'"{plain(title)}" is claimed by {name} too, at {_address(shared)}; '
                        "nobody could say which of them called",
                    )
            earlier += [(index, network, place(document, ("peer", index))) for network in networks]


def _network(text: str) -> Network | None:
    try:
        return parse_network(text)
    except ValueError:
        return None


def _address(network: Network) -> str:
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def _title(text: str) -> str:
    try:
        return parse_ae_title(text)
    except ValueError:
        return text


# Of each type: the keys that it needs, and those that it may have.
_IDENTITY_KEYS = {
    "username": ({"usernames"}, {"usernames"}),
    "username+passcode": ({"passcodes"}, {"passcodes"}),
    "jwt": ({"key", "issuer", "audience"}, {"key", "issuer", "audience", "usernames"}),
}


def _user_identities(document: dict[str, Any]) -> Iterator[Finding]:
    for index, peer in tables(document, "peer"):
        identity = table(peer, "user_identity")
        kind = identity.get("type")
        if not isinstance(kind, str) or kind not in _IDENTITY_KEYS:
            continue
        needs, may = _IDENTITY_KEYS[kind]
        at: Place = ("peer", index, "user_identity")
        missing = sorted(key for key in needs if not identity.get(key))
        if missing:
            yield (*at, "type"), f'"{kind}" needs {listed(missing)} too'
        for key in identity.keys() & set().union(*(each for _, each in _IDENTITY_KEYS.values())) - may:
            yield (*at, key), f'with type = "{kind}" this is not looked at; leave one of them out'


def _routes(document: dict[str, Any]) -> Iterator[Finding]:
    for index, route in tables(document, "route"):
        yield from _named(document, route, "to", ("route", index), "destination")
        yield from _named(document, table(route, "when"), "peer", ("route", index, "when"), "peer")
        when = table(route, "when")
        if "quiet" in when and "study" not in when:
            yield ("route", index, "when", "quiet"), 'without study = "complete" this is not looked at; leave it out'


def _named(document: dict[str, Any], entry: dict[str, Any], key: str, at: Place, section: str) -> Iterator[Finding]:
    if mistaken(document, section):
        return
    names = [name for _, each in tables(document, section) if (name := _name(each))]
    if len(names) < len(list(tables(document, section))):
        return  # one has no name that will do, which is said; it may be the one
    for index, text in texts(entry, key):
        if text not in names:
            hint = nearest(text, names) or (f"; there are {', '.join(map(plain, names))}" if names else "")
            yield (*at, key, index), f'there is no [[{section}]] named "{plain(text)}"{hint}'


def _name(entry: dict[str, Any]) -> str:
    try:
        return parse_name(entry.get("name"))
    except ValueError:
        return ""


def _sensor_servers(document: dict[str, Any]) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, entry in tables(table(document, "sensor"), "server"):
        name = entry.get("name")
        if isinstance(name, str):
            if name in seen:
                yield (
                    ("sensor", "server", index, "name"),
                    f'"{plain(name)}" is the name of an earlier [[sensor.server]]',
                )
            seen.add(name)


def _decoy_port(document: dict[str, Any]) -> Iterator[Finding]:
    """A decoy port is one on which nobody listens here."""
    port = table(document, "sensor").get("decoy_port")
    receive = table(document, "receive")
    for key in ("listen", "listen_plain"):
        for _, text in texts(receive, key):
            address = _endpoint(text)
            if address is not None and not isinstance(port, bool) and address.port == port:
                yield ("sensor", "decoy_port"), f"port {port} is one of {key} of [receive]; a decoy is nobody's port"
                return


def _evidence(document: dict[str, Any]) -> Iterator[Finding]:
    """Evidence is never sealed to the box, nor to who opens images: whoever reads it need not open those."""
    vault = {text for _, text in texts(table(document, "vault"), "recipients")}
    for index, text in texts(table(document, "sensor"), "evidence_recipients"):
        if text in vault:
            yield (
                ("sensor", "evidence_recipients", index),
                "that is a recipient of [vault]; evidence has a key of its own, made and kept elsewhere "
                "(`appliance keys new`)",
            )


def _decoy(document: dict[str, Any]) -> Iterator[Finding]:
    """A decoy is an AE title that nobody has, so that whoever calls it is a stranger."""
    decoy = table(document, "sensor").get("decoy_ae")
    if not isinstance(decoy, str):
        return
    title = _title(decoy)
    own = table(document, "appliance").get("ae_title")
    used = [("this box", own)] if isinstance(own, str) else []
    used += [("this box", text) for _, text in texts(table(document, "receive"), "called_ae_titles")]
    used += [
        (place(document, ("destination", index)), text)
        for index, each in tables(document, "destination")
        if isinstance(text := each.get("ae_title"), str)
    ]
    used += [
        (place(document, ("peer", index)), text)
        for index, each in tables(document, "peer")
        for _, text in texts(each, "ae_titles")
    ]
    used += [
        (place(document, ("sensor", "server", index)), text)
        for index, each in tables(table(document, "sensor"), "server")
        for _, text in texts(each, "ae_titles")
    ]
    for who, text in used:
        if _title(text) == title:
            yield (
                ("sensor", "decoy_ae"),
                f'"{plain(title)}" is the AE title of {who}; a decoy is a title that nobody has',
            )
            return
