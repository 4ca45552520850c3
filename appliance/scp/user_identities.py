"""Whether a peer showed the user identity that its entry asks for (PS3.7 D.3.3.7): types 1, 2 and 5.

Where no entry asks, an identity is not looked at and not answered, so that nobody takes it for checked. User names,
passcodes and tokens reach neither log nor alert.
"""

from __future__ import annotations

import threading
from pathlib import Path

from appliance.base.errors import ConfigError, CryptoError
from appliance.config.model import Config, Peer
from appliance.config.passcode import Passcode, make_passcode
from appliance.host.web_token import Expected, Key, TokenRefused, load_token_keys, verify_token
from appliance.routing.admission import Refused, Rejection
from appliance.upper_layer.negotiation import UserIdentity

_USERNAME, _PASSCODE, _JWT = 1, 2, 5
_SAID = {_USERNAME: "a user name", _PASSCODE: "a user name and passcode", 3: "Kerberos", 4: "SAML", _JWT: "a token"}


class UserIdentities:
    """The identities that a configuration knows. Token keys are read once, when it is made; raises ConfigError."""

    def __init__(self, config: Config) -> None:
        self._keys: dict[Path, tuple[Key, ...]] = {
            peer.user_identity.key: _read(peer.user_identity.key)
            for peer in config.peer
            if peer.accept and peer.user_identity and peer.user_identity.key
        }
        self._one_at_a_time = threading.Lock()  # a check of a passcode takes 16 MiB for a moment
        self._nobody = make_passcode(b"", bytes(16)) if any(_asks_passcode(peer) for peer in config.peer) else None

    def objection(self, peer: Peer, identity: UserIdentity | None, now: float) -> Refused | None:
        """What speaks against the peer, whose AE title, address and certificate are right. `now`: Unix seconds."""
        wanted = peer.user_identity
        if wanted is None:
            return None
        if identity is None:
            return _refused(peer, "it shows no user identity", "Set one at the device")
        allowed = {"username": (_USERNAME, _PASSCODE), "username+passcode": (_PASSCODE,), "jwt": (_JWT,)}[wanted.type]
        if identity.identity_type not in allowed:
            said = _SAID.get(identity.identity_type, "something unknown")
            return _refused(peer, f"its user identity is {said}, not {_SAID[allowed[0]]}", "Set that at the device")
        if wanted.type == "jwt":
            return self._token(peer, identity, now)
        name = identity.primary.decode(errors="replace")
        if wanted.type == "username":
            if name in wanted.usernames:
                return None
            return _refused(peer, "its user name is not registered", "Add the name to usernames")
        stored = wanted.passcodes.get(name)
        if not self._matches(stored, identity.secondary):
            what = "passcode is wrong" if stored else "user name is not registered"
            return _refused(peer, f"its {what}", "Compare the device with passcodes")
        return None

    def _matches(self, stored: Passcode | None, passcode: bytes) -> bool:
        """As much work for a name that nobody has, so that the time of an answer tells no names."""
        compared = stored or self._nobody
        assert compared is not None
        with self._one_at_a_time:
            return compared.matches(passcode) and stored is not None

    def _token(self, peer: Peer, identity: UserIdentity, now: float) -> Refused | None:
        wanted = peer.user_identity
        assert wanted and wanted.key and wanted.issuer and wanted.audience
        expected = Expected(wanted.issuer, wanted.audience, wanted.usernames)
        try:
            verify_token(identity.primary, self._keys[wanted.key], expected, now)
        except TokenRefused as error:
            return _refused(peer, error.message, "Compare token, clock and issuer")
        return None


def response(peer: Peer, identity: UserIdentity | None) -> bytes | None:
    """The server response for an identity that was asked for and found right; None where the peer wants none.

    It is empty for types 1 and 2 (PS3.7 D.3.3.7.2). For type 5 it is a token: the one that was accepted.
    """
    if identity is None or peer.user_identity is None or not identity.response_requested:
        return None
    return identity.primary if identity.identity_type == _JWT else b""


def _asks_passcode(peer: Peer) -> bool:
    return peer.user_identity is not None and peer.user_identity.type == "username+passcode"


def _refused(peer: Peer, why: str, advice: str) -> Refused:
    return Refused(Rejection.USER_IDENTITY, why, f'{advice}; see user_identity of [[peer]] "{peer.name}".')


def _read(path: Path) -> tuple[Key, ...]:
    try:
        return load_token_keys(path.read_bytes())
    except (OSError, CryptoError) as error:
        why = error.message if isinstance(error, CryptoError) else error.strerror
        raise ConfigError(f"cannot use the token key {path}: {why}", fix="Run `appliance check`.") from None
