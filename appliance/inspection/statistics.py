"""What the engine counted since it began. Bytes are TCP payload unless said otherwise."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(slots=True)
class Statistics:
    """Counters; they only grow."""

    packets: int = 0
    bytes: int = 0  # of frames, as long as they were on the wire
    segments: int = 0  # TCP segments that were no fast skip
    opened: int = 0  # SYNs
    answered: int = 0  # SYN-ACKs
    connections: int = 0  # that carried data
    fragments: int = 0  # IP fragments of TCP, or of a mirror in GRE
    link_frames: int = 0  # ARP, DHCP, neighbour discovery, spanning tree
    undecodable: int = 0  # such frames on which a decoder failed
    undecoded: int = 0  # frames without TCP that were not looked at, for want of time
    others: int = 0  # frames without TCP
    associations: int = 0  # A-ASSOCIATE-RQ seen in clear
    commands: int = 0  # DIMSE commands seen in clear
    tls: int = 0  # ClientHellos seen
    inspected: int = 0  # bytes of DICOM streams that were looked at
    skipped: int = 0  # bytes of DICOM streams that the shunt passed by
    unseen: int = 0  # bytes of streams that never came, where they were needed
    blind: int = 0  # times that something needed was not seen
    evicted: int = 0  # flows given up to make room
    faults: int = 0  # frames on which our own code failed
    dropped_packets: int = 0  # that the capture lost before we saw them
    alerts: int = 0

    def snapshot(self) -> dict[str, int]:
        """The counters by name."""
        return asdict(self)
