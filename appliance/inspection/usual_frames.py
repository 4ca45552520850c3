"""The frames that a network is full of, as the engine's fast path takes them apart: layouts and ports, no logic."""

from __future__ import annotations

import struct

# Ethernet, IPv4 without options, TCP: type, version, total length, fragment, protocol, key, seq, ack, offset, flags
IPV4 = struct.Struct("!12xHBxH2xHxB2x12sIIBB")
# Ethernet, IPv6, TCP: type, version, length, next header, key, seq, ack, offset, flags
IPV6 = struct.Struct("!12xHB3xHBx36sIIBB")
FLAGS, ACK = 0x37, 0x10  # of FIN, SYN, RST, ACK and URG the fast path takes ACK alone
# UDP ports to which something is said that is looked at: DHCP, DHCPv6, VXLAN. What else UDP carries costs a comparison.
HEARD = frozenset(port.to_bytes(2, "big") for port in (67, 68, 546, 4789))
