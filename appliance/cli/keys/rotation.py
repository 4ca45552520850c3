"""What a rotation makes of identities and recipients. Decides nothing about files; shows no secret but in `text`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from appliance.base.errors import ConfigError
from appliance.base.limits import RECIPIENTS
from appliance.host.credentials import secret_lines
from appliance.seal.keys import Identity, generate_identity, parse_identity


@dataclass(frozen=True, slots=True)
class Rotation:
    """The identities, the one to be used first, and the recipients of the configuration once it is.

    `made` says whether the first is new, or was left by a rotation that the configuration did not follow yet.
    """

    identities: tuple[Identity, ...]
    recipients: tuple[str, ...]
    replaces: str
    made: bool
    text: bytes = b""

    @property
    def recipient(self) -> str:
        """That of the identity to be used."""
        return str(self.identities[0].recipient)

    @classmethod
    def of_identities(
        cls,
        old: Sequence[Identity],
        where: str,
        recipients: Sequence[str],
        make: Callable[..., Identity] = generate_identity,
    ) -> Rotation:
        """`old`: the identities from `where`, the one in use first. Raises `ConfigError`."""
        in_use = next((str(each.recipient) for each in old if str(each.recipient) in recipients), None)
        if in_use is None:
            raise ConfigError(
                f"no identity of {where} belongs to a recipient of [vault]",
                fix="Is it the identity of this box? `appliance check` and `appliance keys show` say more.",
            )
        made = str(old[0].recipient) == in_use
        if made and len(old) >= RECIPIENTS.ceiling:
            raise ConfigError(
                f"{where} holds {len(old)} identities", fix="Remove those that open nothing any more, the last ones."
            )
        identities = (make(old[0].kind), *old) if made else tuple(old)
        new = str(identities[0].recipient)
        return cls(identities, tuple(new if each == in_use else each for each in recipients), in_use, made)

    @classmethod
    def of_text(cls, content: bytes, where: str, recipients: Sequence[str], today: str) -> Rotation:
        """The same of a file of identities. `text` is the new content: what stood in it still does. Raises
        `ConfigError` and `KeyMalformed`."""
        old = [parse_identity(line) for line in secret_lines(content, where)]
        made = cls.of_identities(old, where, recipients)
        text = content
        if made.made:
            mark = f"# made {today}; those below open what was stored before\n{made.identities[0].export()}\n"
            text = mark.encode("ascii") + content
        return cls(made.identities, made.recipients, made.replaces, made.made, text)
