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
FACT = Limit("fact", "bytes", 194, 66, 1024, "a value that is kept as a fact of a study: a name in three groups of 64")
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
DELIVERY_ECHO = Limit("echo", "s", 30, 1, 300, "C-ECHO-RQ to its answer, of a destination that is tried anew")
DELIVERY_RELEASE = Limit("release", "s", 5, 1, 60, "A-RELEASE-RQ to A-RELEASE-RP")
DELIVERY_LINGER = Limit("linger", "s", 5, 0, 60, "an association with nothing to send stays open for the next instance")
DELIVERY_LEASE = Limit("lease", "s", 6 * 3600, 3600, 86400, "a row is out for delivery; start-up takes it back earlier")
DELIVERY_REFUSAL = Limit("refusal", "s", 600, 10, 86400, "a refused presentation context is not proposed again before")
RETRY_AFTER = Limit(
    "Retry-After", "s", 3600, 60, 86400, "what a web service may ask for at most; then it is tried anew"
)
TOKEN_LIFE = Limit(
    "token", "s", 300, 60, 86400, "an OAuth token of which nobody says how long it lives is used so long"
)
STORE_REQUEST = Limit("object store request", "s", 300, 10, 3600, "one part sent to an object store, and its answer")
STORE_TRIES = Limit("object store tries", "requests", 5, 1, 10, "of one request, before the delivery counts as failed")
RETRY_BASE = Limit("retry_base", "s", 1, 1, 600, "bound of the wait after the first failure; it doubles from there")
RETRY_CAP = Limit("retry_cap", "s", 60, 1, 86400, "bound of the wait after any failure")
BANDWIDTH = Limit("bandwidth", "bit/s", 10**7, 64_000, 10**11, "below it one piece of an instance takes many seconds")
SCHEDULE_LOOK = Limit(
    "schedule", "s", 60, 1, 600, "a closed destination is looked at anew so often: the clock may have been set"
)
STUDY_QUIET = Limit("quiet", "s", 600, 10, 86400, "a study counts as complete when nothing came for so long")
STUDY_LONGEST = Limit("longest study", "s", 4 * 3600, 600, 7 * 86400, "then it goes, though it never was quiet")
EVICTION = Limit("eviction", "s", 60, 1, 3600, "between two looks for objects that may go")

# Sending in another transfer syntax, each instance in a process of its own.
TRANSCODE_SIZE = Limit("instance to transcode", "bytes", 128 << 20, 1 << 20, 1 << 30, "as stored, and as inflated")
TRANSCODE_FRAME = Limit("decoded frame", "bytes", 64 << 20, 1 << 20, 1 << 29, "what a codec gives is held at once")
TRANSCODE_MEMORY = Limit(
    "memory of a transcoding", "bytes", 448 << 20, 1 << 16, 1 << 31, "address space: the instance mapped, and inflated"
)
TRANSCODE_CPU = Limit("time of a transcoding", "s", 600, 1, 3600, "of CPU; waiting for the destination costs none")
TRANSCODE_SILENCE = Limit("silent transcoding", "s", 120, 1, 3600, "between two pieces of what is awaited from it")
TRANSCODE_DEPTH = Limit("nested sequences", "levels", 64, 8, 128, "no real instance has ten")
TRANSCODERS = Limit("transcoders", "processes", 2, 1, 16, "for one destination at a time")

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

# Storage commitment of a destination, as proof.
PROOF_GATHER = Limit("proof gather", "s", 5, 0, 600, "what was stored waits so long for others to be asked for with it")
PROOF_BATCH = Limit("proof batch", "instances", 200, 1, 10000, "named in one commitment request to a destination")
PROOF_OPEN = Limit("open proofs", "requests", 64, 1, 1024, "to one destination that may be without a report at a time")
PROOF_WAIT = Limit("proof wait", "s", 10, 0, 600, "for a report, on the association over which we asked for it")
PROOF_DEADLINE = Limit("proof deadline", "s", 900, 10, 86400, "for a report, then we ask anew; it doubles each time")
PROOF_DEADLINE_CAP = Limit("longest proof deadline", "s", 6 * 3600, 10, 7 * 86400, "what the deadline doubles up to")
PROOF_ASKS = Limit("proof asks", "requests", 10, 1, 100, "for an instance, some 38 hours; then it is held for a person")
PROOF_RETRY_CAP = Limit("proof retry", "s", 300, 1, 86400, "bound of the wait after a request that was not taken")

# Counts.
DELIVERY_BATCH = Limit("batch", "rows", 32, 1, 1000, "leased at a time; open associations share them")
DELIVERY_BATCH_BYTES = Limit("bytes of a batch", "bytes", 4 << 20, 0, 1 << 30, "what is more comes with the next batch")
DELIVERY_FRESH = Limit("fresh", "rows", 4, 0, 16, "of a batch, which became due last: new instances pass a backlog")
DELIVERY_SUSPECT = Limit(
    "suspect", "times", 6, 2, 100, "that an instance ended its association while others got through; then it is held"
)
DELIVERY_SUSPECTS = Limit("suspects", "instances", 256, 16, 65536, "of one destination, remembered at a time")
HTTP_ANSWER = Limit("HTTP answer", "bytes", 1 << 20, 4096, 1 << 24, "the answer to one instance is a few kilobytes")
STORE_PART = Limit("part", "bytes", 5 << 20, 5 << 20, 1 << 26, "of a multipart upload; longer objects go in parts")
STORE_PARTS = Limit("parts", "parts", 2, 1, 8, "of one object on their way at a time; each is held in memory")
CONTROL_MESSAGE = Limit("control message", "bytes", 131072, 1024, 1 << 20, "one request to a program's control socket")
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
DELIVERY_OPERATIONS = Limit(
    "operations", "operations", 16, 1, 64, "that await their answers on one association to a destination that allows it"
)
DELIVERY_ASSOCIATIONS = Limit("associations", "associations", 2, 1, 128, "open to one destination at a time")

# The configuration and what it may ask for.
RESPOND_FILE = Limit("respond.toml", "bytes", 65536, 0, 65536, "thousands of addresses fit")
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
SECRET_FILE = Limit("secret file", "bytes", 131072, 131072, 131072, "32 identities with their recipients fit")
PASSPHRASE = Limit("passphrase", "characters", 16, 16, 16, "of 8 kinds: it can be tried at leisure by who has the file")
INODE_RESERVE = Limit(
    "inode reserve", "inodes", 4096, 4096, 4096, "kept free where min_free is given in bytes; a tenth at most"
)

VAULT_PAGE = Limit("page", "objects", 200, 1, 500, "in one answer of forward's control socket")
JOURNAL = Limit("journal", "bytes", 16 << 20, 65536, 1 << 30, "appended before it is written anew from the ledger")
JOURNAL_FILES = Limit("journal files", "files", 64, 2, 1000, "one a start of forward, before it is written anew")
JOURNAL_FRAME = Limit("journal frame", "bytes", 32 << 20, 65536, 32 << 20, "the longest commitment request fits")
REDELIVERY = Limit("redelivery", "objects/min", 600, 1, 100000, "to each destination, where the proofs were lost")

# Segments of `incoming/`: files written before, for small instances.
SEGMENT = Limit("segment", "bytes", 16 << 20, 4096, 1 << 26, "holds about 800 instances of 13 kB; longer is set aside")
SEGMENT_RECORD = Limit("segment record", "bytes", 64 << 10, 4096, 1 << 20, "a longer sealed object gets its own file")
SEGMENTS = Limit("segments", "files", 32, 1, 64, "made at most, those in use and those to use again together")
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
SENSOR_JOIN = Limit("search of a flow joined midway", "bytes", 64 << 10, 4096, 1 << 24, "then it counts as no DICOM")
SENSOR_OPENING_WAIT = Limit("sensor opening", "s", 60, 5, 600, "a TCP handshake is remembered without data")
SENSOR_FLOW_IDLE = Limit("sensor flow idle", "s", 7200, 60, 86400, "a flow is remembered without packets")
SENSOR_FLOW_CLOSED = Limit("sensor flow closed", "s", 15, 1, 600, "a flow is remembered after RST or both FINs")
SENSOR_SCAN = Limit("scan", "targets", 20, 5, 64, "distinct addresses and ports tried in vain by one source in 60 s")
SENSOR_SOURCES = Limit("scan sources", "addresses", 4096, 64, 65536, "watched for scans at a time")
SENSOR_ALERT_WINDOW = Limit("alert window", "s", 60, 1, 3600, "alerts of one rule about one pair are one with a count")
SENSOR_ALERT_AGAIN = Limit("repeated alert", "s", 3600, 60, 86400, "at least, between two of what goes on unchanged")
SENSOR_ALERT_AGAIN_URGENT = Limit("repeated alert, high", "s", 600, 60, 86400, "the same, of the highest severity")
SENSOR_ALERT_RATE = Limit("alert rate", "alerts", 60, 10, 10000, "of one rule in one window; the rest is counted")
SENSOR_FRAGMENTED = Limit("fragmented packets", "packets", 256, 16, 65536, "IP packets of which fragments are awaited")
SENSOR_FRAGMENTS = Limit("fragments", "fragments", 64, 8, 8192, "of one IP packet; with more it is given up")
SENSOR_FRAGMENT_WAIT = Limit("fragment wait", "s", 30, 1, 120, "then an IP packet that is not whole is given up")
SENSOR_HANDSHAKE = Limit(
    "inspected TLS handshake", "bytes", 128 << 10, 4096, 1 << 20, "of one side; OpenSSL takes certificates of 100 KiB"
)
SENSOR_CHAIN = Limit("shown CAs", "certificates", 8, 1, 64, "behind the certificate that a peer shows, looked at")
SITE_AUTHORITIES = Limit("CAs of the site", "certificates", 64, 1, 1000, "in the file at ca of [sensor]")
SITE_AUTHORITIES_FILE = Limit("file of CAs", "bytes", 256 << 10, 4096, 1 << 20, "at ca of [sensor]")
SENSOR_DATA_HEAD = Limit("head of a data set", "bytes", 2048, 256, 65536, "looked at; the rest is never copied")
SENSOR_LOOKED_AT = Limit(
    "looked at lately", "bytes", 128 << 10, 65536, 1 << 24, "of a stream, to compare with what comes again"
)
SENSOR_VERSIONS = Limit("contradicting segments", "segments", 16, 1, 256, "kept of one direction, to parse both ways")
SENSOR_ARTIM = Limit("unfinished request", "s", 30, 5, 600, "a connection to a DICOM server without a whole request")
SENSOR_STALLED = Limit("silent connections", "connections", 10, 2, 1000, "of one source to DICOM servers in 60 s")
SENSOR_BACKLOG = Limit(
    "backlog", "connections", 100, 10, 65536, "to one DICOM server in 60 s on which nothing was said"
)
SENSOR_MOVES = Limit("moves to nowhere", "answers", 5, 2, 1000, "C-MOVE to an unknown destination, of one pair in 60 s")
SENSOR_GUESSES = Limit("guessed names", "tries", 10, 3, 1000, "refused or unregistered AE titles of one source in 60 s")
SENSOR_TLS_ALERTS = Limit("TLS alerts", "alerts", 5, 2, 1000, "about certificates, of one pair in 60 s")
SENSOR_BUSY_REJECTS = Limit("busy rejections", "answers", 5, 2, 1000, "for want of resources, of one server in 60 s")
SENSOR_ABORTS = Limit("provider aborts", "aborts", 10, 2, 1000, "of one pair in 60 s")
SENSOR_FAULT_KINDS = Limit("kinds of malformed bytes", "kinds", 4, 2, 100, "of one source in 300 s: a fuzzer")
SENSOR_QUERIES = Limit("queries", "queries", 120, 10, 100000, "of one source in 60 s")
SENSOR_MATCHES = Limit("query matches", "answers", 1000, 10, 1 << 20, "to one query")
SENSOR_FAILED_STORES = Limit("failed stores", "answers", 20, 2, 100000, "of one pair in 600 s")
SENSOR_ECHO_SWEEP = Limit("echo sweep", "servers", 5, 2, 1000, "asked for verification only by one source in 60 s")
SENSOR_CONCURRENT = Limit("concurrent associations", "associations", 64, 4, 65536, "in clear, of one pair")
SENSOR_ANNOUNCED = Limit("announcements", "announcements", 60, 10, 10000, "of one address by one host in 60 s")
SENSOR_MACS = Limit("new Ethernet addresses", "addresses", 1000, 16, 1 << 20, "in 60 s: more fill a switch's table")
SENSOR_DECODES = Limit("link-layer frames", "frames", 500, 10, 100000, "of ARP, DHCP, ND and STP, decoded in a second")
SENSOR_NEIGHBOURS = Limit("neighbours", "addresses", 8192, 64, 1 << 20, "of which the Ethernet address is remembered")
SENSOR_SILENCE = Limit("silent mirror", "s", 300, 10, 86400, "without a frame, or with nothing but broadcasts")
SENSOR_INVENTORY = Limit("inventory", "entries", 4096, 64, 65536, "of one kind; who was seen longest ago goes")
SENSOR_LEARN = Limit("learning", "s", 86400, 60, 31 << 20, "a device is known that long before its changes are told")
SENSOR_SURGE = Limit("stored instances", "instances", 1000, 10, 1 << 30, "in an hour, below which no surge is told")
SENSOR_SURGE_BYTES = Limit(
    "sent bytes", "bytes", 20 << 30, 1 << 20, 1 << 50, "in an hour, below which no surge is told"
)
SENSOR_RING = Limit("capture ring", "bytes", 32 << 20, 1 << 20, 1 << 30, "a quarter second of a full 1 Gbit/s link")
EVIDENCE_QUOTA = Limit(
    "evidence", "bytes", 64 << 20, 1 << 16, 1 << 40, "sealed, on the disk; the oldest files go first"
)
EVIDENCE_FILES = Limit("evidence files", "files", 4096, 16, 1 << 20, "kept at most; the oldest go first")
EVIDENCE_FILE = Limit(
    "evidence file", "bytes", 256 << 10, 4096, 1 << 24, "that wait in memory before a file is written"
)
EVIDENCE_WAIT = Limit("evidence wait", "s", 20, 1, 600, "in memory, before a file is written in any case")
EVIDENCE_FLOW = Limit("evidence of a flow", "bytes", 256 << 10, 4096, 1 << 24, "control PDUs kept of one connection")
EVIDENCE_PENDING = Limit("pending evidence", "bytes", 4 << 20, 65536, 1 << 28, "between two looks of the program")
RESPOND_TIME = Limit("block", "s", 600, 10, 86400, "an address is blocked at the request of the sensor")
RESPOND_LONGEST = Limit("longest block", "s", 3600, 10, 7 * 86400, "whatever the sensor asks for")
RESPOND_BLOCKS = Limit("blocks", "addresses", 64, 1, 4096, "blocked at a time")
ALERT_BACKLOG = Limit("alert backlog", "alerts", 256, 1, 65536, "in memory, for a disk that takes none; the oldest go")
ALERT_LOG = Limit("alert log", "bytes", 16 << 20, 65536, 1 << 30, "then it is rotated; four old ones are kept")

# What the panel calls well.
BACKLOG_WARN = Limit("backlog warning", "s", 900, 10, 86400, "the oldest delivery waits so long before a lamp says so")
BACKLOG_ALARM = Limit("backlog alarm", "s", 4 * 3600, 60, 7 * 86400, "and so long before it is an alarm")
ALERT_LAMP = Limit("alert lamp", "s", 3600, 60, 86400, "an alert lights its lamp so long")
LOSS_MEMORY = Limit("memory of losses", "s", 3600, 60, 86400, "a loss is a finding so long after the last")

# Export to a collector of syslog.
SYSLOG_RECORD = Limit("syslog record", "bytes", 2048, 480, 8192, "what every collector takes, RFC 5425 4.3.1")
SYSLOG_SPOOL = Limit("syslog spool", "bytes", 16 << 20, 1 << 16, 1 << 30, "some 30000 records; the oldest go first")
SYSLOG_HELD = Limit("held syslog records", "bytes", 256 << 10, 4096, 16 << 20, "in memory, where the disk takes none")
SYSLOG_SEGMENT = Limit("syslog spool file", "bytes", 256 << 10, 4096, 16 << 20, "dropped at a time when it is full")
SYSLOG_SETTLE = Limit("syslog settle", "s", 10, 1, 300, "a record counts as taken when its connection lived on so long")
SYSLOG_CONNECT = Limit("syslog connect", "s", 10, 1, 120, "TCP and TLS to the collector")
SYSLOG_DEAD = Limit("syslog dead", "s", 30, 5, 600, "without an acknowledgement the connection is given up")
SYSLOG_PENDING = Limit("syslog pending", "records", 4096, 16, 1 << 20, "in memory, for a disk that does not answer")
SYSLOG_RETRY = Limit("syslog retry", "s", 60, 1, 3600, "bound of the wait after a failure; it doubles from 1 s")

# Metrics.
SCRAPE = Limit("scrape", "s", 5, 1, 60, "a request for metrics from its first byte to the last of the answer")
SCRAPE_REQUEST = Limit("scrape request", "bytes", 8192, 1024, 65536, "the head of a request for metrics")

# What the watchdogs wait for.
ENGINE_STEP = Limit("engine step", "s", 300, 60, 3600, "an object of 2 GiB is read back from a slow card in that time")
STORE_STEP = Limit("store step", "s", 60, 15, 600, "a worker makes instances durable, and none became so")
