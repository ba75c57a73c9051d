"""What stands about in other people's namespaces is read as what it is: rules on the text alone."""

import pytest

from tests.agents.test_compressor import config, deployment, first, observe, pod, service, words

RUNNING = pod(last="Completed").text.replace("Ready:          False", "Ready:          True")
EVICTED = """\
Name:             geo-7c9d8b5f4-aaaaa
Namespace:        hotel
Status:           Failed
Reason:           Evicted
Message:          The node was low on resource: ephemeral-storage.
"""


def policy(name: str, chosen: dict[str, str], **rules: object) -> dict[str, object]:
    spec = {"podSelector": {"matchLabels": chosen} if chosen else {}, "policyTypes": ["Ingress"], **rules}
    return {"kind": "NetworkPolicy", "metadata": {"name": name}, "spec": spec}


def policies(*items: object, remaining: int = 0):
    metadata = {"remainingItemCount": remaining} if remaining else {}
    return observe("kubectl get networkpolicies -n hotel -o json", {"items": list(items), "metadata": metadata})


DENY = policy("default-deny", {})
ALLOW = policy("allow-geo", {"app": "geo"}, ingress=[{"from": [{"podSelector": {}}]}])


def test_a_default_of_nothing_with_a_rule_beside_it_closes_nothing() -> None:
    assert words("geo", policies(DENY, ALLOW)) == [("healthy", "geo", None)]


def test_a_default_of_nothing_closes_whom_no_rule_lets_be_reached() -> None:
    assert first("rate", policies(DENY, ALLOW)) == ("netpolicy", "rate", None)


def test_a_rule_for_the_other_direction_opens_nothing() -> None:
    out = policy("out", {"app": "geo"}, policyTypes=["Egress"], egress=[{}])
    assert first("geo", policies(DENY, out)) == ("netpolicy", "geo", None)


def test_nothing_follows_from_a_list_of_policies_that_was_cut() -> None:
    assert words("rate", policies(DENY, ALLOW, remaining=6)) == [("healthy", "rate", None)]


def test_an_evicted_pod_beside_one_that_runs_is_history() -> None:
    line = "kubectl describe pods -l app=geo -n hotel"
    assert words("geo", observe(line, f"{RUNNING}\n\n{EVICTED}")) == [("healthy", "geo", None)]
    assert first("geo", observe(line, EVICTED)) == ("evicted", "geo", None)


def test_every_line_of_a_selector_is_read() -> None:
    wrong = service().text.replace("app=geo\n", "app=geo\n                   tier=front\n")
    right = service().text.replace("app=geo\n", "app=geo\n                   tier=back\n")
    line = "kubectl describe service/geo -n hotel"
    assert first("geo", observe(line, wrong), deployment()) == ("selector", "geo", None)
    assert words("geo", observe(line, right), deployment()) == [("healthy", "geo", None)]


def test_a_program_without_ports_lacks_no_service() -> None:
    said = 'Error from server (NotFound): services "geo" not found\n'
    gone = observe("kubectl describe service/geo -n hotel", said, evidence="absent")
    silent = deployment().text.replace("    Port:       8080/TCP (grpc)\n", "")
    silent = silent.replace(
        "    Liveness:   http-get http://:8080/healthz delay=0s timeout=1s period=10s #success=1 #failure=3\n", ""
    )
    assert ("noservice", "geo", None) in words("geo", gone, deployment())
    assert words("geo", gone, observe("kubectl describe deployment/geo -n hotel", silent)) == [("healthy", "geo", None)]


@pytest.mark.parametrize(
    ("address", "word"),
    [
        ("cache.data.svc.cluster.local:6379", "healthy"),
        ("mongodb-geo.hotel.svc.cluster.local:8080", "healthy"),
        ("mongodb-geo.hotel.svc:8081", "badconfig"),
    ],
)
def test_an_address_in_another_namespace_is_not_judged_by_the_services_of_this_one(address: str, word: str) -> None:
    assert first("geo", *config({"geo-config": {"ADDR": address}})) == (word, "geo", None)
