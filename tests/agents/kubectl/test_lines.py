"""The parser of what the Probe writes: everything that is not listed is refused, and a value never becomes another."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi.access.reading import MAX_EXPRESSION, MAX_LOG_LINES, MAX_SELECTOR
from aoi.agents.kubectl import parse
from aoi.agents.kubectl.command import ReadCommand, Target
from aoi.agents.kubectl.kinds import ALL, BY_WORD, WORKLOADS
from aoi.agents.kubectl.parse import MAX_LINE, MAX_TARGETS
from aoi.errors import CommandRefused

PODS, SERVICES = BY_WORD["pods"], BY_WORD["services"]
DEPLOYMENTS, SETS = BY_WORD["deployments"], BY_WORD["statefulsets"]


def command(verb: str, *targets: Target, **options) -> ReadCommand:
    return ReadCommand(verb, "shop", tuple(targets), **options)


READ = {
    "kubectl get pods": command("get", Target(PODS)),
    "  kubectl   get  pods  ": command("get", Target(PODS)),
    "kubectl get 'pods'": command("get", Target(PODS)),
    "kubectl get 'pods' -o 'wide'": command("get", Target(PODS), output="wide"),
    "kubectl get pod 'ge'o": command("get", Target(PODS, "geo")),
    'kubectl get p"od"s': command("get", Target(PODS)),
    "kubectl get po geo": command("get", Target(PODS, "geo")),
    "kubectl get pod geo rate": command("get", Target(PODS, "geo"), Target(PODS, "rate")),
    "kubectl get pods,svc": command("get", Target(PODS), Target(SERVICES)),
    "kubectl get pod/geo svc/rate": command("get", Target(PODS, "geo"), Target(SERVICES, "rate")),
    "kubectl get deployments.apps geo.v1.x": command("get", Target(DEPLOYMENTS, "geo.v1.x")),
    "kubectl get all": command("get", *map(Target, ALL)),
    "kubectl get svc,all": command("get", Target(SERVICES), *map(Target, ALL)),
    "kubectl get pods -n shop": command("get", Target(PODS)),
    "kubectl get pods -nshop": command("get", Target(PODS)),
    "kubectl get pods -n=shop": command("get", Target(PODS)),
    "kubectl get pods --namespace=shop": command("get", Target(PODS)),
    "kubectl -n shop get pods": command("get", Target(PODS)),
    "kubectl get pods -o wide": command("get", Target(PODS), output="wide"),
    "kubectl get pods -oyaml": command("get", Target(PODS), output="yaml"),
    "kubectl get pods -o=json": command("get", Target(PODS), output="json"),
    "kubectl get pods --output name": command("get", Target(PODS), output="name"),
    "kubectl get pods -o wide --output=wide": command("get", Target(PODS), output="wide"),
    "kubectl get pods -l 'app in (a, b),tier!=x'": command("get", Target(PODS), labels="app in (a, b),tier!=x"),
    "kubectl get pods -l tier=X": command("get", Target(PODS), labels="tier=X"),
    "kubectl get pods --selector app=geo": command("get", Target(PODS), labels="app=geo"),
    "kubectl get pods --field-selector status.phase!=Running,spec.nodeName=n-1": command(
        "get", Target(PODS), fields="status.phase!=Running,spec.nodeName=n-1"
    ),
    "kubectl get pods --sort-by=.metadata.name": command("get", Target(PODS), sort_by="metadata.name"),
    "kubectl get pods --sort-by '{.status.startTime}'": command("get", Target(PODS), sort_by="status.startTime"),
    "kubectl get pods --show-labels": command("get", Target(PODS), show_labels=True),
    "kubectl get pods --show-labels=false": command("get", Target(PODS)),
    "kubectl get pods --show-labels --no-headers": command("get", Target(PODS), show_labels=True, headers=False),
    "kubectl get pods --no-headers=false": command("get", Target(PODS)),
    "kubectl get --ignore-not-found pod geo": command("get", Target(PODS, "geo"), ignore_not_found=True),
    "kubectl describe pod geo": command("describe", Target(PODS, "geo")),
    "kubectl describe pods -l app=geo": command("describe", Target(PODS), labels="app=geo"),
    "kubectl describe pod/geo --show-events=false": command("describe", Target(PODS, "geo"), show_events=False),
    "kubectl logs geo": command("logs", Target(PODS, "geo")),
    "kubectl logs deployment/geo": command("logs", Target(DEPLOYMENTS, "geo")),
    "kubectl logs geo app": command("logs", Target(PODS, "geo"), container="app"),
    "kubectl logs geo -c app": command("logs", Target(PODS, "geo"), container="app"),
    "kubectl logs geo app --container app": command("logs", Target(PODS, "geo"), container="app"),
    "kubectl logs geo -p --timestamps": command("logs", Target(PODS, "geo"), previous=True, timestamps=True),
    "kubectl logs geo --all-containers": command("logs", Target(PODS, "geo"), all_containers=True),
    "kubectl logs geo --tail 5": command("logs", Target(PODS, "geo"), tail=5),
    "kubectl logs geo --tail=000000005": command("logs", Target(PODS, "geo"), tail=5),
    "kubectl logs geo --tail=0": command("logs", Target(PODS, "geo"), tail=0),
    f"kubectl logs geo --tail={MAX_LOG_LINES}": command("logs", Target(PODS, "geo"), tail=MAX_LOG_LINES),
    "kubectl logs geo --tail=-1": command("logs", Target(PODS, "geo")),
    "kubectl logs geo --tail -1": command("logs", Target(PODS, "geo")),
    "kubectl logs -l app=geo": command("logs", Target(PODS), labels="app=geo", tail=10),
    "kubectl logs -l app=geo --tail=7": command("logs", Target(PODS), labels="app=geo", tail=7),
    "kubectl logs geo --since=90s": command("logs", Target(PODS, "geo"), since_s=90),
    "kubectl logs geo --since=15m": command("logs", Target(PODS, "geo"), since_s=900),
    "kubectl logs geo --since=8760h": command("logs", Target(PODS, "geo"), since_s=31_536_000),
    "kubectl logs geo --since=1s": command("logs", Target(PODS, "geo"), since_s=1),
    "kubectl events": command("events"),
    "kubectl events --for pod/geo": command("events", Target(PODS, "geo")),
    "kubectl events --types=Warning --no-headers": command("events", event_type="Warning", headers=False),
    "kubectl events --types Normal": command("events", event_type="Normal"),
    "kubectl top pods": command("top", Target(BY_WORD["pods"])),
    "kubectl top pod geo --containers": command("top", Target(BY_WORD["pods"], "geo"), all_containers=True),
    "kubectl top po --sort-by=cpu": command("top", Target(BY_WORD["pods"]), sort_by="cpu"),
    "kubectl top nodes --sort-by memory": command("top", Target(BY_WORD["nodes"]), sort_by="memory"),
    "kubectl top node n-1": command("top", Target(BY_WORD["nodes"], "n-1")),
    "kubectl top no": command("top", Target(BY_WORD["nodes"])),
    "kubectl top pods -l app=geo": command("top", Target(BY_WORD["pods"]), labels="app=geo"),
    "kubectl rollout history deployment geo": command("history", Target(DEPLOYMENTS, "geo")),
    "kubectl rollout history deploy/geo --revision=2": command("history", Target(DEPLOYMENTS, "geo"), revision=2),
    "kubectl rollout history deploy/geo --revision=0": command("history", Target(DEPLOYMENTS, "geo")),
    "kubectl rollout history deploy/geo --revision=1": command("history", Target(DEPLOYMENTS, "geo"), revision=1),
    "kubectl rollout history deploy/geo --revision=999999": command(
        "history", Target(DEPLOYMENTS, "geo"), revision=999_999
    ),
    "kubectl rollout status sts/geo --revision 3": command("status", Target(SETS, "geo"), revision=3),
    "kubectl rollout status sts/geo --watch=false": command("status", Target(SETS, "geo")),
    "prom alerts": command("prom alerts"),
    "prom metrics geo": command("prom metrics", component="geo"),
    "prom query 'rate(x{pod=~\"geo.*\"}[5m]) > 0.5'": command(
        "prom query", expression='rate(x{pod=~"geo.*"}[5m]) > 0.5'
    ),
    "jaeger services": command("jaeger services"),
    "jaeger traces geo": command("jaeger traces", component="geo"),
}

REFUSED = {
    "": "a command starts with kubectl, prom or jaeger, found ''",
    "   ": "a command starts with",
    "curl http://10.0.0.1": "a command starts with",
    "Kubectl get pods": "a command starts with",
    "/usr/bin/kubectl get pods": "a command starts with",
    "kubectl": "kubectl '' is not one of describe, events, get, logs, rollout, top",
    "kubectl delete pod geo": "'delete' is not one of",
    "kubectl exec geo": "'exec' is not one of",
    "kubectl GET pods": "'GET' is not one of",
    "kubectl get": "a resource type is missing",
    "kubectl get secrets": "resource type 'secrets' may not be read",
    "kubectl get pods,secrets": "resource type 'secrets' may not be read",
    "kubectl get secret/db": "resource type 'secret' may not be read",
    "kubectl get ''": "resource type '' may not be read",
    "kubectl get pods,": "resource type '' may not be read",
    "kubectl get all/geo": "resource type 'all' may not be read",
    "kubectl get pods,svc geo": "names cannot follow several resource types",
    "kubectl get all geo": "names cannot follow several resource types",
    "kubectl get pod geo svc/rate": "TYPE/NAME cannot be mixed",
    "kubectl get pod/geo svc": "TYPE/NAME cannot be mixed",
    "kubectl get pod/": "'' is not the name of an object",
    "kubectl get pod/geo/log": "'geo/log' is not the name of an object",
    "kubectl get pod ../secrets": "cannot be mixed",
    "kubectl get pod Geo": "'Geo' is not the name of an object",
    "kubectl get pod geo.": "is not the name of an object",
    f"kubectl get pod {'a' * 254}": "is not the name of an object",
    f"kubectl get pod {'a.' * 126}aa": "is not the name of an object",
    f"kubectl get pod {' '.join(f'p{n}' for n in range(MAX_TARGETS + 1))}": "17 targets are more than 16",
    "kubectl get pods -A": "flag '-A' is not allowed",
    "kubectl get pods -f x": "flag '-f' is not allowed",
    "kubectl get pods -": "flag '-' is not allowed",
    "kubectl get pods --": "flag '--' is not allowed",
    "kubectl get pods --kubeconfig=x": "flag '--kubeconfig=x' is not allowed",
    "kubectl get pods --server=http://x": "is not allowed",
    "kubectl get pods --watch=true": "flag --watch is not allowed with kubectl get",
    "kubectl describe pod geo --tail=1": "flag --tail is not allowed with kubectl describe",
    "kubectl get pods -n other": "namespace 'other' is not shop",
    "kubectl get pods --namespace other": "namespace 'other' is not shop",
    "kubectl get pods -n shop -n other": "flag --namespace is given twice with different values",
    "kubectl get pods -n": "flag '-n' needs a value",
    "kubectl get pods -o": "flag '-o' needs a value",
    "kubectl get pods -o --show-labels": "flag '-o' needs a value",
    "kubectl get pods -o custom-columns=x": "value 'custom-columns=x' does not fit --output of kubectl get",
    "kubectl get pods -o WIDE": "does not fit --output",
    "kubectl get pods -o=": "value '' does not fit --output",
    "kubectl get pods --show-labels=yes": "does not fit --show-labels",
    "kubectl get pods --no-headers=1": "does not fit --no-headers",
    "kubectl get pods --field-selector metadata.namespace=other": "does not fit --field-selector",
    "kubectl get pods --field-selector type=x,data=y": "does not fit --field-selector",
    "kubectl get pods --sort-by '{.metadata.name'": "does not fit --sort-by",
    "kubectl get pods --sort-by '.metadata.name}'": "does not fit --sort-by",
    "kubectl get pods --sort-by=..x": "does not fit --sort-by",
    "kubectl get pods -l": "flag '-l' needs a value",
    "kubectl get pods -l ''": "does not fit --selector",
    "kubectl get pod geo -l app=x": "a selector cannot be combined with names",
    "kubectl get pod geo --field-selector type=x": "a selector cannot be combined with names",
    "kubectl describe pod geo -l app=x": "a selector cannot be combined with names",
    "kubectl describe": "a resource type is missing",
    "kubectl logs": "logs needs one pod or TYPE/NAME",
    "kubectl logs geo app more": "logs needs one pod or TYPE/NAME",
    "kubectl logs geo -l app=x": "logs takes a name or a selector, not both",
    "kubectl logs geo app -c other": "container 'app' is not the one of --container",
    "kubectl logs geo App": "'App' is not the name of a component",
    "kubectl logs geo -c App": "does not fit --container",
    f"kubectl logs geo -c {'a' * 64}": "does not fit --container",
    "kubectl logs cm/geo": "configmaps have no logs",
    "kubectl logs geo --follow": "is not allowed",
    "kubectl logs geo --tail=-2": "does not fit --tail",
    f"kubectl logs geo --tail={MAX_LOG_LINES + 1}": "does not fit --tail",
    "kubectl logs geo --tail=1e3": "does not fit --tail",
    "kubectl logs geo --tail=0000000001": "does not fit --tail",
    "kubectl logs geo --tail=": "does not fit --tail",
    "kubectl logs geo --since=0s": "does not fit --since",
    "kubectl logs geo --since=5": "does not fit --since",
    "kubectl logs geo --since=1d": "does not fit --since",
    "kubectl logs geo --since=8761h": "does not fit --since",
    "kubectl logs geo --since=1h30m": "does not fit --since",
    "kubectl events geo": "events takes no name",
    "kubectl events --for geo": "does not fit --for",
    "kubectl events --for a/b/c": "does not fit --for",
    "kubectl events --for secret/db": "resource type 'secret' may not be read",
    "kubectl events --types=Error": "does not fit --types",
    "kubectl top": "top takes pods or nodes, and at most one name",
    "kubectl top svc": "top takes pods or nodes, and at most one name",
    "kubectl top pod geo rate": "top takes pods or nodes, and at most one name",
    "kubectl top pod Geo": "is not the name of an object",
    "kubectl top pods --sort-by=name": "does not fit --sort-by",
    "kubectl rollout": "rollout '' is not history or status",
    "kubectl rollout undo deploy/geo": "rollout 'undo' is not history or status",
    "kubectl rollout restart deploy/geo": "rollout 'restart' is not history or status",
    "kubectl rollout history deploy": "a name is missing",
    "kubectl rollout history": "a resource type is missing",
    "kubectl rollout status deploy a b": "rollout status needs one deployment, statefulset or daemonset",
    "kubectl rollout status pod/geo": "rollout status needs one deployment",
    "kubectl rollout status deploy/geo --watch": "value 'true' does not fit --watch",
    "kubectl rollout history deploy/geo --revision=1000000": "does not fit --revision",
    "kubectl rollout history deploy/geo --revision=-1": "does not fit --revision",
    "prom": "expected prom metrics COMPONENT",
    "prom delete": "expected prom metrics COMPONENT",
    "prom alerts geo": "expected prom metrics COMPONENT",
    "prom metrics": "expected prom metrics COMPONENT",
    "prom metrics Geo": "'Geo' is not the name of a component",
    "prom  query ''": "expected prom metrics COMPONENT",
    "prom query ''": "quoted text '' holds a character that is not allowed",
    "prom query a b": "expected prom metrics COMPONENT",
    "prom query 'a;b'": "quoted text 'a;b' holds a character that is not allowed",
    "prom admin": "expected prom metrics COMPONENT",
    "jaeger": "expected jaeger traces COMPONENT or jaeger services",
    "jaeger services geo": "expected jaeger traces COMPONENT",
    "jaeger traces": "expected jaeger traces COMPONENT",
    "jaeger traces ../x": "is not the name of a component",
    "kubectl get pods 'open": "a quote is not closed",
    "kubectl get pods \"open'": "a quote is not closed",
    "kubectl get pods; ls": "character ';' is not allowed outside quotes",
    "kubectl get pods|ls": "character '|' is not allowed outside quotes",
    "kubectl get $(ls)": "character '$' is not allowed outside quotes",
    "kubectl get `ls`": "character '`' is not allowed outside quotes",
    "kubectl get pods > x": "character '>' is not allowed outside quotes",
    "kubectl get pods \\n": "is not allowed outside quotes",
    "kubectl get pods & ls": "is not allowed outside quotes",
    "kubectl get '$(ls)'": "holds a character that is not allowed",
    "kubectl get 'rate{x}[5m]'": "holds a character that is not allowed",
    "kubectl get pods\tx": "holds a control character or one outside ASCII",
    "kubectl get pods\n": "holds a control character or one outside ASCII",
    "kubectl get pods\x00": "holds a control character or one outside ASCII",
    "kubectl get p\u043eds": "holds a control character or one outside ASCII",
}


@pytest.mark.parametrize("line", READ)
def test_a_listed_form_becomes_its_command_with_every_default(line):
    assert parse(line, "shop") == READ[line]


@pytest.mark.parametrize("line", REFUSED)
def test_every_other_form_is_refused_with_what_was_expected(line):
    with pytest.raises(CommandRefused) as refused:
        parse(line, "shop")
    assert REFUSED[line] in str(refused.value)


@pytest.mark.parametrize("kind", ["pods", "replicasets.apps", "jobs.batch", "services", *sorted(WORKLOADS)])
def test_whatever_has_pods_has_logs(kind):
    assert parse(f"kubectl logs {kind}/geo", "shop").targets == (Target(BY_WORD[kind], "geo"),)


@pytest.mark.parametrize("kind", sorted(WORKLOADS))
@pytest.mark.parametrize("verb", ["history", "status"])
def test_every_workload_with_revisions_has_a_rollout(verb, kind):
    assert parse(f"kubectl rollout {verb} {kind}/geo", "shop").targets == (Target(BY_WORD[kind], "geo"),)


def test_as_many_targets_as_are_allowed_are_read():
    names = [f"p{number}" for number in range(MAX_TARGETS)]
    assert [target.name for target in parse(f"kubectl get pod {' '.join(names)}", "shop").targets] == names


def test_a_line_may_be_as_long_as_the_limit_and_no_longer():
    line = "kubectl get pods".ljust(MAX_LINE)
    assert parse(line, "shop").targets == (Target(PODS),)
    with pytest.raises(CommandRefused, match=f"the line has {MAX_LINE + 1} characters, more than {MAX_LINE}"):
        parse(f"{line} ", "shop")


def test_a_query_may_be_as_long_as_the_limit_and_no_longer():
    longest = "x" * MAX_EXPRESSION
    assert parse(f"prom query '{longest}'", "shop").expression == longest
    with pytest.raises(CommandRefused, match="expected prom metrics"):
        parse(f"prom query '{longest}x'", "shop")
    room = MAX_LINE + MAX_EXPRESSION
    with pytest.raises(CommandRefused, match=f"more than {room}"):
        parse("prom query x".ljust(room + 1), "shop")
    assert parse("prom query x".ljust(room), "shop").expression == "x"


def test_no_line_holds_a_selector_that_the_request_would_refuse_for_its_length():
    assert MAX_LINE <= MAX_SELECTOR


@pytest.mark.parametrize("size", [1, 2, 63, 253])
def test_names_of_every_length_that_kubernetes_allows_are_read(size):
    assert parse(f"kubectl get pod {'a' * size}", "shop").targets == (Target(PODS, "a" * size),)


@given(st.text(st.sampled_from(string.printable + "\u00e9\u2028"), max_size=60))
def test_no_line_does_anything_but_become_a_read_command_or_be_refused(line):
    try:
        command = parse(f"kubectl get {line}", "shop")
    except CommandRefused:
        return
    assert command.verb == "get"
    assert command.namespace == "shop"
    assert {target.readable.key for target in command.targets} <= set(BY_WORD)


@given(st.permutations(["pods", "-o wide", "--show-labels", "-l app=geo", "--no-headers", "--sort-by=.x"]))
def test_the_order_of_flags_and_words_means_nothing(parts):
    expected = command(
        "get", Target(PODS), output="wide", show_labels=True, labels="app=geo", headers=False, sort_by="x"
    )
    assert parse(f"kubectl get {' '.join(parts)}", "shop") == expected
