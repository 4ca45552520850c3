"""A program that is killed is noticed at once."""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
from collections.abc import Iterator

import pytest

from appliance.panel.lifelines import Lifeline, Lifelines


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as running:
        yield running
        running.kill()


def test_the_end_of_a_process_wakes_the_selector(process: subprocess.Popen[bytes]) -> None:
    with selectors.DefaultSelector() as selector:
        lifelines = Lifelines(selector)
        assert lifelines.hold("forward", process.pid)
        assert lifelines.hold("forward", process.pid)
        assert selector.select(0) == []
        process.kill()
        ((key, _),) = selector.select(5)
        assert key.data == Lifeline("forward", process.pid, key.data.descriptor)
        lifelines.release("forward")
        assert not selector.get_map()


def test_another_process_takes_the_place_of_the_first(process: subprocess.Popen[bytes]) -> None:
    with selectors.DefaultSelector() as selector:
        lifelines = Lifelines(selector)
        lifelines.hold("forward", process.pid)
        lifelines.hold("forward", os.getpid())
        (key,) = selector.get_map().values()
        assert key.data.pid == os.getpid()
        lifelines.close()


def test_one_that_is_gone_already(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    with selectors.DefaultSelector() as selector:
        assert not Lifelines(selector).hold("forward", process.pid)


def test_one_that_we_do_not_see() -> None:
    with selectors.DefaultSelector() as selector:
        assert Lifelines(selector).hold("forward", 0)
        assert not selector.get_map()
