"""The catalogue of findings: one entry a kind, in the order of the rooms that they are about."""

from __future__ import annotations

from appliance.config.posture.finding import Rule

# Files and certificates
NOT_LOOKED_AT = Rule(
    "not-looked-at",
    "warning",
    "Whether they are there, whole, and kept from others is not known to this run.",
    "Run it as root: sudo appliance check. Where the programs run as this user (`appliance run`), they cannot use them "
    "either.",
)
FILE_UNREADABLE = Rule(
    "file-unreadable",
    "error",
    "The program that needs this file does not start, or does without what it is for.",
    "Put the file there, readable by the program's user, or correct the path. `appliance certs request` and `install` "
    "bring certificates, `appliance certs trust` those of a CA.",
)
KEY_EXPOSED = Rule(
    "key-exposed",
    "error",
    "Whoever has this key can be taken for this box, or read what it sealed.",
    "Run: chmod 0400 {path}. If others had access, make a new key.",
)
PAIR_BROKEN = Rule(
    "certificate-key-mismatch",
    "error",
    "TLS cannot start with a certificate and a key that do not belong together.",
    "Name the key that the certificate was asked for with, or have a new pair issued.",
)
CERTIFICATE_EXPIRED = Rule(
    "certificate-expired",
    "error",
    "Every device that checks certificates refuses the connection.",
    "Have a new certificate issued; it is taken up without a restart of the modality.",
)
CERTIFICATE_EARLY = Rule(
    "certificate-not-yet-valid",
    "error",
    "Every device that checks certificates refuses the connection.",
    "Check the clock of this box (timedatectl), then that of the CA.",
)
CERTIFICATE_EXPIRES = Rule(
    "certificate-expires",
    "warning",
    "When it has expired, modalities can no longer send.",
    "Have a new certificate issued now.",
)
CERTIFICATE_PURPOSE = Rule(
    "certificate-purpose",
    "error",
    "The other side checks the extended key usage (RFC 5280 4.2.1.12) and refuses the connection.",
    "Have a certificate issued for TLS {side} authentication.",
)
CERTIFICATE_NAMELESS = Rule(
    "certificate-nameless",
    "warning",
    "A device that checks whom it talks to compares the subject alternative names; without one it cannot.",
    "Have a certificate issued with the DNS name or address that the modalities use for this box.",
)
CERTIFICATE_WEAK = Rule(
    "certificate-weak",
    "warning",
    "Its strength is below what DICOM's secure transport profile asks for (PS3.15 B.12, RFC 9325).",
    "Have a certificate issued with ECDSA P-256 or RSA 2048, signed with SHA-256.",
)
CERTIFICATE_FOREIGN = Rule(
    "certificate-other-ca",
    "warning",
    "Modalities that trust only the CA of client_ca will not trust this box.",
    "Give the modalities the CA that signed it, or have it signed by the CA in client_ca.",
)
AUTHORITY_NONE = Rule(
    "ca-without-authority",
    "error",
    "No certificate can be verified against it: every handshake fails.",
    "Put the certificate of the CA itself there, not one that it issued.",
)
AUTHORITY_EXPIRED = Rule(
    "ca-expired",
    "error",
    "Every certificate that it signed is refused.",
    "Put the certificate of the CA that signs today there.",
)
AUTHORITY_EXPIRES = Rule(
    "ca-expires",
    "warning",
    "A new CA has to reach every modality before the old one ends, and that takes weeks.",
    "Start now: both CA certificates may stand in one file meanwhile. The CA that is built in: appliance certs roll.",
)
ROLL_OVER_SOON = Rule(
    "ca-roll-over-soon",
    "note",
    "What the CA that is built in signs ends with it, and every device needs a certificate of its next one before.",
    "Plan `appliance certs roll`: its steps turn no device away, and take as long as it takes to see each of them.",
)
ROLL_OVER_DUE = Rule(
    "ca-roll-over-due",
    "warning",
    "From then on every device is refused, and each has to be visited with a certificate of the next CA before.",
    "Run: appliance certs roll --begin. It makes the next CA beside this one, and says what to do then.",
)
ROLL_OVER_OPEN = Rule(
    "ca-roll-over-open",
    "warning",
    "Whoever has the key of either CA can make certificates for every device of the site.",
    "Run: appliance certs roll. It says what is left to do.",
)
REVOCATION_EXPIRED = Rule(
    "crl-expired",
    "error",
    "A list past its date says nothing any more, so every certificate of that CA is refused.",
    "Fetch the list of today from the CA, then reload: systemctl reload appliance-receive.",
)
REVOCATION_EARLY = Rule(
    "crl-not-yet-valid",
    "error",
    "A list that is not valid yet says nothing, so every certificate of that CA is refused.",
    "Check the clock of this box (timedatectl), then that of the CA.",
)
REVOCATION_EXPIRES = Rule(
    "crl-expires",
    "warning",
    "From then on every certificate of that CA is refused.",
    "Have a timer fetch the list and give it to `appliance certs crl`, more often than the CA issues it.",
)
REVOCATION_ABSENT = Rule(
    "crl-missing",
    "warning",
    "Where client_crl is given, certificates of a CA without a list in it are refused.",
    "Append the list of that CA to the file, unless it issues no certificates of devices.",
)
AUTHORITY_KEY = Rule(
    "ca-key-on-box",
    "warning",
    "Who takes over this box can make certificates for every device of the site.",
    "Move {path} to a place that is not on the network; it is needed only to issue certificates.",
)

# Who may send
CLEARTEXT_LISTENER = Rule(
    "listener-cleartext",
    "warning",
    "Patient data crosses the network readable, and an AE title and an address are easy to feign.",
    "Use listen (DICOM TLS); keep listen_plain for devices that cannot, on a VLAN of their own.",
)
NO_PEER = Rule(
    "no-peer",
    "warning",
    "Every association is refused: only registered devices may send.",
    "Add a [[peer]] for each modality.",
)
PEER_CLEARTEXT = Rule(
    "peer-cleartext",
    "warning",
    "What it sends can be read on the way, and whoever takes its AE title and address is taken for it.",
    'Turn on TLS at the device and set tls = "required".',
)
PEER_UNBOUND = Rule(
    "peer-without-certificate",
    "warning",
    "Any device with a certificate of the site can be taken for this one, if it takes its AE title and address.",
    'Add certificate = "san:NAME" with the name in the certificate of the device.',
)
PEER_LEGACY = Rule(
    "peer-tls-legacy",
    "warning",
    "Its old TLS suites have no forward secrecy or no AEAD: who records the traffic can read it with our key, later.",
    'Update the device, and remove tls_profile; "legacy" is for those that nobody updates any more.',
)
LEGACY_WITHOUT_RSA = Rule(
    "legacy-without-rsa",
    "warning",
    "The suite of DICOM's AES profile (TLS_RSA_WITH_AES_128_CBC_SHA) needs an RSA key; devices with no other fail.",
    "Have a certificate with an RSA key of 2048 bits or more issued for this box.",
)
IDENTITY_CLEARTEXT = Rule(
    "user-identity-cleartext",
    "warning",
    "Whoever listens on the network learns the user name, the passcode or the token, and can show it too.",
    'Turn on TLS at the device and set tls = "required"; then change the passcode.',
)
PEER_WIDE = Rule(
    "peer-wide-address",
    "warning",
    "Every address in the range may use its AE titles.",
    "Name the addresses that the device has.",
)
PEER_PROPOSED = Rule(
    "peer-not-accepted",
    "note",
    "It is refused until a person has agreed to it.",
    "Set accept = true if you know the device, or remove the entry.",
)
METRICS_OPEN = Rule(
    "metrics-on-network",
    "warning",
    "They are in clear, and nobody is asked for a password: names of devices and destinations, and faults, can be "
    "read by all who reach the port.",
    'Use "127.0.0.1:9465" and a proxy that asks, or let the firewall admit Prometheus alone.',
)
FEW_OPEN_FILES = Rule(
    "too-few-open-files",
    "warning",
    "When they run out, devices cannot connect, and instances are refused with 0xA700.",
    "Lower max_associations, or allow {needed}: LimitNOFILE= of the unit, `ulimit -n` before `appliance run`.",
)
RESPOND_FILE = Rule(
    "respond-file",
    "error",
    "It bounds what may be blocked, and root alone may write it. Without it respond does not start.",
    "Run: install -m 0640 /usr/share/doc/pacs-appliance/firmware-config/respond.toml {path}; then name in it whom "
    "nobody may block.",
)
RESPOND_FILE_DRY = Rule(
    "respond-file-dry-run",
    "note",
    "A dry-run does without it. What is said would be blocked may differ from what will be.",
    "Run: install -m 0640 /usr/share/doc/pacs-appliance/firmware-config/respond.toml {path}, before you set respond "
    "to block.",
)
RESPOND_ALONE = Rule(
    "respond-self-only",
    "note",
    "Frames of a mirror port are copies: what is blocked still reaches every other machine of the VLAN.",
    'Put the box in between (a bridge, mode = "inline") where others are to be protected, or use the switch.',
)
RESPOND_DRY = Rule(
    "respond-dry-run",
    "note",
    "Until respond is block an alert is all that happens.",
    "Read `appliance alerts --rule D46` for a while. Where it names strangers only, set respond to block.",
)
EVIDENCE_BROKEN = Rule(
    "evidence-recipient-malformed",
    "error",
    "The sensor does not start with recipients to whom nothing can be sealed.",
    "Copy them again, whole, and let them be of one kind: age1pq1… only, or age1… only.",
)
EVIDENCE_KEPT = Rule(
    "evidence-kept",
    "note",
    "A request for an association may show a user name and a passcode in clear. Data sets and commands are never kept.",
    "Keep its identity (`appliance keys new`) elsewhere, with who looks into incidents.",
)
SENSOR_CA = Rule(
    "sensor-ca-unusable",
    "error",
    "The sensor does without: nobody asks who signed the certificates that servers and devices show.",
    "Run: install -m 0444 /etc/appliance/tls/site-ca.crt /etc/appliance/site-ca.crt; and name that. "
    "`appliance certs trust` adds to both.",
)
SENSOR_CA_OTHER = Rule(
    "sensor-ca-not-ours",
    "warning",
    "The sensor will raise D17 about this box itself: no CA of the site signed what it shows.",
    "Add the CA that signed the certificate of [receive] to that file.",
)
NO_SENSOR = Rule(
    "no-sensor",
    "note",
    "Nobody watches the network for DICOM associations that nobody allowed.",
    "Add [sensor] with the interface that sees the traffic.",
)

# The vault
STATE_MISSING = Rule(
    "state-dir-missing",
    "note",
    "It is made at the first start.",
    "Nothing to do, if it is to lie on this medium.",
)
STATE_NOT_MOUNTED = Rule(
    "state-dir-not-mounted",
    "error",
    "Nothing is received, 0xA700 is the answer to every instance; deliveries wait for the disk.",
    "Mount it. Where no disk belongs there any more, take its line out of /etc/fstab.",
)
STATE_UNUSABLE = Rule(
    "state-dir-unusable",
    "error",
    "Nothing can be received: 0xA700 is the answer to every instance.",
    "Make it a directory that the programs' users may write, on a medium that is not read-only.",
)
SECRET_BROKEN = Rule(
    "secret-malformed",
    "error",
    "The program that needs it does not start.",
    "Restore the file from the recovery kit, or make new keys with `appliance init`.",
)
RECIPIENT_BROKEN = Rule(
    "recipient-malformed",
    "error",
    "Nothing can be sealed, so nothing can be received.",
    "Copy the recipient again, whole: its last characters are a checksum.",
)
RECIPIENTS_MIXED = Rule(
    "recipients-mixed",
    "error",
    "One classical recipient takes the protection of the hybrid ones away; such a list is refused.",
    "Use hybrid recipients (age1pq1…) only, or classical ones (age1…) only.",
)
RECIPIENTS_CLASSICAL = Rule(
    "recipients-classical",
    "note",
    "Who records objects today can open them when quantum computers break X25519.",
    "Use hybrid recipients where every reader has age 1.3 or later: `appliance init` makes them.",
)
NO_RECOVERY = Rule(
    "no-recovery",
    "warning",
    "When that one key is lost with this box, everything that was not delivered is lost.",
    "Add the recovery recipient, and keep its identity on paper.",
)
IDENTITY_ON_DISK = Rule(
    "theft-not-protected",
    "warning",
    "Who steals this box has both the sealed objects and the key that opens them. The file's mode keeps it from other "
    "programs and users, no more.",
    "Give the identity as a systemd credential bound to a TPM (credential:identity), or by a person after each start "
    '(identity = "unlock"), or encrypt the disk.',
)
IDENTITY_STRAY = Rule(
    "identity-in-clear",
    "warning",
    "Who steals this box has both the sealed objects and a key that opens them, whatever the configuration says.",
    "Look whether you have it elsewhere (`appliance keys export`), then remove {path}.",
)
IDENTITY_CREDENTIAL = Rule(
    "identity-by-credential",
    "note",
    "Sealed to a TPM, a disk alone opens nothing, in no other machine. Not kept out: who steals the whole box and has "
    "it boot by itself, and root on the running box.",
    "See that it was encrypted with --with-key=tpm2 (systemd/README.md). Where the whole box may be stolen, use "
    'identity = "unlock".',
)
IDENTITY_UNLOCK = Rule(
    "identity-by-unlock",
    "note",
    "Neither the disk nor the whole box opens anything for a thief. After each start of forward, what destinations "
    "take in plaintext waits for a person; reception goes on. Not kept out: root on the running, unlocked box.",
    "Run `appliance unlock` after each start. Keep the exported keys and their passphrase where who is on duty finds "
    "them.",
)
IDENTITY_ABSENT = Rule(
    "sealed-only",
    "note",
    "This box cannot open what it stores: neither a thief nor root reads an object here.",
    "Nothing to do. Identities are with those to whom objects go, and in the recovery kit.",
)
IDENTITY_MISSING = Rule(
    "identity-missing",
    "error",
    "A destination that takes plaintext waits for ever without an identity.",
    'Add identity = "credential:identity" (or "unlock", "file:…") to [vault], or use destinations of kind '
    '"object-store" only.',
)
IDENTITY_FOREIGN = Rule(
    "identity-not-recipient",
    "error",
    "What is sealed from now on cannot be opened here: every delivery fails.",
    "Add its recipient to recipients of [vault], or name the identity that belongs to one of them.",
)
IDENTITY_IDLE = Rule(
    "identity-unneeded",
    "note",
    "No destination needs plaintext; without the identity this box could not read what it holds.",
    "Leave identity out, and keep the file elsewhere.",
)

COMMITMENT_CLEARTEXT = Rule(
    "commitment-cleartext",
    "warning",
    "Reports name instances readable on the network, and anybody at that address is told them.",
    'Remove tls = "never" from commitment, if the device takes reports over TLS.',
)

COMMITMENT_UNADDRESSED = Rule(
    "commitment-without-address",
    "note",
    "Reports go over the association that asks, while the device keeps it open; later ones are kept for three days, "
    "until it associates for commitment again.",
    "Add commitment with address and ae_title, if the device listens for reports.",
)
REPORTS_UNADDRESSED = Rule(
    "reports-without-address",
    "warning",
    "Names are not resolved to admit somebody. A report on an association of the destination's own, as most PACS open, "
    "is refused, and what it stored is asked for again and again, then held. Reports over our associations are heard.",
    'Say from where it reports: reports = {{ addresses = ["its address"] }}.',
)

# Where objects go
NO_DESTINATION = Rule(
    "no-destination",
    "warning",
    "Objects are received and kept, and delivered to nobody.",
    "Add a [[destination]] and a [[route]] to it.",
)
DESTINATION_CLEARTEXT = Rule(
    "destination-cleartext",
    "warning",
    "Patient data crosses the network readable, and anybody at that address is taken for the destination.",
    "Use TLS (leave tls out, or write https://) and name the CA of the destination in ca.",
)
STORE_CLEARTEXT = Rule(
    "object-store-cleartext",
    "note",
    "Whoever is on the way sees names and sizes of objects, not what they hold, and may change what is stored.",
    "Use an endpoint with https://.",
)
DESTINATION_ANONYMOUS = Rule(
    "destination-without-certificate",
    "note",
    "A destination that asks who calls (mutual TLS) refuses us.",
    "Add certificate and key, if the destination asks for them.",
)
SYNTAX_UNDELIVERED = Rule(
    "syntax-not-delivered",
    "warning",
    "A device that proposes nothing else is let in all the same, and what it sends is held here.",
    "Add it if the destination takes it; or leave transfer_syntaxes out, and what it accepts is learned.",
)
DESTINATION_UNUSED = Rule(
    "destination-unused",
    "warning",
    "Nothing is ever delivered there.",
    "Name it in the to of a [[route]], or remove it.",
)
PEER_WITHOUT_ROUTE = Rule(
    "peer-without-route",
    "warning",
    "What it sends is kept here and delivered to nobody.",
    "Add a [[route]] for it, or one without a condition.",
)
ROUTE_GAP = Rule(
    "route-gap",
    "note",
    "Objects that no route takes are kept here and delivered to nobody.",
    "Add a [[route]] without a condition for the rest, if there is a rest.",
)
ROUTE_DEAD = Rule(
    "route-unreachable",
    "warning",
    "No accepted peer can send what it asks for.",
    "Correct the condition, or remove the route.",
)

RULES: tuple[Rule, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Rule))
