"""Where frames come from: an interface (AF_PACKET) or a pcap file. It reads; it never sends a frame.

Beside that, what the sensor's engine needs of the world: who we are, what a certificate says, where its inventory is.
Every source yields batches of packets as `inspection.engine.Packet`; a frame is valid until its batch is used up.
"""
