"""What `appliance vault` asks of `forward`: which objects there are, holds, and another header for one of them.

Answers hold object ids, times, names of peers and destinations, sizes and states; nothing of a patient. What is asked
is checked here; a page and a batch are bounded, so that no question holds up the queues.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from appliance.base import catalogue, limits
from appliance.base.errors import ConfigError
from appliance.delivery.control import Operation, Request
from appliance.host.log import log
from appliance.seal.index_key import IndexKey
from appliance.vault import rewrapping
from appliance.vault.holds import Holds
from appliance.vault.layout import checked
from appliance.vault.ledger import Ledger
from appliance.vault.listing import DELIVERY_STATES, OBJECT_STATES, Listed, Listing, Selection
from appliance.vault.objects import Objects
from appliance.vault.studies import Series, Studies

_SERIES = 100  # in one answer; a series may have thousands of objects, and they are counted
_PREFIX = 2  # digits of an object id that name a directory


class VaultDesk:
    """The operations on a vault, for the control socket."""

    def __init__(
        self, ledger: Ledger, objects: Objects, index_key: IndexKey, now: Callable[[], float] = time.time
    ) -> None:
        self._ledger = ledger
        self._objects = objects
        self._index_key = index_key
        self._now = now
        self._listing = Listing(ledger)
        self._holds = Holds(ledger)
        self._studies = Studies(ledger)

    @property
    def operations(self) -> dict[str, Operation]:
        """By the names that requests have."""
        return {
            "objects": self._on_objects,
            "object": self._on_object,
            "ids": self._on_ids,
            "hold": self._on_hold,
            "release": self._on_release,
            "rewrap": self._on_rewrap,
            "studies": self._on_studies,
            "study": self._on_study,
        }

    def _on_objects(self, request: Request) -> dict[str, Any]:
        limit = min(max(1, _number(request, "limit", limits.VAULT_PAGE.default)), limits.VAULT_PAGE.ceiling)
        found, after = self._listing.page(_selection(request), _number(request, "after", 0), limit)
        return {"objects": [shown(each) for each in found], "after": after}

    def _on_object(self, request: Request) -> dict[str, Any]:
        found = self._listing.find(checked(str(request.get("object"))))
        return {"object": shown(found) if found else None}

    def _on_ids(self, request: Request) -> dict[str, Any]:
        prefix = request.get("prefix")
        if not isinstance(prefix, str) or len(prefix) != _PREFIX or not set(prefix) <= set("0123456789abcdef"):
            raise ConfigError(f"prefix is the first {_PREFIX} hex digits of object ids", fix="Run `appliance vault`.")
        return {"ids": self._ledger.ids(prefix)}

    def _on_studies(self, request: Request) -> dict[str, Any]:
        """A page of series. Their tags join those of a study, and are where the next page goes on."""
        found, after = self._studies.page(_cursor(request), _SERIES)
        return {"series": [_series(each) for each in found], "after": [tag.hex() for tag in after] if after else None}

    def _on_study(self, request: Request) -> dict[str, Any]:
        found, after = self._studies.objects(
            checked(str(request.get("object"))), _number(request, "after", 0), limits.VAULT_PAGE.ceiling
        )
        return {"objects": found, "after": after}

    def _on_hold(self, request: Request) -> dict[str, Any]:
        object_ids, after = self._chosen(request, on_hold=False)
        held, missing = self._holds.hold(object_ids, self._now())
        if held:
            log(catalogue.OBJECTS_ON_HOLD, objects=len(held))
        return {"changed": held, "missing": missing, "after": after}

    def _on_release(self, request: Request) -> dict[str, Any]:
        object_ids, after = self._chosen(request, on_hold=True)
        free, missing = self._holds.release(object_ids)
        if free:
            log(catalogue.OBJECTS_RELEASED, objects=len(free))
        return {"changed": free, "missing": missing, "after": after}

    def _chosen(self, request: Request, *, on_hold: bool) -> tuple[list[str], int | None]:
        """The objects that a request names, or a page of those that it describes."""
        named = request.get("objects")
        if named is None:
            selection = _selection({**request, "on_hold": on_hold})
            if selection == Selection(on_hold=on_hold):
                raise ConfigError("nothing is chosen", fix="Name objects, a peer, or a time since.")
            page, after = self._listing.page(selection, _number(request, "after", 0), limits.VAULT_PAGE.ceiling)
            return [each.object_id for each in page], after
        if not isinstance(named, list) or not 1 <= len(named) <= limits.VAULT_PAGE.ceiling:
            raise ConfigError(f"objects are a list of 1 to {limits.VAULT_PAGE.ceiling}", fix="Name fewer at a time.")
        return [checked(str(each)) for each in named], None

    def _on_rewrap(self, request: Request) -> dict[str, Any]:
        """Give objects other headers. No identity is needed here: the index key tells whether a header is theirs."""
        headers = request.get("headers")
        if not isinstance(headers, dict) or len(headers) > limits.VAULT_PAGE.ceiling:
            raise ConfigError("headers are a table of object ids and headers", fix="Run `appliance vault rewrap`.")
        done = {}
        for object_id, text in headers.items():
            try:
                header = base64.b64decode(str(text), validate=True)
            except ValueError:
                raise ConfigError("a header is not in base64", fix="Run `appliance vault rewrap`.") from None
            done[object_id] = rewrapping.replace_header(
                self._objects, self._ledger, self._index_key, checked(object_id), header
            )
        return {"rewrapped": done}


def shown(listed: Listed) -> dict[str, Any]:
    """An object as JSON values; `object` is its id."""
    values = asdict(listed)
    return {"object": values.pop("object_id"), **values}


def _selection(request: Request) -> Selection:
    peer, destination = (_text(request, key) for key in ("peer", "destination"))
    state = _text(request, "state")
    if state not in (None, *DELIVERY_STATES, *OBJECT_STATES):
        raise ConfigError("there is no such state", fix=f"Known: {', '.join((*DELIVERY_STATES, *OBJECT_STATES))}.")
    since = request.get("since")
    if since is not None and not isinstance(since, int | float):
        raise ConfigError("since is a Unix time", fix="Run `appliance vault list --help`.")
    return Selection(
        peer=peer,
        since=since,
        destination=destination,
        delivery_state=state if state in DELIVERY_STATES else None,
        object_state=state if state in OBJECT_STATES else None,
        on_hold=bool(request.get("on_hold")),
    )


def _series(series: Series) -> dict[str, Any]:
    values = asdict(series)
    return {"object": values.pop("object_id"), **values, "study": series.study.hex(), "series": series.series.hex()}


def _cursor(request: Request) -> tuple[bytes, bytes] | None:
    after = request.get("after")
    if not after:
        return None
    try:
        study, series = (bytes.fromhex(each) for each in after)
    except (TypeError, ValueError):
        raise ConfigError("after is what the page before said", fix="Run `appliance vault studies`.") from None
    return study, series


def _text(request: Request, key: str) -> str | None:
    value = request.get(key)
    if value is not None and not isinstance(value, str):
        raise ConfigError(f"{key} is a text", fix="Run `appliance vault list --help`.")
    return value


def _number(request: Request, key: str, default: int) -> int:
    value = request.get(key, default)
    if not isinstance(value, int) or value < 0:
        raise ConfigError(f"{key} is a number", fix="Run `appliance vault list --help`.")
    return value
