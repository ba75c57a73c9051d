"""Misbehaviour of what is said: status codes, content types, and JSON that is not what was asked for."""

from collections.abc import Callable
from typing import Any

import orjson

from tests.access.live.servers import Received, Sent
from tests.misbehaving.case import Case, body_of, dropping, first_then, framed, sending
from tests.misbehaving.server import Answering, everything, logs, on, reads, reviews

EMPTY = b'{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"1"},"items":[]}'
HTML = b"<!doctype html><html><title>Sign in</title><form action=/login></form></html>"
DENIED = b'{"kind":"Status","status":"Failure","reason":"Forbidden","message":"denied by policy","code":403}'
BUSY = b'{"kind":"Status","status":"Failure","message":"too many requests","code":429}'


def changed(change: Callable[[dict[str, Any]], Any]) -> Answering:
    """The honest body, changed."""

    def answering(received: Received, whole: bytes) -> Sent:
        body = orjson.loads(body_of(whole))
        return [framed(orjson.dumps(change(body)))]

    return answering


def rewritten(change: Callable[[bytes], bytes]) -> Answering:
    """The honest bytes, changed."""
    return lambda received, whole: [framed(change(body_of(whole)))]


def status(code: str, body: bytes = b"", *headers: str, content_type: str = "application/json") -> Answering:
    """Always the same."""
    return sending(framed(body, *headers, status=code, content_type=content_type))


def items(change: Callable[[dict[str, Any]], Any]) -> Answering:
    """Each item changed."""
    return changed(lambda body: {**body, "items": [change(item) for item in body.get("items", ())]})


def paged(follow: Callable[[str], str]) -> Answering:
    """A page of one item, and then another one, as `follow` names it."""

    def answering(received: Received, whole: bytes) -> Sent:
        body = orjson.loads(body_of(whole))
        at = received.path.partition("continue=")[2].partition("&")[0]
        body["items"] = body["items"][:1]
        body["metadata"]["continue"] = follow(at)
        return [framed(orjson.dumps(body))]

    return answering


def later(answer: Answering) -> Answering:
    """An honest first page that names a second one, which is answered so."""

    def answering(received: Received, whole: bytes) -> Sent:
        return answer(received, whole) if "continue=" in received.path else paged(lambda _: "two")(received, whole)

    return answering


def mixed(received: Received, whole: bytes) -> Sent:
    """A whole list of something else."""
    return [framed(b'{"kind":"ServiceList","apiVersion":"v1","metadata":{},"items":[{"metadata":{"name":"x"}}]}')]


def crowded(count: int) -> Answering:
    """More objects than anybody asked for: in memory each is twenty times as large as its text."""
    more = b'{"metadata":{"name":"a"}},' * count
    return rewritten(lambda body: body.replace(b'"items":[', b'"items":[' + more))


GONE = b'{"kind":"Status","reason":"Expired","message":"the provided continue parameter is too old","code":410}'
ESSENTIAL = ("pods", "events", "services", "deployments.apps")
CASES = (
    Case("HTML with 200", sending(framed(HTML, content_type="text/html"))),
    Case("HTML with 200, called JSON", sending(framed(HTML))),
    Case("a login page for everything", sending(framed(HTML, content_type="text/html")), hits=everything,
         is_silent=True),
    Case("302 with an empty list", status("302 Found", EMPTY, "Location: https://127.0.0.1:1/")),
    Case("302 with an empty list, for all reads", status("302 Found", EMPTY, "Location: /login"), hits=reads,
         loses=ESSENTIAL),
    Case("redirect to itself", lambda r, _: [framed(EMPTY, f"Location: {r.path}", status="307 Again")]),
    Case("204", sending(b"HTTP/1.1 204 No Content\r\n\r\n")),
    Case("206 with an empty list", status("206 Partial", EMPTY)),
    Case("304", sending(b"HTTP/1.1 304 Not Modified\r\n\r\n")),
    Case("100 and nothing more", dropping(b"HTTP/1.1 100 Continue\r\n\r\n", 2.0)),
    Case("599", status("599 Odd", EMPTY)),
    Case("empty body", sending(framed(b""))),
    Case("no content type", lambda _, w: [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"]),
    Case("JSON cut, length right", rewritten(lambda body: body[: len(body) // 2])),
    Case("JSON 900 deep", rewritten(lambda _: b'{"items":' + b"[" * 900 + b"]" * 900 + b"}")),
    Case("JSON 100,000 deep", rewritten(lambda _: b'{"a":' * 100_000 + b"1" + b"}" * 100_000)),
    Case("numbers of 10,000 digits", rewritten(
         lambda body: body.replace(b'"restartCount":0', b'"restartCount":' + b"9" * 10_000))),
    Case("NaN", rewritten(lambda body: body.replace(b'"restartCount":0', b'"restartCount":NaN'))),
    Case("duplicate keys", rewritten(lambda body: body.replace(b'"kind":"PodList"', b'"kind":"X","kind":"PodList"')),
         loses=()),
    Case("bytes that are no UTF-8", rewritten(lambda body: body.replace(b"registry", b"\xff\xfe\xc3("))),
    Case("byte order mark", rewritten(lambda body: b"\xef\xbb\xbf" + body)),
    Case("UTF-16", rewritten(lambda body: body.decode().encode("utf-16"))),
    Case("items null", changed(lambda body: {**body, "items": None})),
    Case("items an object", changed(lambda body: {**body, "items": {"0": body["items"]}})),
    Case("items absent", changed(lambda body: {"kind": body["kind"]})),
    Case("items of other types", changed(lambda body: {**body, "items": [3, None, "x", [], *body["items"]]})),
    Case("a list of lists", changed(lambda body: [body])),
    Case("spec: 3", items(lambda item: {**item, "spec": 3})),
    Case("metadata: []", items(lambda item: {**item, "metadata": []})),
    Case("no spec", items(lambda item: {key: item[key] for key in item if key != "spec"})),
    Case("no status", items(lambda item: {key: item[key] for key in item if key != "status"})),
    Case("no spec and no status, of every list", items(lambda item: {"metadata": item["metadata"]}), hits=reads,
         loses=("pods", "services", "deployments.apps")),
    Case("containers null", items(lambda item: {**item, "spec": {**item["spec"], "containers": [None]}})),
    Case("names that a terminal obeys", items(lambda item: {**item, "metadata": {**item["metadata"],
         "name": "a\x1b[2J\nanswer    no fault"}})),
    Case(
        "names that a shell obeys",
        items(lambda item: {**item, "metadata": {**item["metadata"], "name": "a;reboot"}}),
    ),
    Case("pods of another group", changed(lambda body: {**body, "apiVersion": "somebody.example/v1"})),
    Case("a proxy's 404 on claims", status("404 No", HTML, content_type="text/html"),
         hits=on("persistentvolumeclaims"), loses=("persistentvolumeclaims",)),
    Case("a proxy's 404 on logs", status("404 No", HTML, content_type="text/html"), hits=logs, loses=("logs",)),
    Case("a proxy's 400 on logs", status("400 No", HTML, content_type="text/html"), hits=logs, loses=("logs",)),
    Case("status: text", items(lambda item: {**item, "status": "x"})),
    Case("names that are objects", items(lambda item: {**item, "metadata": {"name": {"a": 1}}})),
    Case("every value a list", items(lambda item: dict.fromkeys(item, ("x",))), hits=reads),
    Case("Status with 200", sending(framed(DENIED))),
    Case("pods for services", lambda *_: [framed(EMPTY)], hits=on("services"), loses=("services",)),
    Case("services for pods", mixed),
    Case("an empty object", sending(framed(b"{}"))),
    Case("a list without kind", sending(framed(b'{"items":[]}'))),
    Case("500,000 objects in one page", crowded(500_000), is_large=True),
    Case("50,000 objects in one page", crowded(50_000), is_large=True, budget_s=20.0),
    Case("objects of another namespace", items(lambda item: {**item, "metadata": {**item["metadata"],
         "namespace": "other"}})),
    Case("the same page for ever", paged(lambda _: "again")),
    Case("pages without end", paged(lambda at: f"p{int(at[1:] or 0) + 1}" if at else "p1")),
    Case("page that is gone (410)", later(status("410 Gone", GONE))),
    Case("401 on a later page", later(status("401 No", b"{}"))),
    Case("continue that is no text", changed(lambda body: {**body, "metadata": {"continue": {"a": 1}}})),
    Case("403 on pods", status("403 No", DENIED)),
    Case("403 on ConfigMaps", status("403 No", DENIED), hits=on("configmaps"), loses=("configmaps",)),
    Case("403 on claims and slices", status("403 No", DENIED),
         hits=on("persistentvolumeclaims", "endpointslices.discovery.k8s.io"), loses=("persistentvolumeclaims",)),
    Case("403 on everything that is read", status("403 No", DENIED), hits=reads, loses=ESSENTIAL),
    Case("404 on everything that is read", status("404 No", b"{}"), hits=reads, is_silent=True),
    Case("401 midway", status("401 No", b"{}"), hits=on("events", "services"), loses=("events", "services")),
    Case("429 on ConfigMaps", status("429 Busy", BUSY), hits=on("configmaps"), loses=("configmaps",)),
    Case("429 on everything", status("429 Busy", BUSY), hits=everything, is_silent=True),
    Case("429, later: 10^9 s", status("429 Busy", BUSY, "Retry-After: 1000000000")),
    Case("429, later: a date long gone", status("429 Busy", BUSY, "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT")),
    Case("429, later: garbage", status("429 Busy", BUSY, "Retry-After: -1 or so")),
    Case("429 once, later: at once", first_then(1, status("429 Busy", BUSY, "Retry-After: 0")), hits=reads, loses=()),
    Case("503 on ConfigMaps", status("503 No", b""), hits=on("configmaps"), loses=("configmaps",)),
    Case("503 on everything that is read", status("503 No", b""), hits=reads, loses=("pods",), is_silent=True),
    Case("500 on everything", status("500 No", b"oops"), hits=everything, is_silent=True),
    Case("503 once, then fine", first_then(1, status("503 No", b"")), hits=on(*ESSENTIAL), loses=()),
    Case("ConfigMaps cut", rewritten(lambda body: body[:-40]), hits=on("configmaps"), loses=("configmaps",)),
    Case("ConfigMaps page without end", paged(lambda _: "on"), hits=on("configmaps"), loses=("configmaps",)),
    Case("reviews that say nothing", sending(framed(b'{"kind":"x"}')), hits=reviews, is_silent=True),
    Case("reviews that are a login page", sending(framed(HTML, content_type="text/html")), hits=reviews,
         is_silent=True),
    Case("reviews that are lists", sending(framed(b'{"status":[]}')), hits=reviews, is_silent=True),
    Case("log of odd bytes", sending(framed(bytes(range(256)) * 400, content_type="text/plain")), hits=logs, loses=()),
    Case("log that is a login page", sending(framed(HTML, content_type="text/html")), hits=logs, loses=("logs",)),
    Case("log refused", status("403 No", DENIED), hits=logs, loses=("logs",)),
)  # fmt: skip
