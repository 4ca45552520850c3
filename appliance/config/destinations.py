"""The kinds of [[destination]]: what may be said of each. One class a kind; `kind` tells them apart.

What goes together within an entry (a certificate and its key, a CA for TLS) is checked in `destination_checks.py`.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictInt

from appliance.base import limits
from appliance.config.bandwidth import BandwidthOfWeek
from appliance.config.section import Section
from appliance.config.urls import ServiceUrl, StoreUrl, WebUrl
from appliance.config.values import (
    AbsolutePath,
    AddressRange,
    AETitle,
    CertificateBinding,
    Endpoint,
    HostName,
    Name,
    SecretSource,
    Uid,
    Word,
    within,
)
from appliance.config.week import TimesOfWeek


class Destination(Section):
    """What every kind has. `associations` is how many instances are on their way at a time."""

    name: Name = Field(description='what you call the upstream, like "pacs"')
    ca: AbsolutePath | None = None
    associations: Annotated[StrictInt, within(limits.DELIVERY_ASSOCIATIONS)] = limits.DELIVERY_ASSOCIATIONS.default
    transfer_syntaxes: tuple[Uid, ...] = ()
    schedule: TimesOfWeek | None = None
    """When it may be used. None: always."""
    bandwidth: BandwidthOfWeek | None = None
    """How fast, all associations together. None: as fast as it goes."""

    @property
    def where(self) -> str:
        """Its address, for a person."""
        raise NotImplementedError

    @property
    def shown(self) -> tuple[Path, Path] | None:
        """Our certificate for it, and the key."""
        return None

    @property
    def authorities(self) -> dict[str, Path]:
        """The CAs that are trusted for it, by their keys in the entry."""
        return {"ca": self.ca} if self.ca and self.over_tls else {}

    @property
    def secrets(self) -> dict[str, str]:
        """Where its secrets come from, by their keys in the entry."""
        return {}

    @property
    def over_tls(self) -> bool:
        """Whether deliveries go over TLS."""
        raise NotImplementedError


class ReportSource(Section):
    """As whom a destination associates with us to report on storage commitment (PS3.4 J.3.3). What is left out is as
    where we send to: its address, its AE title, and with TLS a certificate for its name."""

    ae_titles: tuple[AETitle, ...] = ()
    addresses: tuple[AddressRange, ...] = ()
    tls: Literal["required", "allowed", "never"] | None = None
    certificate: CertificateBinding | None = None


class DimseDestination(Destination):
    """kind = "dimse": C-STORE to an AE."""

    kind: Literal["dimse"]
    address: Endpoint = Field(description='where it listens, like "pacs.rad.example:2762"')
    ae_title: AETitle = Field(description='the AE title that it answers to, like "PACS"')
    calling_ae_title: Literal["own", "peer"] = "own"
    tls: Literal["required", "never"] = "required"
    certificate: AbsolutePath | None = None
    key: AbsolutePath | None = None
    server_name: HostName | None = None
    operations: Annotated[StrictInt, within(limits.DELIVERY_OPERATIONS)] = limits.DELIVERY_OPERATIONS.default
    """How many instances may be on their way on one association at a time, where the destination allows more than one
    (PS3.7 D.3.3.3). 1: it is not asked."""
    proof: Literal["status", "commitment"] = "status"
    on_unsupported: Literal["hold", "transcode"] = "hold"
    """What becomes of an instance whose transfer syntax it does not accept."""
    reports: ReportSource | None = None
    """Where its commitment reports come from. None: the host of `address`, where that is an address."""

    @property
    def where(self) -> str:
        return str(self.address)

    @property
    def shown(self) -> tuple[Path, Path] | None:
        return (self.certificate, self.key) if self.certificate and self.key and self.over_tls else None

    @property
    def over_tls(self) -> bool:
        return self.tls == "required"

    @property
    def report_addresses(self) -> tuple[str, ...]:
        """From where its commitment reports may come. None, where its host is a name and `reports` says nothing."""
        if self.reports and self.reports.addresses:
            return tuple(map(str, self.reports.addresses))
        try:
            return (str(ipaddress.ip_address(self.address.host)),)
        except ValueError:
            return ()


class OAuth(Section):
    """How a token is got for a DICOMweb service: OAuth 2.0 client credentials (RFC 6749 4.4)."""

    token_url: WebUrl = Field(description='the token endpoint, like "https://login.example/oauth2/token"')
    client_id: Word = Field(description="who we are there")
    client_secret: SecretSource = Field(description='where our secret lies, like "credential:cloud-secret"')
    scope: Word | None = None
    audience: Word | None = None
    ca: AbsolutePath | None = None
    """None: that of the destination."""


class StowDestination(Destination):
    """kind = "stow": DICOMweb STOW-RS (PS3.18 10.5)."""

    kind: Literal["stow"]
    url: ServiceUrl = Field(description='where the service is, like "https://pacs.rad.example/dicom-web"')
    certificate: AbsolutePath | None = None
    key: AbsolutePath | None = None
    server_name: HostName | None = None
    token: SecretSource | None = None
    oauth: OAuth | None = None
    proof: Literal["status", "query"] = "status"

    @property
    def where(self) -> str:
        return self.url

    @property
    def shown(self) -> tuple[Path, Path] | None:
        return (self.certificate, self.key) if self.certificate and self.key and self.over_tls else None

    @property
    def authorities(self) -> dict[str, Path]:
        return super().authorities | ({"oauth.ca": self.oauth.ca} if self.oauth and self.oauth.ca else {})

    @property
    def secrets(self) -> dict[str, str]:
        sources = {"token": self.token, "oauth.client_secret": self.oauth and self.oauth.client_secret}
        return {key: source for key, source in sources.items() if source}

    @property
    def over_tls(self) -> bool:
        return self.url.startswith("https:")


class ObjectStoreDestination(Destination):
    """kind = "object-store": sealed objects as they are, in a bucket or a directory."""

    kind: Literal["object-store"]
    url: StoreUrl = Field(description='where objects are kept, like "s3://bucket/prefix" or "file:///mnt/archive"')
    endpoint: ServiceUrl | None = None
    region: Word | None = None
    path_style: StrictBool | None = None
    """None: true where there is an endpoint."""
    access_key_id: Word | None = None
    secret_access_key: SecretSource | None = None
    proof: Literal["status", "read-back"] = "status"

    @property
    def where(self) -> str:
        return str(self.url)

    @property
    def secrets(self) -> dict[str, str]:
        return {"secret_access_key": self.secret_access_key} if self.secret_access_key else {}

    @property
    def over_tls(self) -> bool:
        return self.endpoint is None or self.endpoint.startswith("https:")


AnyDestination = Annotated[DimseDestination | StowDestination | ObjectStoreDestination, Field(discriminator="kind")]
KINDS: dict[str, type[Destination]] = {
    "dimse": DimseDestination,
    "stow": StowDestination,
    "object-store": ObjectStoreDestination,
}
