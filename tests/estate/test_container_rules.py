"""Containers: each way to be broken beside the healthy state that looks like it."""

import pytest

from aoi.estate.finding import LogKey, Tier
from aoi.estate.rules.containers import missing_word
from aoi.estate.rules.pods import pods
from tests.estate.estates import ago, container, deployed, died, estate_of, event, pod, running, told, waiting

WEB = "Deployment/web"


def _of(*statuses, events=(), **spec):
    parts = deployed("web", *statuses, **spec)
    made = parts["pods"][0]
    return list(pods(estate_of(parts, {"events": [event(made, *args, **more) for args, more in events]})))


def _told(*statuses, **options):
    return [(word, standing) for word, owner, standing in told(_of(*statuses, **options)) if owner == WEB]


def test_a_running_ready_container_is_no_finding():
    assert _told(running()) == []


@pytest.mark.parametrize(
    ("reason", "message", "word"),
    [
        ("ImagePullBackOff", "Back-off pulling image", "imagepull"),
        ("ErrImagePull", "manifest unknown", "imagepull"),
        ("InvalidImageName", "couldn't parse image name", "badimagename"),
        ("CreateContainerConfigError", 'configmap "settings" not found', "missingconfig"),
        ("CreateContainerConfigError", 'secret "key" not found', "missingconfig"),
        ("CreateContainerConfigError", "couldn't find key url in ConfigMap shop/settings", "missingkey"),
        ("CreateContainerConfigError", "container has runAsNonRoot and image will run as root", "configerror"),
        ("RunContainerError", 'exec: "/app": no such file or directory', "badcommand"),
        ("CreateContainerError", "device is busy", "starterror"),
    ],
)
def test_what_the_kubelet_says_of_a_waiting_container_is_the_cause(reason, message, word):
    (finding,) = _of(waiting(reason, message))
    assert (finding.word, finding.standing, finding.tier) == (word, "failing", Tier.STATED)
    assert message in finding.summary


@pytest.mark.parametrize("reason", ["ContainerCreating", "PodInitializing"])
def test_a_container_that_is_being_created_waits(reason):
    made = deployed("web", waiting(reason))
    made["pods"][0]["metadata"]["creationTimestamp"] = ago(20)
    assert list(pods(estate_of(made))) == []


def test_the_registrys_words_are_taken_from_the_event():
    words = 'Failed to pull image "registry.example/main:1": pull access denied, repository does not exist'
    (finding,) = _of(waiting("ImagePullBackOff", "Back-off"), events=[(("Failed", words), {})])
    assert "pull access denied" in finding.summary


def test_a_crash_loop_reads_the_log_of_both_attempts():
    (finding,) = _of(waiting("CrashLoopBackOff", restartCount=5, lastState=died(2, message="no DB")))
    assert (finding.word, finding.tier, finding.exit_code) == ("crashloop", Tier.ENDED, 2)
    assert "exit code 2" in finding.summary
    assert "no DB" in finding.summary
    key = LogKey("shop", "web-6f-x", "main")
    assert finding.logs == (key, key._replace(is_previous=True))


def test_killed_for_memory_names_the_limit():
    limits = container(resources={"limits": {"memory": "64Mi"}})
    (finding,) = _of(waiting("CrashLoopBackOff", restartCount=5, lastState=died(137, "OOMKilled")), containers=[limits])
    assert finding.word == "oomkilled"
    assert "64Mi" in finding.summary


@pytest.mark.parametrize(("since_s", "restarts", "is_told"), [(60, 2, True), (60, 1, False), (7200, 40, False)])
def test_a_ready_container_keeps_dying_only_if_it_died_lately_and_more_than_once(since_s, restarts, is_told):
    assert bool(_told(running(restarts=restarts, lastState=died(1, since_s=since_s)))) is is_told


def test_an_old_death_does_not_explain_why_it_is_unready_now():
    assert _told(running(ready=False, restarts=9, lastState=died(1, since_s=90_000))) == [("notready", "failing")]


@pytest.mark.parametrize(
    ("since_s", "count", "standing"), [(3600, 9, "failing"), (10, 1, "suspect"), (10, 5, "failing")]
)
def test_an_unready_container_has_a_moment_to_start(since_s, count, standing):
    failed = (("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503"), {"count": count})
    assert _told(running(ready=False, since_s=since_s), events=[failed]) == [("readiness", standing)]


@pytest.mark.parametrize(("port", "tier"), [(81, Tier.STATED), (80, Tier.SYMPTOM)])
def test_a_probe_at_a_port_that_nobody_declares_is_a_cause(port, tier):
    failed = (("Unhealthy", f"Readiness probe failed: dial tcp 10.0.0.9:{port}: connect: connection refused"), {})
    declares = [container(ports=[{"containerPort": 80}])]
    (finding,) = _of(running(ready=False), events=[failed], containers=declares)
    assert (finding.word, finding.tier) == ("readiness", tier)


@pytest.mark.parametrize(("age_s", "word"), [(20, "liveness"), (7200, "crashloop")])
def test_only_a_recent_probe_failure_kills(age_s, word):
    killed = (("Unhealthy", "Liveness probe failed: statuscode: 500"), {"age_s": age_s})
    status = waiting("CrashLoopBackOff", restartCount=5, lastState=died(137))
    assert _told(status, events=[killed]) == [(word, "failing")]


@pytest.mark.parametrize(
    ("code", "lasted_s", "word"),
    [(0, 27, "liveness"), (143, 36, "liveness"), (137, 60, "liveness"), (0, 3, "crashloop"), (1, 27, "crashloop")],
)
def test_who_lives_as_long_as_its_probe_allows_is_killed_by_it_though_no_event_says_so(code, lasted_s, word):
    probed = container(livenessProbe={"initialDelaySeconds": 5, "periodSeconds": 10, "failureThreshold": 3})
    status = waiting("CrashLoopBackOff", restartCount=70, lastState=died(code, lasted_s=lasted_s))
    assert _told(status, containers=[probed]) == [(word, "failing")]


def test_a_probe_of_another_container_does_not_kill_this_one():
    killed = (("Unhealthy", "Liveness probe failed"), {"path": "spec.containers{side}"})
    status = waiting("CrashLoopBackOff", restartCount=5, lastState=died(137))
    assert _told(status, events=[killed]) == [("crashloop", "failing")]


def _with_init(status, *, restart=None):
    parts = deployed("web", waiting("PodInitializing"))
    spec = container("init", **({"restartPolicy": restart} if restart else {}))
    parts["pods"][0]["spec"]["initContainers"] = [spec]
    parts["pods"][0]["status"]["initContainerStatuses"] = [{**status, "name": "init"}]
    parts["pods"][0]["metadata"]["creationTimestamp"] = ago(30)
    return [(f.word, f.standing) for f in pods(estate_of(parts))]


def test_an_init_container_that_fails_or_lasts_is_what_the_others_wait_for():
    assert _with_init(waiting("CrashLoopBackOff", restartCount=3, lastState=died(1))) == [("crashloop", "failing")]
    assert _with_init(running(ready=False, since_s=1200)) == [("initwait", "failing")]
    assert _with_init(running(ready=False, since_s=30)) == [("initwait", "suspect")]
    assert _with_init({**running(ready=False), "state": died(0, "Completed")}) == []


def test_a_sidecar_is_to_run_on():
    assert _with_init(running(), restart="Always") == []
    assert (
        _with_init(waiting("CrashLoopBackOff", restartCount=3, lastState=died(1)), restart="Always")[0][0]
        == "crashloop"
    )


def test_every_failing_container_of_a_pod_is_told_and_no_healthy_one():
    crash = waiting("CrashLoopBackOff", label="side", restartCount=3, lastState=died(1))
    findings = _of(running("main"), crash, containers=[container("main"), container("side")])
    assert [finding.logs[0].container for finding in findings] == ["side"]


def test_somebodys_debugger_is_no_finding():
    parts = deployed("web")
    parts["pods"][0]["spec"]["ephemeralContainers"] = [container("debug")]
    parts["pods"][0]["status"]["ephemeralContainerStatuses"] = [{"name": "debug", "state": died(137)}]
    assert list(pods(estate_of(parts))) == []


@pytest.mark.parametrize(("policy", "is_told"), [("Always", True), ("OnFailure", False), ("Never", False)])
def test_ending_with_zero_is_an_end_only_where_it_is_to_run_on(policy, is_told):
    made = pod("task", {**running(ready=False), "state": died(0, "Completed")}, restartPolicy=policy)
    assert bool(list(pods(estate_of({"pods": [made]})))) is is_told


@pytest.mark.parametrize("message", ["open /etc/x: file not found", 'image "x" not found', ""])
def test_other_things_that_are_not_found_are_no_missing_configuration(message):
    assert missing_word(message) is None


def test_the_last_message_of_a_program_moves_no_cursor() -> None:
    message = "\x1b[2J\x1b]0;owned\x07\u202egnp.exe\r\nanswer    no fault"
    found = _of(waiting("CrashLoopBackOff", restartCount=4, lastState=died(message=message)))[0]
    assert found.summary.isprintable()
    assert "\\x1b[2J" in found.summary
