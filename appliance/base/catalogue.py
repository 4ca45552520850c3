"""The catalogue of events. One entry a kind of log line; the codes are stable, since operators search for them."""

from __future__ import annotations

from appliance.base.events import Event, Level

# Programs
STARTED = Event("STARTED", Level.NOTICE, "{program} is ready: {detail}")
STOPPED = Event("STOPPED", Level.NOTICE, "{program} stopped: {detail}")
PROGRAM_DIED = Event(
    "PROGRAM-DIED",
    Level.CRITICAL,
    "{program} ended with {detail}; started again in {delay} s",
    "Read the lines before this one; if it repeats, report it with them.",
    "alarm",
)
PROGRAM_HANGS = Event(
    "PROGRAM-HANGS",
    Level.CRITICAL,
    "{program} gave no sign of life for {span} and is ended",
    "It is started again; if it repeats, report the lines that follow, which say where it was.",
    "alarm",
)
PROGRAM_ABSENT = Event(
    "PROGRAM-ABSENT",
    Level.WARNING,
    "{program} cannot run here and is left out",
    "The line before says which privilege it lacks.",
)
ENGINE_STUCK = Event(
    "ENGINE-STUCK",
    Level.CRITICAL,
    "{engine} of {program} ended or comes no further",
    "The watchdog ends the program, which says where it was and is started again; if it repeats, report those lines.",
    "alarm",
)
CONFIG_LOADED = Event("CONFIG-LOADED", Level.NOTICE, "configuration {detail} is in force")
CONFIG_REJECTED = Event(
    "CONFIG-REJECTED", Level.ERROR, "kept the old configuration: {detail}", "Run `appliance check`.", "alarm"
)
CONFIG_RESTART = Event(
    "CONFIG-RESTART",
    Level.WARNING,
    "{keys} changed, which counts after a restart of {program}; until then the old values do",
    "When no study is on its way: systemctl restart appliance-{program}.",
    "alarm",
)
INTERNAL_ERROR = Event(
    "INTERNAL-ERROR",
    Level.ERROR,
    "unforeseen {kind} in {where}; the association or task ended, nothing else",
    "Report it with this line.",
    "alarm",
)

# Receiving
ASSOCIATION_ACCEPTED = Event(
    "ASSOCIATION-ACCEPTED", Level.INFO, "{calling_ae} ({peer}) from {address} associated with {called_ae}, {security}"
)
ASSOCIATION_ENDED = Event(
    "ASSOCIATION-ENDED",
    Level.INFO,
    "{calling_ae} from {address}: {how}; {stored} stored, {refused} refused, {seconds} s",
)
ASSOCIATION_REFUSED = Event(
    "ASSOCIATION-REFUSED",
    Level.WARNING,
    "refused {calling_ae} to {called_ae} from {address}, {security}: {reason}",
    "{advice}",
)
ASSOCIATION_ABORTED = Event(
    "ASSOCIATION-ABORTED", Level.WARNING, "aborted {calling_ae} from {address}: {reason}", "{advice}"
)
HANDSHAKE_FAILED = Event("HANDSHAKE-FAILED", Level.WARNING, "TLS handshake with {address} failed: {reason}", "{advice}")
CONNECTION_REFUSED = Event(
    "CONNECTION-REFUSED", Level.WARNING, "closed a connection from {address}: {reason}", "{advice}"
)
STORE_REFUSED = Event(
    "STORE-REFUSED", Level.WARNING, "answered {status} to {calling_ae} from {address}: {reason}", "{advice}"
)
COMMITMENT_ASKED = Event(
    "COMMITMENT-ASKED", Level.INFO, "{calling_ae} from {address} asked us to commit to {instances} instances"
)
COMMITMENT_REFUSED = Event(
    "COMMITMENT-REFUSED",
    Level.WARNING,
    "answered {status} to a commitment request of {calling_ae} from {address}: {reason}",
    "{advice}",
)
DISK_REFUSED = Event(
    "DISK-REFUSED",
    Level.CRITICAL,
    "the medium refused: {reason}; modalities hear 0xA700 and keep their images",
    "{advice}",
    "alarm",
)
MEDIUM_LOST = Event(
    "MEDIUM-LOST",
    Level.CRITICAL,
    "the vault cannot be used: {reason}; its files were let go of, and it is looked for every few seconds",
    "{advice}",
    "alarm",
)
MEDIUM_REGAINED = Event("MEDIUM-REGAINED", Level.NOTICE, "the vault is back, after {span}; everything goes on")

# Vault and delivery
OBJECT_ADOPTED = Event("OBJECT-ADOPTED", Level.DEBUG, "object {object_id} adopted for {destinations}")
OBJECT_DUPLICATE = Event("OBJECT-DUPLICATE", Level.INFO, "object {object_id} holds what {other_id} holds; dropped")
OBJECT_CONFLICT = Event(
    "OBJECT-CONFLICT",
    Level.WARNING,
    "objects {object_id} and {other_id} have one SOP Instance UID and different content; both are kept",
    "Ask the sender {peer} whether it rewrote an instance.",
    "alarm",
)
OBJECT_UNREADABLE = Event(
    "OBJECT-UNREADABLE",
    Level.ERROR,
    "object {object_id} cannot be used: {reason}; it is kept aside in quarantine",
    "Keep the file; check the disk and the keys.",
    "alarm",
)
OBJECT_UNROUTED = Event(
    "OBJECT-UNROUTED",
    Level.WARNING,
    "object {object_id} from {peer} matches no [[route]]; it is kept, and goes nowhere",
    "Add a [[route]] that matches what {peer} sends.",
    "backlog",
)
OBJECTS_ROUTED = Event(
    "OBJECTS-ROUTED",
    Level.NOTICE,
    "objects that matched no [[route]] match one now: {deliveries} deliveries to {destinations}",
)
OBJECT_LOST = Event(
    "OBJECT-LOST",
    Level.CRITICAL,
    "the file of object {object_id} is missing; what it owes is held",
    "Check the disk; put the file back from a backup if you have one, and start again.",
    "alarm",
)
ADOPTION_FAILED = Event(
    "ADOPTION-FAILED", Level.ERROR, "new objects cannot be taken over: {reason}; they wait", "{advice}", "alarm"
)
LEDGER_DAMAGED = Event(
    "LEDGER-DAMAGED",
    Level.ERROR,
    "the ledger was damaged; it lies in quarantine, and a new one is made from the objects",
    "Check the disk. What the journal proves is not delivered again; the next line says what is.",
    "alarm",
)
DELIVERIES_LOCKED = Event(
    "DELIVERIES-LOCKED",
    Level.WARNING,
    "{destinations} cannot be served: {reason}; what is for them waits",
    "Give the identity (`appliance unlock`, or vault.identity), or use destinations that take sealed objects.",
    "backlog",
)
UNLOCKED = Event("UNLOCKED", Level.NOTICE, "a person unlocked the identity of this box; {destinations} can be served")
LOCKED = Event(
    "LOCKED",
    Level.NOTICE,
    "a person locked this box; what is for {destinations} waits",
    "Run `appliance unlock`.",
    "backlog",
)
UNLOCK_REFUSED = Event(
    "UNLOCK-REFUSED", Level.WARNING, "an identity was not taken: {reason}", "Look for the export of this box's keys."
)
DELIVERED = Event("DELIVERED", Level.DEBUG, "object {object_id} delivered to {destination}: {status}")
STORED = Event("STORED", Level.DEBUG, "object {object_id} stored by {destination}, not proven yet: {status}")
TRANSCODED = Event(
    "TRANSCODED", Level.INFO, "object {object_id} was stored by {destination} in {target}, transcoded from {syntax}"
)
PROOF_ASKED = Event("PROOF-ASKED", Level.INFO, "asked {destination} to commit to {instances} instances that it stored")
PROOF_REPORTED = Event("PROOF-REPORTED", Level.INFO, "{destination} committed to {proven} instances{more}")
PROVEN = Event("PROVEN", Level.DEBUG, "object {object_id} delivered to {destination}: committed")
PROOF_REPORTED_AGAIN = Event(
    "PROOF-REPORTED-AGAIN", Level.INFO, "{destination} reported again on {instances} instances; nothing changes"
)
PROOF_REPORT_UNKNOWN = Event(
    "PROOF-REPORT-UNKNOWN",
    Level.WARNING,
    "{destination} reported on {instances} instances under a Transaction UID that we did not give it; nothing changes",
    "Does another device use our AE title there?",
)
PROOF_REPORT_UNREADABLE = Event(
    "PROOF-REPORT-UNREADABLE",
    Level.ERROR,
    "commitment report {report_id} cannot be used: {reason}; it is kept aside in quarantine",
    "Check the disk and the index key; the destination is asked again.",
    "alarm",
)
PROOF_UNASKED = Event(
    "PROOF-UNASKED",
    Level.WARNING,
    "{destination} cannot be asked to commit to what it stored: {reason}",
    "{advice}",
    "backlog",
)
PROOF_OVERDUE = Event(
    "PROOF-OVERDUE",
    Level.WARNING,
    "{destination} owes proof of {instances} instances: {reason}; it is asked again",
    "{advice}",
    "backlog",
)
DELIVERY_FAILED = Event(
    "DELIVERY-FAILED",
    Level.WARNING,
    "{destination} failed: {reason}; {waiting} waiting, next try in {delay} s",
    "{advice}",
    "backlog",
)
DELIVERY_HELD = Event(
    "DELIVERY-HELD",
    Level.ERROR,
    "object {object_id} is held for {destination}: {reason}",
    "{advice}",
    "alarm",
)
DESTINATION_RECOVERED = Event(
    "DESTINATION-RECOVERED", Level.NOTICE, "{destination} takes deliveries again; {waiting} waiting"
)
DELIVERIES_STOPPED = Event(
    "DELIVERIES-STOPPED", Level.NOTICE, "a person holds {what} for {destination} back", "`appliance queue release`."
)
DELIVERIES_RELEASED = Event("DELIVERIES-RELEASED", Level.NOTICE, "a person lets {what} for {destination} go on")
DESTINATION_CROWDED = Event(
    "DESTINATION-CROWDED",
    Level.NOTICE,
    "{destination} took no further association ({reason}); deliveries go on over those that are open: {count}",
    "If it is up and this comes again, lower associations of this [[destination]], or raise what it allows.",
)
COMMITMENT_DECIDED = Event(
    "COMMITMENT-DECIDED",
    Level.INFO,
    "commitment request {request_id} of {peer}: {committed} instances committed, {failed} not{reasons}",
)
COMMITMENT_REPORTED = Event(
    "COMMITMENT-REPORTED", Level.INFO, "reported on commitment request {request_id} to {peer}, {way}"
)
COMMITMENT_KEPT = Event(
    "COMMITMENT-KEPT",
    Level.NOTICE,
    "nothing leads to {peer} now: the report on commitment request {request_id} is kept until it comes for it",
    "If the device listens for reports, add commitment to its [[peer]].",
)
REPORTS_UNREACHABLE = Event(
    "REPORTS-UNREACHABLE",
    Level.WARNING,
    "receive and forward do not meet, so commitment reports go over associations of our own, or later: {reason}",
    "Is forward running, and did `systemd-tmpfiles --create` make reports in runtime_dir?",
)
COMMITMENT_UNREPORTED = Event(
    "COMMITMENT-UNREPORTED",
    Level.WARNING,
    "cannot report commitment to {peer}: {reason}; next try in {delay} s",
    "{advice}",
    "backlog",
)
COMMITMENT_GIVEN_UP = Event(
    "COMMITMENT-GIVEN-UP",
    Level.ERROR,
    "gave up reporting on commitment request {request_id} to {peer}: {reason}",
    "Check commitment of this [[peer]]; the device has to ask again, and keeps its images until then.",
    "alarm",
)
COMMITMENT_UNREADABLE = Event(
    "COMMITMENT-UNREADABLE",
    Level.ERROR,
    "commitment request {request_id} cannot be used: {reason}; it is kept aside in quarantine",
    "Check the disk and the index key; the device has to ask again.",
    "alarm",
)
SYNTAXES_UNTOLD = Event(
    "SYNTAXES-UNTOLD",
    Level.WARNING,
    "receive is not told what the destinations accept: {reason}; it prefers uncompressed transfer syntaxes",
    "Check runtime_dir.",
)
OBJECT_EVICTED = Event("OBJECT-EVICTED", Level.DEBUG, "object {object_id} forgotten: delivered and kept long enough")

OBJECTS_ON_HOLD = Event("OBJECTS-ON-HOLD", Level.NOTICE, "a person put {objects} objects on hold; they stay")
OBJECTS_RELEASED = Event("OBJECTS-RELEASED", Level.NOTICE, "a person ended the hold of {objects} objects")
LEDGER_REBUILT = Event(
    "LEDGER-REBUILT",
    Level.NOTICE,
    "the ledger was rebuilt from {objects} objects and the journal; what was proven is not sent again, holds stand",
)
REDELIVERY_ANNOUNCED = Event(
    "REDELIVERY-ANNOUNCED",
    Level.WARNING,
    "the ledger was rebuilt, and the journal lacks proofs: {deliveries} deliveries are made again, {rate} a minute to "
    "each destination, for {minutes} min; new objects go first",
    "Tell who runs the destinations: they get objects that they may have. Look for holds that were lost.",
    "backlog",
)
JOURNAL_FAILED = Event(
    "JOURNAL-FAILED",
    Level.ERROR,
    "the journal cannot be written anew: {reason}; it grows meanwhile",
    "{advice}",
    "alarm",
)

# Sensor
ALERT = Event("ALERT", Level.WARNING, "{rule} {title}: {parties}, {evidence}", "{advice}", "alarm")
SENSOR_BLIND = Event("SENSOR-BLIND", Level.ERROR, "the sensor was blind: {reason}", "{advice}", "alarm")

INVENTORY_UNUSABLE = Event(
    "INVENTORY-UNUSABLE", Level.WARNING, "the sensor's inventory cannot be used: {reason}", "{advice}"
)

EVIDENCE_UNKEPT = Event(
    "EVIDENCE-UNKEPT", Level.WARNING, "evidence could not be kept: {reason}; the alert stands", "{advice}"
)

# Respond
BLOCK_SET = Event(
    "BLOCK-SET",
    Level.WARNING,
    "blocked {address} for {seconds} s because of {rule}; {scope}",
    "If it belongs here: appliance blocks release {address}; then add it to the configuration.",
    "alarm",
)
BLOCK_WOULD = Event(
    "BLOCK-WOULD",
    Level.NOTICE,
    "{address} would be blocked for {seconds} s because of {rule}, were it no dry-run; {scope}",
)
BLOCK_MITIGATED = Event("BLOCK-MITIGATED", Level.NOTICE, "the block of {address} stopped {packets} packets so far")
BLOCK_ENDED = Event("BLOCK-ENDED", Level.NOTICE, "{address} is no longer blocked: {reason}; {packets} packets stopped")
BLOCK_REFUSED = Event("BLOCK-REFUSED", Level.WARNING, "did not block {address} for {rule}: {reason}")
BLOCK_FAILED = Event("BLOCK-FAILED", Level.ERROR, "could not block {address}: {reason}", "{advice}", "alarm")
BLOCKS_FOUND = Event(
    "BLOCKS-FOUND", Level.NOTICE, "took over {count} blocks from the time before the start; released {removed} of them"
)
BLOCKS_RESTORED = Event(
    "BLOCKS-RESTORED",
    Level.WARNING,
    "somebody removed or changed our tables in the packet filter; they were made again with {count} blocks{more}",
    "Load other rules without `flush ruleset`: it ends all blocks for a moment.",
)
BLOCK_UNASKED = Event(
    "BLOCK-UNASKED", Level.ERROR, "{rule} asks to block {address}, and respond does not hear it", "{advice}", "alarm"
)

# Panel
HEALTH_RAISED = Event("HEALTH-RAISED", Level.WARNING, "{question}: {subject} {what}", "{advice}", "alarm")
HEALTH_CLEARED = Event("HEALTH-CLEARED", Level.NOTICE, "{question}: {subject} {what}, after {span}")
LAMP_UNUSABLE = Event(
    "LAMP-UNUSABLE",
    Level.WARNING,
    "the lamp {lamp} cannot be used: {reason}",
    "Check leds of [panel] against `ls /sys/class/leds`; firmware-config has the rule that lets the panel write there.",
)
METRICS_UNSERVED = Event(
    "METRICS-UNSERVED",
    Level.ERROR,
    "metrics are not served at {address}: {reason}",
    "Is the port taken (ss -ltnp), and is prometheus-client installed?",
)
SYSLOG_CONNECTED = Event("SYSLOG-CONNECTED", Level.NOTICE, "the collector {collector} takes alerts; {waiting} waited")
SYSLOG_UNREACHABLE = Event(
    "SYSLOG-UNREACHABLE",
    Level.WARNING,
    "the collector {collector} cannot be reached: {reason}; {waiting} records wait",
    "It is tried again by itself. Is it up, do the certificates fit, has the panel a network (systemd/README.md)?",
    "alarm",
)
SYSLOG_LOST = Event(
    "SYSLOG-LOST",
    Level.ERROR,
    "{count} records for the collector {collector} could not be kept: {reason}",
    "They are in the log and in `appliance alerts`. Mend the way to the collector.",
    "alarm",
)
LIBRARY_SPOKE = Event(
    "LIBRARY-SPOKE",
    Level.WARNING,
    "the library {logger} said something ({severity}) in {place}; its words are not shown, for they may name a patient",
    "Nothing, unless something else is wrong at the same time; then report this line too.",
)

EVENTS: tuple[Event, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Event))
