"""A whole configuration, each key in it once, that is right; tests break it."""

from __future__ import annotations

VALID = """\
[appliance]
ae_title = "EDGE01"
state_dir = "/var/lib/appliance"
runtime_dir = "/run/appliance"

[receive]
listen = ["[::]:2762"]
listen_plain = ["10.20.0.1:104"]
called_ae_titles = ["EDGE01", "PACS"]
workers = 0
certificate = "/etc/appliance/tls/appliance.crt"
key = "/etc/appliance/tls/appliance.key"
client_ca = "/etc/appliance/tls/site-ca.crt"
client_crl = "/etc/appliance/tls/site-ca.crl"
max_pdu = 131072
max_associations = 128
tls_handshake = "10s"
artim = "10s"
pdu = "60s"
message = "30min"
idle = "5min"

[[peer]]
name = "CT suite 2"
accept = true
ae_titles = ["CT_SOMATOM1", "CT_SOMATOM1_QR"]
addresses = ["10.20.0.11", "10.20.0.16/29"]
tls = "required"
certificate = "san:ct1.rad.example"
tls_profile = "bcp195"
hours = "06:00-22:00"
user_identity = { type = "username", usernames = ["ct-suite-2"] }
max_associations = 4
services = ["echo", "store", "commit"]
commitment = { address = "h:104", ae_title = "CT_COMMIT", tls = "required", ca = "/ct.crt", certificate = "/report.crt", key = "/report.key", server_name = "ct1" }
sop_classes = ["1.2.840.10008.5.1.4.1.1.2"]

[[peer]]
name = "MR 1"
ae_titles = ["MR1"]
addresses = ["2001:db8::/64"]
tls = "allowed"

[vault]
recipients = ["age1pq1qqqqqqqqqq", "age1pq1pppppppppp"]
identity = "file:/etc/appliance/keys/identity"
index_key = "credential:index-key"
min_free = "10%"
keep = "72h"

[[destination]]
name = "pacs"
kind = "dimse"
address = "pacs.rad.example:2762"
ae_title = "PACS"
calling_ae_title = "own"
tls = "required"
ca = "/etc/appliance/tls/site-ca.crt"
certificate = "/etc/appliance/tls/client.crt"
key = "/etc/appliance/tls/client.key"
server_name = "pacs.rad.example"
associations = 2
transfer_syntaxes = ["1.2.840.10008.1.2.1"]
schedule = "Mon-Fri 18:00-07:00, Sat-Sun"
bandwidth = "20Mbit/s Mon-Fri 07:00-19:00, 200Mbit/s"

[[route]]
to = ["pacs"]
when = { modality = ["CT", "MR"], peer = ["CT suite 2"], ae_title = ["MR1"], sop_class = ["1.2.840.10008.5.1.4.1.1.2"], study = "complete", quiet = "10min" }

[alerts]
syslog = "tls://siem.example:6514"
ca = "/etc/appliance/tls/siem-ca.crt"
certificate = "/etc/appliance/tls/syslog.crt"
key = "/etc/appliance/tls/syslog.key"
server_name = "siem.example"

[panel]
metrics = "127.0.0.1:9465"
leds = { ready = "edge:green:ready", traffic = "edge:blue:traffic", backlog = "edge:yellow:backlog", alarm = "edge:red:alarm" }

[sensor]
interface = "eth1"
mode = "mirror"
decoy_ae = "ARCHIVE"
decoy_port = 11112
local = ["10.20.0.0/16"]
vlans = [30]
dhcp_servers = ["10.20.0.1"]
server = [{ name = "Reading room", addresses = ["10.20.0.64/28"], ae_titles = ["READ1"], ports = [104], tls = "never", asks = ["echo", "find", "move"] }]
"""  # noqa: E501  # a table in braces is one line
