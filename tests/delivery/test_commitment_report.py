"""Reports to pynetdicom as a modality would take them: in cleartext and over TLS, willingly and not."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from appliance.base.errors import UpstreamError
from appliance.delivery.commitment_report import ReportSession
from appliance.seal.commitment import CommitmentRequest
from tests.delivery.requestor import Requestor, target
from tests.delivery.upstream import Authority, free_port

CT = "1.2.840.10008.5.1.4.1.1.2"
ASKED = CommitmentRequest(
    "0" * 32, 1.0, "CT suite", "CT1", "PACS", "1.2.3.77", tuple((CT, f"1.2.3.{number}") for number in range(1000))
)


def test_several_reports_go_over_one_association() -> None:
    with Requestor() as modality:
        session = ReportSession(target(modality.port), None, "PACS")
        session.report(ASKED, [0] * 1000)
        session.report(ASKED, [0, 0x0112] + [0] * 998)
        session.end()
        first, second = modality.reports
    assert (first.event_type, first.transaction, first.calling_ae) == (1, "1.2.3.77", "PACS")
    assert first.committed == list(ASKED.references)
    assert first.failed == []
    assert second.event_type == 2
    assert second.failed == [(CT, "1.2.3.1", 0x0112)]
    assert len(second.committed) == 999


def test_over_mutual_tls_with_the_site_ca(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "pki")
    ours, theirs = authority.issue("edge"), authority.issue("ct")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority.certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(theirs.certificate, theirs.key)
    pair = {"tls": "required", "certificate": str(ours.certificate), "key": str(ours.key)}
    with Requestor(context=context) as modality:
        session = ReportSession(target(modality.port, **pair), authority.certificate, "PACS")
        session.report(ASKED, [0] * 1000)
        session.end()
        other = Authority(tmp_path / "pki", "other").certificate
        with pytest.raises(UpstreamError, match="certificate"):
            ReportSession(target(modality.port, **pair, ca=str(other)), authority.certificate, "PACS")
    assert len(modality.reports) == 1


def test_a_peer_that_says_nothing_of_roles_is_reported_to() -> None:
    with Requestor(scp_role=None) as modality:
        session = ReportSession(target(modality.port), None, "PACS")
        session.report(ASKED, [0] * 1000)
        session.end()
    assert len(modality.reports) == 1


def test_a_peer_that_refuses_the_role_is_not() -> None:
    with Requestor(scp_role=False) as modality, pytest.raises(UpstreamError, match="(SCP of|no commitment reports)"):
        ReportSession(target(modality.port), None, "PACS")
    assert modality.reports == []


@pytest.mark.parametrize(("status", "taken"), [(0x0001, True), (0xB000, True), (0x0110, False), (0xC123, False)])
def test_the_answer_decides_whether_it_was_taken(status: int, taken: bool) -> None:
    with Requestor(answer=status) as modality:
        session = ReportSession(target(modality.port), None, "PACS")
        if taken:
            session.report(ASKED, [0] * 1000)
        else:
            with pytest.raises(UpstreamError, match=f"0x{status:04X}"):
                session.report(ASKED, [0] * 1000)
        session.end()


def test_nobody_there() -> None:
    with pytest.raises(UpstreamError, match="cannot connect"):
        ReportSession(target(free_port()), None, "PACS")
