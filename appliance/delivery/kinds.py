"""Which kind of destination is served by what. A kind's library is loaded when the first of that kind is there."""

from __future__ import annotations

from appliance.config.destinations import AnyDestination, DimseDestination, StowDestination
from appliance.delivery.dimse import Dimse
from appliance.delivery.session import Connect
from appliance.seal.index_key import IndexKey


def connector(destination: AnyDestination, index_key: IndexKey) -> Connect:
    """What opens sessions with a destination; one for all of its couriers."""
    if isinstance(destination, DimseDestination):
        return Dimse(destination)
    if isinstance(destination, StowDestination):
        from appliance.delivery.stow import Stow

        return Stow(destination)
    from appliance.delivery.object_store import ObjectStore

    return ObjectStore(destination, index_key)


def own_title(destination: AnyDestination, ae_title: str) -> str | None:
    """The AE title that we call a destination with; None: that of the peer whom an instance came from."""
    return None if isinstance(destination, DimseDestination) and destination.calling_ae_title == "peer" else ae_title
