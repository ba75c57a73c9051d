"""Described containers end, fail, answer and use what their entry says; whatever it does not name is as without it."""

import re

import pytest

from tests.kubeworld.behaviours.conftest import PODS, last, state, status

HTTP = {"httpGet": {"path": "/", "port": 80}, "periodSeconds": 2}


def test_the_first_entry_that_matches_decides_alone(described):
    described.behave("""
    - match: {pod: "web-*"}
      exit: {after_s: 1, code: 3}
    - match: {namespace: def*}
      exit: {after_s: 1, code: 4}
      log: [of the second]
    """)
    assert last(described.start("web-1", seconds=3))["exitCode"] == 3
    assert described.log("web-1", previous="true") == b"main started\n"
    assert last(described.start("db-1", seconds=3))["exitCode"] == 4


def test_only_the_first_attempts_end_where_times_are_given(described):
    described.behave("- {match: {pod: db}, exit: {after_s: 2, code: 4, times: 3, message: no licence}}")
    pod = described.start("db", seconds=120)
    assert status(pod)["restartCount"] == 3
    assert "running" in state(pod)
    assert last(pod)["message"] == "no licence"


def test_a_job_counts_its_failed_pods_as_attempts(described):
    described.behave("- {match: {pod: import-*}, exit: {after_s: 1, code: 2, times: 2}}")
    container = {"name": "main", "image": "registry.example/import:1"}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    job = {"metadata": {"name": "import"}, "spec": {"template": template}}
    assert described.send("POST", "/apis/batch/v1/namespaces/default/jobs", job).status == 201
    described.world.advance(120_000)
    job = described.get("/apis/batch/v1/namespaces/default/jobs/import")
    assert (job["status"]["failed"], job["status"]["succeeded"]) == (2, 1)


def test_out_of_memory_is_137_with_its_reason(described):
    described.behave("- {match: {}, exit: {after_s: 3, reason: OOMKilled}}")
    ended = last(described.start("app", seconds=5))
    assert (ended["exitCode"], ended["reason"]) == (137, "OOMKilled")
    assert "message" not in ended


def test_an_entry_overrides_what_the_command_says_only_where_it_names_it(described):
    described.behave("""
    - match: {pod: stays}
      exit: {after_s: 100000}
    - match: {pod: ends}
      log: [about to end]
    """)
    script = ["sh", "-c", "exit 5"]
    assert "running" in state(described.start("stays", seconds=60, command=script))
    assert last(described.start("ends", seconds=4, command=script))["exitCode"] == 5


@pytest.mark.parametrize(
    ("pull", "image", "words"),
    [
        ("not_found", "quay.io/a/b:1", "code = NotFound desc = .* quay.io/a/b:1: not found"),
        ("unauthorized", "quay.io/a/b:1", "scope=repository%3Aa%2Fb%3Apull&service=quay.io: 401 Unauthorized"),
        ("unauthorized", "acme/b:1", "pull access denied, repository does not exist or may require authorization"),
        ("timeout", "quay.io/a/b:1", 'Head "https://quay.io/v2/a/b/manifests/1": dial tcp [0-9.]+:443: i/o timeout'),
    ],
)
def test_a_pull_fails_in_the_words_of_containerd_also_where_the_image_was_pulled_before(described, pull, image, words):
    described.start("before", seconds=2, image=image)
    described.behave(f"- {{match: {{pod: app}}, pull: {pull}}}")
    waiting = state(described.start("app", seconds=100, image=image))["waiting"]
    assert waiting["reason"] in ("ErrImagePull", "ImagePullBackOff")
    assert any(re.search(words, message) for message in described.events("app", "Failed"))


def test_a_container_in_back_off_sees_new_behaviours_at_its_next_attempt(described):
    described.behave("- {match: {}, pull: not_found}")
    described.start("app", seconds=30)
    described.behave("- {match: {}, pull: ok}")
    assert "running" in state(described.after(60, "app"))


def test_a_start_error_is_a_container_that_never_ran(described):
    described.behave("""- {match: {}, start: {error: 'exec: "/app": stat /app: no such file or directory'}}""")
    pod = described.start("app", seconds=0.5)
    assert state(pod)["waiting"]["reason"] == "RunContainerError"
    ended = last(described.after(30, "app"))
    assert (ended["reason"], ended["exitCode"]) == ("StartError", 128)
    assert 'unable to start container process: exec: "/app": stat /app: no such file' in ended["message"]


def test_a_failing_probe_says_exactly_the_described_text(described):
    described.behave("""- {match: {pod: app}, probes: {readiness: "HTTP probe failed with statuscode: 503"}}""")
    pod = described.start("app", seconds=10, readinessProbe=HTTP, livenessProbe=HTTP)
    assert not status(pod)["ready"]
    assert status(pod)["restartCount"] == 0
    assert set(described.events("app", "Unhealthy")) == {
        "Readiness probe failed: HTTP probe failed with statuscode: 503"
    }


@pytest.mark.parametrize("kind", ["liveness", "startup"])
def test_failing_liveness_and_startup_probes_restart(described, kind):
    described.behave(f"- {{match: {{pod: app}}, probes: {{{kind}: no answer}}}}")
    pod = described.start("app", seconds=15, **{f"{kind}Probe": HTTP})
    assert status(pod)["restartCount"] >= 1
    assert f"Container main failed {kind} probe, will be restarted" in described.events("app", "Killing")
    assert last(pod)["exitCode"] == 143


def test_init_containers_and_sidecars_behave_by_their_names(described):
    described.behave("""
    - match: {container: migrate}
      exit: {after_s: 1, code: 3, times: 1}
      log: [migrating]
    - match: {container: proxy}
      exit: {after_s: 5, code: 2, times: 1}
      usage: {cpu_m: 900, memory_mib: 480}
    """)
    init = [
        {"name": "migrate", "image": "registry.example/migrate:1"},
        {"name": "proxy", "image": "registry.example/proxy:1", "restartPolicy": "Always"},
    ]
    described.start("app", seconds=60, spec={"initContainers": init})
    pod = described.get(f"{PODS}/app")
    assert [entry["restartCount"] for entry in pod["status"]["initContainerStatuses"]] == [1, 1]
    assert pod["status"]["phase"] == "Running"
    assert described.log("app", container="migrate") == b"migrating\n"
    measured = described.get("/apis/metrics.k8s.io/v1beta1/namespaces/default/pods/app")["containers"]
    assert {"name": "proxy", "usage": {"cpu": "900m", "memory": f"{480 * 1024}Ki"}} in measured


def test_usage_over_the_limit_is_shown_and_kills_nobody(described):
    described.behave("- {match: {pod: app}, usage: {memory_mib: 480}}")
    described.start("app", seconds=600, resources={"limits": {"memory": "128Mi"}})
    assert status(described.get(f"{PODS}/app"))["restartCount"] == 0
    (container,) = described.get("/apis/metrics.k8s.io/v1beta1/namespaces/default/pods/app")["containers"]
    assert container["usage"]["memory"] == f"{480 * 1024}Ki"
    assert container["usage"]["cpu"] == "5m"


def test_a_described_command_prints_its_text_and_others_do_what_they_did(described):
    described.behave("""- {match: {pod: app}, exec: {"cat /tmp/x y": "text"}}""")
    pod = described.start("app", seconds=2)
    run = described.world.runtime.exec
    assert run(described.world, pod, "main", ["cat", "/tmp/x y"]) == (0, b"text", b"")
    assert run(described.world, pod, "main", ["cat", "/tmp/x"])[0] == 126


@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [(1, None, "two\nError: three\n"), (1, "written", "written"), (0, None, None)],
)
def test_the_end_of_the_log_is_the_message_of_a_failure_that_wrote_none(described, code, message, expected):
    said = f", message: {message}" if message else ""
    lines = ["x" * 30] * 100 + ["two", "Error: three"]
    described.behave(f"- {{match: {{}}, exit: {{after_s: 1, code: {code}{said}}}, log: {lines}}}")
    pod = described.start("app", seconds=3, terminationMessagePolicy="FallbackToLogsOnError")
    shown = last(pod).get("message")
    if expected is None:
        assert shown is None
    else:
        assert shown.endswith(expected)
        assert len(shown.encode()) <= 2048


def test_a_message_is_cut_to_what_a_kubelet_reads(described):
    described.behave(f"- {{match: {{}}, exit: {{after_s: 1, code: 1, message: {'a' * 3000 + 'z' * 3000}}}}}")
    assert last(described.start("app", seconds=3))["message"] == "a" * 1096 + "z" * 3000


def test_nothing_of_the_behaviours_is_in_an_object(described):
    described.behave("- {match: {}, exec: {secret-command: secret-text}, probes: {startup: secret-probe}}")
    described.start("app", seconds=30)
    shown = b"".join(
        described.send("GET", path).body for path in (PODS, "/api/v1/events", "/api/v1/configmaps", "/openapi/v2")
    )
    assert b"secret-" not in shown
