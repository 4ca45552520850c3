"""Findings about where objects go: what is received and delivered to nobody, what is named and never reached."""

from __future__ import annotations

from collections.abc import Iterator

from appliance.config.destinations import Destination
from appliance.config.model import Config, Peer, Route
from appliance.config.posture import rules
from appliance.config.posture.finding import Finding

# What `receive` falls back to where it knows no syntax that all destinations take (routing/negotiation.py). The first
# is one that every device can send (PS3.5 10.1).
_FALLBACKS = {
    "1.2.840.10008.1.2": "Implicit VR Little Endian",
    "1.2.840.10008.1.2.1": "Explicit VR Little Endian",
}


def route_findings(config: Config) -> Iterator[Finding]:
    """All findings about routes. A condition on the modality may be met or not: nobody knows before an object comes."""
    if not config.destination:
        yield rules.NO_DESTINATION.found("destination", "there is no destination")
        return
    named = {name for route in config.route for name in route.to}
    for each in config.destination:
        if each.name not in named:
            yield rules.DESTINATION_UNUSED.found(f'destination "{each.name}"', "no route leads to it")
        else:
            yield from _syntaxes(each)
    senders = [peer for peer in config.peer if peer.accept and "store" in peer.services]
    for number, route in enumerate(config.route, 1):
        if senders and not any(_may_take(route, peer) for peer in senders):
            yield rules.ROUTE_DEAD.found(f"route #{number}.when", "its condition is never met")
    for peer in senders:
        takers = [route for route in config.route if _may_take(route, peer)]
        subject = f'peer "{peer.name}"'
        if not takers:
            yield rules.PEER_WITHOUT_ROUTE.found(subject, "no route takes what it sends")
        elif not any(_takes_all(route, peer) for route in takers):
            yield rules.ROUTE_GAP.found(subject, "routes take some of what it sends, on conditions")


def _syntaxes(destination: Destination) -> Iterator[Finding]:
    listed = destination.transfer_syntaxes
    missing = [f"{name} ({uid})" for uid, name in _FALLBACKS.items() if listed and uid not in listed]
    if missing:
        subject = f'destination "{destination.name}".transfer_syntaxes'
        yield rules.SYNTAX_UNDELIVERED.found(subject, f"it does not list {' and '.join(missing)}")


def _may_take(route: Route, peer: Peer) -> bool:
    when = route.when
    return (
        (not when.peer or peer.name in when.peer)
        and (not when.ae_title or not set(when.ae_title).isdisjoint(peer.ae_titles))
        and (not when.sop_class or not peer.sop_classes or not set(when.sop_class).isdisjoint(peer.sop_classes))
    )


def _takes_all(route: Route, peer: Peer) -> bool:
    when = route.when
    return (
        not when.modality
        and (not when.ae_title or set(peer.ae_titles) <= set(when.ae_title))
        and (not when.sop_class or (bool(peer.sop_classes) and set(peer.sop_classes) <= set(when.sop_class)))
    )
