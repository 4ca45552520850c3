"""The counters of a network card, in a directory like sysfs's, and on this machine."""

from __future__ import annotations

from pathlib import Path

from appliance.capture.card import Card


def counts(sysfs: Path, **values: int) -> None:
    directory = sysfs / "eth1" / "statistics"
    directory.mkdir(parents=True, exist_ok=True)
    for name in ("rx_missed_errors", "rx_errors", "rx_fifo_errors", "rx_over_errors", "rx_dropped"):
        (directory / name).write_text(f"{values.get(name, 0)}\n")


def test_what_it_missed_or_found_damaged_is_lost(tmp_path: Path) -> None:
    counts(tmp_path, rx_missed_errors=5, rx_errors=7)
    card = Card("eth1", tmp_path)
    assert card.lost() == 0
    counts(tmp_path, rx_missed_errors=8, rx_errors=9, rx_dropped=500)  # dropped: nobody wanted that protocol
    assert (card.lost(), card.lost()) == (5, 0)


def test_what_overran_its_queue_counts_once_where_it_is_an_error_too(tmp_path: Path) -> None:
    counts(tmp_path)
    card = Card("eth1", tmp_path)
    counts(tmp_path, rx_errors=4, rx_fifo_errors=3, rx_over_errors=1)
    assert card.lost() == 4
    counts(tmp_path, rx_errors=4, rx_fifo_errors=9, rx_over_errors=1)
    assert card.lost() == 6


def test_a_card_that_is_made_anew_begins_at_nothing(tmp_path: Path) -> None:
    card = Card("eth1", tmp_path)
    assert card.lost() == 0
    counts(tmp_path, rx_errors=4)
    assert card.lost() == 4
    counts(tmp_path)
    assert card.lost() == 0
    (tmp_path / "eth1/statistics/rx_errors").write_text("many\n")
    assert card.lost() == 0


def test_this_machines_loopback_counts() -> None:
    assert Path("/sys/class/net/lo/statistics/rx_missed_errors").exists()
    assert Card("lo").lost() == 0
