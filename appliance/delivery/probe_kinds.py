"""`appliance echo` for each kind of destination: the steps of its network, and then what is proper to it.

Everything that delivery does but to store: the same contexts, engine, secrets and words. Nothing is left there.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from appliance.config.destinations import (
    AnyDestination,
    DimseDestination,
    ObjectStoreDestination,
    StowDestination,
)
from appliance.config.values import HostPort
from appliance.delivery.association import RequestorAssociation
from appliance.delivery.deadlines import Deadlines
from appliance.delivery.dimse import client_context
from appliance.delivery.outcome import judge
from appliance.delivery.probe import Failed, Notes, Probe, Step
from appliance.delivery.probe_network import open_tcp, open_tls, resolve
from appliance.delivery.transport import Transport
from appliance.host import tls
from appliance.host.credentials import read_secret
from appliance.upper_layer.command import VERIFICATION
from appliance.upper_layer.negotiation import IMPLICIT_VR_LITTLE_ENDIAN, AssociateRequest, PresentationContext

_CONTEXT = 1
_PUBLIC_CAS = Path("/etc/ssl/certs/ca-certificates.crt")


def echo(
    destination: AnyDestination,
    calling_ae: str,
    deadlines: Deadlines,
    told: Callable[[Step], None] = lambda _: None,
) -> Probe:
    """Try a destination, step by step, up to the first that fails."""
    probe = Probe(told)
    try:
        if isinstance(destination, DimseDestination):
            _dimse(probe, destination, calling_ae, deadlines)
        elif isinstance(destination, StowDestination):
            _stow(probe, destination, deadlines)
        else:
            _object_store(probe, destination, deadlines)
    except Failed:
        pass
    return probe


def _dimse(probe: Probe, entry: DimseDestination, calling_ae: str, deadlines: Deadlines) -> None:
    raw = open_tcp(probe, entry.address, resolve(probe, entry.address, deadlines), deadlines)
    if context := client_context(entry):
        raw = open_tls(probe, raw, entry.address, context, entry.server_name, entry.ca, deadlines)
    request = AssociateRequest(
        called_ae=entry.ae_title,
        calling_ae=calling_ae,
        contexts=(PresentationContext(_CONTEXT, VERIFICATION, (IMPLICIT_VR_LITTLE_ENDIAN,)),),
    )
    with probe.step("association") as notes:
        notes.hint = _ASSOCIATION_HINT
        association = RequestorAssociation(Transport(raw), request, deadlines)
        notes.what, notes.hint = f'"{entry.ae_title}" accepted us as "{calling_ae}"', ""
    try:
        with probe.step("C-ECHO") as notes:
            if _CONTEXT not in association.accepted:
                notes.result, notes.what = "warn", "it accepts the association, and no verification over it"
                notes.hint = "It knows us; deliveries may work all the same. Have it accept the Verification SOP Class."
                return
            outcome = judge(association.c_echo(_CONTEXT))
            if outcome.status:
                raise notes.failure(outcome.reason, "Look at the destination's log.")
            notes.what = "success"
    finally:
        if association.alive():
            association.release()
        else:
            association.close()


_ASSOCIATION_HINT = "Does it speak DICOM on this port, and in cleartext? Its log says what it had of us."


def _stow(probe: Probe, entry: StowDestination, deadlines: Deadlines) -> None:
    from appliance.delivery.stow import Stow

    address = _address(entry.url)
    raw = open_tcp(probe, address, resolve(probe, address, deadlines), deadlines)
    if entry.over_tls:
        assert entry.ca is not None  # else there were findings of `destination_checks`
        ca, shown = entry.ca, entry.shown or (None, None)
        context = lambda: tls.client_context(ca, *shown)  # noqa: E731
        raw = open_tls(probe, raw, address, context, entry.server_name, ca, deadlines)
    raw.close()
    session = Stow(entry, deadlines)((), "")
    try:
        if entry.token or entry.oauth:
            with probe.step("token") as notes:
                session.authorize()
                notes.what = "read from its file" if entry.token else f"got from {_address(entry.oauth.token_url)}"  # type: ignore[union-attr]
        with probe.step("HTTP") as notes:
            _judge_status(notes, session.query().status)
    finally:
        session.end()


def _judge_status(notes: Notes, status: int) -> None:
    notes.what = f"HTTP {status}"
    if 200 <= status < 300:
        notes.what += ": it answers a query (QIDO-RS) for an instance that nobody has"
    elif status == 401:
        raise notes.failure(f"HTTP {status}: it does not know who we are", "Check token, oauth, certificate.")
    elif status == 403:
        raise notes.failure(f"HTTP {status}: it knows us and lets us do nothing", "Have this box authorized there.")
    elif 300 <= status < 400:
        raise notes.failure(f"HTTP {status}: it redirects, which we do not follow", "Set url to where it leads.")
    elif status >= 500:
        raise notes.failure(f"HTTP {status}: it fails by itself", "Look at its log; deliveries wait meanwhile.")
    else:
        notes.result = "warn"
        notes.what += ": there is no query (QIDO-RS) below url"
        notes.hint = "It may take instances (STOW-RS) all the same. If deliveries fail too, the path in url is wrong."


def _object_store(probe: Probe, entry: ObjectStoreDestination, deadlines: Deadlines) -> None:
    if directory := entry.url.directory:
        with probe.step("directory") as notes:
            if not directory.is_dir():
                raise notes.failure(f"there is no directory {directory}", "Is it mounted? Make it, or correct url.")
            if not os.access(directory, os.W_OK | os.X_OK):
                raise notes.failure(f"we may not write to {directory}", "Run it as the user of forward.")
            room = os.statvfs(directory)
            notes.what = f"{directory} is there, with {room.f_bavail * room.f_frsize >> 20} MiB free"
        return
    from appliance.delivery.object_store import open_store

    url = entry.endpoint or f"https://{entry.url.bucket}.s3.{entry.region}.amazonaws.com"
    address = _address(url)
    raw = open_tcp(probe, address, resolve(probe, address, deadlines), deadlines)
    if entry.over_tls:
        raw = open_tls(probe, raw, address, lambda: _bucket_context(entry.ca), None, entry.ca or _PUBLIC_CAS, deadlines)
    raw.close()
    with probe.step("store") as notes:
        next(open_store(entry, read_secret).names(), None)
        notes.what = f"it lists {entry.url} for us"


def _bucket_context(ca: Path | None) -> ssl.SSLContext:
    """As obstore trusts: the CAs of the machine, and that of the entry beside them."""
    context = tls.client_context(ca or _PUBLIC_CAS)
    context.load_default_certs()
    return context


def _address(url: str) -> HostPort:
    parts = urlsplit(url)
    return HostPort(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
