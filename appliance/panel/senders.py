"""Who may speak for a program: by the kernel's word on the sender, not by the datagram's."""

from __future__ import annotations

import os
import pwd


def may_speak(uid: int, program: str) -> bool:
    """Whether a process of this user may be `program`: root, our own user (all programs under one supervisor), or the
    user that the units give to the program."""
    if uid in (0, os.geteuid()):
        return True
    try:
        return pwd.getpwnam(f"appliance-{program}").pw_uid == uid
    except (KeyError, ValueError):
        return False
