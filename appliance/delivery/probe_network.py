"""The steps that every destination over a network has: its name, TCP, TLS with the certificates that it shows.

The TLS context, the name that is checked and the words of errors are those of delivery. A certificate that is refused
is looked at once more on a connection of its own, on which nothing is sent.
"""

from __future__ import annotations

import ipaddress
import queue
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from appliance.base.errors import UpstreamError
from appliance.base.text import wash, wash_words
from appliance.config.posture.certificates import EXPIRES
from appliance.config.posture.facts import CertificateFacts
from appliance.config.values import HostPort
from appliance.delivery.deadlines import Deadlines
from appliance.delivery.probe import Notes, Probe
from appliance.delivery.transport import CertificateRefused, reach, secure
from appliance.host.peer_chain import chain_of, look
from appliance.host.tls import describe

# X509_V_ERR of OpenSSL.
_NOT_YET_VALID, _EXPIRED = 9, 10
_UNKNOWN_CA = (2, 18, 19, 20, 21)
_WRONG_NAME = (62, 64)
_NAMES = 8


def resolve(probe: Probe, address: HostPort, deadlines: Deadlines) -> list[str]:
    """The addresses behind a name."""
    with probe.step("DNS") as notes:
        if _is_address(address.host):
            notes.what = f"{address.host} is an address; there is no name to look up"
            return [address.host]
        found = _look_up(address, deadlines.connect)
        if isinstance(found, OSError):
            words = wash(found.strerror or "no answer")
            raise notes.failure(
                f"the name {address.host} does not resolve ({words})",
                "Is it spelt as in the DNS? `getent hosts` on this box shows what it knows; /etc/resolv.conf says whom "
                "it asks. An address in the place of the name works without DNS, but the certificate has to name it.",
            )
        if not found:
            raise notes.failure(
                f"nobody answered for the name {address.host} within {deadlines.connect:.0f} s",
                "The DNS servers of /etc/resolv.conf do not answer: is the network up, is DNS let through?",
            )
        assert isinstance(found, list)
        notes.what = f"{address.host} is {', '.join(found)}"
        return found


def open_tcp(probe: Probe, address: HostPort, hosts: Sequence[str], deadlines: Deadlines) -> socket.socket:
    """A connection to the first of the addresses that takes one."""
    with probe.step("TCP") as notes:
        failures = []
        for host in hosts:
            try:
                raw = reach(HostPort(host, address.port), deadlines.connect)
            except UpstreamError as error:
                failures.append(error.message)
                continue
            notes.what = f"connected to {host} port {address.port}"
            notes.details += failures
            if failures:
                notes.result = "warn"
                notes.hint = "The name has addresses that do not answer; deliveries lose time with them. Mend the DNS."
            return raw
        notes.details += failures[:-1]
        raise notes.failure(failures[-1], _tcp_hint(failures[-1], address.port))


def open_tls(
    probe: Probe,
    raw: socket.socket,
    address: HostPort,
    context: Callable[[], ssl.SSLContext],
    server_name: str | None,
    ca: Path | None,
    deadlines: Deadlines,
) -> ssl.SSLSocket:
    """TLS over it, as delivery has it; the certificates of the other side, until when they hold, and their names."""
    name = server_name or address.host
    host = raw.getpeername()[0]
    with probe.step("TLS") as notes:
        try:
            secured = secure(raw, address, context, server_name, deadlines.handshake)
        except CertificateRefused as error:
            chain = look(host, address.port, name, deadlines.handshake)
            notes.details += _lines(chain)
            hint = refused_hint(error.code, chain, name, ca, datetime.now(UTC))
            raise notes.failure(error.message, hint) from None
        except UpstreamError as error:
            raise notes.failure(error.message, _tls_hint(error.message)) from None
        chain = chain_of(secured)
        notes.what = f"{describe(secured)}; the certificate is valid and names {name}"
        notes.details += _lines(chain)
        _expiry(notes, chain)
        return secured


def refused_hint(code: int, chain: Sequence[CertificateFacts], name: str, ca: Path | None, now: datetime) -> str:
    """What to do about a certificate that was refused for the reason `code`."""
    late = next((each for each in chain if each.not_after < now), None)
    if code == _EXPIRED:
        which = f"{_subject(late)} ended on {late.not_after:%Y-%m-%d}" if late else "one of its certificates ended"
        return f"{which}: it has to be renewed there. If that is not so, our clock is wrong: {now:%Y-%m-%d %H:%M} UTC."
    if code == _NOT_YET_VALID:
        return f"It is not valid yet. Our clock says {now:%Y-%m-%d %H:%M} UTC: is that right?"
    if code in _WRONG_NAME:
        names = ", ".join(wash(each) for each in chain[0].names[:_NAMES]) if chain else ""
        if not names:
            return f"It has no subject alternative name; it has to be issued anew, for {name}."
        return (
            f"We look for {name}; the certificate is for {names}. If that is the machine that you mean, set "
            "server_name of the destination to one of those; else the address leads to another machine."
        )
    if code in _UNKNOWN_CA:
        issuer = f"was issued by {wash_words(chain[-1].issuer, 100)}, which" if chain else "comes from somebody who"
        return f"It {issuer} is not in {ca or 'the CAs that are trusted'}. Put the CA of the destination there."
    return "Check ca and server_name of the destination, and the clock."


def _expiry(notes: Notes, chain: Sequence[CertificateFacts]) -> None:
    now = datetime.now(UTC)
    soon = [each for each in chain if each.not_after - now < EXPIRES]
    if soon:
        first = min(soon, key=lambda each: each.not_after)
        notes.result = "warn"
        notes.hint = (
            f"{_subject(first)} ends in {(first.not_after - now).days} days: have it renewed before deliveries stop."
        )


def _lines(chain: Sequence[CertificateFacts]) -> list[str]:
    lines = []
    for number, each in enumerate(chain):
        until = f"{each.not_before:%Y-%m-%d} to {each.not_after:%Y-%m-%d}"
        names = f", for {', '.join(wash(name) for name in each.names[:_NAMES])}" if each.names and not number else ""
        lines.append(f"{_subject(each)}, {until}, {each.key_kind}{names}")
    if chain and chain[-1].issuer != chain[-1].subject:
        lines.append(f"issued by {wash_words(chain[-1].issuer, 100)}")
    return lines


def _subject(certificate: CertificateFacts) -> str:
    return wash_words(certificate.subject, 100) or "a certificate without a subject"


def _tcp_hint(why: str, port: int) -> str:
    if "refused" in why:
        return f"The machine is there, and nothing listens on port {port}: is the service up, is the port right?"
    if "in time" in why:
        return "Nothing comes back: is the machine on, is the address right, does a firewall drop the connection?"
    return "There is no way there: check the address, the network cable, and the route (`ip route get`)."


def _tls_hint(why: str) -> str:
    if "in time" in why:
        return (
            "It takes the connection and says nothing: a service without TLS that waits for us, a firewall in between, "
            "or a service that hangs."
        )
    if "version" in why or "unexpected" in why or "record" in why:
        return 'It does not speak TLS here: is this its TLS port? For cleartext, tls = "never", where that must be.'
    if "alert" in why:
        return "It refused us: does it trust the CA of our certificate, and is that the one that it expects?"
    return "Is TLS on there? Its log may say more."


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _look_up(address: HostPort, seconds: float) -> list[str] | OSError | None:
    """The system's resolver knows no deadline; so it is asked from a thread that may be left behind."""
    answer: queue.SimpleQueue[list[str] | OSError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
            answer.put(list(dict.fromkeys(str(each[4][0]) for each in found)))
        except OSError as error:
            answer.put(error)

    threading.Thread(target=ask, name="resolver", daemon=True).start()
    try:
        return answer.get(timeout=seconds)
    except queue.Empty:
        return None
