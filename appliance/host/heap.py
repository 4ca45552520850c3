"""Memory that nothing uses any more goes back to the system.

Python frees what it drops, but glibc keeps up to some megabytes of it for later, more after large blocks came and went.
In a program that runs for months that looks like a leak, and it is memory that its neighbours lack.
"""

from __future__ import annotations

import ctypes


def give_back() -> None:
    """Have the allocator return what it keeps, in a millisecond (malloc_trim(3)). Where it cannot, nothing happens."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(ctypes.c_size_t(0))
