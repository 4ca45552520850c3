from __future__ import annotations

import datetime

import pytest

from appliance.config import words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (3, "3"),
        (-1.5, "-1.5"),
        (float("nan"), "a very large number"),
        ("a\nb\x1b[31m", '"a\\nb\\x1b[31m"'),
        ("é" * 60, f'"{"é" * 39}…"'),
        ("age-secret-key-pq-1qq", "(a secret key, not shown)"),
        ([1], "a list"),
        ({}, "a table"),
        (datetime.date(1979, 5, 27), "1979-05-27"),
    ],
)
def test_values_are_shown_short_and_plain(value: object, text: str) -> None:
    assert words.shown(value) == text


def test_a_number_too_long_to_print_is_not_printed() -> None:
    assert words.shown(1 << 20000) == "a very large number"


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("lisen", '; did you mean "listen"?'),
        ("Listen", '; did you mean "listen"?'),
        ("zzz", ""),
        ("listen" * 100_000, ""),
    ],
)
def test_the_nearest_name(word: str, hint: str) -> None:
    assert words.nearest(word, ["listen", "listen_plain", "workers"]) == hint


def test_choices_read_as_a_sentence() -> None:
    assert words.choice(["a"]) == '"a"'
    assert words.choice(["a", "b", "c"]) == '"a", "b" or "c"'


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("receive", "listen", 1), "receive.listen #2"),
        (("peer", 0, "tls"), 'peer "CT".tls'),
        (("peer", 1, "tls"), "peer #2.tls"),
        (("peer", 7), "peer #8"),
        ((), ""),
    ],
)
def test_places_have_names(path: tuple[str | int, ...], text: str) -> None:
    assert words.place({"peer": [{"name": "CT"}, {"name": 3}], "receive": {"listen": ["a", "b"]}}, path) == text
