"""URLs as people write them: of a web service, and of a place that keeps objects. Raises ValueError with what is meant.

No secret stands in a URL here, for URLs are shown and logged.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

from pydantic import BeforeValidator, PlainSerializer

from appliance.config.values import HostPort, parse_ae_title, parse_host_port

_PATH = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]+)*/?")
_BUCKET = re.compile(r"[a-z0-9](?:[a-z0-9.-]{1,61})[a-z0-9]")
_PREFIX = re.compile(r"(?:[A-Za-z0-9_.-]+/)*[A-Za-z0-9_.-]+")
_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Place:
    """Where objects are kept: a bucket of an S3 service ("" for none), or a directory, and a prefix below it."""

    bucket: str = ""
    prefix: str = ""
    directory: Path | None = None

    def __str__(self) -> str:
        if self.directory:
            return f"file://{self.directory}"
        return f"s3://{self.bucket}/{self.prefix}" if self.prefix else f"s3://{self.bucket}"


def parse_service(value: Any) -> str:
    """The root of a service, "https://pacs.rad.example/dicom-web", without a "/" at its end."""
    return _web(value, 'the URL of a service is written like "https://pacs.rad.example/dicom-web"').rstrip("/")


def host_of(url: str) -> str:
    """The host of a URL that was checked here, as a name or an address."""
    return urlsplit(url).hostname or ""


def parse_web(value: Any) -> str:
    """One address on the web, "https://login.example/oauth2/token"."""
    return _web(value, 'an address is written like "https://login.example/oauth2/token"')


def _web(value: Any, meant: str) -> str:
    meant += ": no user, no query, no fragment"
    if not (isinstance(value, str) and value.startswith(("https://", "http://"))):
        raise ValueError(meant)
    try:
        parts = urlsplit(value if value.isprintable() else "")
        port = _PORTS[parts.scheme] if parts.port is None else parts.port
        host = parts.hostname or ""
        parse_host_port(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    except (ValueError, KeyError):
        raise ValueError(meant) from None
    extra = "@" in parts.netloc or "?" in value or "#" in value
    if extra or not _PATH.fullmatch(parts.path) or ".." in unquote(parts.path).split("/"):
        raise ValueError(meant)
    return str(value)


def parse_place(value: Any) -> Place:
    """Where objects are kept: "s3://bucket", "s3://bucket/prefix" or "file:///mnt/archive"."""
    if isinstance(value, Place):
        return value
    scheme, colon, rest = value.partition("://") if isinstance(value, str) else ("", "", "")
    if colon and scheme == "s3":
        bucket, _, prefix = rest.removesuffix("/").partition("/")
        good = _BUCKET.fullmatch(bucket) and (not prefix or _PREFIX.fullmatch(prefix))
        if good and not {".", ".."} & set(prefix.split("/")):
            return Place(bucket, prefix)
    if colon and scheme == "file" and rest.startswith("/") and rest.isprintable() and "%" not in rest:
        return Place(directory=Path(rest))
    raise ValueError('a place for objects is written like "s3://bucket/prefix" or "file:///mnt/archive"')


def parse_dimse(value: Any) -> tuple[str, HostPort]:
    """AE title and address from "dimse://PACS@pacs.rad.example:2762"; %20 is a space in the title."""
    scheme, colon, rest = value.partition("://") if isinstance(value, str) else ("", "", "")
    title, at, address = rest.rpartition("@")
    if not (colon and scheme == "dimse" and at):
        raise ValueError('a PACS is written like "dimse://PACS@pacs.rad.example:2762"')
    return parse_ae_title(unquote(title)), parse_host_port(address)


ServiceUrl = Annotated[str, BeforeValidator(parse_service)]
WebUrl = Annotated[str, BeforeValidator(parse_web)]
StoreUrl = Annotated[Place, BeforeValidator(parse_place), PlainSerializer(str)]
