"""The model of the configuration: what may be said, in the words that the admin writes.

Unknown keys are errors. Defaults stand here and nowhere else. What spans several keys or sections (a route to a
destination that does not exist, two peers that claim one AE title at one address) is checked in `checks.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PrivateAttr, StrictBool, StrictInt

from appliance.base import limits
from appliance.config.destinations import AnyDestination
from appliance.config.hours import HoursOfDay
from appliance.config.panel import Alerts, Panel
from appliance.config.passcode import StoredPasscode
from appliance.config.section import Section
from appliance.config.values import (
    AbsolutePath,
    AddressRange,
    AETitle,
    CertificateBinding,
    Duration,
    Endpoint,
    HostName,
    IdentitySource,
    Interface,
    Modality,
    Name,
    Port,
    Recipient,
    SecretSource,
    Share,
    StorageShare,
    Uid,
    VlanId,
    Word,
    parse_share,
    within,
)

Service = Literal["echo", "store", "commit"]
# Rules that are about what one client did.
BlockedFor = Literal["D01", "D04", "D05", "D06", "D07", "D08", "D13", "D27", "D28", "D31"]
Ask = Literal["echo", "store", "commit", "find", "move", "get", "worklist", "mpps", "print", "other"]


class Appliance(Section):
    """[appliance]: who this box is and where its state lives."""

    ae_title: AETitle = Field(description='the AE title of this box, like "EDGE01"')
    state_dir: AbsolutePath = Path("/var/lib/appliance")
    runtime_dir: AbsolutePath = Path("/run/appliance")


class Receive(Section):
    """[receive]: the storage SCP."""

    listen: tuple[Endpoint, ...] = ()
    listen_plain: tuple[Endpoint, ...] = ()
    called_ae_titles: tuple[AETitle, ...] = ()
    workers: Annotated[StrictInt, within(limits.WORKERS)] = limits.WORKERS.default
    certificate: AbsolutePath | None = None
    key: AbsolutePath | None = None
    client_ca: AbsolutePath | None = None
    client_crl: AbsolutePath | None = None
    max_pdu: Annotated[StrictInt, within(limits.MAX_PDU_RECEIVE)] = limits.MAX_PDU_RECEIVE.default
    max_associations: Annotated[StrictInt, within(limits.ASSOCIATIONS)] = limits.ASSOCIATIONS.default
    tls_handshake: Annotated[Duration, within(limits.TLS_HANDSHAKE)] = float(limits.TLS_HANDSHAKE.default)
    artim: Annotated[Duration, within(limits.ARTIM)] = float(limits.ARTIM.default)
    pdu: Annotated[Duration, within(limits.PDU_DEADLINE)] = float(limits.PDU_DEADLINE.default)
    message: Annotated[Duration, within(limits.MESSAGE_DEADLINE)] = float(limits.MESSAGE_DEADLINE.default)
    idle: Annotated[Duration, within(limits.IDLE_DEADLINE)] = float(limits.IDLE_DEADLINE.default)


class Commitment(Section):
    """Where a peer takes the reports of storage commitment, over an association that we open (PS3.4 J.3.3). Without
    it, reports go over associations that the peer opens."""

    address: Endpoint = Field(description='where the device takes reports, like "10.20.0.11:104"')
    ae_title: AETitle = Field(description='the AE title that it takes them under, like "CT_COMMIT"')
    tls: Literal["required", "never"] = "required"
    ca: AbsolutePath | None = None
    """None: client_ca of [receive]."""
    certificate: AbsolutePath | None = None
    key: AbsolutePath | None = None
    server_name: HostName | None = None


class UserIdentity(Section):
    """Which user identity a peer must show beside its AE title (PS3.7 D.3.3.7). Which keys go with which type is
    checked in `checks.py`."""

    type: Literal["username", "username+passcode", "jwt"] = Field(
        description='"username", "username+passcode" or "jwt"'
    )
    usernames: tuple[Word, ...] = ()
    """The names that will do; with "jwt" the subjects, where empty is any."""
    passcodes: dict[Word, StoredPasscode] = Field(default={}, repr=False)
    key: AbsolutePath | None = None
    """The public key of the token issuer, PEM."""
    issuer: Word | None = None
    audience: Word | None = None


class Peer(Section):
    """[[peer]]: a device that may associate with us, and how it must prove who it is."""

    name: Name = Field(description='what you call the device, like "CT suite 2"')
    accept: StrictBool = True
    ae_titles: tuple[AETitle, ...] = Field(
        min_length=1, description='the AE titles that the device calls itself, like ["CT_SUITE2"]'
    )
    addresses: tuple[AddressRange, ...] = Field(
        min_length=1, description='where the device calls from, like ["10.20.0.11"]'
    )
    tls: Literal["required", "allowed", "never"] = "required"
    tls_profile: Literal["bcp195", "legacy"] = "bcp195"
    certificate: CertificateBinding | None = None
    user_identity: UserIdentity | None = None
    hours: HoursOfDay | None = None
    services: tuple[Service, ...] = ("echo", "store")
    sop_classes: tuple[Uid, ...] = ()
    max_associations: Annotated[StrictInt, within(limits.ASSOCIATIONS)] | None = None
    commitment: Commitment | None = None
    calls: tuple[AETitle, ...] | None = None
    """For the sensor: which other servers it may call, by their AE titles. None: any that is registered."""


class Vault(Section):
    """[vault]: to whom objects are sealed, and how long they stay."""

    recipients: tuple[Recipient, ...] = Field(
        min_length=1, description="who can open objects: the box and the recovery key, as `appliance init` makes them"
    )
    identity: IdentitySource | None = None
    index_key: SecretSource = "credential:index-key"
    min_free: StorageShare = parse_share("10%")
    keep: Annotated[Duration, within(limits.KEEP)] = float(limits.KEEP.default)


class When(Section):
    """The condition of a route: every key that is given must match; within a key any value does."""

    peer: tuple[Name, ...] = ()
    ae_title: tuple[AETitle, ...] = ()
    modality: tuple[Modality, ...] = ()
    sop_class: tuple[Uid, ...] = ()
    study: Literal["complete"] | None = None
    """Not before the study of the object is complete: when nothing of it came for a `quiet` time."""
    quiet: Annotated[Duration, within(limits.STUDY_QUIET)] = float(limits.STUDY_QUIET.default)

    @property
    def quiet_time(self) -> float:
        """For how long nothing of the study must have come, in seconds; 0 where the route does not ask for that."""
        return self.quiet if self.study else 0.0


class Route(Section):
    """[[route]]: which objects go to which destinations. All routes that match count."""

    to: tuple[Name, ...] = Field(min_length=1, description='the names of destinations, like ["pacs"]')
    when: When = When()


class SensorServer(Section):
    """[[sensor.server]]: another machine of the VLAN that speaks DICOM: a PACS, a RIS, a workstation. We neither let it
    in nor send to it; the sensor alone knows it, so that it is no stranger."""

    name: Name = Field(description='what you call the machine, like "Main PACS"')
    addresses: tuple[AddressRange, ...] = Field(min_length=1, description='where it is, like ["10.20.0.5"]')
    ae_titles: tuple[AETitle, ...] = Field(
        min_length=1, description='the AE titles that it answers to and calls itself, like ["MAINPACS"]'
    )
    ports: tuple[Port, ...] = ()
    """Where it listens. Without them it only calls others."""
    tls: Literal["required", "allowed", "never"] = "allowed"
    asks: tuple[Ask, ...] = ()
    """What it may ask of others. Empty: anything."""
    calls: tuple[AETitle, ...] | None = None
    """Which servers it may call, by their AE titles. None: any that is registered."""


class Sensor(Section):
    """[sensor]: what is watched, and what belongs there."""

    interface: Interface = Field(description='the interface to watch, like "eth1"; a change takes a restart')
    mode: Literal["mirror", "inline", "host"] = "mirror"
    decoy_ae: AETitle | None = None
    decoy_port: Port | None = None
    """A port of this box on which nobody listens."""
    local: tuple[AddressRange, ...] = ()
    """The addresses of the site, between which DICOM may travel. Empty: not looked at."""
    vlans: tuple[VlanId, ...] = ()
    """The VLAN ids that frames may carry. Empty: not looked at."""
    dhcp_servers: tuple[AddressRange, ...] = ()
    """Who may hand out addresses or be a router. Empty: those that were seen in the first day."""
    moving: tuple[AddressRange, ...] = ()
    """The addresses that a cluster moves between its machines, like that of a PACS with a standby."""
    server: tuple[SensorServer, ...] = ()
    ca: AbsolutePath | None = None
    """The CAs of the site, where the sensor may read them. None: who signed a certificate is not looked at."""
    respond: Literal["off", "dry-run", "block"] = "off"
    respond_rules: tuple[BlockedFor, ...] = ("D04", "D05", "D13", "D27")
    """For what an address is blocked. What no honest device does, by default."""
    respond_for: Annotated[Duration, within(limits.RESPOND_TIME)] = float(limits.RESPOND_TIME.default)
    respond_file: AbsolutePath = Path("/etc/appliance/respond.toml")
    """Whom `respond` never blocks, and how much it may: root's, beside this file."""
    evidence_recipients: tuple[Recipient, ...] = ()
    """Who can open what is kept of associations that rules spoke about. Empty: nothing is kept."""
    evidence_quota: StorageShare = Share(limits.EVIDENCE_QUOTA.default)


class Config(Section):
    """The whole file."""

    appliance: Appliance = Field(description="the section [appliance], which names this box")
    receive: Receive = Receive()
    peer: tuple[Peer, ...] = ()
    vault: Vault = Field(description="the section [vault], which says to whom objects are sealed")
    destination: tuple[AnyDestination, ...] = ()
    route: tuple[Route, ...] = ()
    sensor: Sensor | None = None
    alerts: Alerts | None = None
    panel: Panel = Panel()
    _digest: str = PrivateAttr(default="")

    @property
    def digest(self) -> str:
        """SHA-256 of the file that it was read from, in hex; "" where it was made otherwise."""
        return self._digest

    def read_from(self, digest: str) -> Config:
        """This, as it was read from a file of `digest`."""
        self._digest = digest
        return self

    @property
    def called_ae_titles(self) -> tuple[str, ...]:
        """The AE titles that we answer to."""
        return self.receive.called_ae_titles or (self.appliance.ae_title,)
