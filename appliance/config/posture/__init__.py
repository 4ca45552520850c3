"""How safe and how complete a valid configuration is: findings from it and from facts. Pure, no file, no clock."""

from __future__ import annotations

from appliance.config.model import Config
from appliance.config.posture.certificates import file_findings
from appliance.config.posture.facts import Facts
from appliance.config.posture.finding import Finding
from appliance.config.posture.network import network_findings
from appliance.config.posture.routes import route_findings
from appliance.config.posture.vault import vault_findings

_ORDER = ("error", "warning", "note")


def posture(config: Config, facts: Facts) -> list[Finding]:
    """All findings, errors first."""
    found = [
        *file_findings(config, facts),
        *network_findings(config, facts),
        *vault_findings(config, facts),
        *route_findings(config),
    ]
    return sorted(found, key=lambda finding: _ORDER.index(finding.severity))
