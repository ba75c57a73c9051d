import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi.agents import checks, topology
from aoi.agents.kubectl import parse
from aoi.agents.operators import ExpertOperator
from aoi.agents.topology import Topology, Workload
from aoi.language import lexicon
from aoi.language.decision import EvolverPlan, render
from aoi.language.profile import PRODUCTION_PROFILE, SEED_PROFILE, PromptProfile
from aoi.language.prompt import EvolverState, ExecutorState, ProbeState, read_prompt, render_prompt, within
from aoi.records.decision import AlertLine, ExecDo, Finding, ObserverState, ProbeDo, SubmitDo

COMPONENTS = ("geo", "rate", "rate-redis", "mongodb-geo")
TOPOLOGY = Topology(
    "hotel",
    COMPONENTS,
    ("node-1",),
    {
        "geo": Workload("deployment", "geo", (("io.kompose.service", "geo"),)),
        "mongodb-geo": Workload("statefulset", "mongo", (("app", "mongo"), ("tier", "data"))),
    },
)


@pytest.mark.parametrize("check", lexicon.CHECKS)
@pytest.mark.parametrize("target", ["geo", "mongodb-geo", "rate", "node-1"])
def test_every_line_of_every_check_passes_the_deny_by_default_parser(check, target):
    lines = checks.lines(check, target, TOPOLOGY)
    assert 1 <= len(lines) <= 3
    for line in lines:
        parse(line, "hotel")


def test_an_unknown_check_is_an_error():
    with pytest.raises(ValueError, match="unknown check 'secrets'"):
        checks.lines("secrets", "geo", TOPOLOGY)


def test_objects_belong_to_the_component_whose_name_fits_whole():
    assert TOPOLOGY.owner("rate-7c9d8b5f4-x2x9z") == "rate"
    assert TOPOLOGY.owner("rate-redis-7c9d8b5f4-x2x9z") == "rate-redis"
    assert TOPOLOGY.owner("mongo-0") == "mongodb-geo"
    assert TOPOLOGY.owner("geology-7c9d8b5f4-x2x9z") is None


DEPLOYMENTS = """\
NAME   READY   UP-TO-DATE   AVAILABLE   AGE     CONTAINERS          IMAGES                      SELECTOR
geo    1/1     1            1           4h12m   hotel-reserv-geo    example/hotel:latest        io.kompose.service=geo
back   0/2     2            0           4h12m   app,sidecar         example/back:1,example/s:2  app=rate,tier=x
"""
SERVICES = """\
NAME   TYPE        CLUSTER-IP     EXTERNAL-IP   PORT(S)               AGE     SELECTOR
geo    ClusterIP   10.97.0.8      <none>        8083/TCP              4h12m   io.kompose.service=broken
rate   NodePort    10.97.0.9      <none>        80:31820/TCP,91/TCP   4h12m   app=rate
"""


def test_a_topology_is_read_from_what_kubectl_prints():
    read = topology.read((DEPLOYMENTS, "", SERVICES), ("geo", "rate"), ("node-1",), "hotel")
    assert read.workloads["geo"].selector == "io.kompose.service=geo"
    assert read.workloads["rate"].name == "back"
    assert read.host("10.97.0.9") == read.host("srv-rate") == "rate"
    assert read.host("rate.hotel.svc.cluster.local") == "rate"
    assert read.ports["rate"] == {80, 91}


def test_a_topology_of_lines_that_failed_is_empty_not_wrong():
    read = topology.read(("Error from server", "", ""), ("geo",), (), "hotel")
    assert read.workloads == {}
    assert not any("app=geo" in line for line in checks.lines("pods", "geo", read))


HANDLES = st.sampled_from(["s1", "s32", "n8"])
FINDINGS = st.lists(st.builds(Finding, st.sampled_from(lexicon.SIGNALS), HANDLES, st.none() | HANDLES), max_size=5).map(
    tuple
)
ALERTS = st.lists(st.builds(AlertLine, st.sampled_from(lexicon.ALERTS), HANDLES), max_size=3).map(tuple)
LOOKS = st.builds(ProbeDo, st.sampled_from(lexicon.CHECKS), HANDLES)
CHANGES = st.builds(ExecDo, st.sampled_from(lexicon.ACTIONS), HANDLES)
STATES = (
    st.builds(
        ObserverState,
        st.sampled_from(list(lexicon.TASKS)),
        ALERTS,
        FINDINGS,
        FINDINGS,
        st.none() | LOOKS | CHANGES,
        st.lists(LOOKS | CHANGES, max_size=3).map(tuple),
    )
    | st.builds(ProbeState, st.sampled_from(lexicon.CHECKS), HANDLES)
    | st.builds(
        ExecutorState,
        st.sampled_from(lexicon.ACTIONS),
        HANDLES,
        st.none() | st.just("2"),
        st.none() | st.sampled_from(lexicon.FAILURE_CLASSES),
    )
    | st.builds(
        EvolverState,
        st.sampled_from(list(lexicon.TASKS)),
        ALERTS,
        FINDINGS,
        st.lists(LOOKS | st.just(SubmitDo("yes", "s1", "refused")), max_size=4).map(tuple),
    )
)


@given(STATES)
def test_a_prompt_reads_back_as_the_state_that_it_shows(state):
    assert read_prompt(render_prompt(state)) == state


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))
def test_a_state_is_cut_to_its_profile_newest_memory_and_best_signals_first(alerts, memory, last):
    words = [Finding("refused", f"s{number}") for number in range(1, 10)]
    pages = tuple(AlertLine("errors", f"s{number}") for number in range(1, alerts + 1))
    cut = within(ObserverState("locate", pages, tuple(words[:memory]), tuple(words[:last])), SEED_PROFILE)
    assert cut.alerts == pages[: SEED_PROFILE.alerts]
    assert cut.memory == tuple(words[:memory])[-SEED_PROFILE.summaries :]
    assert cut.last == tuple(words[:last])[: SEED_PROFILE.signals]


def test_profiles_have_the_papers_limits_and_their_own_digests():
    assert (PRODUCTION_PROFILE.prompt_tokens, PRODUCTION_PROFILE.iterations, PRODUCTION_PROFILE.summaries) == (
        4096,
        15,
        10,
    )
    assert (SEED_PROFILE.prompt_tokens, SEED_PROFILE.iterations, SEED_PROFILE.summaries) == (64, 6, 5)
    assert PRODUCTION_PROFILE.digest() != SEED_PROFILE.digest()
    assert PromptProfile.from_bytes(SEED_PROFILE.to_bytes()) == SEED_PROFILE


def test_a_scripted_operator_refuses_a_layout_that_it_cannot_read():
    with pytest.raises(ValueError, match="chat-1"):
        ExpertOperator(None, PRODUCTION_PROFILE)


def test_a_plan_without_steps_is_spelt_out():
    assert render(EvolverPlan(())) == '{"plan":" none"}'
