"""What a STOW-RS answer means for one instance (PS3.18 10.5.3). Pure.

Success is what the payload says of that instance under a status of success, and nothing else; 409 is not "already
there". What the payload does not say is not guessed.
"""

from __future__ import annotations

from http import HTTPStatus

from appliance.delivery.http_answer import Answer
from appliance.delivery.outcome import Outcome, Verdict
from appliance.delivery.outcome import judge as judge_status
from appliance.delivery.retry_after import seconds
from appliance.delivery.stow_response import parse

_RETRY = "; then run `appliance queue retry`."
_CREDENTIALS = "Check token or oauth of the destination, and what they may do there."
_URL = 'Check url of the destination: it ends where "/studies" would follow.'

# By status. What is not here goes by its class: 5xx may pass by itself, 4xx does not.
_STATUSES: dict[int, tuple[Verdict, str]] = {
    401: (Verdict.BUSY, _CREDENTIALS),
    403: (Verdict.TEMPORARY, _CREDENTIALS),
    404: (Verdict.BUSY, _URL),
    405: (Verdict.BUSY, _URL),
    407: (Verdict.BUSY, "A proxy is in the way; give this box a way around it."),
    408: (Verdict.BUSY, "Look at the network: what we sent came there too slowly."),
    410: (Verdict.BUSY, _URL),
    413: (Verdict.PERMANENT, f"Have larger requests allowed there{_RETRY}"),
    415: (Verdict.PERMANENT, f"It does not take this transfer syntax or media type{_RETRY}"),
    421: (Verdict.BUSY, _URL),
    425: (Verdict.BUSY, ""),
    429: (Verdict.BUSY, "It asks us to slow down: lower associations of the destination."),
    502: (Verdict.BUSY, "A gateway there does not reach the service."),
    503: (Verdict.BUSY, "It is down or busy, as it says itself; look there if that lasts."),
    504: (Verdict.BUSY, "A gateway there does not reach the service."),
    507: (Verdict.BUSY, "Check the destination's disk."),
}
_LOG = "Look at the destination's log."


def judge(answer: Answer, sop_instance: str, now: float) -> Outcome:
    """The outcome for the one instance that was sent. `now` is Unix seconds."""
    success = 200 <= answer.status < 300
    result = parse(answer.media_type, answer.body) if answer.body else None
    if result and sop_instance in result.failed:
        return _failed(answer, result.failed[sop_instance], now)
    if success and result and sop_instance in result.stored:
        warning = result.stored[sop_instance]
        return Outcome(Verdict.DONE, f"stored, {_shown(answer)}", "", warning or 0)
    if success and (result or not answer.body):
        return unsaid(answer)
    if success:
        return Outcome(
            Verdict.BUSY,
            f"it answered {_shown(answer)} with something that is no DICOM JSON or XML",
            f"{_URL} A gateway or a login page may answer in the place of the service.",
        )
    return _refused(answer, now)


def unsaid(answer: Answer) -> Outcome:
    """A success that does not say of which instance."""
    return Outcome(
        Verdict.PERMANENT,
        f"it answered {_shown(answer)} and did not say that it stored this instance",
        f'Look whether it is there; with proof = "query" this box asks{_RETRY}',
    )


def is_unsaid(answer: Answer, outcome: Outcome) -> bool:
    """Whether this outcome rests on nothing that the service said of the instance, good or bad."""
    return outcome == unsaid(answer)


def _failed(answer: Answer, reason: int | None, now: float) -> Outcome:
    """The payload names our instance as failed. A reason that would be success elsewhere is none here."""
    if reason is None:
        return Outcome(
            Verdict.PERMANENT, f"{_shown(answer)}: not stored, and no reason was given", f"{_LOG[:-1]}{_RETRY}"
        )
    meant = judge_status(reason)
    verdict = Verdict.PERMANENT if meant.verdict is Verdict.DONE else meant.verdict
    return Outcome(verdict, f"{_shown(answer)}, failure reason: {meant.reason}", meant.advice, reason, False,
                   _retry_after(answer, verdict, now))  # fmt: skip


def _refused(answer: Answer, now: float) -> Outcome:
    verdict, advice = _STATUSES.get(answer.status) or _by_class(answer.status)
    return Outcome(verdict, f"it answered {_shown(answer)}", advice, None, False, _retry_after(answer, verdict, now))


def _by_class(status: int) -> tuple[Verdict, str]:
    if 300 <= status < 400:
        return Verdict.BUSY, f"{_URL} Redirects are not followed."
    if 400 <= status < 500:
        return Verdict.PERMANENT, f"{_LOG[:-1]}{_RETRY}"
    return Verdict.TEMPORARY, _LOG


def _retry_after(answer: Answer, verdict: Verdict, now: float) -> float:
    return 0.0 if verdict is Verdict.PERMANENT else seconds(answer.headers.get("retry-after"), now)


def _shown(answer: Answer) -> str:
    """The status with the standard's own words for it."""
    try:
        return f"HTTP {answer.status} ({HTTPStatus(answer.status).phrase})"
    except ValueError:
        return f"HTTP {answer.status}"
