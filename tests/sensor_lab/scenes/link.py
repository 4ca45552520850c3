"""Below IP, and scans: D38 to D42."""

from __future__ import annotations

import socket
import time

from tests.inspection import wire
from tests.sensor_lab.ground import Host
from tests.sensor_lab.scene import calm, quiet, shows
from tests.sensor_lab.site import Lab
from tests.sensor_lab.tools import dcmtk, echo


def _neighbours_meet(lab: Lab) -> None:
    for host in (lab.ct, lab.edge):
        host.run("ip", "neigh", "flush", "all")
    assert echo(lab) == 0


@shows("D38", "arpspoof", evidence="10.20.0.2 was at 02:00:00:20:00:02, now 02:00:00:20:00:42")
def arp_spoofing(lab: Lab) -> None:
    """arpspoof tells the CT that the appliance is the attacker."""
    _neighbours_meet(lab)
    spoofer = lab.attacker.start("arpspoof", "-i", "eth0", "-t", lab.ct.address, lab.edge.address)
    until = time.monotonic() + 30
    while not lab.mirror.alerts and time.monotonic() < until:
        time.sleep(0.1)
    spoofer.kill()  # else it spends seconds on telling the truth again
    for host in (lab.ct, lab.edge):
        host.run("ip", "neigh", "flush", "all")


def _announces(lab: Lab, host: Host, address: str, times: int = 1) -> None:
    mac, body = bytes.fromhex(host.mac.replace(":", "")), bytes.fromhex("0001080006040001")
    said = mac + socket.inet_aton(address) + bytes(6) + socket.inet_aton(address)
    with host.raw_socket() as out:
        for _ in range(times):
            out.send(b"\xff" * 6 + mac + b"\x08\x06" + body + said)


@shows("D38", "forged frames", evidence="10.20.0.4 was at")
def taken_over(lab: Lab) -> None:
    """The viewer announces the archive's address, in silence otherwise."""
    _announces(lab, lab.viewer, lab.pacs.address)


@shows("D38", "forged frames", evidence="was announced 60 times")
def announced_again_and_again(lab: Lab) -> None:
    """The CT announces its address 70 times within a minute."""
    _announces(lab, lab.ct, lab.ct.address, 70)


@quiet("D38", "forged frames")
def announced_often(lab: Lab) -> None:
    """It does so 50 times."""
    _announces(lab, lab.ct, lab.ct.address, 50)


@shows("D38", "forged frames", evidence="10.20.0.9 was at")
def cluster_with_two_heads(lab: Lab) -> None:
    """Both machines of a cluster announce its address in turn."""
    for _ in range(3):
        _announces(lab, lab.pacs, "10.20.0.9")
        _announces(lab, lab.viewer, "10.20.0.9")


@calm("forged frames")
def cluster_fails_over(lab: Lab) -> None:
    """A cluster's address moves to its other machine, which says so five times, and back an hour later."""
    _announces(lab, lab.pacs, "10.20.0.9")
    lab.mirror.pass_time(3600)
    _announces(lab, lab.viewer, "10.20.0.9", 5)
    lab.mirror.pass_time(3600)
    _announces(lab, lab.pacs, "10.20.0.9", 5)


@shows("D38", "scapy", evidence="neighbour discovery")
def neighbour_spoofing(lab: Lab) -> None:
    """The attacker advertises the appliance's IPv6 address."""
    from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6NDOptDstLLAddr, IPv6
    from scapy.layers.l2 import Ether

    for host in (lab.edge, lab.attacker):
        said = ICMPv6ND_NA(tgt=lab.edge.address6, O=1) / ICMPv6NDOptDstLLAddr(lladdr=host.mac)
        to = {"src": lab.edge.address6, "dst": "ff02::1", "hlim": 255}
        with host.raw_socket() as out:
            out.send(bytes(Ether(src=host.mac, dst="33:33:00:00:00:01") / IPv6(**to) / said))


@quiet("D38", "echoscu")
def arp(lab: Lab) -> None:
    """The CT and the appliance ask for each other, twice."""
    _neighbours_meet(lab)
    _neighbours_meet(lab)


def _hand_out(lab: Lab, host: Host) -> None:
    room = lab.room(f"dhcp-{host.name}")
    options = ("--dhcp-range=10.20.0.100,10.20.0.110,1h", "--no-ping", f"--dhcp-leasefile={room / 'leases'}")
    common = ("--no-daemon", "--port=0", "--conf-file=/dev/null", "--user=root", f"--pid-file={room / 'pid'}")
    host.start("dnsmasq", *common, "--interface=eth0", *options)
    until = time.monotonic() + 30
    while not host.run("ss", "-Hlun", "sport = :67").stdout.strip() and time.monotonic() < until:
        time.sleep(0.05)
    lab.mr.run("nmap", "-e", "eth0", "--script", "broadcast-dhcp-discover", "--script-args", "timeout=2")


@shows("D39", "dnsmasq, nmap", evidence="DHCP; it is not named in dhcp_servers")
def rogue_dhcp(lab: Lab) -> None:
    """dnsmasq at the attacker hands out addresses."""
    _hand_out(lab, lab.attacker)


@quiet("D39", "dnsmasq, nmap")
def registered_dhcp(lab: Lab) -> None:
    """dnsmasq at the registered server hands out addresses."""
    _hand_out(lab, lab.pacs)


@shows("D39", "scapy", evidence="router advertisement")
def rogue_router(lab: Lab) -> None:
    """The attacker says that it is an IPv6 router."""
    from scapy.layers.inet6 import ICMPv6ND_RA, ICMPv6NDOptSrcLLAddr, IPv6
    from scapy.layers.l2 import Ether

    said = ICMPv6ND_RA(routerlifetime=1800) / ICMPv6NDOptSrcLLAddr(lladdr=lab.attacker.mac)
    packet = Ether(src=lab.attacker.mac, dst="33:33:00:00:00:01") / IPv6(src="fe80::66", dst="ff02::1", hlim=255) / said
    with lab.attacker.raw_socket() as out:
        out.send(bytes(packet))


def _advertises(lab: Lab, options: object) -> None:
    from scapy.layers.inet6 import ICMPv6ND_RA, IPv6
    from scapy.layers.l2 import Ether

    to = {"src": "fe80::66", "dst": "ff02::1", "hlim": 255}
    said = Ether(src=lab.attacker.mac, dst="33:33:00:00:00:01") / IPv6(**to) / ICMPv6ND_RA(routerlifetime=0) / options
    with lab.attacker.raw_socket() as out:
        out.send(bytes(said))


@shows("D39", "scapy", evidence="router advertisement")
def rogue_name_server(lab: Lab) -> None:
    """The attacker, who says that it is no router, offers itself for names."""
    from scapy.layers.inet6 import ICMPv6NDOptRDNSS

    _advertises(lab, ICMPv6NDOptRDNSS(dns=["fe80::66"]))


@quiet("D39", "scapy")
def no_router(lab: Lab) -> None:
    """Somebody says that it is no router, and what the longest frame is."""
    from scapy.layers.inet6 import ICMPv6NDOptMTU

    _advertises(lab, ICMPv6NDOptMTU())


@shows("D39", "scapy", evidence="DHCPv6")
def rogue_dhcpv6(lab: Lab) -> None:
    """The attacker advertises itself as a DHCPv6 server."""
    from scapy.layers.dhcp6 import DHCP6_Advertise
    from scapy.layers.inet import UDP
    from scapy.layers.inet6 import IPv6
    from scapy.layers.l2 import Ether

    to = Ether(src=lab.attacker.mac, dst=lab.ct.mac) / IPv6(src="fe80::66", dst=lab.ct.address6)
    with lab.attacker.raw_socket() as out:
        out.send(bytes(to / UDP(sport=547, dport=546) / DHCP6_Advertise()))


@shows("D40", "nmap")
def syn_scan(lab: Lab) -> None:
    """nmap's SYN scan of 200 ports."""
    lab.attacker.run("nmap", "-Pn", "-n", "-sS", "-T5", "-p", "1-200", lab.edge.address)


@shows("D40", "nmap")
def xmas_scan(lab: Lab) -> None:
    """nmap's Xmas scan of 100 ports."""
    lab.attacker.run("nmap", "-Pn", "-n", "-sX", "-T5", "-p", "1-100", lab.edge.address)


@shows("D40", "hping3")
def hping_scan(lab: Lab) -> None:
    """hping3 tries 30 ports."""
    command = ("hping3", "-q", "-S", "-i", "u2000", "-c", "30", "-p", "++20", lab.edge.address)
    lab.attacker.run(*command)


@quiet("D40", "hping3")
def few_ports(lab: Lab) -> None:
    """hping3 tries 19 ports."""
    lab.attacker.run("hping3", "-q", "-S", "-i", "u2000", "-c", "19", "-p", "++20", lab.edge.address)


def _sweep(lab: Lab, count: int) -> None:
    lab.viewer.serve(11112, "storescp", "11112")
    places = [f"10.20.0.{last}" for last in range(31, 31 + count)]
    for each in places:
        lab.viewer.run("ip", "addr", "add", f"{each}/24", "dev", "eth0", check=True)
        lab.ct.run("echoscu", "-aet", "CT1", "-aec", "ANY", each, "11112")
    for each in places:
        lab.viewer.run("ip", "addr", "del", f"{each}/24", "dev", "eth0", check=True)


@shows("D40", "echoscu", "D02", "D11", evidence="asked for nothing but verification")
def echo_sweep(lab: Lab) -> None:
    """The CT asks six servers for verification that nobody registered."""
    _sweep(lab, 6)


@quiet("D40", "echoscu", "D02", "D11")
def four_echoes(lab: Lab) -> None:
    """It asks four."""
    _sweep(lab, 4)


@quiet("D40", "echoscu")
def monitor(lab: Lab) -> None:
    """The CT verifies the appliance and the archive, over both protocols, again and again."""
    for _ in range(4):
        assert echo(lab) == 0
        assert dcmtk(lab.ct, "echoscu", "CT1", "ARCH", lab.pacs).returncode == 0


@quiet("D40", "hping3")
def open_ports(lab: Lab) -> None:
    """hping3 tries one open port 60 times."""
    lab.attacker.run("hping3", "-q", "-S", "-i", "u2000", "-c", "60", "-p", "104", lab.edge.address)


def _tagged(lab: Lab, *vlans: int) -> None:
    syn = wire.frame(lab.ct.address, 40000, lab.edge.address, 104, 1, 0, wire.SYN, b"", vlans)
    with lab.ct.raw_socket() as out:
        out.send(bytes.fromhex((lab.edge.mac + lab.ct.mac).replace(":", "")) + syn[12:])


@shows("D41", "forged frames", evidence="VLAN 30")
def foreign_tag(lab: Lab) -> None:
    """A frame has the tag of another VLAN."""
    _tagged(lab, 30)


@shows("D41", "forged frames", evidence="VLAN 30")
def tag_behind_a_tag(lab: Lab) -> None:
    """A frame has the tag of another VLAN behind that of its own."""
    _tagged(lab, 20, 30)


@quiet("D41", "forged frames")
def own_tag(lab: Lab) -> None:
    """A frame has the tag of its own VLAN."""
    _tagged(lab, 20)


@shows("D41", "scapy", evidence="DTP")
def trunk_wanted(lab: Lab) -> None:
    """The attacker asks the switch for a trunk."""
    body = bytes.fromhex("aaaa0300000c2004") + b"\1" + bytes.fromhex("0001000501000200050300030005a5")
    with lab.attacker.raw_socket() as out:
        mac = bytes.fromhex(lab.attacker.mac.replace(":", ""))
        out.send(bytes.fromhex("01000ccccccc") + mac + len(body).to_bytes(2, "big") + body + bytes(40))


def _introduces_itself(lab: Lab, days: int) -> None:
    from scapy.contrib.lldp import LLDPDU, LLDPDUChassisID, LLDPDUEndOfLLDPDU, LLDPDUPortID, LLDPDUTimeToLive
    from scapy.layers.l2 import Ether

    chassis = LLDPDUChassisID(subtype=4, id=lab.attacker.mac)
    said = LLDPDU() / chassis / LLDPDUPortID(subtype=7, id=b"1") / LLDPDUTimeToLive(ttl=120) / LLDPDUEndOfLLDPDU()
    frame = bytes(Ether(src=lab.attacker.mac, dst="01:80:c2:00:00:0e", type=0x88CC) / said).ljust(60, b"\0")
    assert echo(lab) == 0
    for _ in range(days):
        lab.mirror.pass_time(86460)
        with lab.ground.hub_socket() as out:
            out.send(frame)


@shows("D41", "scapy", evidence="LLDP")
def no_switch_before(lab: Lab) -> None:
    """A day later somebody introduces itself as switches do."""
    _introduces_itself(lab, 1)


@shows("D42", "macof")
def mac_flood(lab: Lab) -> None:
    """macof sends 1,500 frames, each from another address."""
    lab.attacker.run("macof", "-i", "eth0", "-n", "3000")  # of which it sends half


@quiet("D42", "macof")
def some_macs(lab: Lab) -> None:
    """macof sends 950."""
    lab.attacker.run("macof", "-i", "eth0", "-n", "1900")
