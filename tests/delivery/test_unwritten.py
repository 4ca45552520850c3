from __future__ import annotations

from functools import partial

import pytest

from appliance.base.errors import DiskError
from appliance.delivery.unwritten import Unwritten
from appliance.vault.refusals import Condition, DiskRefused


def test_what_the_medium_refuses_stays_with_all_that_comes_after_it_and_is_written_once() -> None:
    written: list[int] = []
    full = True
    unwritten = Unwritten()

    def change(number: int) -> None:
        if number == 2 and full:
            raise DiskRefused("the disk is full", Condition.FULL)
        written.append(number)

    for number in range(1, 5):
        unwritten.add(partial(change, number))
    for _ in range(2):
        with pytest.raises(DiskError):
            unwritten.settle()
        assert written == [1]
    full = False
    unwritten.settle()
    assert written == [1, 2, 3, 4] and not unwritten
