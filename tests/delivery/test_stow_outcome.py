from __future__ import annotations

import json

import pytest

from appliance.delivery.http_answer import Answer
from appliance.delivery.outcome import Verdict
from appliance.delivery.stow_outcome import is_unsaid, judge
from tests.delivery.test_stow_response import reason, reference

NOW = 1_700_000_000.0
JSON = {"content-type": 'application/dicom+json; charset="utf-8"'}
US = "1.2.3"


def said(stored: list[object] | None = None, failed: list[object] | None = None) -> bytes:
    return json.dumps(
        ({"00081199": {"vr": "SQ", "Value": stored}} if stored else {})
        | ({"00081198": {"vr": "SQ", "Value": failed}} if failed else {})
    ).encode()


STORED = said([reference("1.1"), reference(US)])


@pytest.mark.parametrize(
    ("status", "body", "verdict", "words"),
    [
        (200, STORED, Verdict.DONE, "stored, HTTP 200 (OK)"),
        (202, STORED, Verdict.DONE, "stored, HTTP 202"),
        (202, said([reference("1.1")], [reference(US, **reason("00081197", 0x0110))]), Verdict.TEMPORARY, "0x0110"),
        (202, said([reference("1.1")], [reference(US, **reason("00081197", 0xA700))]), Verdict.BUSY, "0xA700"),
        (202, said([], [reference(US, **reason("00081197", 0xC122))]), Verdict.PERMANENT, "0xC122"),
        (200, said([reference(US)], [reference(US)]), Verdict.PERMANENT, "no reason"),
        (200, said([reference("1.1")]), Verdict.PERMANENT, "did not say that it stored this instance"),
        (200, b"", Verdict.PERMANENT, "did not say"),
        (204, b"", Verdict.PERMANENT, "did not say"),
        (200, b"<html>", Verdict.BUSY, "no DICOM JSON or XML"),
        (200, STORED[:-3], Verdict.BUSY, "no DICOM JSON or XML"),
        (400, b"", Verdict.PERMANENT, "HTTP 400 (Bad Request)"),
        (401, b"", Verdict.BUSY, "HTTP 401"),
        (403, b"", Verdict.TEMPORARY, "HTTP 403"),
        (404, b"", Verdict.BUSY, "HTTP 404"),
        (301, b"", Verdict.BUSY, "HTTP 301"),
        # 409 is not "already there", whatever else it says.
        (409, b"", Verdict.PERMANENT, "HTTP 409 (Conflict)"),
        (409, STORED, Verdict.PERMANENT, "HTTP 409 (Conflict)"),
        (409, said([], [reference(US, **reason("00081197", 0x0111))]), Verdict.PERMANENT, "proves nothing"),
        (409, said([], [reference(US, **reason("00081197", 0x0000))]), Verdict.PERMANENT, "0x0000"),
        (409, said([], [reference(US, **reason("00081197", 0xB000))]), Verdict.PERMANENT, "0xB000"),
        (409, said([], [reference(US, **reason("00081197", 0x0110))]), Verdict.TEMPORARY, "0x0110"),
        (413, b"", Verdict.PERMANENT, "HTTP 413"),
        (418, b"", Verdict.PERMANENT, "HTTP 418"),
        (429, b"", Verdict.BUSY, "HTTP 429"),
        (500, b"", Verdict.TEMPORARY, "HTTP 500"),
        (503, STORED, Verdict.BUSY, "HTTP 503"),
        (507, b"", Verdict.BUSY, "HTTP 507"),
        (599, b"", Verdict.TEMPORARY, "HTTP 599"),
        (999, b"", Verdict.TEMPORARY, "HTTP 999"),
    ],
)
def test_every_answer_is_judged(status: int, body: bytes, verdict: Verdict, words: str) -> None:
    outcome = judge(Answer(status, JSON, body), US, NOW)
    assert outcome.verdict is verdict
    assert words in outcome.reason
    assert US not in outcome.reason + outcome.advice
    assert (outcome.verdict is Verdict.DONE) == (outcome.status is not None and 200 <= status < 300 and body == STORED)


def test_a_warning_is_kept() -> None:
    body = said([reference(US, **reason("00081196", 0xB007))])
    assert judge(Answer(200, JSON, body), US, NOW).status == 0xB007


def test_success_without_a_word_is_told_apart_for_a_query() -> None:
    for body, unsaid in ((b"", True), (said([reference("1.1")]), True), (STORED, False), (b"<html>", False)):
        answer = Answer(200, JSON, body)
        assert is_unsaid(answer, judge(answer, US, NOW)) == unsaid


def test_a_service_that_asks_for_time_gets_it() -> None:
    for status, wanted in ((503, 120.0), (429, 120.0), (500, 120.0), (401, 120.0), (413, 0.0)):
        assert judge(Answer(status, {"retry-after": "120"}, b""), US, NOW).retry_after == wanted
    body = said([], [reference(US, **reason("00081197", 0xA700))])
    assert judge(Answer(202, JSON | {"retry-after": "7"}, body), US, NOW).retry_after == 7.0
