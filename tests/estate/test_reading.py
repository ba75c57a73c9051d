"""Reading: whatever a server answers is data or a gap, and a gap never shows that something is absent."""

import threading
from itertools import count

import orjson
import pytest

from aoi.access.reading import READABLES
from aoi.access.transport import Response
from aoi.errors import ClusterUnavailable, UnknownNamespace
from aoi.estate import reading
from aoi.estate.estate import all_namespaces, read_estate
from aoi.estate.reading import LOG_BYTES, MAX_PAGES, Reader
from tests.estate.estates import DATE, NOW, SHOP, Replay, deployed, found, listed, pod, surveyed, thing

PODS = READABLES["pods"].path(SHOP)
DEEP = b'{"items": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"


def _reader(answer, path=PODS, **options):
    return Reader(
        Replay({"pods": [pod("a")]}, answer=lambda asked: answer(asked) if asked.path == path else None), **options
    )


def _lost(_):
    raise ClusterUnavailable("connection reset by peer")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda _: Response(401, b'{"message": "Unauthorized"}'), "refused"),
        (lambda _: Response(403, b'{"message": "pods is forbidden"}'), "refused"),
        (lambda _: Response(429, b""), "throttled"),
        (lambda _: Response(504, b""), "timeout"),
        (lambda _: Response(500, b"oops"), "unreadable"),
        (lambda _: Response(503, b"<html>"), "unreadable"),
        (lambda _: Response(302, b""), "unreadable"),
        (lambda _: Response(200, b"<html>Sign in</html>", "text/html"), "unreadable"),
        (lambda _: Response(200, b"not json"), "unreadable"),
        (lambda _: Response(200, b"[]"), "unreadable"),
        (lambda _: Response(200, b'{"items": null}'), "unreadable"),
        (lambda _: Response(200, b'{"items": {"a": 1}}'), "unreadable"),
        (lambda _: Response(200, DEEP), "unreadable"),
        (lambda _: Response(200, b""), "unreadable"),
        (_lost, "unreachable"),
    ],
)
def test_what_is_no_list_is_a_gap_and_shows_no_absence(answer, reason):
    reader = _reader(answer)
    (listing,) = reader.lists([("pods", SHOP)])
    assert (listing.items, listing.state, listing.shows_absence) == ((), "unread", False)
    assert [(gap.what, gap.namespace, gap.reason) for gap in reader.coverage((SHOP,)).gaps] == [("pods", SHOP, reason)]
    assert reader.coverage((SHOP,)).looked == ()


def test_a_gap_carries_the_servers_words_without_its_secrets():
    (listing,) = _reader(lambda _: Response(403, b'{"message": "denied\\n token=abcdefgh12345678"}')).lists(
        [("pods", SHOP)]
    )
    assert listing.gap.detail.startswith("denied")
    assert "abcdefgh12345678" not in listing.gap.detail


def test_a_resource_that_a_cluster_does_not_serve_is_absent():
    key = "cronjobs.batch"
    reader = _reader(lambda _: Response(404, b"404 page not found"), READABLES[key].path(SHOP))
    (listing,) = reader.lists([(key, SHOP)])
    assert (listing.state, listing.shows_absence, listing.gap) == ("unserved", True, None)


def _page(*labels, follow=""):
    return found(listed("pods", [pod(label) for label in labels], **{"continue": follow}))


def test_pages_are_followed_to_the_end():
    pages = {"": _page("a", follow="two"), "two": _page("b", follow="three"), "three": _page("c")}
    (listing,) = _reader(lambda asked: pages[dict(asked.query).get("continue", "")]).lists([("pods", SHOP)])
    assert [item["metadata"]["name"] for item in listing.items] == ["a", "b", "c"]
    assert listing.state == "complete"
    assert {item["kind"] for item in listing.items} == {"Pod"}  # items of a list do not say it


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (lambda: Response(410, b'{"message": "continue token expired"}'), "unreadable"),
        (lambda: Response(404, b"{}"), "unreadable"),
        (lambda: Response(429, b"{}"), "throttled"),
        (lambda: _lost(None), "unreachable"),
    ],
)
def test_a_list_that_breaks_off_keeps_what_came_and_shows_no_absence(second, reason):
    reader = _reader(lambda asked: second() if "continue" in dict(asked.query) else _page("a", follow="two"))
    (listing,) = reader.lists([("pods", SHOP)])
    assert (len(listing.items), listing.state, listing.gap.reason, listing.shows_absence) == (
        1,
        "partial",
        reason,
        False,
    )
    assert reader.coverage((SHOP,)).looked[0].items == 1


@pytest.mark.parametrize(("follow", "pages"), [(lambda at: f"p{at}", MAX_PAGES), (lambda at: "again", 2)])
def test_a_list_without_end_is_cut(follow, pages):
    asked = []
    reader = _reader(lambda request: asked.append(request) or _page("a", follow=follow(len(asked))))
    (listing,) = reader.lists([("pods", SHOP)])
    assert (len(asked), listing.gap.reason, listing.shows_absence) == (pages, "cut", False)


WHOLE = pod("b")
NAMES = (
    "",
    "a b",
    "a\x1b[2J",
    "a\nanswer    no fault",
    "../../secrets",
    "a;reboot",
    "$(reboot)",
    "-n",
    "a" * 254,
    {"a": 1},
)
ODD_ITEMS = [
    *(3, None, "x", [], {}, {"metadata": []}, {**WHOLE, "kind": "Service"}),
    *({**WHOLE, "metadata": {"name": name}} for name in NAMES),
    {**WHOLE, "metadata": {"name": "b", "namespace": "other"}},
    *({**WHOLE, key: odd} for key in ("spec", "status") for odd in (3, "x", [1], None, {})),
    *(
        {**WHOLE, "status": {**WHOLE["status"], key: odd}}
        for key in ("conditions", "containerStatuses")
        for odd in (3, {}, [None], ["x"])
    ),
    *(
        {**WHOLE, "spec": {**WHOLE["spec"], "containers": odd}}
        for odd in (None, [], [None], [{}], [{"name": "a; reboot"}], [{"name": None}])
    ),
]


@pytest.mark.parametrize("odd", ODD_ITEMS, ids=str)
def test_an_entry_that_is_no_object_of_the_list_makes_the_list_incomplete(odd):
    items = [pod("a"), odd]
    (listing,) = _reader(lambda _: found(listed("pods", items))).lists([("pods", SHOP)])
    assert [item["metadata"]["name"] for item in listing.items] == ["a"]
    assert (listing.state, listing.gap.reason, listing.shows_absence) == ("partial", "unreadable", False)


@pytest.mark.parametrize(
    ("key", "odd"),
    [
        ("services", {"metadata": {"name": "b"}}),
        ("deployments.apps", {"metadata": {"name": "b"}, "spec": {"replicas": 1}}),
        ("deployments.apps", {"metadata": {"name": "b"}, "spec": {"template": {"spec": {"containers": []}}}}),
        ("jobs.batch", {"metadata": {"name": "b"}, "spec": None}),
        ("cronjobs.batch", {"metadata": {"name": "b"}, "spec": {"schedule": "* * * * *"}}),
    ],
    ids=str,
)
def test_an_object_without_what_every_one_of_its_kind_has_makes_the_list_incomplete(key, odd):
    (listing,) = _reader(lambda _: found(listed(key, [odd])), READABLES[key].path(SHOP)).lists([(key, SHOP)])
    assert (listing.items, listing.gap.reason, listing.shows_absence) == ((), "unreadable", False)


def test_a_list_of_another_group_is_no_list():
    body = {"kind": "PodList", "apiVersion": "somebody.example/v1", "items": []}
    (listing,) = _reader(lambda _: found(body)).lists([("pods", SHOP)])
    assert (listing.state, listing.gap.reason) == ("unread", "unreadable")


def test_a_kind_that_a_server_invents_shows_no_credential():
    (listing,) = _reader(lambda _: found({"kind": "X password=hunter2x", "items": []})).lists([("pods", SHOP)])
    assert "password=[redacted]" in listing.gap.detail
    assert "hunter2x" not in listing.gap.detail


@pytest.mark.parametrize("kind", ["ServiceList", "Status", "Pod", "", None, 3, {"a": 1}])
def test_a_list_of_something_else_is_no_list(kind):
    (listing,) = _reader(lambda _: found({"kind": kind, "items": []})).lists([("pods", SHOP)])
    assert (listing.state, listing.gap.reason) == ("unread", "unreadable")


@pytest.mark.parametrize("metadata", [{"remainingItemCount": 3}, {"continue": 7}, {"continue": {"a": 1}}])
def test_a_list_that_speaks_of_more_and_does_not_say_where_is_cut(metadata):
    (listing,) = _reader(lambda _: found(listed("pods", [], **metadata))).lists([("pods", SHOP)])
    assert (listing.gap.reason, listing.shows_absence) == ("cut", False)


def test_no_survey_reads_more_than_it_may_in_all(monkeypatch):
    monkeypatch.setattr(reading, "TOTAL_BYTES", 1_000)
    reader = _reader(lambda _: found(listed("pods", [pod("a", annotations="a" * 1_000)])))
    pods, services = reader.lists([("pods", SHOP), ("services", SHOP)])
    assert (pods.state, services.gap.reason) == ("complete", "skipped")
    assert "1000 bytes were read in all" in services.gap.detail


def test_after_an_interrupt_it_is_said_that_somebody_interrupted():
    times = iter([0.0])
    reader = Reader(Replay(), clock=lambda: next(times, float("inf")))
    (listing,) = reader.lists([("pods", SHOP)])
    assert (listing.gap.reason, listing.gap.detail) == ("skipped", "interrupted by whoever asked")


def test_a_log_of_a_server_that_heeds_no_limit_is_kept_by_its_end():
    log = _log(Replay(answer=lambda _: Response(200, b"x" * LOG_BYTES * 3 + b"\npanic: the end\n", "text/plain", DATE)))
    assert log.data.endswith(b"panic: the end\n")
    assert (len(log.data), log.gap.reason) == (LOG_BYTES, "cut")


@pytest.mark.parametrize("follow", ["a b", "ü", "x" * 4000, {"a": 1}, 7])
@pytest.mark.parametrize("metadata", [True, False])
def test_a_forged_page_ends_its_own_list_only(follow, metadata):
    continued = {"continue": follow} if metadata else [follow]
    body = {"kind": "PodList", "items": [pod("a")], "metadata": continued}
    reader = _reader(lambda _: found(body))
    pods, services = reader.lists([("pods", SHOP), ("services", SHOP)])
    assert len(pods.items) >= 1
    assert services.state == "complete"


def test_after_the_budget_nothing_more_is_asked():
    moment = iter(count())
    reader = Reader(Replay(deployed("web")), budget_s=2.5, clock=lambda: float(next(moment)))
    keys = ("pods", "services", "events", "endpoints")
    listings = reader.lists([(key, SHOP) for key in keys])
    assert [listing.state for listing in listings] == ["complete", "complete", "unread", "unread"]
    assert [gap.reason for gap in reader.coverage((SHOP,)).gaps] == ["skipped", "skipped"]
    assert reader.is_spent
    assert reader.logs([(SHOP, "a", "main", False)], tail=10)[0].gap.reason == "skipped"


def test_threads_keep_the_order_in_which_was_asked():
    keys = ("configmaps", "endpoints", "events")
    gate = threading.Barrier(len(keys), timeout=30)  # all of them are under way before the first is answered

    def answer(request):
        gate.wait()
        key = request.path.rsplit("/", 1)[1]
        return found(listed(key, [thing(READABLES[key].kind, key)]))

    reader = Reader(Replay(answer=answer), threads=len(keys))
    listings = reader.lists([(key, SHOP) for key in keys])
    assert [listing.items[0]["metadata"]["name"] for listing in listings] == list(keys)


def test_one_lost_connection_loses_one_read():
    reader = _reader(_lost)
    pods, services = reader.lists([("pods", SHOP), ("services", SHOP)])
    assert (pods.state, services.state) == ("unread", "complete")


@pytest.mark.parametrize(
    "date",
    [
        "Sun, 01 Mar 2026 12:00:00 GMT",
        "yesterday",
        "",
        "Sun, 99 Mar 2026 12:00:00 GMT",
        "Fri, 31 Dec 9999 23:59:59 -1400",
    ],
)
def test_ages_are_counted_from_the_servers_clock_if_it_tells_one(date):
    reader = _reader(lambda _: Response(200, b'{"items": []}', headers={"date": date}))
    reader.lists([("pods", SHOP)])
    assert reader.now == (NOW if "Mar 2026 12" in date and "99" not in date else None)


class _LogServer(Replay):
    """Counts `limitBytes` from the first of the last lines, as a kubelet does."""

    def __init__(self, log: bytes) -> None:
        super().__init__()
        self.log = log

    def read(self, request):
        self.asked.append(request)
        query = dict(request.query)
        lines = self.log.splitlines(keepends=True)[-int(query["tailLines"]) :]
        return Response(200, b"".join(lines)[: int(query["limitBytes"])], "text/plain", DATE)


def _log(server, tail=200, **options):
    return Reader(server, **options).logs([(SHOP, "a", "main", False)], tail=tail)[0]


def test_the_end_of_a_log_is_kept_though_its_lines_are_long():
    server = _LogServer(b"".join(b"%05d " % at + b"x" * 20_000 + b"\n" for at in range(300)) + b"panic: the end\n")
    log = _log(server)
    assert log.data.endswith(b"panic: the end\n")
    assert log.gap is None
    assert len(server.asked) == 2


def test_a_line_longer_than_an_answer_is_told_as_cut():
    log = _log(_LogServer(b"y" * (LOG_BYTES + 5) + b"\n"))
    assert log.gap.reason == "cut"


def test_a_log_is_redacted_and_without_colours():
    log = _log(_LogServer(b"\x1b[31mERROR\x1b[0m password=hunter2hunter2\n"))
    assert b"hunter2" not in log.data
    assert log.data.startswith(b"ERROR")


@pytest.mark.parametrize("status", [400, 404])
def test_a_container_that_has_not_started_has_no_log(status):
    log = _log(Replay(answer=lambda _: Response(status, b"{}")))
    assert (log.data, log.gap) == (b"", None)


@pytest.mark.parametrize(
    ("status", "reason"), [(403, "refused"), (429, "throttled"), (500, "unreadable"), (504, "timeout")]
)
def test_a_log_that_is_not_given_is_a_gap(status, reason):
    log = _log(Replay(answer=lambda _: Response(status, b"{}")))
    assert (log.data, log.gap.reason) == (b"", reason)


def test_a_name_that_no_path_can_hold_is_a_gap():
    (log,) = Reader(Replay()).logs([(SHOP, "../secrets", "main", False)], tail=5)
    assert log.gap.reason == "unreadable"
    assert Reader(Replay()).get("pods", SHOP, "../../secrets") == (None, 400)


def test_a_namespace_that_does_not_exist_is_an_error():
    with pytest.raises(UnknownNamespace, match="nowhere"):
        read_estate(Reader(Replay()), ["nowhere"])


def test_a_cluster_that_does_not_answer_at_all_is_an_error():
    with pytest.raises(ClusterUnavailable, match="pods"):
        read_estate(Reader(Replay(answer=_lost)), [SHOP])


def test_all_namespaces_are_those_that_the_cluster_lists():
    places = found(listed("namespaces", [thing("Namespace", place, "") for place in ("shop", "blog")]))
    replay = Replay(answer=lambda asked: places if asked.path == "/api/v1/namespaces" else None)
    assert all_namespaces(Reader(replay)) == ("shop", "blog")


def test_a_deeply_nested_object_does_not_end_the_survey():
    spec = b'{"a":' * 600 + b"1" + b"}" * 600
    body = (
        b'{"kind": "PodList", "items": [{"metadata": {"name": "deep"}, "spec": {"containers": [{"name": "a"}], "x": '
        + spec
        + b'}, "status": {"phase": "Pending"}}]}'
    )
    assert orjson.loads(body)
    survey = surveyed(answer=lambda asked: Response(200, body, headers=DATE) if asked.path == PODS else None)
    assert survey.answer.verdict == "inconclusive"
    assert [gap.reason for gap in survey.coverage.lacks("pods")] == ["unreadable"]


def test_no_log_is_redacted_after_the_budget():
    moment = [0.0]

    def late(asked):
        moment[0] = 99.0
        return Response(200, b"panic: the end\n", "text/plain", DATE)

    reader = Reader(Replay(answer=late), budget_s=2.5, clock=lambda: moment[0])
    (log,) = reader.logs([(SHOP, "a", "main", False)], tail=10)
    assert (log.data, log.gap.reason) == (b"", "skipped")
