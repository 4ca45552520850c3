"""One tree of errors: whose fault it is, and whether trying again helps.

Everything that the appliance raises on purpose is an `ApplianceError`. `fault` says who has to act, `temporary`
whether the same act may succeed later; `exit_status` is what a command ends with (sysexits.h). Messages never carry
patient data: what a peer sent is named by its kind, its place and its length.
"""

from __future__ import annotations

from enum import Enum
from typing import ClassVar


class Fault(Enum):
    """Who has to act."""

    LOCAL = "local"
    PEER = "peer"
    DISK = "disk"
    CONFIG = "config"
    CRYPTO = "crypto"
    UPSTREAM = "upstream"


class ApplianceError(Exception):
    """Something went wrong in a way that was foreseen. `fix` says what a person can do about it."""

    fault: ClassVar[Fault] = Fault.LOCAL
    temporary: ClassVar[bool] = False
    exit_status: ClassVar[int] = 70  # EX_SOFTWARE

    def __init__(self, message: str, *, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.message}. {self.fix}" if self.fix else self.message


class LocalError(ApplianceError):
    """This box or its caller did something that it must not: a wrong state, a missing right, a missing program."""


class PeerError(ApplianceError):
    """A peer broke the standard. Its association ends; nobody else notices."""

    fault = Fault.PEER
    exit_status = 76  # EX_PROTOCOL


class DiskError(ApplianceError):
    """The medium refused: full, read-only, missing or broken. Modalities hear 0xA700 and try again."""

    fault = Fault.DISK
    temporary = True
    exit_status = 74  # EX_IOERR


class ConfigError(ApplianceError):
    """The configuration says something that cannot be done."""

    fault = Fault.CONFIG
    exit_status = 78  # EX_CONFIG


class CryptoError(ApplianceError):
    """A key, a certificate or a sealed object is not what it should be."""

    fault = Fault.CRYPTO
    exit_status = 65  # EX_DATAERR


class UpstreamError(ApplianceError):
    """A destination failed us for now; the delivery is tried again."""

    fault = Fault.UPSTREAM
    temporary = True
    exit_status = 69  # EX_UNAVAILABLE


class UpstreamRefused(UpstreamError):
    """A destination said no in a way that trying again does not change; the delivery is held for a person."""

    temporary = False
