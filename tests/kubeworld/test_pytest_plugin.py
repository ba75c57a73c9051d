"""The fixture that kubeworld brings to pytest, in sessions of their own."""

import importlib.metadata

import pytest

pytest_plugins = "pytester"

_ENTRY = importlib.metadata.entry_points(group="pytest11", name="kubeworld")
LOADED = () if _ENTRY else ("-p", "kubeworld.pytest_plugin")
"""Installed, the entry point loads it; from a checkout that is only on the path, this does."""

ASKS = """
    import ssl, urllib.request, json

    def get(cluster, path):
        request = urllib.request.Request(cluster.url + path, headers={"Authorization": f"Bearer {cluster.token}"})
        trust = ssl.create_default_context(cafile=str(cluster.ca_file))
        with urllib.request.urlopen(request, context=trust, timeout=20) as answer:
            return json.load(answer)
"""


def run(pytester: pytest.Pytester, test: str) -> pytest.RunResult:
    pytester.makepyfile(asks=ASKS, test_it=test)
    return pytester.runpytest_subprocess(*LOADED, "--strict-markers")


def test_every_test_has_a_cluster_of_its_own(pytester):
    result = run(
        pytester,
        """
        import pytest
        from asks import get

        seen = []

        @pytest.mark.parametrize("number", [1, 2])
        def test_it(kubeworld_cluster, number):
            assert len(get(kubeworld_cluster, "/api/v1/nodes")["items"]) == 1
            assert kubeworld_cluster.kubeconfig.exists()
            assert not any(path.exists() for path in seen)
            seen.append(kubeworld_cluster.kubeconfig)
        """,
    )
    result.assert_outcomes(passed=2)


def test_the_marker_says_how_many_nodes_and_how_fast_time_runs(pytester):
    result = run(
        pytester,
        """
        import pytest
        from asks import get

        @pytest.mark.kubeworld(nodes=3, speed=0)
        def test_it(kubeworld_cluster):
            assert len(get(kubeworld_cluster, "/api/v1/nodes")["items"]) == 3
            before = kubeworld_cluster.call(lambda world: world.clock.now_ms)
            kubeworld_cluster.advance(3600)
            assert kubeworld_cluster.call(lambda world: world.clock.now_ms) == before + 3_600_000
        """,
    )
    result.assert_outcomes(passed=1)


def test_containers_of_a_test_crash_as_its_marker_says(pytester):
    result = run(
        pytester,
        """
        import pytest
        from kubeworld.behaviours import apply, parse

        POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "default"},
               "spec": {"containers": [{"name": "web", "image": "nginx:1"}], "restartPolicy": "Always"}}

        def restarts(world):
            return world.store.get("pods", "default", "web")["status"]["containerStatuses"][0]["restartCount"]

        @pytest.mark.kubeworld(speed=0, behaviours=[{"match": {"pod": "web"}, "exit": {"after_s": 1, "times": 1}}])
        def test_it(kubeworld_cluster):
            kubeworld_cluster.call(lambda world: world.store.create("pods", POD))
            kubeworld_cluster.advance(60)
            assert kubeworld_cluster.call(restarts) == 1
            entries = parse([{"match": {}, "exit": {"after_s": 1, "code": 2}}])
            kubeworld_cluster.call(lambda world: apply(world, entries))
            kubeworld_cluster.advance(60)
            assert kubeworld_cluster.call(restarts) > 1
        """,
    )
    result.assert_outcomes(passed=1)


def test_a_misspelt_option_of_the_marker_fails_the_test(pytester):
    result = run(
        pytester,
        """
        import pytest

        @pytest.mark.kubeworld(node=3)
        def test_it(kubeworld_cluster):
            pass
        """,
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines("*unexpected keyword argument 'node'*")


def test_tests_that_want_no_cluster_import_none(pytester):
    result = run(
        pytester,
        """
        import sys

        def test_it(request):
            assert "kubeworld.pytest_plugin" in sys.modules
            assert "kubeworld.machine" not in sys.modules
            assert "aiohttp" not in sys.modules
        """,
    )
    result.assert_outcomes(passed=1)


def test_the_fixture_is_documented(pytester):
    result = pytester.runpytest_subprocess(*LOADED, "--markers")
    result.stdout.fnmatch_lines("*@pytest.mark.kubeworld(nodes=1, seed=0, speed=1.0, behaviours=None)*")
    result = pytester.runpytest_subprocess(*LOADED, "--fixtures")
    result.stdout.fnmatch_lines(["kubeworld_cluster*", "*served over HTTPS on loopback*"])
