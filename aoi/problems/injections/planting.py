"""A transport through which an injection is read, as if it stood in the cluster.

Only answers change that the attacker could influence: the log of the attacked component, an event, an annotation, a
ConfigMap or a condition that somebody with few rights wrote, the message that its container left, an error of an API
that a workload serves, a span of its own. Everything else comes back byte for byte.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property

import orjson

from aoi.access.reading import READABLES
from aoi.access.transport import Backend, ReadRequest, ReadTransport, Response
from aoi.problems.injections import answers
from aoi.problems.injections.answers import Obj
from aoi.problems.injections.catalogue import CANARY, LINES, Injection
from aoi.records.base import sha256_hex

_OBJECTS = re.compile(
    r"/(?:api|apis/(?P<group>[^/]+))/v[^/]+/namespaces/(?P<namespace>[^/]+)/(?P<resource>[^/]+)(?:/(?P<name>[^/]+))?"
)
_LOG = re.compile(r"/api/v1/namespaces/(?P<namespace>[^/]+)/pods/(?P<pod>[^/]+)/log")
_RANDOM = "[bcdfghjklmnpqrstvwxz2456789]"
"""What Kubernetes makes random suffixes of: no vowel, so they are no words."""
_WORKLOADS = frozenset({"deployments.apps", "statefulsets.apps", "daemonsets.apps"})
_AGGREGATED = "/apis/metrics.k8s.io/"
"""Served by a workload behind the API server, not by the API server."""


@dataclass(frozen=True, slots=True)
class Target:
    """Whom an injection is planted at, and the names that its text speaks of."""

    namespace: str
    component: str
    """As others call it: in telemetry and in sentences."""
    workload: str
    workload_kind: str = "Deployment"
    container: str = ""
    """Whose log the attacker writes; empty for every container of its pods."""
    innocent: str = ""
    culprit: str = ""
    port: int = 8080
    """Of `innocent`."""

    def owns(self, resource: str, name: str) -> bool:
        """Whether an object is the attacked workload or one of its pods."""
        if resource != "pods":
            return resource in _WORKLOADS and name == self.workload
        suffix = rf"(?:{_RANDOM}{{4,10}}-{_RANDOM}{{5}}|{_RANDOM}{{5}}|\d{{1,4}})"
        return re.fullmatch(rf"{re.escape(self.workload)}-{suffix}", name) is not None


@dataclass
class Planted:
    """Reads through another transport and plants one injection at one target."""

    transport: ReadTransport
    injection: Injection
    target: Target
    reached: int = field(default=0, init=False)
    """Answers that held the injection: 0 means that nobody can have read it."""

    def read(self, request: ReadRequest) -> Response:
        """Send one GET, and change what comes back where the attacker could have. Raises: ClusterUnavailable."""
        log = _LOG.fullmatch(request.path)
        if log is not None:
            return self._log(request, log["namespace"], log["pod"])
        response = self.transport.read(request)
        changed = self._changed(request, response)
        if changed is None or changed.body == response.body:
            return response
        self.reached += 1
        return changed

    # Logs -----------------------------------------------------------------------------------------------------------

    def _log(self, request: ReadRequest, namespace: str, pod: str) -> Response:
        query = dict(request.query)
        is_previous = query.get("previous") == "true"
        is_mine = namespace == self.target.namespace and self.target.owns("pods", pod)
        is_channel = self.injection.channel == ("previous" if is_previous else "log")
        is_container = self.target.container in ("", query.get("container", self.target.container))
        if not (is_mine and is_channel and is_container):
            return self.transport.read(request)
        uncut = tuple(pair for pair in request.query if pair[0] not in ("tailLines", "limitBytes"))
        response = self.transport.read(replace(request, query=uncut))
        if response.status != 200:
            return response
        tail, limit = query.get("tailLines"), query.get("limitBytes")
        lines = response.body.decode("utf-8", "replace").split("\n")
        lines = lines[:-1] if lines[-1] == "" else lines
        planted = self._text(response).split("\n")
        planted = planted[:-1] if planted[-1] == "" else planted
        if query.get("timestamps") == "true":
            planted = [f"{_now(response)} {line}" for line in planted]
        mixed = answers.among_lines(lines, planted, self.injection.times, self.injection.placement)
        body = answers.cut(mixed, int(tail) if tail else None, int(limit) if limit else None)
        self.reached += 1
        return replace(response, body=body)

    # Objects --------------------------------------------------------------------------------------------------------

    def _changed(self, request: ReadRequest, response: Response) -> Response | None:
        """The answer with the injection in it; None where it has no place."""
        channel = self.injection.channel
        if request.backend is not Backend.KUBERNETES:
            return self._spans(request, response) if channel == "span" else None
        if channel == "error_body":
            return self._error(response) if request.path.startswith(_AGGREGATED) else None
        found = _OBJECTS.fullmatch(request.path)
        if found is None or found["namespace"] != self.target.namespace or channel in LINES or channel == "span":
            return None
        resource = f"{found['resource']}.{found['group']}" if found["group"] else found["resource"]
        body = _json(response)
        plant: dict[str, Callable[[], Obj]] = {
            "annotation": lambda: self._mine(body, resource, lambda obj: self._annotated(obj, response)),
            "condition": lambda: self._mine(body, resource, lambda obj: self._with_condition(obj, response)),
            "termination": lambda: self._mine(body, resource, lambda obj: self._with_message(obj, response)),
            "event": lambda: self._with_event(body, request, response) if resource == "events" else body,
            "configmap": lambda: self._with_map(body, request, response) if resource == "configmaps" else body,
        }
        changed = plant[channel]() if body else body
        return None if changed == body else replace(response, body=orjson.dumps(changed))

    def _mine(self, body: Obj, resource: str, change: Callable[[Obj], Obj]) -> Obj:
        def only_mine(obj: Obj) -> Obj:
            name = str((obj.get("metadata") or {}).get("name"))
            return change(obj) if self.target.owns(resource, name) else obj

        return answers.each(body, only_mine)

    def _annotated(self, obj: Obj, response: Response) -> Obj:
        metadata = obj["metadata"]
        one = self.injection
        noted = answers.with_entry(metadata.get("annotations"), one.key, self._text(response), one.placement)
        return {**obj, "metadata": {**metadata, "annotations": noted}}

    def _with_condition(self, obj: Obj, response: Response) -> Obj:
        """A condition of a type that somebody made up: what a controller of their own may write."""
        if not isinstance(obj.get("status"), dict):
            return obj
        condition = {
            "type": "ops.example.com/Advice",
            "status": "True",
            "reason": self.injection.reason,
            "message": self._text(response),
            "lastTransitionTime": _now(response),
        }
        present = obj["status"].get("conditions") or []
        mixed = [condition, *present] if self.injection.placement == "prepended" else [*present, condition]
        return {**obj, "status": {**obj["status"], "conditions": mixed}}

    def _with_message(self, obj: Obj, response: Response) -> Obj:
        """What a container wrote to its termination log before it ended: the kubelet copies it as it is."""
        if not isinstance(obj.get("status"), dict):
            return obj
        states = [self._ended(state, response) for state in obj["status"].get("containerStatuses") or []]
        return {**obj, "status": {**obj["status"], "containerStatuses": states}} if states else obj

    def _ended(self, container: Obj, response: Response) -> Obj:
        if self.target.container not in ("", container.get("name")):
            return container
        changed = dict(container)
        for part in ("state", "lastState"):
            ended = (container.get(part) or {}).get("terminated")
            if ended:
                said = answers.in_message(ended.get("message", ""), self._text(response), self.injection.placement)
                changed[part] = {**container[part], "terminated": {**ended, "message": said}}
        return changed

    def _with_event(self, body: Obj, request: ReadRequest, response: Response) -> Obj:
        query = dict(request.query)
        event = self._event(response)
        about = event["involvedObject"]
        fields = {
            **{f"involvedObject.{key}": str(value) for key, value in about.items()},
            **{f"metadata.{key}": str(event["metadata"][key]) for key in ("name", "namespace")},
            **{key: str(event[key]) for key in ("type", "reason", "reportingComponent")},
            "source": event["source"]["component"],
        }
        if query.get("labelSelector") or not answers.selects(query.get("fieldSelector", ""), fields):
            return body
        cells = {
            "Last Seen": "5s",
            "Type": event["type"],
            "Reason": event["reason"],
            "Object": f"{about['kind'].lower()}/{about['name']}",
            "Source": event["source"]["component"],
            "Message": event["message"],
            "First Seen": "5s",
            "Count": event["count"],
            "Name": event["metadata"]["name"],
        }
        return answers.with_item(body, event, cells, self.injection.placement)

    def _event(self, response: Response) -> Obj:
        """By a client that is no part of Kubernetes, about the attacked component."""
        about = self._about
        digest = sha256_hex(f"{self.injection.id}/{about['name']}".encode())
        now = _now(response)
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "name": f"{about['name']}.{digest[:16]}",
                "namespace": self.target.namespace,
                "uid": f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}",
                "creationTimestamp": now,
                "resourceVersion": "1",
            },
            "involvedObject": about,
            "reason": self.injection.reason,
            "message": self._text(response),
            "source": {"component": "ops-bot"},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": self.injection.times,
            "type": self.injection.type,
            "eventTime": None,
            "reportingComponent": "ops.example.com/ops-bot",
            "reportingInstance": "",
        }

    @cached_property
    def _about(self) -> Obj:
        """A pod of the attacked component, or its workload where it has none."""
        path = READABLES["pods"].path(self.target.namespace)
        listed = _json(self.transport.read(ReadRequest(path)))
        pods = {pod["metadata"]["name"]: pod["metadata"].get("uid", "") for pod in listed.get("items") or []}
        mine = min((name for name in pods if self.target.owns("pods", name)), default=None)
        place = {"namespace": self.target.namespace}
        if mine is None:
            return {"apiVersion": "apps/v1", "kind": self.target.workload_kind, "name": self.target.workload, **place}
        return {"apiVersion": "v1", "kind": "Pod", "name": mine, "uid": pods[mine], **place}

    def _with_map(self, body: Obj, request: ReadRequest, response: Response) -> Obj:
        """One entry more in the ConfigMaps named for the component; where there is none, a new one in the list."""
        text, one = self._text(response), self.injection
        prefixes = (f"{self.target.workload}-", f"{self.target.component}-")
        added = False

        def noted(obj: Obj) -> Obj:
            nonlocal added
            if not str(obj["metadata"]["name"]).startswith(prefixes) or "data" not in obj:
                return obj
            added = True
            return {**obj, "data": answers.with_entry(obj["data"], one.key, text, one.placement)}

        changed = answers.each(body, noted)
        query = dict(request.query)
        if added or "items" not in body or query.get("labelSelector") or query.get("fieldSelector"):
            return changed
        made = {"name": f"{self.target.workload}-notes", "namespace": self.target.namespace, "resourceVersion": "1"}
        metadata = {**made, "creationTimestamp": _now(response)}
        return answers.with_item(body, {"metadata": metadata, "data": {one.key: text}}, {}, one.placement)

    # Errors and spans -----------------------------------------------------------------------------------------------

    def _error(self, response: Response) -> Response:
        return replace(response, status=503, body=answers.status(503, self._text(response)))

    def _spans(self, request: ReadRequest, response: Response) -> Response | None:
        body = _json(response)
        if request.backend is not Backend.JAEGER or not request.path.startswith("/api/traces") or not body:
            return None
        tag = {"key": self.injection.key, "type": "string", "value": self._text(response)}
        traces = [self._traced(trace, tag) for trace in body.get("data") or []]
        return replace(response, body=orjson.dumps({**body, "data": traces})) if traces != body.get("data") else None

    def _traced(self, trace: Obj, tag: Obj) -> Obj:
        processes = trace.get("processes") or {}
        mine = {key for key, process in processes.items() if process.get("serviceName") == self.target.component}
        spans = [
            {**span, "tags": [*span.get("tags", ()), tag]} if span.get("processID") in mine else span
            for span in trace.get("spans") or []
        ]
        return {**trace, "spans": spans}

    def _text(self, response: Response) -> str:
        target = self.target
        return self.injection.filled(
            {
                "self": target.component,
                "innocent": target.innocent or target.component,
                "culprit": target.culprit or target.component,
                "namespace": target.namespace,
                "port": str(target.port),
                "canary": CANARY,
                "now": _now(response),
            }
        )


def _json(response: Response) -> Obj:
    """The object of a 2xx answer; empty for everything else."""
    if not 200 <= response.status < 300:
        return {}
    try:
        value = orjson.loads(response.body)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def _now(response: Response) -> str:
    """The cluster's time, RFC 3339: what its Date header says."""
    date = next((value for key, value in response.headers.items() if key.lower() == "date"), None)
    when = parsedate_to_datetime(date).astimezone(UTC) if date else datetime(2026, 1, 1, tzinfo=UTC)
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")
