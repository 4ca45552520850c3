"""kill -9 at random moments: what was acknowledged is there, whole, and nothing half-written is visible.

It cannot find a missing flush, since the kernel survives; the transcripts in test_incoming, test_segment, test_adoption
and test_segment_adoption do. `make kills` does more of it.
"""

from __future__ import annotations

import pytest

from tests.vault.kills import receive
from tests.vault.samples import Vault

CYCLES = 10


@pytest.mark.parametrize("how", [(), ("segment",)], ids=["files", "segments"])
def test_what_was_acknowledged_is_there_and_whole(vault: Vault, how: tuple[str, ...]) -> None:
    print(receive(vault, CYCLES, how))
