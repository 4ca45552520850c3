"""Which instance is called poison, and which is not."""

from __future__ import annotations

from appliance.base import limits
from appliance.delivery.suspects import Suspects

ONE, OTHER = "1" * 32, "2" * 32


def test_what_ends_association_after_association_while_others_pass_is_held() -> None:
    suspects = Suspects(tries=3)
    assert not suspects.ended(ONE)
    suspects.succeeded()
    assert not suspects.ended(ONE)
    suspects.succeeded()
    assert suspects.ended(ONE)
    assert not suspects.ended(ONE)  # a person sent it on: it begins anew


def test_a_destination_that_takes_nothing_makes_no_suspect() -> None:
    suspects = Suspects(tries=2)
    assert not any(suspects.ended(ONE) or suspects.ended(OTHER) for _ in range(100))


def test_who_is_delivered_after_all_is_forgotten() -> None:
    suspects = Suspects(tries=2)
    suspects.ended(ONE)
    suspects.delivered(ONE)
    suspects.succeeded()
    assert not suspects.ended(ONE)


def test_memory_is_bounded() -> None:
    suspects = Suspects(tries=2)
    for number in range(limits.DELIVERY_SUSPECTS.default + 1):
        suspects.ended(f"{number:032x}")
    suspects.succeeded()
    assert not suspects.ended(f"{0:032x}")  # the one that went first
    assert suspects.ended(f"{limits.DELIVERY_SUSPECTS.default:032x}")
