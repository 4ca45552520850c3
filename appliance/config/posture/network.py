"""Findings about who may send, and who is sent to: cleartext, certificates that nobody asks for, wide addresses."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from appliance.base import limits
from appliance.config.destinations import DimseDestination, ObjectStoreDestination, StowDestination
from appliance.config.model import Config, Peer, Sensor
from appliance.config.posture import rules
from appliance.config.posture.facts import Facts
from appliance.config.posture.finding import Finding
from appliance.config.values import Network

# More than a network of this many bits behind the prefix is no single device.
_WIDE = {4: 8, 6: 64}
_FILES_OF_A_WORKER = 64  # beside those of connections: listeners, directories, libraries


def network_findings(config: Config, facts: Facts) -> Iterator[Finding]:
    """All findings about listeners, peers, the sensor and the way to destinations."""
    if config.receive.listen_plain:
        where = ", ".join(str(each) for each in config.receive.listen_plain)
        yield rules.CLEARTEXT_LISTENER.found("receive.listen_plain", f"associations in cleartext are taken at {where}")
    yield from _open_files(config, facts)
    if not any(peer.accept for peer in config.peer):
        yield rules.NO_PEER.found("peer", "no device may send")
    for peer in config.peer:
        yield from _peer(peer)
    if config.sensor is None:
        yield rules.NO_SENSOR.found("sensor", "there is no sensor")
    else:
        yield from _respond(config.sensor, facts)
        yield from _evidence(config.sensor, facts)
        yield from _site_ca(config.sensor, facts)
    if config.panel.metrics and not _is_local(config.panel.metrics.host):
        yield rules.METRICS_OPEN.found("panel.metrics", f"metrics can be read at {config.panel.metrics}")
    for each in config.destination:
        subject = f'destination "{each.name}"'
        if isinstance(each, ObjectStoreDestination):
            if not each.over_tls:
                what = f"requests to {each.endpoint} can be read on the way; objects are sealed"
                yield rules.STORE_CLEARTEXT.found(f"{subject}.endpoint", what)
        elif not each.over_tls:
            key = "tls" if isinstance(each, DimseDestination) else "url"
            yield rules.DESTINATION_CLEARTEXT.found(f"{subject}.{key}", f"deliveries to {each.where} are in cleartext")
        elif not each.certificate and not (isinstance(each, StowDestination) and (each.token or each.oauth)):
            yield rules.DESTINATION_ANONYMOUS.found(f"{subject}.certificate", "we show no certificate there")
        if isinstance(each, DimseDestination) and each.proof == "commitment" and not each.report_addresses:
            what = f"nobody knows from which address {each.address.host} would report on storage commitment"
            yield rules.REPORTS_UNADDRESSED.found(f"{subject}.reports", what)


def _open_files(config: Config, facts: Facts) -> Iterator[Finding]:
    """All connections may be with one worker: each association has a socket, and a file while an instance comes."""
    most = config.receive.max_associations
    needed = 2 * most + limits.PENDING_HANDSHAKES.default + _FILES_OF_A_WORKER
    if facts.open_files is not None and facts.open_files < needed:
        what = f"{most} associations may need {needed} open files; {facts.open_files} are allowed here"
        yield rules.FEW_OPEN_FILES.found("receive.max_associations", what, needed=needed)


def _peer(peer: Peer) -> Iterator[Finding]:
    subject = f'peer "{peer.name}"'
    if not peer.accept:
        yield rules.PEER_PROPOSED.found(subject, "it is proposed, not accepted")
        return
    if peer.tls != "required":
        how = "may come" if peer.tls == "allowed" else "comes"
        yield rules.PEER_CLEARTEXT.found(f"{subject}.tls", f"it {how} in cleartext")
    if peer.tls != "never" and not peer.certificate:
        yield rules.PEER_UNBOUND.found(f"{subject}.certificate", "any certificate of the site will do")
    if peer.tls != "never" and peer.tls_profile == "legacy":
        yield rules.PEER_LEGACY.found(f"{subject}.tls_profile", "it may use old TLS suites")
    if "commit" in peer.services and peer.commitment is None:
        yield rules.COMMITMENT_UNADDRESSED.found(f"{subject}.commitment", "we cannot call it to report")
    if peer.commitment and peer.commitment.tls == "never":
        what = f"reports to {peer.commitment.address} are in cleartext"
        yield rules.COMMITMENT_CLEARTEXT.found(f"{subject}.commitment.tls", what)
    if peer.tls != "required" and peer.user_identity:
        yield rules.IDENTITY_CLEARTEXT.found(f"{subject}.user_identity", "it may be shown in cleartext")
    wide = [each for each in peer.addresses if _is_wide(each)]
    if wide:
        yield rules.PEER_WIDE.found(f"{subject}.addresses", f"it may come from all of {', '.join(map(str, wide))}")


def _respond(sensor: Sensor, facts: Facts) -> Iterator[Finding]:
    if sensor.respond == "off":
        return
    if facts.respond_error:
        missing = rules.RESPOND_FILE if sensor.respond == "block" else rules.RESPOND_FILE_DRY
        yield missing.found("sensor.respond_file", facts.respond_error, path=sensor.respond_file)
    if sensor.mode == "mirror":
        yield rules.RESPOND_ALONE.found("sensor.respond", "a block protects this box alone")
    if sensor.respond == "dry-run":
        yield rules.RESPOND_DRY.found("sensor.respond", "it is said who would be blocked, and nobody is")


def _evidence(sensor: Sensor, facts: Facts) -> Iterator[Finding]:
    subject = "sensor.evidence_recipients"
    errors = [each.error for each in facts.evidence_recipients if each.error]
    if errors or len({each.kind for each in facts.evidence_recipients}) > 1:
        yield rules.EVIDENCE_BROKEN.found(subject, errors[0] if errors else "hybrid and classical ones stand together")
    elif sensor.evidence_recipients:
        yield rules.EVIDENCE_KEPT.found(
            subject, "control PDUs of associations that a rule spoke about are kept, sealed"
        )


def _site_ca(sensor: Sensor, facts: Facts) -> Iterator[Finding]:
    if facts.sensor_ca_error:
        yield rules.SENSOR_CA.found("sensor.ca", facts.sensor_ca_error)
    elif not facts.sensor_knows_us:
        yield rules.SENSOR_CA_OTHER.found("sensor.ca", f"{sensor.ca} does not lead to the certificate of this box")


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_wide(network: Network) -> bool:
    return network.max_prefixlen - network.prefixlen > _WIDE[network.version]
