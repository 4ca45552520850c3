"""Departures from the protocols, and servers that are kept busy: D21 to D27, D47, D48."""

from __future__ import annotations

import struct

from tests.inspection import wire
from tests.sensor_lab.scene import quiet, shows
from tests.sensor_lab.site import Lab
from tests.sensor_lab.tools import Forger, Line, dcmtk, echo, pynetdicom_scp

ASK = {"calling": b"CT1"}


@shows("D21", "forged PDUs", evidence="announces 268435456 bytes")
def huge_pdu(lab: Lab) -> None:
    """A P-DATA-TF announces 256 MiB."""
    line = Line(lab.ct, lab.edge).ask(**ASK)
    line.say(struct.pack("!BxIIBB", 4, 1 << 28, (1 << 28) - 4, 1, 0) + bytes(4000)).hear()
    line.close()


@quiet("D21", "storescu")
def large_pdus(lab: Lab) -> None:
    """storescu sends PDUs as long as the appliance takes."""
    from tests.sensor_lab.scenes.content import CT_FILE

    done = dcmtk(lab.ct, "storescu", "CT1", "EDGE01", lab.edge, 104, "--max-send-pdu", "131072", files=(CT_FILE,))
    assert done.returncode == 0, done.stderr


@shows("D22", "curl", evidence="neither DICOM nor TLS")
def web_browser(lab: Lab) -> None:
    """curl asks a DICOM port for a page."""
    lab.ct.run("curl", "-s", "-m", "2", f"http://{lab.edge.address}:104/")


@shows("D22", "forged PDUs", evidence="unknown type")
def unknown_pdu(lab: Lab) -> None:
    """A PDU of a type that there is not."""
    line = Line(lab.ct, lab.edge).ask(**ASK)
    line.say(wire.pdu(9, bytes(4))).hear()
    line.close()


@quiet("D22", "curl")
def web_browser_elsewhere(lab: Lab) -> None:
    """curl asks another port for a page."""
    lab.viewer.serve(8000, "python3", "-m", "http.server", "8000", "--directory", str(lab.room("web")))
    assert lab.ct.run("curl", "-s", "-m", "5", f"http://{lab.viewer.address}:8000/").returncode == 0


def _ask_and_store(lab: Lab, impatient: bool) -> None:
    line = Line(lab.ct, lab.edge)
    request, data = wire.associate(**ASK), wire.p_data(wire.pdv(1, 3, wire.command(0x30, sop_class=wire.VERIFICATION)))
    if impatient:
        line.say(request + data).hear()
    else:
        line.say(request).hear()
    line.close()


@shows("D23", "forged PDUs", evidence="before A-ASSOCIATE-AC")
def impatient(lab: Lab) -> None:
    """P-DATA-TF without waiting for the answer to the request."""
    _ask_and_store(lab, impatient=True)


@quiet("D23", "forged PDUs")
def patient(lab: Lab) -> None:
    """The answer is waited for."""
    _ask_and_store(lab, impatient=False)


def _ask_slowly(lab: Lab, seconds: float) -> None:
    request = wire.associate(**ASK)
    line = Line(lab.ct, lab.edge).say(request[:40])
    lab.mirror.pass_time(seconds)
    line.say(request[40:]).hear()
    line.release()


@shows("D24", "forged PDUs", evidence="no whole request")
def slow_request(lab: Lab) -> None:
    """A request that takes 40 seconds."""
    _ask_slowly(lab, 40)


def _say_nothing(lab: Lab, count: int) -> None:
    lines = [Line(lab.viewer, lab.pacs) for _ in range(count)]
    lab.mirror.pass_time(70)
    for line in lines:
        line.close()


@shows("D24", "sockets")
def silent_connections(lab: Lab) -> None:
    """Twelve connections on which nothing is said."""
    _say_nothing(lab, 12)


@quiet("D24", "sockets")
def few_silent_connections(lab: Lab) -> None:
    """Nine of them."""
    _say_nothing(lab, 9)


@quiet("D24", "nmap")
def port_checks(lab: Lab) -> None:
    """Twelve connections that are closed at once, as load balancers and monitors do."""
    for _ in range(12):
        lab.ct.run("nmap", "-Pn", "-n", "-sT", "-p", "104", lab.edge.address)
    lab.mirror.pass_time(70)


@quiet("D24", "forged PDUs")
def slow_but_in_time(lab: Lab) -> None:
    """A request that takes 25 seconds."""
    _ask_slowly(lab, 25)


def _hold(lab: Lab, count: int) -> None:
    ask = {"calling": b"READ1", "called": b"ARCH", "contexts": ((1, wire.VERIFICATION),)}
    lines = [Line(lab.viewer, lab.pacs).ask(**ask) for _ in range(count)]
    for line in lines:
        line.release()


@shows("D25", "forged PDUs", evidence="64")
def seventy_associations(lab: Lab) -> None:
    """The viewer holds 70 associations."""
    _hold(lab, 70)


@quiet("D25", "forged PDUs")
def sixty_associations(lab: Lab) -> None:
    """The viewer holds 60 associations."""
    _hold(lab, 60)


def _turn_away(lab: Lab, times: int) -> None:
    ask = {"calling": b"CT1", "called": b"READ1", "contexts": ((1, wire.VERIFICATION),)}
    with pynetdicom_scp(lab.viewer, 11113, 0, "READ1", associations=1):
        held = Line(lab.ct, lab.viewer, 11113).ask(**ask)
        for _ in range(times):
            Line(lab.ct, lab.viewer, 11113).ask(**ask).close()
        held.release()


@shows("D25", "pynetdicom", evidence="5 associations were rejected for want of resources")
def turned_away(lab: Lab) -> None:
    """The reading room takes one association at a time, and the CT asks for six more."""
    _turn_away(lab, 6)


@quiet("D25", "pynetdicom")
def turned_away_a_few_times(lab: Lab) -> None:
    """The CT asks for four more."""
    _turn_away(lab, 4)


def _open_by_halves(lab: Lab, count: int) -> None:
    echo = "/proc/sys/net/ipv4/tcp_synack_retries"  # which the scene that comes next would hear
    lab.pacs.run("bash", "-c", f"echo 0 > {echo}", check=True)
    deaf = "add chain ip lab input { type filter hook input priority 0 ; }; add rule ip lab input tcp sport 104 drop"
    lab.attacker.run("nft", f"add table ip lab; {deaf}", check=True)
    lab.attacker.run("hping3", "-q", "-S", "-i", "u2000", "-c", str(count), "-p", "104", lab.pacs.address)
    lab.attacker.run("nft", "delete table ip lab", check=True)
    lab.mirror.pass_time(70)


@shows("D25", "hping3, nft", "D24", evidence="100 connections to it")
def half_open_connections(lab: Lab) -> None:
    """hping3 opens 120 connections by halves; its kernel, which would end them, is kept from hearing of it."""
    _open_by_halves(lab, 120)


@quiet("D25", "hping3, nft", "D24")
def some_half_open_connections(lab: Lab) -> None:
    """It opens 80 that way."""
    _open_by_halves(lab, 80)


@shows("D26", "forged PDUs", "D22")
def aborted_by_the_provider(lab: Lab) -> None:
    """The appliance aborts twelve associations, for what it is sent."""
    for _ in range(12):
        unknown_pdu(lab)


@quiet("D26", "forged PDUs", "D22")
def aborted_nine_times(lab: Lab) -> None:
    """The appliance aborts nine."""
    for _ in range(9):
        unknown_pdu(lab)


@quiet("D26", "echoscu")
def aborted_by_the_user(lab: Lab) -> None:
    """echoscu aborts twelve associations, as its user wanted."""
    for _ in range(12):
        echo(lab, "--abort")


@shows("D27", "forged PDUs", "D22", evidence="kinds")
def fuzzer(lab: Lab) -> None:
    """Six requests, each malformed in another way."""
    for bad in (
        wire.associate(contexts=((2, wire.VERIFICATION),), **ASK),
        wire.associate(contexts=((1, b"1.2.x"),), **ASK),
        wire.associate(extra=b"\x10\0\xff\xff", **ASK),
        wire.associate(contexts=((1, wire.VERIFICATION), (1, wire.VERIFICATION)), **ASK),
        wire.pdu(5, bytes(9)),
        wire.pdu(9, bytes(4)),
    ):
        line = Line(lab.ct, lab.edge).say(bad)
        line.hear()
        line.close()


@quiet("D27", "forged PDUs", "D22")
def three_faults(lab: Lab) -> None:
    """Three requests, each malformed in another way."""
    for bad in (
        wire.associate(contexts=((2, wire.VERIFICATION),), **ASK),
        wire.associate(contexts=((1, b"1.2.x"),), **ASK),
        wire.associate(contexts=((1, wire.VERIFICATION), (1, wire.VERIFICATION)), **ASK),
    ):
        line = Line(lab.ct, lab.edge).say(bad)
        line.hear()
        line.close()


@quiet("D27", "forged PDUs", "D22")
def broken_device(lab: Lab) -> None:
    """Six requests, malformed in one way."""
    for _ in range(6):
        line = Line(lab.ct, lab.edge).say(wire.associate(contexts=((2, wire.VERIFICATION),), **ASK))
        line.hear()
        line.close()


def _two_versions(lab: Lab, second: bytes) -> None:
    """The middle of a request is sent before its beginning, in two versions: the server chooses which one counts."""
    request = wire.associate(**ASK)
    with Forger(lab, lab.edge) as forger:
        forger.send(request[20:], at=20)
        forger.send(second[20:], at=20)
        forger.send(request[:20], at=0)
        forger.seq += len(request)
        forger.hear()


@shows("D47", "scapy", "D01")
def contradicting_segments(lab: Lab) -> None:
    """A request comes in two versions, of which one has another calling AE title."""
    _two_versions(lab, wire.associate(calling=b"XX9"))


@quiet("D47", "scapy")
def repeated_segments(lab: Lab) -> None:
    """A request comes twice, out of order, and is the same."""
    _two_versions(lab, wire.associate(**ASK))


@shows("D48", "nmap", evidence="too small")
def tiny_fragments(lab: Lab) -> None:
    """nmap hides the header of TCP in tiny fragments."""
    lab.attacker.run("nmap", "-Pn", "-n", "-sS", "-f", "-p", "104", lab.edge.address)


@shows("D48", "scapy", "D47", evidence="overlap")
def overlapping_fragments(lab: Lab) -> None:
    """Fragments of one packet overlap."""
    from scapy.layers.inet import IP, fragment

    with Forger(lab, lab.edge) as forger:
        pieces = fragment(forger.packet(wire.associate(**ASK)), fragsize=80)
        again = pieces[1].copy()
        again[IP].payload.load = b"\x7f" * len(bytes(pieces[1][IP].payload))
        for each in (pieces[0], pieces[1], again, *pieces[2:]):
            forger.send_raw(each)


@quiet("D48", "scapy")
def honest_fragments(lab: Lab) -> None:
    """A request in fragments that fit."""
    from scapy.layers.inet import fragment

    with Forger(lab, lab.edge) as forger:
        request = wire.associate(**ASK)
        for each in fragment(forger.packet(request), fragsize=96):
            forger.send_raw(each)
        forger.seq += len(request)
        forger.hear()
