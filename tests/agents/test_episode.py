"""An episode end to end, on embedded worlds: who may see what, what is recorded, and what ends it."""

import gc
import types
from collections.abc import Iterable, Sequence
from functools import cache

import pytest

from aoi.agents import checks
from aoi.agents.compressor import Observation
from aoi.agents.episode import handles_of, run_episode
from aoi.agents.observer import Observer
from aoi.agents.operators import ExpertOperator, GoldenOperator
from aoi.agents.policy import Generation, Turn
from aoi.agents.rollout import rollout
from aoi.agents.stores import Compressed, CompressedStore, RawStore, Task, TaskStore
from aoi.language.codec import Prompt, WordCodec
from aoi.language.decision import ExecutorAct, ProbeCommand, parse, render
from aoi.language.layouts import CHAT
from aoi.language.profile import PRODUCTION_PROFILE, SEED_PROFILE
from aoi.language.prompt import read_prompt
from aoi.problems import catalogue, sandbox, scenario
from aoi.problems.faults import FAULTS
from aoi.problems.scenario import Scenario
from aoi.records.base import sha256_hex
from aoi.records.decision import Decision, ExecDo, Finding, ObserverState, ProbeDo, SubmitDo
from aoi.records.episode import Signal, Trajectory
from aoi.records.learning import CorrectivePlan, PlanStep
from aoi.records.problem import ProblemInstance, TaskKind
from aoi.store.objects import ObjectStore
from aoi.store.shards import put_traceback, traceback_of

CODEC = WordCodec()
HOTEL = "hotel_reservation"


@cache
def _prepared(fault: str, kind: str, application: str, seed: int) -> Scenario:
    found = [p for p in catalogue.problems(fault=fault, kind=TaskKind(kind)) if p.application == application]
    return scenario.build(ProblemInstance(problem=found[0], seed=seed))


def build(fault: str, kind: str = "localization", application: str = HOTEL, seed: int = 7) -> Scenario:
    return _prepared(fault, kind, application, seed).fork()


def run(situation: Scenario, policy, **options) -> Trajectory:
    settings = {
        "profile": SEED_PROFILE,
        "arm": "test",
        "bundle": "scripted",
        "rollout_seed": 0,
        "codec": CODEC,
        **options,
    }
    return rollout([run_episode(situation, **settings)], policy)[0]


def golden(situation: Scenario) -> GoldenOperator:
    return GoldenOperator(CODEC, situation.truth, handles_of(situation, SEED_PROFILE))


class Says:
    """A policy that says one text after another, and remembers what it was asked."""

    def __init__(self, *texts: str, codec=CODEC) -> None:
        self.texts, self.codec = list(texts), codec
        self.asked: list[str] = []

    def generate(self, turns: Sequence[Turn]) -> list[Generation]:
        answers = []
        for turn in turns:
            self.asked.append(self.codec.decode(turn.prompt_ids))
            text = self.texts.pop(0) if len(self.texts) > 1 else self.texts[0]
            answers.append(Generation(self.codec.encode_completion(text), None, "test"))
        return answers


ROOMY = PRODUCTION_PROFILE.model_copy(update={"prompt_tokens": 40_000, "episode_tokens": 2_000_000})
"""The production profile, where a byte is a token."""


class Utf8Codec:
    """A codec of real text: one token a byte."""

    eos_ids = frozenset((256,))

    def encode_prompt(self, prompt: Prompt) -> tuple[int, ...]:
        return tuple(f"{prompt.system}\n\n{prompt.user}".encode())

    def encode_completion(self, text: str) -> tuple[int, ...]:
        return (*text.encode(), 256)

    def decode(self, ids: Sequence[int]) -> str:
        return bytes(i for i in ids if i not in self.eos_ids).decode("utf-8", "replace")


def decision(do, *, summary=None, cause=None, phase="scan") -> str:
    return render(Decision(summary, phase, cause, 3, do))


def spoken(do, *, summary=None, cause=None, words=None) -> str:
    """The same as a chat model says it."""
    return CHAT.say(Decision(summary, "scan", cause, 3, do, words))


def command(line: str) -> str:
    return CHAT.say(ProbeCommand(line))


def look(situation: Scenario, check: str, name: str) -> ProbeDo:
    return ProbeDo(check, handles_of(situation, SEED_PROFILE).component(name))


@pytest.mark.parametrize("kind", ["detection", "localization", "analysis", "mitigation"])
def test_the_golden_operator_passes_the_oracle_on_every_kind(kind):
    situation = build("wrong_target_port", kind)
    trajectory = run(situation, golden(situation))
    assert trajectory.content.outcome.success, trajectory.content.outcome.detail
    assert trajectory.content.ended == "submitted"


def test_what_is_remembered_of_a_component_stands_apart_once_it_was_changed():
    repaired = run(build("wrong_target_port", "mitigation"), golden(build("wrong_target_port", "mitigation")))
    changes = [number for number, step in enumerate(repaired.content.steps) if isinstance(step.decided.do, ExecDo)]
    before, after = (repaired.content.steps[changes[0] + number].state for number in (0, 1))
    changed = repaired.content.steps[changes[0]].decided.do.target
    assert before.changed == ()
    assert after.changed, "nothing was remembered of it"
    assert {changed} == {finding.subject for finding in after.changed}
    assert all(finding.subject != changed for finding in after.memory)


def test_whom_the_executor_changed_stands_apart_and_not_whom_it_was_asked_to_change():
    situation = build("wrong_target_port", "mitigation")
    handles = handles_of(situation, SEED_PROFILE)
    there = handles.component(situation.truth.component)
    other = next(handle for handle, name in handles.names.items() if handle[0] == "s" and handle != there and name)
    says = Says(
        decision(ProbeDo("pods", other), summary=Finding("targetport", there)),
        render(ProbeCommand(checks.compact("pods", other))),
        decision(ExecDo("fix_port", other), summary=Finding("refused", other), phase="fix"),
        render(ExecutorAct(ExecDo("fix_port", there))),
        decision(SubmitDo("yes", there, "targetport"), phase="submit"),
    )
    state = run(situation, says).content.steps[2].state
    assert [finding.subject for finding in state.changed] == [there]
    assert [finding.subject for finding in state.memory] == [other]


def test_a_change_that_was_refused_leaves_memory_as_it_is():
    cause = Finding("targetport", "s4")
    says = Says(
        decision(ExecDo("fix_port", "s4"), summary=cause, cause=cause, phase="fix"),
        decision(SubmitDo("yes", "s4", "targetport"), phase="submit"),
    )
    refused = run(build("wrong_target_port", "localization"), says)  # no hands
    state = refused.content.steps[1].state
    assert (state.memory, state.changed) == ((cause,), ())


def test_the_golden_operator_raises_no_alarm_where_nothing_is_wrong():
    situation = build("no_fault", "detection")
    trajectory = run(situation, golden(situation))
    assert trajectory.content.outcome.success
    assert trajectory.content.answer.verdict == "no_fault"


def test_the_same_seeds_give_the_same_content_digest_whatever_the_batch():
    def episodes():
        for fault in ("wrong_target_port", "memory_limit", "no_fault"):
            for seed in (1, 2):
                yield run_episode(
                    build(fault), profile=SEED_PROFILE, codec=CODEC, arm="expert", bundle="b", rollout_seed=seed
                )

    policy = ExpertOperator(CODEC, SEED_PROFILE)
    alone = [trajectory.content.digest() for trajectory in rollout(episodes(), policy, batch=1)]
    together = [trajectory.content.digest() for trajectory in rollout(episodes(), policy, batch=4)]
    assert alone == together
    assert len(set(alone)) > 3


def test_a_trajectory_reads_back_and_explains_itself():
    situation = build("memory_limit")
    trajectory = run(situation, golden(situation))
    again = Trajectory.from_bytes(trajectory.to_bytes())
    assert again.content.digest() == trajectory.content.digest()
    step = again.content.steps[0]
    assert CODEC.decode(step.utterances[0].completion_ids) == step.decision
    assert step.interactions[0].observation_bytes > 0
    assert again.content.alerts
    assert again.content.steps[0].sim_ms < again.content.steps[-2].sim_ms + 1


def test_time_passes_by_what_was_read():
    situation = build("memory_limit")
    before = situation.world.clock.now_ms
    trajectory = run(
        situation, Says(decision(look(situation, "pods", "frontend")), '{"cmd":" x"}', decision(SubmitDo("no")))
    )
    lines = sum(len(step.interactions) for step in trajectory.content.steps if step.status == "ok")
    assert lines == 0 or situation.world.clock.now_ms - before <= lines * SEED_PROFILE.read_ms


def test_one_malformed_decision_is_data_and_two_in_a_row_end_the_episode():
    situation = build("memory_limit")
    once = run(situation, Says("{}", decision(SubmitDo("no"))))
    assert [step.status for step in once.content.steps] == ["malformed", "ok"]
    assert once.content.ended == "submitted"
    twice = run(build("memory_limit"), Says("{}"))
    assert twice.content.ended == "malformed"
    assert len(twice.content.steps) == 2
    assert not twice.content.outcome.success


def test_whatever_breaks_inside_is_recorded_not_raised():
    situation = build("memory_limit")

    class Broken:
        def __getattr__(self, name):
            return getattr(situation, name)

        def alerts(self):
            raise RuntimeError("the pager is gone")

    trajectory = run(Broken(), golden(situation))
    assert trajectory.content.ended == "error"
    assert "the pager is gone" in trajectory.content.error


def test_the_whole_traceback_of_a_broken_episode_is_kept_without_secrets(tmp_path):
    situation = build("memory_limit")
    store = ObjectStore(str(tmp_path))

    class Broken:
        def __getattr__(self, name):
            return getattr(situation, name)

        def alerts(self):
            try:
                raise OSError("no route to https://operator:hunter2@pager.example/\x1b[31m " + "x" * 600)
            except OSError as error:
                raise RuntimeError("paging failed with token=abcdef123456789") from error

    trajectory = run(Broken(), golden(situation), keep_traceback=lambda data: put_traceback(store, data))
    kept = store.get(store.find(traceback_of(trajectory))).decode()
    assert "x" * 600 in kept
    assert all(said in kept for said in ("OSError", "RuntimeError: paging failed", "in alerts", "run_episode"))
    for text in (kept, trajectory.content.error):
        assert not any(secret in text for secret in ("hunter2", "abcdef123456789", "\x1b"))
    silent = run(Broken(), golden(situation))
    assert traceback_of(silent) is None
    assert silent.content.digest() == trajectory.content.digest()


def test_the_iterations_are_a_hard_limit_and_the_partial_answer_is_kept():
    situation = build("memory_limit")
    handle = handles_of(situation, SEED_PROFILE).component("frontend")
    same = decision(ProbeDo("network", handle), cause=Finding("tls", handle))
    policy = Says(same)
    policy.generate = types.MethodType(_observer_says(same, "network", handle), policy)
    trajectory = run(situation, policy)
    assert trajectory.content.ended == "steps"
    assert len(trajectory.content.steps) == SEED_PROFILE.iterations
    assert trajectory.content.answer.verdict == "inconclusive"
    assert trajectory.content.answer.component == "frontend"
    assert trajectory.content.answer.dropped_claims == 1


def _observer_says(text, check, handle):
    def generate(self, turns):
        answers = []
        for turn in turns:
            said = text if turn.role == "observer" else f'{{"cmd":" kubectl {check} {handle}"}}'
            answers.append(Generation(CODEC.encode_completion(said), None, "test"))
        return answers

    return generate


def test_the_token_budget_is_a_hard_limit():
    situation = build("memory_limit")
    tight = SEED_PROFILE.model_copy(update={"episode_tokens": 30})
    trajectory = run(situation, golden(situation), profile=tight)
    assert trajectory.content.ended == "tokens"


def test_a_diagnosis_cannot_change_anything():
    situation = build("wrong_selector")
    handle = handles_of(situation, SEED_PROFILE).component(situation.truth.component)
    trajectory = run(situation, Says(decision(ExecDo("restart", handle)), decision(SubmitDo("no"))))
    first = trajectory.content.steps[0]
    assert first.status == "refused"
    assert "not a mitigation" in first.interactions[0].error


def test_a_handle_that_is_not_there_is_refused():
    situation = build("memory_limit")
    free = next(f"s{n}" for n in range(1, 33) if f"s{n}" not in handles_of(situation, SEED_PROFILE).names)
    trajectory = run(situation, Says(decision(ProbeDo("pods", free)), decision(SubmitDo("no"))))
    assert trajectory.content.steps[0].status == "refused"


def test_a_probe_that_runs_something_else_is_refused_and_says_nothing_of_health():
    situation = build("memory_limit")
    wanted = look(situation, "pods", "frontend")
    other = '{"cmd":" kubectl pods n1"}'
    trajectory = run(situation, Says(decision(wanted), other, other, other, decision(SubmitDo("no"))))
    assert trajectory.content.steps[0].signals == ()
    assert {interaction.status for interaction in trajectory.content.steps[0].interactions} == {"refused"}


def test_a_prefix_replays_an_episode_to_a_step():
    situation = build("wrong_target_port")
    whole = run(situation, golden(situation))
    replayed = run(
        build("wrong_target_port"), golden(situation), prefix=[step.decision for step in whole.content.steps[:1]]
    )
    assert replayed.content.world == whole.content.world
    assert replayed.content.steps[0].utterances[0].adapter == "prefix"
    assert replayed.content.steps[0].signals == whole.content.steps[0].signals
    assert [s.decision for s in replayed.content.steps] == [s.decision for s in whole.content.steps]
    second = (trajectory.content.steps[1].utterances[0].prompt_ids for trajectory in (whole, replayed))
    assert len(set(second)) == 1


def test_guidance_is_shown_and_shrinks_as_it_is_followed():
    situation = build("wrong_target_port")
    steps = [look(situation, "pods", "frontend"), look(situation, "endpoints", "frontend")]
    plan = CorrectivePlan(
        instance=situation.instance,
        source_trajectory="0" * 64,
        mode="repair",
        proposer="evolver",
        evolver="test",
        steps=tuple(PlanStep(do=f"probe {step.check} {step.target}") for step in steps),
        failure="wrong_path",
        prompt_ids=(),
        completion_ids=(),
        status="hint",
    )
    policy = Says(decision(steps[0]), f'{{"cmd":" kubectl pods {steps[0].target}"}}', decision(SubmitDo("no")))
    trajectory = run(situation, policy, guidance=plan)
    plans = [state.plan for text in policy.asked if isinstance(state := read_prompt(text), ObserverState)]
    assert plans == [tuple(steps), (steps[1],)]
    assert trajectory.content.guidance == plan.digest()


def test_an_expert_follows_a_plan_that_it_is_shown():
    situation = build("wrong_target_port")
    wanted = ("network", "quota", "history")
    handle = answer_handle(situation)
    plan = CorrectivePlan(
        instance=situation.instance,
        source_trajectory="0" * 64,
        mode="augment",
        proposer="evolver",
        evolver="test",
        steps=tuple(PlanStep(do=f"probe {check} {handle}") for check in wanted),
        failure="wrong_path",
        prompt_ids=(),
        completion_ids=(),
        status="hint",
    )
    trajectory = run(situation, ExpertOperator(CODEC, SEED_PROFILE), guidance=plan)
    looks = [parse(step.decision).do for step in trajectory.content.steps[:3]]
    assert looks == [ProbeDo(check, handle) for check in wanted]


def test_people_can_be_shown_what_the_evidence_cites():
    situation = build("memory_limit")
    seen: dict[str, Observation] = {}
    trajectory = run(
        situation, golden(situation), keep=lambda observation: seen.update({observation.digest: observation})
    )
    citation = trajectory.content.answer.evidence[0].citation
    assert b"OOMKilled" in seen[citation.observation].data[citation.start_byte : citation.end_byte]


def test_evidence_resolves_and_an_invented_claim_is_dropped():
    situation = build("memory_limit")
    trajectory = run(situation, golden(situation))
    answer = trajectory.content.answer
    assert {(signal.word, signal.citation is not None) for signal in answer.evidence} >= {("oomkilled", True)}
    liar = Says(decision(SubmitDo("yes", answer_handle(situation), "panic")))
    claimed = run(build("memory_limit"), liar).content.answer
    assert claimed.evidence == ()
    assert claimed.dropped_claims == 1


def answer_handle(situation: Scenario) -> str:
    return handles_of(situation, SEED_PROFILE).component(situation.truth.component)


# ---------------------------------------------------------------- separation


CANARY = b"canary-7f3a9c"


def test_no_raw_byte_reaches_the_observer_except_through_the_compressors_channel():
    raw, compressed = RawStore(), CompressedStore()
    tasks = TaskStore(Task("locate", ()))
    observer = Observer(tasks.desk(), compressed.reader(), SEED_PROFILE)
    raw.writer().put(Observation("kubectl logs geo", CANARY))
    assert not _reaches(observer, CANARY)
    assert _reaches(raw.reader(), CANARY)
    compressed.writer().put(Compressed((Signal(word="refused", subject="s1"),), CANARY.decode()))
    assert _reaches(observer, CANARY.decode())


def test_the_probe_cannot_read_back_and_the_compressor_cannot_write_raw():
    raw = RawStore()
    assert not hasattr(raw.writer(), "get")
    assert not hasattr(raw.reader(), "put")
    assert not hasattr(CompressedStore().reader(), "put")


def _reaches(root: object, wanted: object) -> bool:
    """Whether `wanted` is in the object graph of `root`, modules, classes and code aside."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or isinstance(thing, types.ModuleType | type | types.CodeType | types.FrameType):
            continue
        seen.add(id(thing))
        if type(thing) is type(wanted) and thing == wanted:
            return True
        if isinstance(thing, types.FunctionType):
            waiting += list(thing.__closure__ or ())
            continue
        waiting += gc.get_referents(thing)
    return False


def test_no_text_of_the_cluster_is_in_any_prompt_of_the_seed_layout():
    situation = build("wrong_selector", "mitigation")
    policy = golden(situation)
    asked: list[str] = []
    generate = policy.generate
    policy.generate = lambda turns: (asked.extend(CODEC.decode(turn.prompt_ids) for turn in turns), generate(turns))[1]
    run(situation, policy)
    names = {*situation.components, *situation.nodes, situation.namespace}
    assert asked
    for text in asked:
        assert "<unk>" not in text
        assert not names & set(text.replace("-", " ").split()) - {"user", "rate", "search"}


def test_a_diagnosis_never_gets_hands(monkeypatch):
    def refuse(*given):
        raise AssertionError("a diagnosis asked for hands")

    monkeypatch.setattr(sandbox, "sandbox_hands", refuse)
    situation = build("wrong_target_port", "localization")
    assert run(situation, golden(situation)).content.ended == "submitted"


# ---------------------------------------------------------------- a large model's layout


def test_a_large_model_reads_real_names_and_evidence_within_its_tokens():
    situation = build("wrong_selector")
    codec = Utf8Codec()
    profile = PRODUCTION_PROFILE.model_copy(update={"prompt_tokens": 10_000})
    name = situation.truth.component
    texts = (
        spoken(ProbeDo("endpoints", name)),
        command(f"kubectl describe service/{name} -n {situation.namespace}"),
        command(f"kubectl describe deployment/{name} -n {situation.namespace}"),
        command("done"),
        spoken(SubmitDo("yes", name, "selector"), summary=Finding("selector", name)),
    )
    policy = Says(*texts, codec=codec)
    trajectory = run(situation, policy, profile=profile, codec=codec)
    assert trajectory.content.outcome.success
    assert [signal.word for signal in trajectory.content.answer.evidence] == ["selector"]
    assert f"describe service/{name}" in policy.asked[-1]
    observers = [part for step in trajectory.content.steps for part in step.utterances if part.role == "observer"]
    assert all(len(part.prompt_ids) <= profile.prompt_tokens for part in observers)


def test_a_line_that_is_not_a_read_is_refused_and_recorded():
    situation = build("wrong_selector")
    codec = Utf8Codec()
    name = situation.truth.component
    texts = (
        spoken(ProbeDo("pods", name)),
        command(f"kubectl delete deployment/{name}"),
        command("done"),
        spoken(SubmitDo("no")),
    )
    trajectory = run(situation, Says(*texts, codec=codec), profile=ROOMY, codec=codec)
    assert trajectory.content.steps[0].interactions[0].status == "refused"
    assert situation.world.store.get("deployments.apps", situation.namespace, name) is not None


# ---------------------------------------------------------------- the catalogue


def _sample(faults: Iterable[str], number: int = 1) -> list[Scenario]:
    """Problems of each mechanism, over applications and kinds."""
    found = []
    for fault in (*faults, catalogue.NO_FAULT):
        problems = sorted(catalogue.problems(fault=fault), key=lambda problem: sha256_hex(problem.id.encode()))
        found += [scenario.build(ProblemInstance(problem=problem, seed=11)) for problem in problems[:number]]
    return found


def test_the_evidence_of_faults_is_found_and_their_golden_repairs_work():
    solved = {}
    for situation in _sample(sorted(FAULTS)[::3]):
        trajectory = run(situation, golden(situation))
        solved[situation.instance.problem.id] = trajectory.content.outcome.success
    assert sum(solved.values()) >= 0.95 * len(solved), [name for name, ok in solved.items() if not ok]


def test_an_expert_solves_nine_of_ten_with_what_the_survey_and_its_looks_show():
    episodes = (
        run_episode(s.fork(), profile=SEED_PROFILE, codec=CODEC, arm="expert", bundle="expert", rollout_seed=1)
        for s in _sample(sorted(FAULTS)[::2])
    )
    done = rollout(episodes, ExpertOperator(CODEC, SEED_PROFILE))
    assert all(trajectory.content.ended != "error" for trajectory in done), [t.content.error for t in done]
    assert sum(trajectory.content.outcome.success for trajectory in done) >= 0.9 * len(done)


def test_the_decision_of_an_expert_is_always_well_formed():
    for fault in ("memory_limit", "wrong_target_port", "no_fault"):
        trajectory = run(build(fault), ExpertOperator(CODEC, SEED_PROFILE))
        for step in trajectory.content.steps:
            assert step.status != "malformed"
            assert parse(step.decision)
