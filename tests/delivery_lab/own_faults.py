"""Certificates that do not fit, and a clock that jumps."""

from __future__ import annotations

from collections.abc import Callable

from appliance.cli.demo.evidence import Verdict
from tests.delivery.upstream import Authority, Pair
from tests.delivery_lab import warp
from tests.delivery_lab.lab import Fault, Lab, again, entry_of, stored, storescp, tls_options
from tests.delivery_lab.row import Row

_HOUR = 3600


def _certificate(name: str, words: str, wrong: Callable[[Lab, Authority], tuple[Authority, Pair]]) -> Fault:
    """The upstream shows a certificate that does not fit, then gets a right one."""

    def run(lab: Lab) -> Row:
        lab.put()
        authority = Authority(lab.root / "pki")
        entry = entry_of(lab, authority)
        _, pair = wrong(lab, authority)
        with storescp(lab, tls=tls_options(authority, pair)) as upstream:
            lab.begin(upstream.port, **entry)
            lab.failing(words)
            assert lab.box.delivered() == 0
            upstream.options = (*tls_options(authority, authority.issue("pacs")), "--fork", "+uf")
            again(upstream)
            lab.all_delivered()
            return lab.arrived(stored(upstream))

    return Fault(f"the upstream's certificate is {name}", run)


def _foreign(lab: Lab, _: Authority) -> tuple[Authority, Pair]:
    other = Authority(lab.root / "other", "other-ca")
    return other, other.issue("stranger")


def _ours_refused(lab: Lab) -> Row:
    """The upstream trusts another CA than the one that signed ours."""
    lab.put()
    authority, other = Authority(lab.root / "pki"), Authority(lab.root / "other", "other-ca")
    entry, pair = entry_of(lab, authority), authority.issue("pacs")
    with storescp(lab, tls=tls_options(other, pair)) as upstream:
        lab.begin(upstream.port, **entry)
        lab.failing("TLS")
        upstream.options = (*tls_options(authority, pair), "--fork", "+uf")
        again(upstream)
        lab.all_delivered()
        return lab.arrived(stored(upstream))


def _clock(lab: Lab) -> Row:
    """An hour ahead, two back, while deliveries fail, wait and flow. Nobody retries by hand."""
    if warp.MISSING:
        return Row(lab.fault, Verdict.NOT_HERE, warp.MISSING)
    lab.put(10)
    with warp.warped(lab.root) as time, storescp(lab, "--refuse") as upstream:
        lab.begin(upstream.port)
        lab.failing("rejected")
        for hours in (1, -1):
            time.step(hours * _HOUR)
            failures = lab.queue["failures"]
            lab.await_(lambda failures=failures: lab.queue["failures"] > failures, "it is tried on")  # type: ignore[misc]
            lab.failing("rejected")
        again(upstream)
        lab.all_delivered(hurry=False)
        lab.put(5)
        lab.all_delivered(hurry=False)
        stamps = {line[:13] for line in lab.box.log.splitlines() if "DELIVERY-FAILED" in line}
        assert len(stamps) > 1, "the clock was not stepped"
        return lab.arrived(stored(upstream))


FAULTS = (
    _certificate("expired", "certificate has expired", lambda _, ca: (ca, ca.issue("old", expired=True))),
    _certificate("of a wrong CA", "unable to get local issuer certificate", _foreign),
    _certificate("for a wrong name", "Hostname mismatch", lambda _, ca: (ca, ca.issue("x", host="x.example"))),
    Fault("the upstream does not trust our certificate", _ours_refused),
    Fault("the clock jumps an hour ahead, then two back", _clock),
)
