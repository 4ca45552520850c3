"""To whom the readers of streams tell what they saw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from appliance.inspection.flow import Flow
from appliance.inspection.observations import Observation
from appliance.inspection.statistics import Statistics


class Witness(Protocol):
    """The engine, as far as readers know it."""

    @property
    def statistics(self) -> Statistics:
        """The engine's counters."""

    def report(self, observation: Observation) -> None:
        """Judge what was seen."""

    def expects_dicom(self, flow: Flow) -> bool:
        """Whether the flow's server is one at which the registry has DICOM, in clear or over TLS."""

    def certificate(self, flow: Flow, from_client: bool, chain: Sequence[bytes]) -> None:
        """Judge what one side showed: its end-entity certificate (DER), and CAs behind it."""
