"""The command line: what is refused, what is understood, and that nothing in between exists."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aoi.agents.kubectl.parse import parse
from aoi.errors import CommandRefused

ATTEMPTS: list[tuple[str, str]] = [
    *(tuple(pair) for pair in json.loads((Path(__file__).parent / "attempts.json").read_text())),
    ("10 kB line", "kubectl get pods -l " + "a" * 10_240),
    ("selector over 4 kB", "kubectl get pods -l app=" + "a" * 4097),
    ("prom 10 kB", "prom query '" + "a" * 10_240 + "'"),
]
"""Every attempt to make a read do more than read. All addresses are loopback."""

LEGITIMATE = (
    "kubectl get pods -n shop",
    "kubectl get pods",
    "kubectl get pod cart-1 -o yaml",
    "kubectl -n shop get deploy/cart svc/cart",
    "kubectl get pods,svc,endpoints -n shop -o wide",
    "kubectl get all -n shop",
    "kubectl get pods -l app=cart --show-labels",
    "kubectl get pods -l 'app in (cart, user)'",
    "kubectl get pods -nshop -ojson",
    "kubectl get pods --namespace shop --field-selector=status.phase=Pending",
    "kubectl get events --sort-by='{.lastTimestamp}'",
    "kubectl get events --sort-by=.metadata.creationTimestamp",
    "kubectl get nodes -o name",
    "kubectl get networkchaos -n shop",
    "kubectl describe pod cart-1 -n shop",
    "kubectl describe service/cart -n shop",
    "kubectl describe nodes",
    "kubectl logs deploy/cart -n shop --tail=50",
    "kubectl logs cart-1 -c main --previous --timestamps",
    "kubectl logs cart-1 main --since=5m",
    "kubectl logs -l app=cart",
    "kubectl logs cart-1 --tail -1",
    "kubectl events --for=deployment/cart -n shop --types=Warning",
    "kubectl top pods -n shop --containers --sort-by=memory",
    "kubectl top node node-1",
    "kubectl rollout history deployment/cart -n shop --revision=2",
    "kubectl rollout status deploy cart --watch=false",
    "prom metrics cart",
    "prom alerts",
    'prom query \'sum(rate(http_requests_total{service="cart", code=~"5.."}[5m])) by (service) > 0\'',
    "jaeger traces cart",
    "jaeger services",
)


@pytest.mark.parametrize(("name", "line"), ATTEMPTS, ids=[name for name, _ in ATTEMPTS])
def test_attempt_to_do_more_than_read_is_refused(name: str, line: str) -> None:
    with pytest.raises(CommandRefused):
        parse(line, "shop")


@pytest.mark.parametrize("line", LEGITIMATE)
def test_ordinary_read_is_understood(line: str) -> None:
    command = parse(line, "shop")
    assert command.namespace == "shop"


def test_short_and_long_spellings_mean_the_same() -> None:
    assert parse("kubectl get po -nshop -owide -lapp=x", "shop") == parse(
        "kubectl --namespace=shop get pods --output wide --selector=app=x", "shop"
    )


def test_flag_repeated_with_one_value_is_one_flag() -> None:
    assert parse("kubectl get pods -n shop --namespace=shop", "shop") == parse("kubectl get pods", "shop")


def test_refusal_says_what_was_expected() -> None:
    with pytest.raises(CommandRefused, match=r"namespace 'kube-system' is not shop"):
        parse("kubectl get pods -n kube-system", "shop")
    with pytest.raises(CommandRefused, match="is not one of describe, events, get, logs, rollout, top"):
        parse("kubectl delete pods", "shop")


WORDS = st.sampled_from(
    [word for line in LEGITIMATE for word in line.split(" ")]
    + [
        "secrets",
        "secret/x",
        "-A",
        "-w",
        "-f",
        "--raw=/x",
        "--as=x",
        "delete",
        "exec",
        ";",
        "|",
        "&&",
        "$(id)",
        "`",
        ">",
    ]
    + ["--", "--watch", "all", "{.x}", "'a", "b'", '"q"', "=", "/", "-o", "-n", "-l", "-c", "--tail", "--revision=1"]
)
LINES = st.one_of(
    st.lists(WORDS, max_size=9).map(" ".join),
    st.text(max_size=60),
    st.tuples(st.sampled_from(LEGITIMATE), st.text(max_size=3), st.integers(0, 60)).map(
        lambda t: t[0][: t[2]] + t[1] + t[0][t[2] :]
    ),
)


@settings(max_examples=1500, deadline=None)
@given(LINES)
def test_whatever_parses_names_only_readable_resources_of_one_namespace(line: str) -> None:
    try:
        command = parse(line, "shop")
    except CommandRefused:
        return
    assert line.isascii()
    assert line.isprintable()
    assert command.namespace == "shop"
    assert all(target.readable.resource != "secrets" for target in command.targets)
    assert not set(";|&`$<>\\*~#") & set(command.labels + command.fields + command.container + command.component)
