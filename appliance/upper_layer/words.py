"""What the numbers of a reject or an abort mean, for log lines and `appliance status`."""

from __future__ import annotations

_RESULTS = {1: "rejected permanently", 2: "rejected for now"}

_REJECTIONS = {
    (1, 1): "no reason given",
    (1, 2): "application context name not supported",
    (1, 3): "calling AE title not recognized",
    (1, 7): "called AE title not recognized",
    (2, 1): "no reason given",
    (2, 2): "protocol version not supported",
    (3, 1): "temporary congestion",
    (3, 2): "local limit exceeded",
}

_ABORTS = {
    0: "reason not specified",
    1: "unrecognized PDU",
    2: "unexpected PDU",
    4: "unrecognized PDU parameter",
    5: "unexpected PDU parameter",
    6: "invalid PDU parameter value",
}

_CONTEXT_RESULTS = {
    0: "accepted",
    1: "rejected by the user",
    2: "rejected without reason",
    3: "abstract syntax not supported",
    4: "transfer syntaxes not supported",
}


def rejection(result: int, source: int, reason: int) -> str:
    """An A-ASSOCIATE-RJ in words (PS3.8 table 9-21)."""
    what = _RESULTS.get(result, f"rejected (result {result})")
    return f"{what}: {_REJECTIONS.get((source, reason), f'source {source}, reason {reason}')}"


def abort(source: int, reason: int) -> str:
    """An A-ABORT in words (PS3.8 table 9-26); the reason of a service user means nothing."""
    if source == 0:
        return "aborted by the application"
    return f"aborted by the protocol machine: {_ABORTS.get(reason, f'reason {reason}')}"


def context_result(result: int) -> str:
    """The answer to a presentation context in words (PS3.8 table 9-18)."""
    return _CONTEXT_RESULTS.get(result, f"result {result}")
