"""The site that the sensor's tests watch: one CT, one PACS, this appliance, and who does not belong."""

from __future__ import annotations

import ipaddress
import tomllib
from typing import Any

from appliance.config.model import Config
from appliance.inspection.engine import Inspection
from appliance.inspection.registry import Registry, Surroundings

CONFIG = """
[appliance]
ae_title = "EDGE01"

[receive]
listen = ["10.20.0.2:2762"]
listen_plain = ["10.20.0.2:104"]
certificate = "/etc/appliance/tls/appliance.crt"
key = "/etc/appliance/tls/appliance.key"
client_ca = "/etc/appliance/tls/site-ca.crt"
called_ae_titles = ["EDGE01", "PACSX"]

[[peer]]
name = "CT suite 2"
ae_titles = ["CT_SOMATOM1"]
addresses = ["10.20.0.11", "2001:db8::11"]
tls = "never"

[[peer]]
name = "MR"
ae_titles = ["MR1"]
addresses = ["10.20.0.12"]

[[peer]]
name = "not yet"
accept = false
ae_titles = ["XA1"]
addresses = ["10.20.0.13"]
tls = "never"

[vault]
recipients = ["RECIPIENT"]

[[destination]]
name = "pacs"
kind = "dimse"
address = "pacs.rad.example:2762"
ae_title = "PACS"
ca = "/etc/appliance/tls/site-ca.crt"

[[destination]]
name = "old pacs"
kind = "dimse"
address = "10.20.0.4:104"
ae_title = "OLDPACS"
tls = "never"
calling_ae_title = "peer"

[sensor]
interface = "eth1"
decoy_ae = "ARCHIVE"
"""

CT, MR, OWN, PACS, OLD_PACS, STRANGER = (
    "10.20.0.11",
    "10.20.0.12",
    "10.20.0.2",
    "10.20.0.3",
    "10.20.0.4",
    "10.20.0.99",
)


def config() -> Config:
    """As read from the file above."""
    recipient = "age1" + "q" * 58
    parsed = tomllib.loads(CONFIG.replace("RECIPIENT", recipient))
    return Config.model_validate(parsed)


def registry(own: bool = True, of: Config | None = None) -> Registry:
    """The registry of this site, or `of` another one. Without `own`, as for a pcap from elsewhere."""
    here = frozenset({ipaddress.ip_address(OWN), ipaddress.ip_address("2001:db8::2")}) if own else None
    names = {"pacs.rad.example": frozenset({ipaddress.ip_address(PACS)})} if own else {}
    return Registry.build(of or config(), Surroundings(here, names))


def engine() -> Inspection:
    """An engine that watches this site."""
    return Inspection(registry(), "eth1")


def rules(inspection: Inspection) -> list[str]:
    """The ids of the rules that spoke, in order, each once."""
    return list(dict.fromkeys(record["alert"]["signature_id"] for record in inspection.take_alerts()))


def evidence(records: list[dict[str, Any]], rule: str) -> str:
    """The evidence of the first alert of a rule."""
    return str(next(r["alert"]["metadata"]["evidence"] for r in records if r["alert"]["signature_id"] == rule))
