"""The identities that open objects here: from the start, or from `unlock` to `lock`, or none. In memory only.

Decides which identities are taken, and shows none of them. Pure: no file, no socket, no thread. One that locks while
others open keeps them from the next object, not from the one that is under way.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

from appliance.base.errors import ConfigError, LocalError
from appliance.seal.keys import Identity

State = Literal["open", "locked", "absent"]


class Locked(LocalError):
    """No identity is in memory, though a person could give one."""


class Keyring:
    """What a vault is opened with. `recipients` are those that objects are sealed to now."""

    def __init__(self, recipients: Collection[str], identities: Sequence[Identity] = (), *, lockable: bool) -> None:
        """`lockable`: identities come by `unlock`, and go by `lock`."""
        self._sealed_to = frozenset(recipients)
        self._identities = tuple(identities)
        self._lockable = lockable

    @property
    def state(self) -> State:
        """Whether objects can be opened now; "absent": they never can."""
        if self._identities:
            return "open"
        return "locked" if self._lockable else "absent"

    @property
    def identities(self) -> tuple[Identity, ...]:
        """What objects are opened with; raises `Locked`."""
        identities = self._identities
        if not identities:
            raise Locked("the identities of this box are locked", fix="Run `appliance unlock`.")
        return identities

    @property
    def recipients(self) -> tuple[str, ...]:
        """The public side of the identities that are there now, the one in use first."""
        return tuple(str(identity.recipient) for identity in self._identities)

    def sealed_to(self, recipients: Collection[str]) -> None:
        """Objects are sealed to these from now on."""
        self._sealed_to = frozenset(recipients)

    def unlock(self, identities: Sequence[Identity]) -> None:
        """Take these in the place of those that are there. Raises `ConfigError` where they are not asked for, or open
        nothing that is sealed from now on; what was there then stays."""
        self._check_lockable()
        if not any(str(identity.recipient) in self._sealed_to for identity in identities):
            raise ConfigError(
                "this identity opens nothing that this box seals: its recipient is not among recipients of [vault]",
                fix="Give the identity of this box, not of another, or its export of after the last rotation; "
                "`appliance keys show -i FILE` says whose an identity is.",
            )
        self._identities = tuple(identities)

    def lock(self) -> None:
        """Forget them. Raises `ConfigError` where they do not come by `unlock`."""
        self._check_lockable()
        self._identities = ()

    def _check_lockable(self) -> None:
        if not self._lockable:
            raise ConfigError(
                "this box is not locked and unlocked: its configuration has another source of identities, or none",
                fix='Where a person is to give the identity after each start, set identity = "unlock" in [vault].',
            )

    def __repr__(self) -> str:
        return f"Keyring({self.state})"
