"""Which destinations need an identity on this box, since they take the plaintext of an instance."""

from __future__ import annotations

from appliance.config.destinations import AnyDestination


def needs_plaintext(destination: AnyDestination) -> bool:
    """False for what takes the sealed object as it is."""
    return destination.kind != "object-store"
