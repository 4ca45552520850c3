"""As whom destinations associate with us to report on storage commitment. Pure.

A destination has no [[peer]] entry for that: whom we send to, under which title, and whose certificate we demand there
is in its own entry, and says who may report. It may do nothing else here but a C-ECHO.
"""

from __future__ import annotations

from appliance.config.destinations import DimseDestination
from appliance.config.model import Config, Peer

_ASSOCIATIONS = 4  # of one destination at a time


def reporters(config: Config) -> tuple[Peer, ...]:
    """Each destination whose proof is commitment as a peer, named like it. One of which no address is known (its host
    is a name, and `reports` has none) is left out: it can report over associations of ours alone."""
    found = []
    for destination in config.destination:
        if isinstance(destination, DimseDestination) and destination.proof == "commitment":
            source = destination.reports
            if not destination.report_addresses:
                continue
            tls = (source and source.tls) or destination.tls
            certificate = source.certificate if source else None
            if certificate is None and tls == "required":
                certificate = f"san:{destination.server_name or destination.address.host}"
            entry = {
                "name": destination.name,
                "ae_titles": list((source and source.ae_titles) or (destination.ae_title,)),
                "addresses": list(destination.report_addresses),
                "tls": tls,
                "services": ["echo"],
                "max_associations": _ASSOCIATIONS,
            }
            found.append(Peer.model_validate(entry | ({"certificate": certificate} if certificate else {})))
    return tuple(found)
