"""Logs of containers, whole, in part, and as they grow.

Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#get-read-log-of-the-specified-pod
"""

import bisect
import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from kubeworld.api.pods import container_of, container_status, kubelet_address, kubelet_refusal
from kubeworld.api.reads import stored
from kubeworld.api.results import Call
from kubeworld.kinds import errors, field_errors
from kubeworld.kinds.pod import POD
from kubeworld.machine.clock import Clock
from kubeworld.machine.response import Response
from kubeworld.machine.runtime import LogLine, StoredLog
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World


def log(world: World, call: Call) -> Response:
    """GET log: tail, since, timestamps, previous, byte limit. Raises: ApiError 400, 404."""
    pod = stored(world, POD, call.namespace, call.name)
    container = container_of(pod, call.query.get("container", ""))
    if not pod["spec"].get("nodeName"):
        return Response(200, b"", "text/plain")  # no kubelet to ask: kube-apiserver answers with nothing
    previous = call.flag("previous")
    _check_has_log(pod, container, previous=previous)
    # What its kubelet answers through: kube-apiserver has no log of its own.
    if refusal := kubelet_refusal(world, pod):
        meta = pod["metadata"]
        url = f"https://{kubelet_address(world, pod)}/containerLogs/{meta['namespace']}/{meta['name']}/{container}"
        raise errors.ApiError(500, "InternalError", f'Get "{url}": {refusal}')
    tail, since = _integer(call, "tailLines"), _since_ms(world.clock, call)
    limit = _integer(call, "limitBytes", least=1)
    lines = world.runtime.log(world, pod, container, previous=previous)
    if tail is not None:
        lines = lines[max(0, len(lines) - tail) :]
    if since is not None:
        lines = lines[bisect.bisect_left(lines, since, key=lambda line: line.at_ms) :]
    return Response(200, _log_bytes(world.clock, lines, limit, stamped=call.flag("timestamps")), "text/plain")


def _log_bytes(clock: Clock, lines: Sequence[LogLine], limit: int | None, *, stamped: bool) -> bytes:
    """The lines as they were written, up to the limit, which counts stamps too."""
    if isinstance(lines, StoredLog) and not stamped:
        return lines.data(limit)
    parts: list[bytes] = []
    length = 0
    for line in lines:
        if limit is not None and length >= limit:
            break
        parts.append(_stamp(clock, line) + line.data if stamped else line.data)
        length += len(parts[-1])
    return b"".join(parts)[:limit]


def _check_has_log(pod: Obj, container: str, *, previous: bool) -> None:
    name, status = pod["metadata"]["name"], container_status(pod, container)
    if previous:
        if not (status.get("lastState") or {}).get("terminated"):
            raise errors.bad_request(f'previous terminated container "{container}" in pod "{name}" not found')
        return
    # While a container waits to be restarted, its log is that of the last run (validateContainerLogStatus).
    waiting = (status.get("state") or {}).get("waiting")
    if waiting and not (status.get("lastState") or {}).get("terminated"):
        raise errors.bad_request(_waiting_text(container, name, waiting))


def _waiting_text(container: str, pod: str, waiting: Obj) -> str:
    reason = waiting.get("reason", "ContainerCreating")
    if reason in ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"):
        detail = "image can't be pulled" if reason == "ErrImagePull" else "trying and failing to pull image"
        return f'container "{container}" in pod "{pod}" is waiting to start: {detail}'
    return f'container "{container}" in pod "{pod}" is waiting to start: {reason}'


def _since_ms(clock: Clock, call: Call) -> int | None:
    seconds = _integer(call, "sinceSeconds", least=1)
    if seconds is not None:
        return clock.now_ms - seconds * 1000
    if text := call.query.get("sinceTime"):
        try:
            moment = datetime.fromisoformat(text)
        except ValueError as error:
            raise errors.bad_request(f'parsing time "{text}" as RFC 3339') from error
        return int(moment.timestamp() * 1000) - clock.epoch_ms
    return None


def _integer(call: Call, name: str, least: int = 0) -> int | None:
    text = call.query.get(name)
    if text is None or text == "":
        return None
    if not re.fullmatch(r"-?\d{1,18}", text):
        raise errors.bad_request(f'{name}: Invalid value: "{text}": must be an integer')
    value = int(text)
    if value < least:
        bound = f"greater than {least - 1}" if least else "greater than or equal to 0"
        error = field_errors.invalid(name, value, f"must be {bound}")
        raise errors.ApiError(422, "Invalid", f'PodLogOptions "{call.name}" is invalid: {error}', {"name": call.name})
    return value


def _stamp(clock: Clock, line: LogLine) -> bytes:
    # Nine digits, as the container runtime stamps every line of its log files (RFC3339Nano).
    moment = clock.rfc3339(line.at_ms).removesuffix("Z")
    return f"{moment}.{(clock.epoch_ms + line.at_ms) % 1000:03d}000000Z ".encode()


class Follower:
    """What is appended to a container's log while the run goes on that was going on at first.

    A run that has ended is followed to its end; the next run of the container is another log.
    """

    def __init__(self, world: World, namespace: str, pod: str, query: Mapping[str, str], sent: int) -> None:
        """`sent`: bytes of the log that the client has already, which count towards its limit."""
        self._world, self._pod_name = world, (namespace, pod)
        limit = query.get("limitBytes")
        self._left = int(limit) - sent if limit else None
        self._stamped = query.get("timestamps") in ("true", "1")
        stored_pod = world.store.get("pods", namespace, pod)
        self._container = container_of(stored_pod, query.get("container", "")) if stored_pod else ""
        self._run = self._running(stored_pod)
        lines = self._lines(stored_pod, previous=False)
        self._last_ms = lines[-1].at_ms if lines else None

    def poll(self) -> tuple[bytes, bool]:
        """(what is new, whether more may come)."""
        pod = self._world.store.get("pods", *self._pod_name)
        if self._run is None or pod is None or self._left == 0:
            return b"", False
        goes_on = self._running(pod) == self._run
        ended = container_status(pod, self._container).get("lastState") or {}
        is_previous = not goes_on and (ended.get("terminated") or {}).get("containerID") == self._run
        lines = self._lines(pod, previous=is_previous)
        if self._last_ms is not None:
            lines = lines[bisect.bisect_right(lines, self._last_ms, key=lambda line: line.at_ms) :]
        if lines:
            self._last_ms = lines[-1].at_ms
        data = _log_bytes(self._world.clock, lines, self._left, stamped=self._stamped)
        if self._left is not None:
            self._left -= len(data)
        return data, goes_on

    def _lines(self, pod: Obj | None, *, previous: bool) -> Sequence[LogLine]:
        if pod is None or not pod["spec"].get("nodeName"):
            return ()
        return self._world.runtime.log(self._world, pod, self._container, previous=previous)

    def _running(self, pod: Obj | None) -> str | None:
        """The id of the running container."""
        status = container_status(pod, self._container) if pod else {}
        return status.get("containerID") if (status.get("state") or {}).get("running") else None
