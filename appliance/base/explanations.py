"""What an event means and what a person does about it, at more length than a log line: for journald's catalogue
(`journalctl -x`) and docs/events.md. Every event from WARNING up has its words here; those below need nobody.
"""

from __future__ import annotations

from appliance.base.events import Event, Level

NOTHING_TO_DO = "For information. There is nothing to do."

EXPLANATIONS: dict[str, str] = {
    "PROGRAM-DIED": """\
The supervisor of `appliance run` started the program again, after a pause that grows. Nothing that was answered
is lost: it was durable before the answer. If it happens once, note it; if it repeats, look for the first line
of the program that is not from its start, and report it.""",
    "PROGRAM-HANGS": """\
The program, or a part of it, stood still, and the supervisor of `appliance run` killed it, as systemd does where
it runs the units. It is started again and takes up what was under way; nothing that was answered is lost. A
machine that is far too busy, or a disk that does not answer, looks the same.""",
    "PROGRAM-ABSENT": """\
The program lacks a privilege and was left out; the others run. The sensor, for one, needs CAP_NET_RAW: run as
root, or let systemd start it (systemctl enable --now appliance-sensor).""",
    "ENGINE-STUCK": """\
A part of the program ended, or has been at one piece of work for minutes, while the rest of it goes on. The
program says so by feeding its watchdog no longer: systemd, or `appliance run`, ends it and starts it again, and
it takes up what was under way. Nothing that was answered is lost. A disk that does not answer looks the same:
read the kernel's log (dmesg). If the disk is well and it repeats, report it with the lines that follow: they say where
each thread was, in files, lines and functions.""",
    "CONFIG-REJECTED": """\
The changed file has a mistake. What was in force stays in force, no association was dropped. Run `appliance
check`: it names every mistake with its line. Save the mended file; it is read again.""",
    "CONFIG-RESTART": """\
The file was taken up but for the keys in the line: a running program holds on to its listeners, its directories
and its keys. Restart the program when it suits: receive ends the associations that are open, and the modalities
send what was not answered again; forward goes on where it was.""",
    "INTERNAL-ERROR": """\
A fault of ours. It ended one association, object or task, and nothing beside it; a modality sends again what
was not answered. Please report the line: it holds the kind of error and its place, and no patient data.""",
    "EVIDENCE-UNKEPT": """\
The sealed capture of what a rule spoke about could not be written: the disk refused, or one file would be larger
than evidence_quota. What is lost is the capture of that moment; alerts are kept elsewhere and stand.""",
    "BLOCK-SET": """\
`respond` blocks the address for the time in the line, at the request of the sensor: the rule says what was seen
(docs/rules.md). Peers, destinations, routers, name servers and time servers are never blocked. If the device
belongs here, let it in again with `appliance blocks release` and add it to the configuration. Where the sensor
listens at a mirror port, a block protects this box alone.""",
    "BLOCK-REFUSED": """\
The sensor asked for a block and `respond` did not set it. The line says why: the address must stay reachable,
the handshake was not acknowledged both ways (its sender may have forged the address of somebody else), too many
are blocked already, or it was not the sensor who asked. What the sensor saw is an alert all the same.""",
    "BLOCK-FAILED": """\
The packet filter refused. Nobody is blocked by us while that lasts. The line says what nft said; look whether
the package nftables is installed and the kernel has nf_tables.""",
    "BLOCKS-RESTORED": """\
Our table (appliance_respond) was gone from the packet filter, or its rules were, most likely because other rules
were loaded with `flush ruleset`. It was made again with what was blocked. Load rules table by table instead, as
firmware-config/appliance.nft does.""",
    "BLOCK-UNASKED": """\
The sensor found something that it should have blocked, and `respond` is not there. Start it (systemctl enable
--now appliance-respond), or set respond = "off" in [sensor].""",
    "ASSOCIATION-REFUSED": """\
A device asked for an association that no [[peer]] allows: AE title, address, certificate, hours, number or user
identity do not fit. If it is yours, the line says what to add or change in the configuration. If nobody knows
it, find out who has the address: somebody tries to send to, or to look into, a system with patient data.""",
    "ASSOCIATION-ABORTED": """\
An association was ended by us: the device broke the protocol, or let a deadline pass. What was answered with
success is stored. If it is one device again and again, give its vendor the reason in the line; it may be a
network that loses packets, too.""",
    "HANDSHAKE-FAILED": """\
No TLS connection came about. Most often the device has no certificate, one of another CA, one that expired or
was revoked, or it speaks no TLS at all on a port for TLS. The line says which. If every device fails at once,
look at our own certificate and at the date of the revocation list (`appliance check`).""",
    "CONNECTION-REFUSED": """\
A connection was closed before TLS: too many are open, or too many from one address. Registered devices have
places of their own. From an address that nobody knows this may be a scan.""",
    "STORE-REFUSED": """\
An instance was not stored, and the modality was told so; it keeps it. 0xA700 is about room or the disk: see to
the deliveries and the disk. 0xA900 means that the data set contradicts its command: tell the vendor. The line
says more.""",
    "COMMITMENT-REFUSED": """\
A request for storage commitment could not be taken. The line says whether it is malformed, too large, or
nothing that the [[peer]] may ask for.""",
    "DISK-REFUSED": """\
Writing failed. Nothing was promised that cannot be kept: modalities hear 0xA700 and keep their images. Look at
the free room (df, df -i) and at the kernel's log (dmesg): a medium that fails should be replaced before it is
full of work.""",
    "MEDIUM-LOST": """\
The file system of the state directory failed, is read-only, or is not mounted. All programs let go of it, so it
can be unmounted, checked and mounted again while they run; modalities hear 0xA700 meanwhile and keep their
images, and deliveries wait. Look at the kernel's log (dmesg). Then umount, e2fsck -f and mount, in this order.
Under systemd that is so for a disk at /srv/appliance/disk. One that is mounted elsewhere stays pinned in the
units' own mounts: there, stop appliance.target first, and start it at the end.""",
    "OBJECT-CONFLICT": """\
One SOP Instance UID came with two contents, which the standard forbids. Both are kept and delivered. Somebody
rewrote an instance without a new UID: ask the sender which of the two is meant.""",
    "OBJECT-UNREADABLE": """\
A sealed object is damaged, or sealed under other keys. It lies in quarantine and is not deleted. Check the disk
first (dmesg, smartctl); then whether the index key or the state directory came from another box.""",
    "OBJECT-UNROUTED": """\
An object matches no [[route]], so it is kept and goes nowhere. Add a route that matches, or one without a
condition for all the rest: once that is in force it is delivered.""",
    "OBJECT-LOST": """\
The ledger knows an object whose file is gone. Nobody but `forward` removes files: look for a person, a backup
tool or a file system check that did. Put the file back if you can; what it owes is held until then.""",
    "ADOPTION-FAILED": """\
New objects wait in incoming/ and are not lost. The line says what stopped them; mostly the disk, or rights
after files were copied by hand (systemd-tmpfiles --create appliance.conf).""",
    "LEDGER-DAMAGED": """\
The database of deliveries could not be read, so a new one is made from the objects and the journal. It takes a
while with many objects. A damaged database points to the disk, or to a copy of the state directory made while
it was in use.""",
    "DELIVERIES-LOCKED": """\
Objects for these destinations cannot be opened, since this box has no identity in memory. Images are received
and wait. With identity = "unlock", a person runs `appliance unlock` after each start; else `appliance check`
says what is missing.""",
    "UNLOCK-REFUSED": """\
Somebody gave an identity that this box's objects are not sealed to, or one that is malformed. Look for the
export that belongs to this box. If nobody of yours tried, somebody else has access to this box.""",
    "DELIVERY-FAILED": """\
A destination did not take an instance, for now. It is tried again by itself with growing pauses, and other
destinations go on. If it lasts: is it up, does its port answer from here, do the certificates fit, does it know
our AE title?""",
    "DELIVERY-HELD": """\
A destination refused an instance in a way that trying again does not change. `appliance queue held` shows its
own words. Mend it there (an unknown SOP class, a transfer syntax, a missing right), then run `appliance queue
retry`.""",
    "REPORTS-UNREACHABLE": """\
Reports of storage commitment go over the modality's own association only while `receive` and `forward` meet in
runtime_dir/reports. Without it they go over associations of our own, or later. Is appliance-forward running?""",
    "COMMITMENT-UNREPORTED": """\
A device does not take the report that its images are safe. It is tried again for three days. Check commitment
of its [[peer]]: address, AE title, TLS; many devices take reports only while they are switched on.""",
    "COMMITMENT-GIVEN-UP": """\
For three days a device took no report. Its images are safe here and upstream; the device does not know, keeps
them and asks again. Mend commitment of its [[peer]].""",
    "COMMITMENT-UNREADABLE": """\
A request that was durable cannot be read any more. The device keeps its images and has to ask again. Check the
disk, and whether the index key is that of this state directory.""",
    "PROOF-REPORT-UNKNOWN": """\
A destination committed to instances under a Transaction UID that this box did not give it, or gave it more than a
month ago. Nothing is taken as proven by it. Perhaps another device uses our AE title at that PACS.""",
    "PROOF-REPORT-UNREADABLE": """\
A report that was durable cannot be read any more. Nothing is taken as proven by it, and the destination is asked
again. Check the disk, and whether the index key is that of this state directory.""",
    "PROOF-UNASKED": """\
What this destination stored is not proven, since it cannot be asked for storage commitment: it does not answer,
does not offer the service, or refuses the request. It is tried again by itself; nothing is forgotten meanwhile. If
the PACS has no storage commitment, set proof = "status" for this [[destination]].""",
    "PROOF-OVERDUE": """\
The destination took our request for storage commitment and did not report in time. It is asked again, under a new
Transaction UID, with growing pauses; after ten requests its instances are held. Most often the PACS reports over
an association of its own, and cannot reach this box or does not know it: see "Proof" in docs/upstreams.md.""",
    "SYNTAXES-UNTOLD": """\
`receive` does not know which transfer syntaxes the destinations take, so it prefers uncompressed ones, which
all of them take. It costs room and time and loses nothing. Check that runtime_dir is there and writable for
forward.""",
    "REDELIVERY-ANNOUNCED": """\
After the ledger was rebuilt some proofs of delivery are missing, so these objects are sent again, slowly. A
PACS takes an instance that it has as a success. Tell who runs the destinations, and look whether holds were
lost.""",
    "JOURNAL-FAILED": """\
The journal that a lost ledger is rebuilt from could not be written anew. The old one goes on and grows. Look at
the disk.""",
    "ALERT": """\
The sensor saw something on the network that should not be: the rule, who, and to whom stand in the line.
`appliance alerts` shows the record. Find the device by its address; if it belongs here, add it to the
configuration.""",
    "SENSOR-BLIND": """\
The sensor missed something: packets were lost, or a part of a connection never came by. What happened meanwhile
is not known to be harmless. Is the mirror port overloaded, is a cable out, does the switch mirror both
directions?""",
    "INVENTORY-UNUSABLE": """\
What the sensor remembers of the devices on the network cannot be read or kept. It watches all the same, and
learns the devices anew. Look at the disk and at the owner of the alerts directory.""",
    "HEALTH-RAISED": """\
The panel found something that needs a person; `appliance status` shows it with what to do, and a lamp says so.
When it is well again, HEALTH-CLEARED follows.""",
    "LAMP-UNUSABLE": """\
A lamp of this box cannot be found or written. Everything else works. The names are in leds of [panel], the
lamps below /sys/class/leds; firmware-config/60-appliance-leds.rules lets the panel write there. `appliance
lamps test` tries them.""",
    "METRICS-UNSERVED": """\
Prometheus cannot scrape this box. Everything else works, `appliance status` too. Look whether another program
has the port; under systemd, appliance-panel-metrics.socket opens it, and `metrics` of [panel] is not needed.""",
    "SYSLOG-UNREACHABLE": """\
Alerts for the collector wait on the disk, some 30000 of them, and are sent in order when it is back. Is it up,
is its port open from here, is its certificate signed by the CA in [alerts], does it know ours? Under systemd
the panel has no network until a drop-in gives it one: see systemd/README.md.""",
    "SYSLOG-LOST": """\
The spool for the collector was full, or the disk refused, so the oldest records are gone from it. They are
still in the journal, and those of the sensor in `appliance alerts`. Mend the way to the collector.""",
    "LIBRARY-SPOKE": """\
A library that we use logged or warned of something. Its words are left out on purpose: they may hold what a
device sent. Alone it means little. With APPLIANCE_TRACEBACK=1 a command shows more; look through it before you
pass it on.""",
}


def explanation(event: Event) -> str:
    """What to tell a person about an event: several lines."""
    known = EXPLANATIONS.get(event.code)
    if known is None and event.level <= Level.WARNING:
        raise KeyError(f"{event.code} needs words in base/explanations.py: what it means, and what a person does")
    return known or (event.fix if event.fix and "{" not in event.fix else NOTHING_TO_DO)
