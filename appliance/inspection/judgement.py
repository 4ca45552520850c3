"""From what was seen to alerts: counts, the inventory, the rules, and the rate at which alerts are told.

Everything that is seen passes here once, whatever saw it. Pure; times are arguments.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from appliance.inspection.aggregation import Aggregation
from appliance.inspection.aiming import Aiming
from appliance.inspection.evidence import Evidence
from appliance.inspection.flow import Flow
from appliance.inspection.inventory import Inventory
from appliance.inspection.observations import Blind, ControlPdu, Observation
from appliance.inspection.recurrences import Recurrences
from appliance.inspection.registry import Registry
from appliance.inspection.rules import BY_OBSERVATION
from appliance.inspection.rules.rule import Severity


class Judgement:
    """The rules with what they judge by. `registry` may be replaced at any time."""

    def __init__(self, registry: Registry, interface: str, inventory: Inventory) -> None:
        self.registry = registry
        self.inventory = inventory
        self.recurrences = Recurrences()
        self.aiming = Aiming()
        self.evidence: Evidence | None = None  # kept where the program wants it
        self._interface = interface
        self._aggregation = Aggregation()
        self._alerts: list[dict[str, Any]] = []
        self._suppressed = 0

    def see(self, observation: Observation, now: float, always: bool = False) -> None:
        """Judge what was seen, and what it adds up to. `always` tells what is found however many alerts there were."""
        if type(observation) is ControlPdu:
            if self.evidence is not None:
                self.evidence.keep(observation, now)
            return
        self._judge(observation, now, always)
        if type(observation) in self.recurrences.sees:
            self._count(observation, now)
        if type(observation) in self.inventory.sees:
            for change in self.inventory.take(observation, self.registry, now):
                self._judge(change, now)

    def _count(self, observation: Observation, now: float) -> None:
        for found in self.recurrences.take(observation, self.registry, now):
            self._judge(found, now)

    def see_all(self, observations: Iterable[Observation], now: float) -> None:
        """As `see`, for several."""
        for each in observations:
            self.see(each, now)

    def _judge(self, observation: Observation, now: float, always: bool = False) -> None:
        for judge in BY_OBSERVATION.get(type(observation), ()):
            finding = judge(observation, self.registry)
            if finding is not None:
                rule = finding.rule
                told = finding.severity or rule.severity
                if rule.id in self.registry.respond_rules and told < Severity.LOW:
                    self.aiming.consider(finding, observation, self.registry, now)
                flow: Flow | None = finding.flow or getattr(observation, "flow", None)
                if self.evidence is not None and flow is not None and told < Severity.LOW:
                    self.evidence.accuse(flow, rule.id, rule.title)
                alert = self._aggregation.offer(finding, now, always)
                if alert is not None:
                    self._alerts.append(alert.record(self._interface))

    def ended(self, flow: Flow) -> None:
        """An open association is over."""
        self.recurrences.ended(flow)

    def tick(self, now: float) -> None:
        """Windows of alerts end."""
        held_back = self._aggregation.suppressed - self._suppressed
        if held_back:
            self._suppressed += held_back
            self.see(Blind(None, "alerts held back because there were too many", held_back), now, always=True)
        self._alerts += [alert.record(self._interface) for alert in self._aggregation.due(now)]

    def finish(self) -> None:
        """Nothing more will come."""
        self._alerts += [alert.record(self._interface) for alert in self._aggregation.finish()]

    def take_alerts(self) -> list[dict[str, Any]]:
        """The records of the alerts since the last call."""
        alerts, self._alerts = self._alerts, []
        return alerts

    @property
    def suppressed(self) -> int:
        """Findings that were neither told nor counted in an alert."""
        return self._aggregation.suppressed
