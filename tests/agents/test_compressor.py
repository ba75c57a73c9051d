"""Each signal is found in the text that kubectl prints about it, and nowhere else."""

from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi.agents.compressor import Compressor, Observation
from aoi.agents.compressor.mining import condense, excerpts
from aoi.agents.topology import Topology, Workload
from aoi.language.handles import assign

COMPONENTS = ("frontend", "search", "geo", "rate", "rate-redis", "mongodb-geo")
TOPOLOGY = Topology(
    "hotel",
    COMPONENTS,
    ("node-1", "node-2"),
    {name: Workload("deployment", name, (("app", name),)) for name in COMPONENTS},
    {"10.97.0.8": "geo"},
    {name: frozenset({8080}) for name in COMPONENTS},
)
HANDLES = assign(COMPONENTS, ("node-1", "node-2"), seed=1, real=True)
COMPRESSOR = Compressor(TOPOLOGY, HANDLES)

POD = """\
Name:             geo-7c9d8b5f4-x2x9z
Namespace:        hotel
Status:           {phase}
Containers:
  geo:
    Image:          hotel/geo:1
    Port:           8080/TCP
    State:          {state}
      Reason:       {reason}
      Message:      {message}
    Last State:     Terminated
      Reason:       {last}
      Exit Code:    137
    Ready:          False
    Restart Count:  {restarts}
Conditions:
  Type              Status
  Ready             False
"""
DEPLOYMENT = """\
Name:               geo
Namespace:          hotel
Selector:           app=geo
Replicas:           {replicas}
Pod Template:
  Labels:  app=geo
           tier=back
  Containers:
   geo:
    Image:      hotel/geo:1
    Port:       8080/TCP (grpc)
    Liveness:   http-get http://:{live}/healthz delay=0s timeout=1s period=10s #success=1 #failure=3
    Environment:  <none>
Conditions:
  Type           Status  Reason
  ----           ------  ------
  Progressing    {progressing}
"""
SERVICE = """\
Name:              geo
Namespace:         hotel
Selector:          app={selector}
IP:                10.97.0.8
Port:              grpc  8080/TCP
TargetPort:        {target}/TCP
Endpoints:         {endpoints}
"""


def words(target, *observations):
    return [(s.word, s.subject, s.other) for s in COMPRESSOR.signals(target, observations)]


def first(target, *observations):
    return words(target, *observations)[0]


def observe(line, text, **kwargs):
    return Observation(
        line, text.encode() if isinstance(text, str) else orjson.dumps(text, option=orjson.OPT_INDENT_2), **kwargs
    )


def pod(state="Running", reason="", message="", last="Error", restarts=0, phase="Running"):
    text = POD.format(state=state, reason=reason, message=message, last=last, restarts=restarts, phase=phase)
    return observe("kubectl describe pods -l app=geo -n hotel", text)


def deployment(
    replicas="1 desired | 1 updated | 1 total | 1 available | 0 unavailable", live=8080, progressing="True    x"
):
    text = DEPLOYMENT.format(replicas=replicas, live=live, progressing=progressing)
    return observe("kubectl describe deployment/geo -n hotel", text)


def service(selector="geo", target="8080", endpoints="10.1.0.3:8080"):
    text = SERVICE.format(selector=selector, target=target, endpoints=endpoints)
    return observe("kubectl describe service/geo -n hotel", text)


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        ("CrashLoopBackOff", "crashloop"),
        ("ImagePullBackOff", "imagepull"),
        ("ErrImagePull", "imagepull"),
        ("InvalidImageName", "badimagename"),
        ("CreateContainerConfigError", "configerror"),
        ("RunContainerError", "starterror"),
    ],
)
def test_a_waiting_reason_is_named(reason, word):
    assert (word, "geo", None) in words("geo", pod("Waiting", reason))


def test_a_memory_kill_outranks_the_crash_loop_that_follows_from_it():
    assert first("geo", pod("Waiting", "CrashLoopBackOff", last="OOMKilled", restarts=4)) == ("oomkilled", "geo", None)


def test_a_missing_config_map_is_read_from_the_message():
    message = 'configmap "geo-config" not found'
    assert first("geo", pod("Waiting", "CreateContainerConfigError", message)) == ("missingconfig", "geo", None)


def test_one_restart_is_ordinary_and_many_are_not():
    running = pod().text.replace("Ready:          False", "Ready:          True").encode()
    assert words("geo", Observation("kubectl describe pods", running)) == [("healthy", "geo", None)]
    assert ("restarted", "geo", None) in words("geo", pod(restarts=5))


@pytest.mark.parametrize(("ended", "word"), [("11:00:25", "liveness"), ("11:00:02", "crashloop")])
def test_who_lives_as_long_as_its_probe_allows_is_killed_by_it(ended, word):
    """The events that said so have expired."""
    lived = f"""\
      Exit Code:    0
      Started:      Mon, 05 Jan 2026 11:00:00 +0000
      Finished:     Mon, 05 Jan 2026 {ended} +0000"""
    text = pod("Waiting", "CrashLoopBackOff", last="Completed", restarts=40).text
    probe = "    Liveness:       http-get http://:8080/livez delay=5s timeout=1s period=10s #success=1 #failure=3\nCond"
    text = text.replace("      Exit Code:    137", lived).replace("Cond", probe, 1)
    assert first("geo", observe("kubectl describe pods -l app=geo -n hotel", text)) == (word, "geo", None)


def test_pods_of_another_component_say_nothing_about_the_target():
    assert words("rate", pod("Waiting", "CrashLoopBackOff")) == [("healthy", "rate", None)]


def test_no_replicas_wanted_is_not_the_same_as_none_ready():
    none = deployment("0 desired | 0 updated | 0 total | 0 available | 0 unavailable")
    assert first("geo", none) == ("zeroreplicas", "geo", None)
    waiting = deployment("1 desired | 1 updated | 1 total | 0 available | 1 unavailable")
    assert first("geo", waiting) == ("notready", "geo", None)


def test_a_probe_at_an_undeclared_port_is_plainly_wrong():
    assert first("geo", deployment(live=8081)) == ("liveness", "geo", None)
    assert words("geo", deployment()) == [("healthy", "geo", None)]


def test_a_target_port_that_no_container_declares():
    assert first("geo", service(target="9999"), deployment()) == ("targetport", "geo", None)
    assert words("geo", service(target="grpc"), deployment()) == [("healthy", "geo", None)]


def test_a_selector_that_the_template_does_not_carry_outranks_the_empty_endpoints():
    found = words("geo", service(selector="geo-v2", endpoints="<none>"), deployment())
    assert found[:2] == [("selector", "geo", None), ("noendpoints", "geo", None)]


def test_a_missing_service_is_read_from_the_servers_error():
    error = 'Error from server (NotFound): services "geo" not found\n'
    assert first("geo", observe("kubectl describe service/geo -n hotel", error, evidence="absent")) == (
        "noservice",
        "geo",
        None,
    )


def test_an_error_is_not_health():
    forbidden = observe("kubectl describe pods -n hotel", "Error from server (Forbidden): no\n", evidence="unreadable")
    assert words("geo", forbidden) == []
    assert words("geo", observe("prom metrics geo", "No metrics of geo.\n")) == []


EVENTS = """\
LAST SEEN               TYPE      REASON             OBJECT                         MESSAGE
{seen:<24}Warning   {reason:<19}Pod/geo-7c9d8b5f4-x2x9z        {message}
"""


def events(reason, message, seen="30s (x5 over 2m)"):
    return observe("kubectl events -n hotel", EVENTS.format(seen=seen, reason=reason, message=message))


@pytest.mark.parametrize(
    ("reason", "message", "word"),
    [
        (
            "FailedScheduling",
            "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.",
            "nodeselector",
        ),
        ("FailedScheduling", "0/3 nodes are available: 3 Insufficient cpu.", "insufficient"),
        ("FailedScheduling", "0/3 nodes are available: 3 node(s) had untolerated taint {gpu: true}.", "tainted"),
        ("FailedScheduling", "0/3 nodes are available: 3 node(s) were unschedulable.", "cordoned"),
        ("FailedScheduling", 'persistentvolumeclaim "geo" not found', "noclaim"),
        ("FailedCreate", 'pods "geo" is forbidden: exceeded quota: small', "quota"),
        ("FailedCreate", 'pods "geo" is forbidden: maximum memory usage per Container is 64Mi', "limitrange"),
        ("Failed", 'Failed to pull image "geo:9": not found', "imagepull"),
        ("Failed", 'Error: configmap "geo-config" not found', "missingconfig"),
        ("Failed", "Error: couldn't find key ADDR in ConfigMap hotel/geo-config", "missingkey"),
        ("Unhealthy", "Liveness probe failed: dial tcp 10.0.0.3:9: connection refused", "liveness"),
        ("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 404", "readiness"),
    ],
)
def test_an_event_is_named_by_its_reason_and_message(reason, message, word):
    assert first("geo", events(reason, message)) == (word, "geo", None)


@pytest.mark.parametrize(
    ("why", "word"),
    [
        ("dial tcp: lookup registry.example on 10.96.0.10:53: no such host", "dns"),
        ("tls: failed to verify certificate: x509: certificate signed by unknown authority", "tls"),
        (
            "pull access denied, repository does not exist or may require authorization: authorization failed",
            "authfailed",
        ),
        ("geo:9: not found", None),
    ],
)
def test_a_pull_that_fails_says_what_the_registry_has_against_it(why, word):
    told = words("geo", events("Failed", f'Failed to pull image "registry.example/geo:9": {why}'))
    assert told == [("imagepull", "geo", None), *([(word, "geo", None)] if word else [])]


def test_old_events_and_probes_that_failed_once_are_history():
    assert words("geo", events("BackOff", "Back-off restarting failed container", "45m")) == [("healthy", "geo", None)]
    assert words("geo", events("Unhealthy", "Readiness probe failed: x", "30s")) == [("healthy", "geo", None)]


def waiting(name="geo", *, message="", reason="ImagePullBackOff"):
    """The status of a container that waits, or of one that does not."""
    return {"name": name, "state": {"waiting": {"reason": reason, "message": message}} if message else {}}


def one_pod(*containers, name="geo-5d8f7c9b6d-abcde", unscheduled="", **metadata):
    condition = {"type": "PodScheduled", "status": "False" if unscheduled else "True"}
    condition |= {"reason": "Unschedulable", "message": unscheduled} if unscheduled else {}
    status = {"conditions": [condition], "containerStatuses": list(containers)}
    return {"metadata": {"name": name, **metadata}, "status": status}


def statuses(*pods, **kwargs):
    """What `kubectl get pods -o json` says."""
    return observe("kubectl get pods -l app=geo -n hotel -o json", {"items": list(pods)}, **kwargs)


QUIET = observe("kubectl events --for=deployment/geo -n hotel", "No events found in hotel namespace.\n")
UNRESOLVED = 'Back-off pulling image "r/geo:9": ErrImagePull: dial tcp: lookup r: no such host'
UNTRUSTED = 'Back-off pulling image "r/geo:9": ErrImagePull: tls: failed to verify certificate'


@pytest.mark.parametrize(
    ("pod", "told"),
    [
        (one_pod(waiting(message=UNRESOLVED)), ["imagepull", "dns"]),
        (one_pod(waiting(message='Back-off pulling image "geo:9"')), ["imagepull"]),
        (
            one_pod(waiting(message='configmap "geo-config" not found', reason="CreateContainerConfigError")),
            ["missingconfig"],
        ),
        (one_pod(unscheduled="0/3 nodes are available: 3 node(s) were unschedulable."), ["cordoned"]),
        (one_pod(waiting(message=UNRESOLVED), deletionTimestamp="2026-01-01T00:00:00Z"), ["healthy"]),
        (one_pod(waiting()), ["healthy"]),
    ],
)
def test_what_a_pod_waits_for_is_told_by_its_status_when_the_events_are_gone(pod, told):
    assert [word for word, _, _ in words("geo", QUIET, statuses(pod))] == told


def test_each_wait_is_cited_where_its_own_container_says_so():
    first, second = one_pod(waiting("a", message=UNRESOLVED), waiting("b", message=UNTRUSTED)), one_pod(waiting())
    seen = statuses(one_pod(name="geo-5d8f7c9b6d-zzzzz", unscheduled="no nodes"), first, second)
    cited = {
        signal.word: seen.data[signal.citation.start_byte : signal.citation.end_byte]
        for signal in COMPRESSOR.signals("geo", [QUIET, seen])
    }
    assert b"no such host" in cited["dns"]
    assert b"failed to verify certificate" in cited["tls"]


@pytest.mark.parametrize("evidence", ["unreadable", "cut"])
def test_pods_that_wait_for_nothing_are_no_health_where_the_events_were_not_read(evidence):
    crashing = one_pod(waiting(message="back-off 5m0s restarting failed container", reason="CrashLoopBackOff"))
    assert words("geo", as_evidence(QUIET, evidence), statuses(crashing)) == []
    assert words("geo", as_evidence(QUIET, evidence), statuses()) == []


def test_nobody_is_healthy_for_want_of_an_event_where_some_pods_were_not_shown():
    assert words("geo", QUIET, statuses(one_pod(waiting()), evidence="cut")) == []


def log(*lines):
    return observe("kubectl logs -l app=search -n hotel --tail=60", "\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("ERROR rpc error: code = Unavailable desc = dial tcp 10.97.0.8:8083: connect: connection refused", "refused"),
        ("ERROR call failed: dial tcp: lookup geo on 10.96.0.10:53: no such host", "nohost"),
        ("ERROR rpc error: code = DeadlineExceeded desc = context deadline exceeded target=geo:8083", "timeout"),
        (
            "2026-01-05 ERROR 1 --- [exec-1] App : Connect to http://geo:8083 failed: java.net.ConnectException",
            "refused",
        ),
        ('{"level":50,"msg":"request to http://geo:8083 failed, reason: connect ECONNREFUSED"}', "refused"),
        ("[2026] <error>: (x.cpp:1) Failed to connect geo-client", "refused"),
        ("ERROR TTransportException: TSocket::read() timed out host: geo", "timeout"),
        ("ERROR 503 Service Unavailable from geo: no healthy upstream", "unavailable"),
        ("ERROR status = StatusCode.UNIMPLEMENTED peer=geo:8083", "unimplemented"),
        ("ERROR read: connection reset by peer target=geo.hotel.svc.cluster.local:8083", "reset"),
    ],
)
def test_a_failed_call_points_at_its_callee(line, word):
    assert first("search", log(line)) == (word, "search", "geo")


def test_a_word_that_is_also_a_components_name_is_no_host():
    assert words("search", log("ERROR the rate was high, user gone: connection refused")) == [
        ("healthy", "search", None)
    ]


def test_lines_below_error_level_are_not_errors():
    assert words("search", log('{"level":"warn","message":"timeout calling geo:8083"}')) == [
        ("healthy", "search", None)
    ]


def test_one_failed_call_in_a_long_log_is_a_stray():
    quiet = ["INFO handled"] * 30
    assert words("search", log(*quiet, "ERROR timed out calling geo:8083")) == [("healthy", "search", None)]
    assert first("search", log(*quiet, *["ERROR timed out calling geo:8083"] * 3)) == ("timeout", "search", "geo")


def test_a_crash_is_about_what_it_says_inside():
    crash = ("panic: no reachable servers", "", "goroutine 1 [running]:", "main.initializeDatabase(mongodb-geo:27017)")
    assert first("search", log(*crash)) == ("refused", "search", "mongodb-geo")
    assert first("search", log("panic: nil map", "", "goroutine 1 [running]:")) == ("panic", "search", None)
    login = ("panic: not authorized on geo-db to execute command", "", "goroutine 1 [running]:")
    assert first("search", log(*login)) == ("unauthorized", "search", None)


def test_a_container_that_never_ran_has_the_servers_word_for_it():
    text = 'Error from server (BadRequest): container "geo" is waiting to start: trying and failing to pull image'
    assert first("geo", observe("kubectl logs -l app=geo -n hotel", text, evidence="absent")) == (
        "imagepull",
        "geo",
        None,
    )


def replica_sets(*templates, ready=0):
    items = [
        {
            "metadata": {
                "name": f"geo-{number}bcdf",
                "annotations": {"deployment.kubernetes.io/revision": str(number)},
            },
            "spec": {"replicas": 1, "template": {"spec": template}},
            "status": {"readyReplicas": ready},
        }
        for number, template in enumerate(templates, start=1)
    ]
    return observe("kubectl get replicasets -l app=geo -n hotel -o json", {"items": items})


def container(**fields):
    return {"containers": [{"name": "geo", "image": "geo:1", **fields}]}


def test_what_the_last_revision_changed_is_told():
    assert first("geo", replica_sets(container(command=["geo"]), container(command=["rate"]))) == (
        "badcommand",
        "geo",
        None,
    )
    selector = {**container(), "nodeSelector": {"disktype": "nvme"}}
    assert first("geo", replica_sets(container(), selector)) == ("nodeselector", "geo", None)


def test_a_new_image_that_runs_is_an_ordinary_release():
    change = (container(), container(image="geo:2"))
    assert first("geo", replica_sets(*change, ready=0)) == ("badimage", "geo", None)
    assert words("geo", replica_sets(*change, ready=1)) == [("healthy", "geo", None)]


def config(data, address="mongodb-geo:8080"):
    env = [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "geo-config", "key": "ADDR"}}}]
    manifest = {"metadata": {"name": "geo"}, "spec": {"template": {"spec": container(env=env)}}}
    maps = {"items": [{"metadata": {"name": name}, "data": values} for name, values in data.items()]}
    services = """\
NAME          TYPE        CLUSTER-IP   EXTERNAL-IP   PORT(S)    AGE
mongodb-geo   ClusterIP   10.97.0.9    <none>        8080/TCP   4h
"""
    return (
        observe("kubectl get deployment/geo -n hotel -o json", manifest),
        observe("kubectl get configmaps -n hotel -o json", maps),
        observe("kubectl get services -n hotel", services),
    )


def test_configuration_that_is_missing_or_leads_nowhere():
    assert first("geo", *config({})) == ("missingconfig", "geo", None)
    assert first("geo", *config({"geo-config": {}})) == ("missingkey", "geo", None)
    assert first("geo", *config({"geo-config": {"ADDR": "mongodb-geo:8081"}})) == ("badconfig", "geo", None)
    assert first("geo", *config({"geo-config": {"ADDR": "mongodb-geo-old:8080"}})) == ("badconfig", "geo", None)
    assert words("geo", *config({"geo-config": {"ADDR": "mongodb-geo:8080"}})) == [("healthy", "geo", None)]


def as_evidence(observation, evidence):
    return replace(observation, evidence=evidence)


@pytest.mark.parametrize("evidence", ["unreadable", "cut"])
def test_what_is_not_among_maps_or_services_that_were_not_read_whole_is_not_missing(evidence):
    manifest, maps, services = config({})
    assert ("missingconfig", "geo", None) not in words("geo", manifest, as_evidence(maps, evidence), services)
    manifest, maps, services = config({"geo-config": {"ADDR": "mongodb-geo-old:8080"}})
    assert ("badconfig", "geo", None) not in words("geo", manifest, maps, as_evidence(services, evidence))
    refused = observe(
        "kubectl get configmaps -n hotel -o json", "Error from server (Forbidden): no\n", evidence=evidence
    )
    assert ("missingconfig", "geo", None) not in words("geo", manifest, refused, services)


@pytest.mark.parametrize("evidence", ["unreadable", "cut"])
def test_what_is_no_row_of_claims_that_were_not_read_whole_is_not_missing(evidence):
    mounts = observe(
        "kubectl describe deployment/geo -n hotel", "Name:  geo\nPod Template:\n  Volumes:\n    ClaimName:  data\n"
    )
    claims = observe("kubectl get persistentvolumeclaims -n hotel", "NAME   STATUS\nother  Bound\n")
    assert first("geo", mounts, claims) == ("noclaim", "geo", None)
    assert ("noclaim", "geo", None) not in words("geo", mounts, as_evidence(claims, evidence))


def test_a_service_is_missing_only_where_the_server_says_so():
    said = 'Error from server (NotFound): services "geo" not found\n'
    for evidence in ("seen", "unreadable", "cut"):
        gone = observe("kubectl describe service/geo -n hotel", said, evidence=evidence)
        assert ("noservice", "geo", None) not in words("geo", gone)


@pytest.mark.parametrize("line", ["kubectl describe pods -l app=geo -n hotel", "kubectl get nodes", "kubectl events"])
def test_nobody_is_healthy_for_what_was_not_read_to_its_end(line):
    for evidence in ("unreadable", "cut"):
        assert words("geo", observe(line, "NAME  STATUS\nnode-1  Ready\n", evidence=evidence)) == []


def test_what_a_failure_says_accuses_nobody():
    text = 'Error from server: container "geo" is waiting to start: ImagePullBackOff'
    assert words("geo", observe("kubectl logs -l app=geo -n hotel", text, evidence="unreadable")) == []


def test_a_chaos_object_is_told_of_the_component_that_it_selects():
    chaos = {
        "items": [
            {
                "kind": "NetworkChaos",
                "metadata": {"name": "game-day"},
                "spec": {"action": "loss", "selector": {"labelSelectors": {"app": "geo"}}},
            }
        ]
    }
    observation = observe("kubectl get networkchaos -n hotel -o json", chaos)
    assert words("geo", observation) == [("chaos", "geo", None), ("loss", "geo", None)]
    assert words("rate", observation) == [("healthy", "rate", None)]


@pytest.mark.parametrize(
    "rests",
    [
        {"status": {"experiment": {"desiredPhase": "Stop"}}},
        {"metadata": {"name": "game-day", "annotations": {"experiment.chaos-mesh.org/pause": "true"}}},
    ],
)
def test_a_chaos_object_that_is_over_or_paused_accuses_nobody(rests):
    chaos = {
        "kind": "NetworkChaos",
        "metadata": {"name": "game-day"},
        "spec": {"action": "loss", "selector": {"labelSelectors": {"app": "geo"}}},
    }
    observation = observe("kubectl get networkchaos -n hotel -o json", {"items": [{**chaos, **rests}]})
    assert words("geo", observation) == [("healthy", "geo", None)]


def test_a_trace_names_the_callee_that_is_waited_for_or_fails():
    text = (
        "1 traces, 1 with errors\ntrace ab12 3000.0ms 3 spans 1 errors\n"
        "  frontend GET / 3000.0ms\n    search Nearby 2990.0ms\n      geo Nearby 2980.0ms error=connection refused\n"
    )
    assert first("frontend", observe("jaeger traces frontend", text)) == ("waits", "frontend", "search")
    assert ("refused", "search", "geo") in words("search", observe("jaeger traces search", text))


def test_traces_in_which_nothing_of_it_fails_tell_who_fails_behind_it():
    trace = (
        "trace ab12 30.0ms 4 spans 1 errors\n  frontend GET / 30.0ms\n    search Nearby 20.0ms peer.service=search\n"
        "      search Nearby 19.0ms\n        rate get 0.6ms peer.service=rate-redis error=OOM command not allowed\n"
    )
    several = observe("jaeger traces frontend", "20 traces, 4 with errors\n" + trace * 2)
    assert words("frontend", several) == [("unavailable", "frontend", "rate")]
    once = observe("jaeger traces frontend", "20 traces, 1 with errors\n" + trace)
    assert words("frontend", once) == [("healthy", "frontend", None)]


def test_metrics_tell_of_latency_and_of_errors():
    text = "METRIC           VALUE\nrequests_per_s   20\nerrors_per_s     8\nlatency_p99_s    6.1\n"
    assert words("geo", observe("prom metrics geo", text)) == [("delay", "geo", None), ("exception", "geo", None)]


def test_nodes_that_are_down_or_cordoned_are_told_by_their_own_handle():
    text = """\
NAME     STATUS                     ROLES    AGE   VERSION
node-1   Ready,SchedulingDisabled   <none>   4h    v1.32.4
node-2   NotReady                   <none>   4h    v1.32.4
"""
    assert set(words("geo", observe("kubectl get nodes", text))) == {
        ("cordoned", "node-1", None),
        ("nodedown", "node-2", None),
    }


LINES = st.sampled_from(
    [
        "kubectl describe pods -n hotel",
        "kubectl describe deployment/geo -n hotel",
        "kubectl describe service/geo -n hotel",
        "kubectl events -n hotel",
        "kubectl logs -l app=geo -n hotel",
        "kubectl get replicasets -n hotel -o json",
        "kubectl get deployment/geo -n hotel -o json",
        "kubectl get configmaps -n hotel -o json",
        "kubectl get networkchaos -n hotel -o json",
        "kubectl get networkpolicies -n hotel -o json",
        "kubectl get persistentvolumeclaims -n hotel",
        "kubectl get nodes",
        "kubectl describe nodes",
        "kubectl describe resourcequotas -n hotel",
        "prom metrics geo",
        "jaeger traces geo",
    ]
)
NOISE = st.sampled_from(
    [
        POD,
        DEPLOYMENT,
        SERVICE,
        EVENTS,
        '{"items":[{"metadata":{"name":"geo"},"spec":{}}]}',
        "Name: geo\n",
        "geo:80 refused\n",
        "é\xff\n",
    ]
)


@given(st.lists(st.tuples(LINES, st.lists(NOISE | st.text(max_size=30), max_size=4)), max_size=4))
def test_no_text_breaks_the_compressor_and_every_citation_lies_inside_its_observation(parts):
    observations = [Observation(line, "".join(text).encode()) for line, text in parts]
    sizes = {observation.digest: len(observation.data) for observation in observations}
    for signal in COMPRESSOR.signals("geo", observations):
        assert 0 <= signal.citation.start_byte <= signal.citation.end_byte <= sizes[signal.citation.observation]


@given(st.lists(st.tuples(LINES, NOISE), max_size=3))
def test_the_compressor_keeps_no_state(parts):
    observations = [Observation(line, text.encode()) for line, text in parts]
    assert COMPRESSOR.signals("geo", observations) == Compressor(TOPOLOGY, HANDLES).signals("geo", observations)


def test_a_citation_quotes_the_line_that_says_so():
    observation = pod("Waiting", "ImagePullBackOff")
    signal = COMPRESSOR.signals("geo", [observation])[0]
    assert observation.data[signal.citation.start_byte : signal.citation.end_byte] == b"Reason:       ImagePullBackOff"


def test_text_under_its_budget_passes_unchanged():
    observation = observe("kubectl get pods", "NAME\ngeo\n")
    assert condense([observation], 1000) == "$ kubectl get pods\nNAME\ngeo"


def test_condensing_keeps_errors_verbatim_and_drops_near_duplicates():
    lines = [f"INFO handled request {number} in {number % 7} ms" for number in range(300)]
    lines[150] = "ERROR dial tcp 10.0.0.3:8083: connection refused"
    observation = observe("kubectl logs geo", "\n".join(lines))
    condensed = condense([observation], 2000)
    assert "ERROR dial tcp 10.0.0.3:8083: connection refused" in condensed
    assert len(condensed) <= 2000
    assert len(excerpts(observation)) < 20
    for excerpt in excerpts(observation):
        assert observation.data[excerpt.start : excerpt.end].decode() == excerpt.text
