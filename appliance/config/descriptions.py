"""What each key is for, in a line, for editors that show it while one types. By model; keys without a default have
their line in the model, where `missing` says it.
"""

from __future__ import annotations

_CA = "the CA that signed its certificate"
_OURS = "our certificate for it, where it asks for one; with key"
_KEY = "the private key of certificate"
_SERVER_NAME = "the name in its certificate, where that is not the one in the address"
_DESTINATION = {
    "ca": _CA,
    "associations": "how many instances are on their way at a time",
    "transfer_syntaxes": "what it accepts; empty: learned from what it accepts",
    "schedule": "when it may be used, local time; without it always",
    "bandwidth": "how fast, all associations together; the first part that fits counts",
    "kind": "dimse (a PACS), stow (DICOMweb) or object-store (S3, or a directory)",
}
_SHOWN = {"certificate": _OURS, "key": _KEY, "server_name": _SERVER_NAME}

DESCRIPTIONS: dict[str, dict[str, str]] = {
    "Config": {
        "receive": "the storage SCP: what modalities talk to",
        "peer": "the devices that may associate; nobody else does",
        "destination": "who gets copies",
        "route": "what goes where; an object goes wherever a route that fits it says",
        "sensor": "watches the VLAN for DICOM that nobody authorized",
        "alerts": "who hears of alerts beside the log",
        "panel": "lamps and metrics",
    },
    "Appliance": {
        "state_dir": "where objects, ledger and logs of alerts lie; a change takes a restart",
        "runtime_dir": "where the sockets between the programs lie; a change takes a restart",
    },
    "Receive": {
        "listen": 'where DICOM over TLS is taken, like ["[::]:2762"]; a change takes a restart',
        "listen_plain": "where DICOM in cleartext is taken, for what cannot do TLS; a change takes a restart",
        "called_ae_titles": "the AE titles that we answer to; without it ae_title of [appliance]",
        "workers": "how many processes; 0: one a core",
        "certificate": "the certificate of this box, PEM, with its chain",
        "key": _KEY,
        "client_ca": "the CA that signed the certificates of the modalities",
        "client_crl": "revocation lists of the CAs, PEM; one that is past its date refuses everybody",
        "max_pdu": "the longest PDU that we take, in bytes",
        "max_associations": "of all peers at a time",
        "tls_handshake": "how long a TLS handshake may take",
        "artim": "how long the first A-ASSOCIATE-RQ may take",
        "pdu": "how long one PDU may take",
        "message": "how long one message, that is one instance, may take",
        "idle": "how long an association may rest",
    },
    "Peer": {
        "accept": "whether it is let in; false for an entry that nobody has looked at yet",
        "tls": "required, allowed (cleartext too) or never",
        "tls_profile": "bcp195, or legacy: TLS 1.2 with CBC or RSA key exchange, for old devices",
        "certificate": 'which one it shows: "san:NAME" or "sha256:FINGERPRINT"; without it any of client_ca',
        "user_identity": "what it must show beside AE title, address and certificate",
        "hours": "when it may associate, every day, local time",
        "services": "what it may ask for: echo, store, commit (storage commitment)",
        "sop_classes": "which SOP classes it may store, by UID; empty: all",
        "max_associations": "of this peer at a time",
        "commitment": "where it takes the reports of storage commitment; without it over its own associations",
        "calls": "for the sensor: which other servers it may call, by AE title; without it any that is registered",
    },
    "Commitment": {
        "tls": "required or never",
        "ca": "the CA of the device; without it client_ca of [receive]",
        **_SHOWN,
    },
    "UserIdentity": {
        "usernames": "the names that will do; with jwt the subjects, where empty is any",
        "passcodes": "by user name, as `appliance passcode` prints them",
        "key": "the public key of the token issuer, PEM",
        "issuer": "who issues the tokens (iss)",
        "audience": "for whom they are issued (aud)",
    },
    "Vault": {
        "identity": "what opens objects on this box; left out where nothing is opened here; a change takes a restart",
        "index_key": "what makes tags of UIDs; a change takes a restart",
        "min_free": "what stays free of the disk; below it modalities hear 0xA700 and keep their images",
        "keep": "how long an object stays after all destinations have it",
    },
    "DimseDestination": {
        **_DESTINATION,
        **_SHOWN,
        "calling_ae_title": "with which AE title we call: own, or peer: that of the modality",
        "tls": "required or never",
        "operations": "how many instances may await their answers on one association; 1: it is not asked for more",
        "proof": "what proves a delivery: status (of the C-STORE) or commitment",
        "on_unsupported": "what becomes of an instance that it does not accept: hold, or transcode what loses nothing",
        "reports": "where its commitment reports come from; what is left out is as where we send to",
    },
    "ReportSource": {
        "ae_titles": "the AE titles that it reports as",
        "addresses": "from where it reports",
        "tls": "required, allowed or never",
        "certificate": 'which one it must show: "san:NAME" or "sha256:FINGERPRINT"',
    },
    "StowDestination": {
        **_DESTINATION,
        **_SHOWN,
        "token": "where a bearer token lies; it is read anew for each request",
        "oauth": "OAuth 2.0 client credentials, instead of a token",
        "proof": "what proves a delivery: status (of each instance), or query: and QIDO-RS finds it",
    },
    "OAuth": {
        "scope": "what we ask for, as the service names it",
        "audience": "for which service, where the token endpoint wants to know",
        "ca": "the CA of the token endpoint; without it that of the destination",
    },
    "ObjectStoreDestination": {
        **_DESTINATION,
        "ca": "trusted beside the CAs of the machine",
        "endpoint": "the S3 service; without it AWS, by region",
        "region": "the AWS region",
        "path_style": "whether the bucket is in the path and not in the host name; true where there is an endpoint",
        "access_key_id": "who we are there",
        "secret_access_key": "where the secret of access_key_id lies",
        "proof": "what proves a delivery: status (the service's word, and the size), or read-back: and every byte",
    },
    "Route": {"when": "for which objects; without it all. Each key that is given must fit"},
    "When": {
        "peer": "names of [[peer]] entries",
        "ae_title": "calling AE titles",
        "modality": "values of Modality (0008,0060)",
        "sop_class": "SOP classes, by UID",
        "study": "complete: not before nothing more of its study came for a quiet time",
        "quiet": "how long that is",
    },
    "Sensor": {
        "mode": "mirror (a SPAN port), inline (a bridge) or host (this box alone)",
        "decoy_ae": "an AE title that nobody has: who calls it is looking for something",
        "decoy_port": "a port of this box on which nobody listens: who tries it is looking, too",
        "local": "the addresses of the site; DICOM from or to others is alerted. Empty: not looked at",
        "vlans": "the VLAN ids that frames may carry. Empty: not looked at",
        "dhcp_servers": "who may hand out addresses. Empty: the first that was seen",
        "moving": "addresses that a cluster moves between its machines; that is no alert",
        "server": "what else speaks DICOM on the VLAN and is no stranger",
        "ca": "the CAs of the site, where the sensor may read them; without it nobody asks who signed",
        "respond": "off, dry-run (says whom it would block) or block",
        "respond_rules": "for which rules an address is blocked",
        "respond_for": "for how long it is blocked",
        "respond_file": "root's file that says who is never blocked, and how much respond may do",
        "evidence_recipients": "who can open what is kept of associations that a rule spoke about. Empty: nothing is",
        "evidence_quota": "how much of them is kept; the oldest go first",
    },
    "SensorServer": {
        "ports": "where it listens; empty: it only calls others",
        "tls": "required, allowed or never",
        "asks": "what it may ask of others; empty: anything",
        "calls": "which servers it may call, by AE title; without it any that is registered",
    },
    "Alerts": {"ca": f"{_CA}; without it client_ca of [receive]", **_SHOWN},
    "Panel": {
        "metrics": "where Prometheus asks, in clear; a change takes a restart",
        "leds": 'which lamp of /sys/class/leds is what; without it those that are called "…:ready" and so on',
    },
    "Leds": {
        "ready": "the lamp for: all programs work",
        "traffic": "the lamp for: instances are on their way",
        "backlog": "the lamp for: something waits longer than it should",
        "alarm": "the lamp for: somebody has to do something",
        "single": "the one lamp of a board that has one; it blinks codes",
    },
}
