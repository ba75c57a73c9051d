"""What an Alertmanager posts: the firing alerts of it, bounded and redacted; everything else is refused."""

import contextlib

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi.access.alerts import MAX_BYTES, MAX_NAME, MAX_TEXT, read_alerts
from aoi.errors import AlertUnreadable
from aoi.records.alert import Alert


def body(*alerts: object, **fields: object) -> bytes:
    return orjson.dumps({"version": "4", "status": "firing", "alerts": list(alerts), **fields})


def alert(status: str = "firing", annotations: object = None, **labels: str) -> dict[str, object]:
    return {"status": status, "labels": {"alertname": "X", **labels}, "annotations": annotations or {}}


def only(data: bytes) -> Alert:
    (read,) = read_alerts(data)
    return read


def test_labels_of_objects_are_read_with_name_severity_and_namespace() -> None:
    labels = {"alertname": "KubePodCrashLooping", "namespace": "shop", "pod": "web-5d", "severity": "critical"}
    read = only(
        body(alert(**labels, annotations={"description": "Pod shop/web-5d restarts", "runbook_url": "https://x"}))
    )
    assert (read.name, read.namespace, read.severity, read.about) == (
        "KubePodCrashLooping",
        "shop",
        "critical",
        ("web-5d",),
    )
    assert read.text == "Pod shop/web-5d restarts"
    assert "web-5d" in read.symptom


def test_resolved_alerts_are_left_out() -> None:
    assert only(body(alert(pod="a", status="resolved"), alert(pod="b"))).about == ("b",)


def test_labels_that_the_group_shares_are_labels_of_each_alert() -> None:
    read = only(body(alert(), commonLabels={"namespace": "shop"}, groupLabels={"deployment": "web"}))
    assert (read.namespace, read.about) == ("shop", ("web",))


def test_who_was_scraped_is_not_whom_an_alert_is_about() -> None:
    scraped = {"job": "kube-state-metrics", "service": "kube-state-metrics", "container": "kube-state-metrics"}
    assert only(body(alert(**scraped, deployment="web"))).about == ("web",)
    assert only(body(alert(job="web"))).about == ("web",)


def test_a_label_that_prometheus_moved_out_of_the_way_is_the_one_of_the_object() -> None:
    read = only(body(alert(pod="exporter-0", exported_pod="web-5d", namespace="monitoring", exported_namespace="shop")))
    assert (read.namespace, read.about) == ("shop", ("web-5d",))


def test_text_of_strangers_is_redacted_bounded_and_on_one_line() -> None:
    told = {"description": "password=hunter22 \x1b[2J\nnext " + "x" * 9_000}
    read = only(body(alert(pod="p" * 9_000, annotations=told)))
    assert "hunter22" not in read.text
    assert read.text.isprintable()
    assert len(read.text) <= MAX_TEXT
    assert all(len(name) <= MAX_NAME for name in read.about)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not JSON"),
        (b"alertname: X", "not JSON"),
        (b"[]", "expected an object"),
        (b'{"version": "3", "alerts": []}', "expected '4'"),
        (b'{"version": "4"}', "no list `alerts`"),
        (b'{"version": "4", "alerts": ["x"]}', "no list `alerts`"),
        (b'{"version": "4", "status": "firing", "alerts": [{"labels": 3}]}', "`labels`"),
        (body(), "none of its 0 alerts"),
        (body(alert(status="resolved")), "none of its 1 alerts"),
        (body(alert(namespace="../etc")), "no name of a namespace"),
        (b" " * (MAX_BYTES + 1), "more than"),
    ],
)
def test_what_is_no_webhook_body_is_refused_with_the_reason(data: bytes, says: str) -> None:
    with pytest.raises(AlertUnreadable, match=says):
        read_alerts(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(("labels", "status", "x")), inner),
    max_leaves=9,
)


@given(st.dictionaries(st.sampled_from(("alerts", "status", "commonLabels", "commonAnnotations")), JSON))
def test_whatever_the_body_is_it_is_read_or_refused(fields: dict[str, object]) -> None:
    with contextlib.suppress(AlertUnreadable):
        assert read_alerts(orjson.dumps({"version": "4", **fields}))
