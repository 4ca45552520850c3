"""Answer times out of storescu's log."""

from __future__ import annotations

import pytest

from tests.bench.nagle import answer_times

LOG = """\
1795362235 998.981 Sending file: a.dcm
1795362235 999.000 Sending Store Request (MsgID 1, CT)
XMIT: .
1795362236 001.500 Received Store Response (Success)
1795362236 010.000 Sending Store Request (MsgID 2, CT)
XMIT: .
1795362236 097.250 Received Store Response (Success)
1795362236 098.000 Sending Store Request (MsgID 3, CT)
XMIT: .
1795362236 099.000 Received Store Response (Refused: OutOfResources)
"""


def test_each_answer_counts_from_its_request_across_a_full_second() -> None:
    assert answer_times(LOG) == pytest.approx([2.5, 87.25])


def test_a_refusal_is_no_answer_and_neither_is_a_response_without_request() -> None:
    assert answer_times(LOG[LOG.index("1795362236 098") :]) == []
    assert answer_times("1795362236 001.500 Received Store Response (Success)\n") == []
