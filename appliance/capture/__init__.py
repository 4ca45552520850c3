"""Where frames come from: an interface (AF_PACKET) or a pcap file. It reads; it never sends a frame.

Every source yields batches of packets as `inspection.engine.Packet`; a frame is valid until its batch is used up.
"""
