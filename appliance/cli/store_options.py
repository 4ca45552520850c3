"""Options that say how a store of sealed objects is reached, for the commands that read one."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from appliance.base.errors import ConfigError

if TYPE_CHECKING:
    from appliance.config.urls import Place
    from appliance.delivery.store import Store

_PIECE = 1 << 18
Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Access:
    """How a bucket is reached; a directory needs nothing of it."""

    endpoint: str | None = None
    region: str | None = None
    path_style: bool | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = None
    store_ca: Path | None = None


_OPTIONS = (
    click.option("--endpoint", help='The S3 service, like "https://s3.rad.example"; without it AWS.'),
    click.option("--region", help="The region of the bucket."),
    click.option("--path-style/--no-path-style", default=None, help="Whether the bucket is in the path of the URL."),
    click.option("--access-key-id", envvar="AWS_ACCESS_KEY_ID", help="Who we are to the S3 service."),
    click.option(
        "--secret-access-key", metavar="SOURCE",
        help='Where its secret lies: "file:/absolute/path" or "credential:NAME"; else AWS_SECRET_ACCESS_KEY.',
    ),
    click.option(
        "--store-ca", type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="A CA that signed the certificate of the S3 service, beside those of the machine.",
    ),
)  # fmt: skip


def store_options(command: Command) -> Command:
    """Add the options, which arrive as the fields of `Access`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def place_of(url: str) -> Place:
    """The place that a URL names."""
    from appliance.config.urls import parse_place

    try:
        return parse_place(url)
    except ValueError as error:
        raise click.UsageError(f"{url}: {error}.") from None


def open_place(place: Place, access: Access) -> Store:
    """The store there."""
    if place.directory:
        from appliance.delivery.directory_store import DirectoryStore

        return DirectoryStore(place.directory)
    from appliance.config.urls import parse_service
    from appliance.delivery.bucket_store import BucketStore

    if not access.access_key_id:
        raise click.UsageError("A bucket needs --access-key-id.")
    try:
        endpoint = parse_service(access.endpoint) if access.endpoint else None
    except ValueError as error:
        raise click.UsageError(f"--endpoint: {error}.") from None
    if endpoint is None and access.region is None:
        raise click.UsageError("A bucket needs --endpoint, or its AWS --region.")
    return BucketStore(
        place,
        access.access_key_id,
        _secret(access.secret_access_key),
        endpoint=endpoint,
        region=access.region,
        path_style=access.path_style,
        ca=access.store_ca,
    )


def open_remote(url: str, access: Access) -> BufferedReader:
    """The object that a URL names, as a file that is read once."""
    from appliance.delivery.store import object_id_of
    from appliance.delivery.transfer import Remote

    root, _, file = url.rpartition("/")
    root, _, directory = root.rpartition("/")
    name = f"{directory}/{file}"
    if not object_id_of(name):
        raise click.UsageError(f"{url} is no object: its name ends like 3f/3f0c….dcm.age, the id twice.")
    return BufferedReader(Remote(open_place(place_of(root), access).read(name)), _PIECE)


def _secret(source: str | None) -> str:
    from appliance.config.values import parse_source
    from appliance.host.credentials import read_secret

    if source is None:
        if secret := os.environ.get("AWS_SECRET_ACCESS_KEY"):
            return secret
        raise ConfigError("a bucket needs a secret access key", fix="Give --secret-access-key file:/absolute/path.")
    try:
        return read_secret(parse_source(source))
    except ValueError as error:
        raise click.UsageError(f"--secret-access-key: {error}.") from None
