"""What all connections of a worker share: the configuration, ingest, counters, and the words about refusals."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable
from typing import Any

from appliance.base import catalogue
from appliance.base.events import Event
from appliance.base.text import wash
from appliance.base.throttle import Throttle, not_shown
from appliance.config.model import Config
from appliance.host.log import log
from appliance.scp.alerts import NODE_AUTHENTICATION_FAILED, Rule, record
from appliance.scp.commitment import CommitmentIntake
from appliance.scp.gate import Gate
from appliance.scp.ingest import Ingest
from appliance.scp.origin import Origin
from appliance.scp.tally import Tally
from appliance.vault.accepted import Published

_TLS_ADVICE = {
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "Give the device a client certificate that receive.client_ca signed.",
    "UNSUPPORTED_PROTOCOL": "It offers only TLS versions older than 1.2; update it.",
    "NO_SHARED_CIPHER": "It offers no forward-secret AEAD suite; update it.",
    "HTTP_REQUEST": "It speaks HTTP; this is a DICOM TLS port.",
    "WRONG_VERSION_NUMBER": "It speaks no TLS: turn TLS on at the device, or use the cleartext listener.",
}
_UNKNOWN_CA = (
    "No CA of receive.client_ca issued its certificate. Where it is yours: `appliance certs trust` with that CA, or "
    "have the device send the CAs in between, too."
)
# By X509_V_ERR_… of OpenSSL. Those that speak of the revocation list: the certificate itself may be good.
_VERIFY_ADVICE = {
    9: "Its certificate is not valid yet: check the clock of this box (timedatectl), then that of the CA.",
    10: "Give the device a new certificate.",
    26: "Its extended key usage is not for TLS clients: have one issued with clientAuth.",
    3: "receive.client_crl has no list of the CA that issued its certificate: all that this CA issued are refused.",
    11: "The list in receive.client_crl is not valid yet: check the clock of this box, then that of the CA.",
    12: "The list in receive.client_crl is past its next update, so all are refused: `appliance certs crl NEW-LIST`.",
    23: "Its certificate was revoked by the CA; find the device.",
}


class Service:
    """Shared by the threads of a worker."""

    def __init__(
        self,
        config: Config,
        ingest: Ingest,
        tally: Tally,
        gate: Gate,
        accepted: Published,
        alert: Callable[[dict[str, Any]], None],
        associated: Callable[[int], None],
    ) -> None:
        self.config = config
        self.ingest = ingest
        self.commitment = CommitmentIntake(ingest.intake, ingest.space, ingest.index_key)
        self.tally = tally
        self.gate = gate
        self.accepted = accepted
        self.associated = associated
        self.stopping = threading.Event()
        self._alert = alert
        self._throttle = Throttle()
        self._lock = threading.Lock()

    def say(self, event: Event, key: object, **fields: object) -> None:
        """Log an event about a peer, a few a minute for each `key`."""
        passes, swallowed = self._passes(event.code, key)
        if passes:
            log(event, **{**fields, "reason": f"{fields.get('reason', '')}{not_shown(swallowed)}"})

    def alert(self, rule: Rule, origin: Origin, **seen: str) -> None:
        """Raise an alert about the other end, a few a minute for each address. `seen` holds washed text."""
        passes, swallowed = self._passes(rule.id, origin.address)
        if passes:
            more = {"not_shown": str(swallowed)} if swallowed else {}
            self._alert(record(rule, origin.address, origin.port, time.time(), {**seen, **more}))

    def _passes(self, code: str, key: object) -> tuple[bool, int]:
        with self._lock:
            return self._throttle.passes((code, key), time.monotonic())

    def handshake_failed(self, origin: Origin, expired: str, error: OSError) -> None:
        """A TLS handshake did not end well: a failed node authentication."""
        self.tally.add("failed_handshakes")
        if expired:
            reason, advice = f"{expired} took too long", "Look for a firewall in between, or a device in trouble."
        elif isinstance(error, ssl.SSLCertVerificationError):
            reason = error.verify_message
            advice = _VERIFY_ADVICE.get(error.verify_code, _UNKNOWN_CA)
        else:
            word = getattr(error, "reason", None) or error.strerror or type(error).__name__
            reason, advice = wash(str(word).replace("_", " ").lower()), _TLS_ADVICE.get(str(word), "")
        self.say(catalogue.HANDSHAKE_FAILED, origin.address, address=origin.address, reason=reason, advice=advice)
        self.alert(NODE_AUTHENTICATION_FAILED, origin, reason=reason)
