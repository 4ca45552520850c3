"""What the commands say while a fault is on: `appliance queue` and `appliance status`, asked as a person asks them.

`Wrong` is what was said instead of what should have been; whoever waits for a state asks again until its time is over.
"""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

from appliance.cli.delivery_words import last_error, state_of
from appliance.cli.main import run
from tests.delivery_lab.row import Told

NAME = "pacs"


class Wrong(Exception):
    """Something else is said, at least for now."""


def _demand(holds: object, what: str, said: object) -> None:
    if not holds:
        raise Wrong(f"{what}; said: {said}")


class Telling:
    """The commands, on one configuration file."""

    def __init__(self, config: Path) -> None:
        self._config = config

    def ask(self, *arguments: str) -> tuple[int, Any]:
        """One command with --json: its exit status, and what it printed; None where it could not answer."""
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
            status = run([*arguments, "--json", "--config", str(self._config)])
        said = json.loads(printed.getvalue()) if printed.getvalue() else None
        return status, None if isinstance(said, dict) and said.keys() == {"error"} else said

    def queue(self) -> dict[str, Any]:
        """The destination, as `queue list` has it."""
        _, said = self.ask("queue", "list")
        _demand(said, "`queue list` answers", said)
        found: dict[str, Any] = said["destinations"][NAME]
        return found

    def delivery(self, object_id: str) -> dict[str, Any]:
        """The delivery of one object, as `queue show` has it."""
        _, said = self.ask("queue", "show", object_id)
        _demand(said and said["deliveries"], "`queue show` knows the object", said)
        found: dict[str, Any] = said["deliveries"][0]
        return found

    def finding(self, question: str, subject: str = NAME) -> dict[str, Any]:
        """The answer of `status` to one question about one thing."""
        _, said = self.ask("status")
        _demand(said, "`status` answers", said)
        for finding in said["findings"]:
            if (finding["question"], finding["subject"]) == (question, subject):
                found: dict[str, Any] = finding
                return found
        raise Wrong(f"`status` has nothing on {question} of {subject}: {said['findings']}")

    def failing(self, *words: str) -> Told:
        """The destination takes nothing, for one of these reasons, and there is something that a person can do."""
        queue, finding = self.queue(), self.finding("destination")
        state = state_of(queue)[0]
        fits = any(each in queue["error"] for each in words)
        _demand(state.startswith("failing") and fits, f"the queue fails for {words}", queue)
        _demand(queue["advice"], "the queue says what to do", queue)
        _demand(queue["waiting"] + queue["leased"] + queue["held"], "the queue tells what waits", queue)
        _demand(finding["level"] == "warn" and queue["error"] in finding["what"], "status warns of the same", finding)
        _demand(queue["advice"] in finding["fix"], "status says what to do", finding)
        _demand("backlog:waiting" in finding["lamps"], "a lamp says so", finding)
        return Told(f"failing: {queue['error']}", finding["what"].partition("; next try")[0], queue["advice"])

    def held(self, words: str, count: int) -> Told:
        """So many wait for a person, each for this reason, and status says so."""
        _, held = self.ask("queue", "held", NAME)
        _demand(len(held or ()) == count, f"{count} are held", held)
        for each in held:
            _demand(words in each["reason"], f"held for {words!r}", each)
            shown = self.delivery(each["object"])
            _demand((shown["state"], shown["reason"]) == ("held", each["reason"]), "`queue show` says the same", shown)
        finding = self.finding("held")
        _demand(finding["level"] == "warn" and finding["what"].startswith(f"{count} "), f"{count} held", finding)
        _demand("`appliance queue held`" in finding["fix"] and "queue retry" in finding["fix"], "what to do", finding)
        _demand("backlog:held" in finding["lamps"], "a lamp says so", finding)
        return Told(f"{count} held: {held[0]['reason']}", finding["what"], finding["fix"])

    def goes_on(self, on_the_way: int) -> Told:
        """All is well, though so many are not delivered yet."""
        queue, finding, backlog = self.queue(), self.finding("destination"), self.finding("backlog")
        _demand(state_of(queue)[0] == "ok", "the queue is well", queue)
        _demand(queue["leased"] + queue["waiting"] >= on_the_way, f"{on_the_way} are on their way", queue)
        _demand(finding["level"] == "ok" and backlog["level"] == "ok", "status is well", (finding, backlog))
        return Told(f"ok, {queue['leased']} on the way", f"{finding['what']}; {backlog['what']}", "nothing")

    def waits(self, object_id: str, words: str) -> Told:
        """One instance waits for its next try, and why; the destination takes the others."""
        shown, queue, finding = self.delivery(object_id), self.queue(), self.finding("destination")
        _demand(shown["state"] == "waiting" and words in shown["reason"], f"it waits for {words!r}", shown)
        _demand(shown["due_in"] is not None and shown["attempts"], "when it is tried again", shown)
        _demand(words in last_error(queue), "the last error of the queue", queue)
        _demand(finding["level"] == "ok", "status is well", finding)
        advice = queue["last_error"]["advice"]
        _demand(advice, "what to do", queue)
        return Told(f"{state_of(queue)[0]}; one waits: {shown['reason']}", finding["what"], advice)

    def happened(self, words: str) -> Told:
        """The last thing that went wrong, whatever the state is by now, and what can be done about it."""
        queue, finding = self.queue(), self.finding("destination")
        last = queue["last_error"]
        _demand(last and words in last["reason"] and last["advice"], f"the last error is {words!r}", queue)
        return Told(
            f"{state_of(queue)[0].partition(',')[0]}; last error: {last['reason']}", finding["what"], last["advice"]
        )

    def delivered(self, object_id: str, status: str) -> Told:
        """It was stored, with this status."""
        shown = self.delivery(object_id)
        _demand((shown["state"], shown["status"]) == ("delivered", status), f"delivered with {status}", shown)
        return Told(f"delivered, {status}", self.finding("destination")["what"], "nothing")

    def backlog(self, words: str) -> Told:
        """Status warns of the age of what waits."""
        finding = self.finding("backlog")
        _demand(finding["level"] == "warn" and words in finding["what"], f"the backlog warns of {words!r}", finding)
        return Told("", finding["what"], finding["fix"])

    def unproven(self, count: int, overdue: int, words: str = "") -> Told:
        """So many are stored and not proven; status warns where a proof is overdue or cannot be asked for."""
        queue, finding = self.queue(), self.finding("proofs")
        _demand((queue["stored"], queue["overdue"]) == (count, overdue), f"{count} stored, {overdue} overdue", queue)
        late = bool(overdue or words)
        _demand(state_of(queue)[0] == ("ok, proof is late" if late else "ok"), "the state of the queue", queue)
        _demand(overdue or words in queue["proof_error"], f"no proof for {words!r}", queue)
        expected = words if late else f"{count} instances stored and to be proven"
        _demand(finding["level"] == ("warn" if late else "ok") and expected in finding["what"], "status", finding)
        return Told(f"{state_of(queue)[0]}; {count} stored, not proven", finding["what"], finding["fix"] or "nothing")

    def dead(self) -> Told:
        """`forward` does not run: `queue` cannot answer, and status says so."""
        status, said = self.ask("queue", "list")
        _demand(status and said is None, "`queue list` fails", said)
        finding = self.finding("program", "forward")
        _demand(finding["level"] != "ok" and finding["fix"], "status says that it does not run", finding)
        return Told("forward does not answer", f"forward {finding['what']}", finding["fix"])

    def well(self) -> None:
        """Nothing is left, and all say so."""
        queue = self.queue()
        _demand(state_of(queue)[0] == "ok", "the queue is well", queue)
        left = {
            state: queue[state] for state in ("waiting", "leased", "held", "stored", "gathering") if queue.get(state)
        }
        _demand(not left and not queue["error"], "the queue is empty", queue)
        for question, subject in (("destination", NAME), ("backlog", NAME), ("held", "deliveries")):
            finding = self.finding(question, subject)
            _demand(finding["level"] == "ok", "status is well", finding)
