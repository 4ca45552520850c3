"""Findings about the identity of the box: how it comes, what that protects against, and whether it is the right one."""

from __future__ import annotations

from collections.abc import Iterator

from appliance.config.model import Config
from appliance.config.plaintext import needs_plaintext
from appliance.config.posture import rules
from appliance.config.posture.facts import Facts
from appliance.config.posture.finding import Finding, Rule


def way(identity: str | None) -> Rule:
    """The rule that says what a way in which the identity comes protects against, and what not."""
    if identity is None:
        return rules.IDENTITY_ABSENT
    if identity == "unlock":
        return rules.IDENTITY_UNLOCK
    return rules.IDENTITY_ON_DISK if identity.startswith("file:") else rules.IDENTITY_CREDENTIAL


def theft(identity: str | None) -> str:
    """What who steals the box gets, by that way: a word or two behind "theft: "."""
    return _WHAT[way(identity).id]


_WHAT = {
    rules.IDENTITY_ABSENT.id: "theft: protected; this box opens nothing",
    rules.IDENTITY_UNLOCK.id: "theft: protected; a person gives the identity after each start",
    rules.IDENTITY_ON_DISK.id: "theft: not protected; the identity lies on the disk of this box",
    rules.IDENTITY_CREDENTIAL.id: "theft: the disk alone is protected where the credential is bound to a TPM",
}


def identity_findings(config: Config, facts: Facts) -> Iterator[Finding]:
    """All findings about identity of [vault]."""
    identity = config.vault.identity
    needed = any(needs_plaintext(each) for each in config.destination)
    if identity is None and needed:
        yield rules.IDENTITY_MISSING.found("vault.identity", "this box has no identity")
        return
    found = way(identity)
    if facts.stray_identity and found is not rules.IDENTITY_ON_DISK:
        what = f"theft: not protected; an identity lies in {facts.stray_identity}"
        yield rules.IDENTITY_STRAY.found("vault.identity", what, path=facts.stray_identity)
    else:
        yield found.found("vault.identity", _WHAT[found.id])
    if facts.identity is not None and facts.identity not in config.vault.recipients:
        yield rules.IDENTITY_FOREIGN.found("vault.identity", "objects are not sealed to this identity")
    if identity and not needed:
        yield rules.IDENTITY_IDLE.found("vault.identity", "nothing here needs to open objects")
