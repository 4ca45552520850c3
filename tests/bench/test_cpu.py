"""CPU a GB: the median run, and what it is judged by."""

from __future__ import annotations

from tests.bench import inputs
from tests.bench.cpu import FLOOR, key, middle, report
from tests.bench.proc import Cpu
from tests.bench.verdict import Section


def test_the_median_run_stays_whole() -> None:
    assert middle([Cpu(1, 3), Cpu(2, 1), Cpu(9, 9)]) == Cpu(1, 3)
    assert middle([Cpu(1, 1), Cpu(2, 2)]) == Cpu(1, 1)


def test_small_pdus_may_cost_more() -> None:
    section = Section("")
    ours = {key(inputs.CT, pdu): [Cpu(4, 1)] for pdu in (131072, 16384)}
    report(section, {FLOOR: [Cpu(2, 1)], **ours})
    assert [(round(it.figure, 2), it.limit, it.met) for it in section.verdicts] == [
        (1.67, 1.5, False),
        (1.67, 2.0, True),
    ]
