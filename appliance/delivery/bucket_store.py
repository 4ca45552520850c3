"""Sealed objects in a bucket of an S3 service, by obstore.

Every request is signed over the SHA-256 of its body, and carries it as checksum too, so the service refuses what came
to it changed. Objects longer than one part go in parts, few at a time; obstore does not take back the parts of an
upload that failed, so the bucket needs a rule that does. Its texts name URLs and quote the service at length: what is
shown are our words, the status and the service's error code.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from datetime import timedelta
from io import BufferedReader
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from appliance.base import limits
from appliance.base.errors import ConfigError, UpstreamError, UpstreamRefused
from appliance.base.text import wash
from appliance.config.urls import Place
from appliance.delivery.store import NoSuchObject, object_id_of

try:
    import obstore
    from obstore.exceptions import BaseError
    from obstore.store import S3Store
except ImportError:
    raise ConfigError(
        "buckets need the package obstore, which is not installed here",
        fix="Run `pip install obstore`; where there is no wheel for this machine that takes a Rust compiler.",
    ) from None

_PIECE = 1 << 20
_REGION = "us-east-1"  # what services that have no regions expect in a signature
_STATUS = re.compile(r"status code: ([1-5][0-9]{2})")
_CODE = re.compile(r"<Code>([A-Za-z0-9.]{1,64})</Code>")
# Of requests that may be well the next time, though their status says that we are to blame.
_TEMPORARY_CODES = frozenset(
    ("BadDigest", "IncompleteBody", "InvalidDigest", "NoSuchUpload", "RequestTimeout", "RequestTimeTooSkewed",
     "SlowDown", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch", "OperationAborted", "ExpiredToken")
)  # fmt: skip


class BucketStore:
    """Sealed objects in one bucket, below a prefix."""

    def __init__(
        self,
        place: Place,
        access_key_id: str,
        secret_access_key: str,
        *,
        endpoint: str | None = None,
        region: str | None = None,
        path_style: bool | None = None,
        ca: Path | None = None,
        tries: int = limits.STORE_TRIES.default,
    ) -> None:
        """Without `endpoint` the service is AWS. `ca` is trusted beside the CAs of the machine."""
        self._bucket = place.bucket
        self._prefix = f"{place.prefix}/" if place.prefix else ""
        path_style = endpoint is not None if path_style is None else path_style
        config: dict[str, Any] = {
            "bucket": place.bucket,
            "region": region or _REGION,
            "access_key_id": access_key_id,
            "secret_access_key": secret_access_key,
            "virtual_hosted_style_request": not path_style,
            "checksum_algorithm": "SHA256",
        }
        options: dict[str, Any] = {
            "connect_timeout": timedelta(seconds=limits.DELIVERY_CONNECT.default),
            "timeout": timedelta(seconds=limits.STORE_REQUEST.default),
            "user_agent": "pacs-appliance",
        }
        if endpoint:
            parts = urlsplit(endpoint)
            config["endpoint"] = (
                endpoint if path_style else f"{parts.scheme}://{place.bucket}.{parts.netloc}{parts.path}"
            )
            options["allow_http"] = parts.scheme == "http"
        if ca:
            options["root_certificate"] = _pem(ca)
        self._store = S3Store(
            config=config,  # type: ignore[arg-type]  # a TypedDict, made key by key
            client_options=options,  # type: ignore[arg-type]
            retry_config={
                "max_retries": tries - 1,
                "retry_timeout": timedelta(seconds=limits.STORE_REQUEST.default),
                "backoff": {"init_backoff": timedelta(seconds=0.2), "max_backoff": timedelta(seconds=5)},
            },
        )

    def size(self, name: str) -> int | None:
        try:
            return obstore.head(self._store, self._prefix + name)["size"]
        except FileNotFoundError:
            return None
        except BaseError as error:
            raise self._failure(error) from None

    def put(self, name: str, file: BufferedReader) -> None:
        file.seek(0)
        try:
            obstore.put(
                self._store,
                self._prefix + name,
                file,
                attributes={"Content-Type": "application/octet-stream"},
                chunk_size=limits.STORE_PART.default,
                max_concurrency=limits.STORE_PARTS.default,
            )
        except FileNotFoundError:
            raise self._no_bucket() from None
        except BaseError as error:
            raise self._failure(error) from None

    def read(self, name: str) -> Iterator[bytes]:
        try:
            for piece in obstore.get(self._store, self._prefix + name).stream(min_chunk_size=_PIECE):
                yield bytes(piece)
        except FileNotFoundError:
            raise NoSuchObject("there is no such object") from None
        except BaseError as error:
            raise self._failure(error) from None

    def remove(self, name: str) -> None:
        try:
            obstore.delete(self._store, self._prefix + name)
        except FileNotFoundError:
            pass
        except BaseError as error:
            raise self._failure(error) from None

    def names(self) -> Iterator[str]:
        try:
            for page in obstore.list(self._store, self._prefix or None, chunk_size=1000):
                for meta in page:
                    name = meta["path"].removeprefix(self._prefix)
                    if object_id_of(name):
                        yield name
        except FileNotFoundError:
            raise self._no_bucket() from None
        except BaseError as error:
            raise self._failure(error) from None

    def _no_bucket(self) -> UpstreamError:
        return UpstreamError(
            f"there is no bucket {self._bucket} there, or it is not shown to us", fix="Make it, or correct url."
        )

    def _failure(self, error: BaseError) -> UpstreamError:
        """The error in our words. Of the service's: its status and error code, both of a fixed grammar."""
        text = str(error).partition("Debug source")[0]
        status = next(iter(_STATUS.findall(text)), "")
        code = next(iter(_CODE.findall(text)), "")
        said = " ".join(filter(None, (f"HTTP {status}" if status else "", wash(code))))
        if code == "NoSuchBucket":
            return self._no_bucket()
        if status in ("401", "403"):
            return UpstreamError(
                f"the object store refuses us: {said}",
                fix="Check access_key_id, secret_access_key, region, the clock, and that they may put, get, list.",
            )
        if status[:1] == "3":
            return UpstreamError(f"the object store answered {said}", fix="Check endpoint and region.")
        if status[:1] == "4" and status not in ("408", "429") and code not in _TEMPORARY_CODES:
            return UpstreamRefused(f"the object store answered {said}", fix="Look at its log.")
        if status:
            return UpstreamError(f"the object store answered {said}", fix="Look at its log, if that lasts.")
        return UpstreamError(
            "the object store cannot be reached, or ended the connection", fix="Check endpoint, ca and the network."
        )


def _pem(ca: Path) -> bytes:
    """The certificates of a file, judged here: what obstore says of a bad one helps nobody."""
    try:
        pem = ca.read_bytes()
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=pem.decode("ascii"))
    except (OSError, ValueError) as error:
        why = "no PEM" if isinstance(error, ssl.SSLError | ValueError) else error.strerror
        raise ConfigError(f"cannot use the CA file {ca}: {why}", fix="Give CA certificates as PEM.") from None
    return pem
