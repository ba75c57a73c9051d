"""Proof that a server honours `dryRun`, before anything else is sent to it.

A server, or a proxy before it, that drops the parameter would carry out what was only to be shown. So the first thing
that an Executor sends is the dry run of a ConfigMap of a random name, which harms nobody if it is stored, and which is
then looked for. `create` of ConfigMaps is a right that the Executor has anyway.
"""

import secrets
from contextlib import suppress

import orjson

from aoi.access.reading import READABLES
from aoi.access.transport import Request, Response, Transport
from aoi.agents.actions.change import Obj, Refused
from aoi.agents.approval import Clock
from aoi.agents.journal import Journal, JournalEntry
from aoi.agents.read_back import Found, look, object_of
from aoi.errors import ClusterUnavailable, StoreNotWritable

_NOTE = "Sent by AOI with dryRun=All, to see whether this server honours dry runs. If you can read this, it does not."
_JSON = {"Content-Type": "application/json", "Accept": "application/json"}


class DryRunProof:
    """Whether one transport leads to a server that honours dry runs: found out once, before the first action."""

    def __init__(self, transport: Transport, journal: Journal, clock: Clock, namespace: str) -> None:
        self._transport, self._journal, self._clock = transport, journal, clock
        self._namespace = namespace
        self._is_proven = False
        self._verdict = ""
        """Why nothing may be sent any more; empty while nothing speaks against it."""

    def check(self) -> None:
        """Raises: Refused unless this server has shown that it honours dry runs."""
        if self._verdict:
            raise Refused(self._verdict, "configuration")
        if not self._is_proven:
            self._prove()

    def condemn(self, what: str) -> str:
        """Note that a dry run was stored; nothing else is sent. Gives the reason in words."""
        self._verdict = f"this server ignores dryRun, so nothing is changed through it: {what}"
        return self._verdict

    def _prove(self) -> None:
        """One dry run of a throw-away object, and one look for it. Raises: Refused."""
        path = READABLES["configmaps"].path(self._namespace)
        name = f"aoi-dry-run-{secrets.token_hex(8)}"
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": self._namespace},
            "data": {"note": _NOTE},
        }
        entry = self._intend(f"{path}/{name}", body)
        try:
            response = self._transport.request(Request("POST", path, (), _JSON, orjson.dumps(body), dry_run=True))
            trouble = _trouble(response, name)
        except ClusterUnavailable as error:
            response, trouble = None, str(error)
        found = look(self._transport, entry.path)
        if found.obj is not None:
            raise Refused(self.condemn(self._removed(entry, found)), "configuration")
        if found.trouble:
            raise Refused(f"whether dry runs are honoured could not be read: {found.trouble}", "resource")
        self._journal.close(entry.model_copy(update={"state": "failed", "status": "not-written", "detail": trouble}))
        if trouble:
            is_forbidden = response is not None and response.status in (401, 403)
            raise Refused(
                f"whether this server honours dry runs could not be tried: {trouble}",
                "permission" if is_forbidden else "resource",
            )
        self._is_proven = True

    def _intend(self, path: str, body: Obj) -> JournalEntry:
        entry = JournalEntry(
            index=self._journal.next_index(),
            action="try a dry run",
            summary=f"dry run of configmap/{body['metadata']['name']}",
            state="intended",
            at=self._clock().isoformat(),
            approver="nobody: a dry run",
            proposal="",
            path=path,
            approved=body,
            allowed=("/**",),
            undoable=False,
            verb="create",
        )
        try:
            return self._journal.append(entry)
        except StoreNotWritable as error:
            raise Refused(str(error), "resource") from error

    def _removed(self, entry: JournalEntry, found: Found) -> str:
        """Take what the server stored away again, as far as the role lets it. Says what is left to do."""
        assert found.obj is not None
        name = found.obj["metadata"]["name"]
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": found.obj["metadata"]["uid"]},
        }
        with suppress(ClusterUnavailable):  # what is there is read, not assumed
            self._transport.request(Request("DELETE", entry.path, (), _JSON, orjson.dumps(options)))
        left = look(self._transport, entry.path)
        is_gone = left.obj is None and not left.trouble
        said = f"it stored the dry run of configmap/{name}"
        said += (
            "; it was removed again"
            if is_gone
            else (f". Remove it: kubectl delete configmap {name} -n {self._namespace}")
        )
        update = {"state": "undone" if is_gone else "done", "status": "written", "after": found.obj, "detail": said}
        self._journal.close(entry.model_copy(update=update))
        return said


def _trouble(response: Response, name: str) -> str:
    """Why this is no answer to a dry run that was taken."""
    obj = object_of(response)
    if response.status >= 300:
        return str((obj or {}).get("message") or f"HTTP {response.status}")
    if obj is None or not isinstance(obj.get("metadata"), dict) or obj["metadata"].get("name") != name:
        return f"HTTP {response.status} with something else than the object"
    return ""
