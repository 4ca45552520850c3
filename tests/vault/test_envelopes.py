"""Envelopes in stock."""

from __future__ import annotations

import threading

from appliance.seal.envelope import Envelope
from appliance.seal.keys import generate_identity
from appliance.vault.envelopes import Envelopes

RECIPIENTS = [generate_identity("classical").recipient]


class Maker:
    """Makes envelopes, and tells when `enough` were made."""

    def __init__(self, enough: int) -> None:
        self.made: list[Envelope] = []
        self.threads: set[int] = set()
        self.enough = enough
        self.reached = threading.Event()

    def __call__(self) -> Envelope:
        envelope = Envelope(RECIPIENTS)
        self.made.append(envelope)
        self.threads.add(threading.get_ident())
        if len(self.made) >= self.enough:
            self.reached.set()
        return envelope


def test_an_empty_stock_makes_one_where_it_is_wanted() -> None:
    maker = Maker(1)
    stock = Envelopes(maker)
    assert stock.take() is maker.made[0]
    assert maker.threads == {threading.get_ident()}


def test_none_is_given_twice() -> None:
    maker = Maker(20)
    stock = Envelopes(maker, most=20, quiet=0)
    stock.fill()
    assert maker.reached.wait(10)
    taken = [stock.take() for _ in range(30)]
    assert len({id(each) for each in taken}) == 30
    assert len({each.file_key for each in taken}) == 30


def test_the_stock_is_filled_beside_us_and_no_further_than_it_may_be() -> None:
    maker = Maker(20)
    stock = Envelopes(maker, most=20, quiet=0)
    stock.fill()
    assert maker.reached.wait(10)
    assert threading.get_ident() not in maker.threads
    assert stock.take() is maker.made[0]
    stock.prepare()
    assert len(stock) <= 20


def test_while_instances_come_only_the_next_one_is_prepared() -> None:
    maker = Maker(1000)
    stock = Envelopes(maker, most=1000, quiet=3600)
    for _ in range(5):
        stock.prepare()
        stock.take()
    assert len(maker.made) == 5
    assert maker.threads == {threading.get_ident()}
