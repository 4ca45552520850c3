"""Every numeric limit in one place, with its unit, default, floor and ceiling.

A limit that a config key may change says which; the rest are fixed. Code takes `LIMIT.default` or a value that
`LIMIT.check` let through, never a literal of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from appliance.base.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Limit:
    """One number that bounds something."""

    name: str
    unit: str
    default: int
    floor: int
    ceiling: int
    why: str

    def check(self, value: int) -> int:
        """Return `value` if it lies between floor and ceiling, else raise `ConfigError`."""
        if not self.floor <= value <= self.ceiling:
            raise ConfigError(
                f"{self.name} is {value} {self.unit}",
                fix=f"Choose {self.floor} to {self.ceiling} {self.unit}: {self.why}.",
            )
        return value


# Sizes of what a peer announces, checked before anything is allocated.
ASSOCIATE_PDU = Limit(
    "A-ASSOCIATE length", "bytes", 1 << 20, 68, 1 << 20, "128 contexts with many syntaxes fit in 1 MiB"
)
CONTROL_PDU = Limit("control PDU length", "bytes", 4, 4, 4, "PS3.8 9.3.4 to 9.3.8 fix it")
MAX_PDU_RECEIVE = Limit("max_pdu", "bytes", 131072, 4096, 1 << 24, "announced as Maximum Length, PS3.8 D.1")
MAX_PDU_SEND = Limit(
    "max_pdu_send",
    "bytes",
    131072,
    4096,
    1 << 24,
    "the size of P-DATA-TF that we send when the peer allows more",
)
ASSOCIATE_ITEMS = Limit(
    "A-ASSOCIATE items", "items", 16384, 1024, 65536, "128 contexts of 120 transfer syntaxes each fit"
)
COMMAND_SET = Limit("command set", "bytes", 65536, 256, 1 << 20, "a command set is a few hundred bytes")
AFTER_ASSOCIATION = Limit(
    "bytes after the association",
    "bytes",
    8 << 20,
    65536,
    1 << 26,
    "what was under way when we aborted or rejected is read and dropped, so that the peer can read why",
)
DATASET_HEAD = Limit("data set head", "bytes", 65536, 4096, 1 << 20, "the part of a data set that is parsed in passing")

# Deadlines, in seconds; each runs from the first byte awaited to the last, so that dripping does not help.
TLS_HANDSHAKE = Limit("tls_handshake", "s", 10, 1, 120, "TCP accept to the end of the TLS handshake")
ARTIM = Limit("artim", "s", 10, 1, 120, "transport open to a whole A-ASSOCIATE-RQ, PS3.8 9.1.5")
PDU_DEADLINE = Limit("pdu", "s", 60, 5, 600, "first to last byte of one PDU")
MESSAGE_DEADLINE = Limit("message", "s", 1800, 60, 86400, "first to last PDU of one DIMSE message")
IDLE_DEADLINE = Limit("idle", "s", 300, 30, 86400, "between two messages of an association")

# Towards a destination, in seconds: how long we wait, how long we keep, when we try again.
DELIVERY_CONNECT = Limit("connect", "s", 10, 1, 120, "one TCP connection to a destination")
DELIVERY_ASSOCIATION = Limit("association", "s", 30, 1, 300, "A-ASSOCIATE-RQ sent to its answer")
DELIVERY_WRITE = Limit("write", "s", 60, 1, 600, "one write of at most 256 KiB until the destination took it")
DELIVERY_RESPONSE = Limit("response", "s", 300, 5, 3600, "last byte of a data set to the C-STORE-RSP")
DELIVERY_RELEASE = Limit("release", "s", 5, 1, 60, "A-RELEASE-RQ to A-RELEASE-RP")
DELIVERY_LINGER = Limit("linger", "s", 5, 0, 60, "an association with nothing to send stays open for the next instance")
DELIVERY_LEASE = Limit("lease", "s", 6 * 3600, 3600, 86400, "a row is out for delivery; start-up takes it back earlier")
DELIVERY_REFUSAL = Limit("refusal", "s", 600, 10, 86400, "a refused presentation context is not proposed again before")
RETRY_BASE = Limit("retry_base", "s", 1, 1, 600, "bound of the wait after the first failure; it doubles from there")
RETRY_CAP = Limit("retry_cap", "s", 60, 1, 86400, "bound of the wait after any failure")
EVICTION = Limit("eviction", "s", 60, 1, 3600, "between two looks for objects that may go")

# Storage commitment.
COMMITMENT_REQUEST = Limit("commitment request", "bytes", 2 << 20, 4096, 1 << 24, "what names 10000 instances fits")
COMMITMENT_INSTANCES = Limit("instances to commit", "instances", 10000, 1, 10000, "in one request; more is 0x0213")
COMMITMENT_GRACE = Limit("commitment grace", "s", 10, 0, 3600, "an instance that was not there yet may still come")
COMMITMENT_PATIENCE = Limit("commitment patience", "s", 600, 1, 3600, "for instances that came before the request")
COMMITMENT_GIVE_UP = Limit("commitment give-up", "s", 72 * 3600, 60, 30 * 86400, "a report is tried so long")
COMMITMENT_MEMORY = Limit(
    "commitment memory", "s", 30 * 86400, 3600, 365 * 86400, "a Transaction UID that was used is known so long"
)
COMMITMENT_REPORTERS = Limit("commitment reporters", "peers", 8, 1, 64, "reported to at the same time")
COMMITMENT_QUIET = Limit(
    "commitment quiet", "ms", 500, 0, 10000, "an open association rests so long before a report goes over it"
)
COMMITMENT_ANSWER = Limit(
    "commitment answer", "s", 60, 5, 600, "a report handed to an open association, to its N-EVENT-REPORT-RSP"
)
COMMITMENT_ASKED = Limit("requests awaited", "requests", 64, 1, 1024, "that one association knows to be its own")
COMMITMENT_TRIES = Limit(
    "commitment tries", "associations", 8, 1, 100, "that a peer without an address may end over a report, one by one"
)

# Counts.
DELIVERY_BATCH = Limit("batch", "rows", 16, 1, 1000, "leased at a time by one association")
CONTROL_MESSAGE = Limit("control message", "bytes", 65536, 1024, 1 << 20, "one request to a program's control socket")
PENDING_HANDSHAKES = Limit(
    "pending_handshakes",
    "connections",
    256,
    8,
    4096,
    "connections that have not finished their A-ASSOCIATE-RQ",
)
ASSOCIATIONS = Limit("associations", "associations", 128, 1, 1024, "open at a time, all peers together")
ENVELOPES = Limit("envelopes", "envelopes", 1024, 1, 65536, "file keys wrapped in advance by a worker; about 3 kB each")
OPERATIONS = Limit(
    "operations", "operations", 16, 1, 64, "that a peer may have outstanding, PS3.7 D.3.3.3; served one after the other"
)
WORKERS = Limit("workers", "processes", 0, 0, 16, "0 is one a core; more than cores only costs memory")
DELIVERY_ASSOCIATIONS = Limit("associations", "associations", 2, 1, 16, "open to one destination at a time")

# The configuration and what it may ask for.
CONFIG_FILE = Limit("configuration file", "bytes", 1 << 20, 0, 1 << 20, "thousands of peers fit in 1 MiB")
KEEP = Limit("keep", "s", 72 * 3600, 0, 10 * 365 * 86400, "how long an object stays after it was delivered")
ACCEPTED_FILE = Limit("accepted.json", "bytes", 1 << 20, 0, 1 << 20, "thousands of syntaxes fit in 1 MiB")
SOCKET_DIRECTORY = Limit("runtime_dir", "bytes", 90, 1, 90, "the path of a socket in it has 107 at most, unix(7)")
DRAIN = Limit("drain", "bytes", 1 << 30, 1 << 20, 1 << 34, "a refused data set is received to its end up to this")

# Sealed objects.
SEALED_HEADER = Limit("sealed object header", "bytes", 65536, 65536, 65536, "32 hybrid recipients and the record fit")
RECIPIENTS = Limit("recipients", "recipients", 32, 1, 32, "each adds 1.6 KB to the header of every object")
SCRYPT_WORK = Limit(
    "scrypt work factor", "bits", 18, 10, 20, "each doubles time and memory: 18 takes a second and 256 MiB, 20 1 GiB"
)
ARMOR_WHITESPACE = Limit("whitespace around armor", "bytes", 1024, 1024, 1024, "on each side, as mail and editors add")
KEY_EXPORT = Limit("exported keys", "bytes", 131072, 131072, 131072, "32 identities with their recipients fit")
INODE_RESERVE = Limit(
    "inode reserve", "inodes", 4096, 4096, 4096, "kept free where min_free is given in bytes; a tenth at most"
)

# Segments of `incoming/`: files written before, for small instances.
SEGMENT = Limit("segment", "bytes", 16 << 20, 4096, 1 << 26, "holds about 800 instances of 13 kB; longer is set aside")
SEGMENT_RECORD = Limit("segment record", "bytes", 64 << 10, 4096, 1 << 20, "a longer sealed object gets its own file")
SEGMENTS = Limit("segments", "files", 16, 1, 64, "made at most, those in use and those to use again together")
SEGMENTS_FREE = Limit("free segments", "files", 4, 0, 64, "kept to use again; further ones are removed")

# The sensor. What it keeps is bounded, whatever the wire says; what does not fit is called blind.
SENSOR_FLOWS = Limit("sensor flows", "flows", 32768, 1024, 1 << 20, "TCP connections that carried data, at a time")
SENSOR_OPENINGS = Limit("sensor openings", "SYNs", 32768, 1024, 1 << 20, "TCP handshakes without data yet")
SENSOR_MEMORY = Limit("sensor memory", "bytes", 32 << 20, 1 << 20, 1 << 30, "payload bytes kept, all flows together")
SENSOR_HELD = Limit("held segments", "bytes", 512 << 10, 65536, 1 << 24, "out of order, in one direction of a flow")
SENSOR_HELD_SEGMENTS = Limit("held segments", "segments", 512, 16, 65536, "out of order, in one direction of a flow")
SENSOR_ASSOCIATE = Limit(
    "inspected A-ASSOCIATE", "bytes", 128 << 10, 4096, 1 << 20, "longer ones are alerted, not parsed"
)
SENSOR_COMMAND = Limit("inspected command set", "bytes", 16 << 10, 4096, 1 << 20, "longer ones are alerted, not parsed")
SENSOR_SKIP = Limit("shunt", "bytes", 16 << 20, 16384, 1 << 28, "skipped at most where the receiver announced no limit")
SENSOR_HELLO = Limit("inspected TLS hello", "bytes", 32 << 10, 4096, 1 << 20, "longer ones are not parsed")
SENSOR_JOIN = Limit("search of a flow joined midway", "bytes", 64 << 10, 4096, 1 << 24, "then it counts as no DICOM")
SENSOR_OPENING_WAIT = Limit("sensor opening", "s", 60, 5, 600, "a TCP handshake is remembered without data")
SENSOR_FLOW_IDLE = Limit("sensor flow idle", "s", 7200, 60, 86400, "a flow is remembered without packets")
SENSOR_FLOW_CLOSED = Limit("sensor flow closed", "s", 15, 1, 600, "a flow is remembered after RST or both FINs")
SENSOR_SCAN = Limit("scan", "targets", 20, 5, 64, "distinct addresses and ports tried in vain by one source in 60 s")
SENSOR_SOURCES = Limit("scan sources", "addresses", 4096, 64, 65536, "watched for scans at a time")
SENSOR_ALERT_WINDOW = Limit("alert window", "s", 60, 1, 3600, "alerts of one rule about one pair are one with a count")
SENSOR_ALERT_RATE = Limit("alert rate", "alerts", 60, 10, 10000, "of one rule in one window; the rest is counted")
SENSOR_RING = Limit("capture ring", "bytes", 32 << 20, 1 << 20, 1 << 30, "a quarter second of a full 1 Gbit/s link")
ALERT_LOG = Limit("alert log", "bytes", 16 << 20, 65536, 1 << 30, "then it is rotated; four old ones are kept")
