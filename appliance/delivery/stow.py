"""The destination of kind "stow": DICOMweb STOW-RS (PS3.18 10.5), one instance a request.

The Part 10 file goes from the sealed object into the connection chunk by chunk, as it was stored; nothing is converted
here. With proof = "query" an instance counts as delivered only when QIDO-RS finds it too.
"""

from __future__ import annotations

import secrets
import ssl
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from appliance.config.destinations import StowDestination
from appliance.delivery.authorization import Authorization, ClientCredentials, Nobody, StaticToken
from appliance.delivery.deadlines import Deadlines
from appliance.delivery.http_answer import Answer
from appliance.delivery.http_connection import HttpConnection
from appliance.delivery.multipart import Related
from appliance.delivery.outcome import Outcome, Verdict
from appliance.delivery.session import AnyKind, Kind
from appliance.delivery.source import Source
from appliance.delivery.stow_outcome import is_unsaid, judge
from appliance.delivery.stow_response import ACCEPT, JSON, uids
from appliance.host import tls

_SOP_INSTANCE_UID = "00080018"


class StowSession:
    """One connection to a DICOMweb service, opened with the first request."""

    proposed: Collection[Kind] = AnyKind()
    accepted: Collection[Kind] = AnyKind()

    def __init__(
        self, destination: StowDestination, connection: HttpConnection, authorization: Authorization, calling_ae: str
    ) -> None:
        self._url = destination.url
        self._query = destination.proof == "query"
        self._connection = connection
        self._authorization = authorization
        self.calling_ae = calling_ae

    def store(self, source: Source) -> Outcome:
        """Store one instance, and judge what is said of it."""
        uid = source.meta.sop_instance
        related = Related(secrets.token_hex(16), source.size)
        headers = {
            "Content-Type": related.content_type,
            "Content-Length": str(related.length),
            "Accept": ACCEPT,
        }
        answer = self._request("POST", f"{self._url}/studies", headers, related.body(source.part10()))
        outcome = judge(answer, uid, time.time())
        if self._query and (outcome.verdict is Verdict.DONE or is_unsaid(answer, outcome)):
            return self._found(uid, outcome.status or 0)
        return outcome

    def authorize(self) -> None:
        """See that there is a token, where one is needed. Raises UpstreamError and ConfigError."""
        self._authorization.header()

    def query(self) -> Answer:
        """Ask for an instance that nobody has: whether it answers, and knows us."""
        url = f"{self._url}/instances?SOPInstanceUID=2.25.{secrets.randbits(120) + 1}&limit=1"
        return self._request("GET", url, {"Accept": JSON}, b"")

    def alive(self) -> bool:
        """Always: a connection that the other side closed is opened anew by the next request."""
        return True

    def end(self) -> None:
        """Close the connection."""
        self._connection.end()

    def _found(self, uid: str, status: int) -> Outcome:
        """The outcome of what was stored, as a query shows it (PS3.18 10.6)."""
        url = f"{self._url}/instances?SOPInstanceUID={uid}&limit=2"
        answer = self._request("GET", url, {"Accept": JSON}, b"")
        if answer.status == 200 and uid in uids(answer.body, _SOP_INSTANCE_UID):
            return Outcome(Verdict.DONE, "stored, and found by a query", "", status)
        return Outcome(
            Verdict.TEMPORARY,
            f"it took the instance, and a query does not find it (HTTP {answer.status})",
            "It is sent again. Does the service answer QIDO-RS below url? Look at the destination's log.",
        )

    def _request(
        self, method: str, url: str, headers: dict[str, str], body: Iterable[bytes | memoryview] | bytes
    ) -> Answer:
        who = self._authorization.header()
        answer = self._connection.request(method, url, headers | who, body)
        if answer.status == 401:
            self._authorization.refused(who)
        return answer


class Stow:
    """Opens sessions with one DICOMweb service."""

    def __init__(self, destination: StowDestination, deadlines: Deadlines | None = None) -> None:
        self._destination = destination
        self._deadlines = deadlines or Deadlines.within(destination.bandwidth)
        self._authorization = self._who()

    def __call__(self, kinds: Collection[Kind], calling_ae: str) -> StowSession:
        """Nothing is negotiated, and `calling_ae` is told nobody."""
        entry = self._destination
        connection = HttpConnection(
            entry.url, self._context(entry.url, entry.ca, entry.shown), entry.server_name, self._deadlines
        )
        return StowSession(entry, connection, self._authorization, calling_ae)

    def _who(self) -> Authorization:
        entry = self._destination
        if entry.token:
            return StaticToken(entry.token)
        if oauth := entry.oauth:
            context = self._context(oauth.token_url, oauth.ca or entry.ca, None)
            return ClientCredentials(oauth, lambda: HttpConnection(oauth.token_url, context, None, self._deadlines))
        return Nobody()

    @staticmethod
    def _context(url: str, ca: Path | None, shown: tuple[Path, Path] | None) -> Callable[[], ssl.SSLContext] | None:
        """Read for each session anew, so that a renewed certificate counts from the next one on."""
        if not url.startswith("https:") or ca is None:
            return None
        return lambda: tls.client_context(ca, *(shown or (None, None)))
