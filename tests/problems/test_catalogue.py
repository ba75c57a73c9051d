"""What the catalogue promises: ids, splits, slices, samples."""

import subprocess
import sys
from collections import Counter
from itertools import permutations

import pytest

from aoi.errors import SettingsError, UnknownProblem
from aoi.problems import aiopslab, catalogue
from aoi.problems.applications import APPLICATIONS
from aoi.problems.compounds import compounds_of
from aoi.problems.exporting import Exported, exported
from aoi.problems.faults import FAMILIES, FAULTS, MECHANISM_SPLITS, MECHANISMS
from aoi.problems.places import places_of
from aoi.problems.sampling import DEFAULT_SLICES, control_of, in_worlds, other_world, sample
from aoi.records.base import canonical_bytes, sha256_hex
from aoi.records.problem import Problem, ProblemInstance, TaskKind
from aoi.worlds.applications.generator import generate
from aoi.worlds.applications.lookup import application
from aoi.worlds.applications.naming import HELD_OUT
from aoi.worlds.behaviour.conditions import Conditions, Edge
from aoi.worlds.behaviour.traffic import evaluate

PINNED = "2fbdf10c223068bf"
AIOPSLAB = {
    **{f"misconfig_app_hotel_res-{kind}-1": "train" for kind in TaskKind},
    **{f"revoke_auth_mongodb-{kind}-{n}": "test" for kind in TaskKind for n in (1, 2)},
    **{f"wrong_bin_usage-{kind}-1": "test" for kind in TaskKind},
    # The paper trains on it; the rest of its family is held out, so here nothing of it is trained on.
    **{f"network_loss_hotel_res-{kind}-1": "test" for kind in ("detection", "localization")},
    **{f"network_delay_hotel_res-{kind}-1": "test" for kind in ("detection", "localization")},
    **{f"user_unregistered_mongodb-{kind}-{n}": "test" for kind in TaskKind for n in (1, 2)},
    **{f"pod_failure_hotel_res-{kind}-1": "test" for kind in ("detection", "localization")},
    **{f"k8s_target_port-misconfig-{kind}-{n}": "train" for kind in TaskKind for n in (1, 2, 3)},
    **{f"scale_pod_zero_social_net-{kind}-1": "train" for kind in TaskKind},
    **{f"assign_to_non_existent_node_social_net-{kind}-1": "test" for kind in TaskKind},
    "noop_detection_hotel_reservation-1": "train",
    "noop_detection_social_network-1": "test",
}
"""AIOpsLab's ids that this problem set has, and their split: the paper's, unless the family is held out."""


def test_every_mechanism_is_dealt_to_one_split_and_every_family_to_one() -> None:
    dealt = [fault.key for faults in MECHANISMS.values() for fault in faults]
    assert sorted(dealt) == sorted(FAULTS)
    for split in catalogue.SPLITS:
        assert MECHANISMS[split]
        assert {fault.family for fault in MECHANISMS[split]} <= set(FAMILIES)
    assert set(FAMILIES.values()) == set(catalogue.SPLITS)


def test_nothing_is_trained_on_that_a_family_or_the_paper_holds_out() -> None:
    held_out = {fault for (_, fault, _), theirs in aiopslab.PROBLEMS.items() if theirs.split != "train"}
    trained_by_paper = {fault for (_, fault, _), theirs in aiopslab.PROBLEMS.items() if theirs.split == "train"}
    for fault in MECHANISMS["train"]:
        assert FAMILIES[fault.family] == "train"
        assert fault.key not in held_out - trained_by_paper


def test_families_applications_and_styles_are_pinned() -> None:
    """Whoever moves a family, an application or a style to another split changes what a claim of `unseen` means."""
    pinned = {
        "families": dict(FAMILIES),
        "applications": {key: [home, application(key, 0).style] for key, home in APPLICATIONS.items()},
        "styles kept for evaluation": sorted(HELD_OUT),
    }
    assert sha256_hex(canonical_bytes(pinned))[:16] == PINNED


@pytest.mark.parametrize(("problem_id", "split"), AIOPSLAB.items())
def test_aiopslab_ids_are_trained_on_only_where_paper_and_family_allow(problem_id: str, split: str) -> None:
    assert catalogue.get(problem_id).split == split


def test_aiopslab_ids_hit_aiopslabs_components() -> None:
    problems = [catalogue.get(i) for i in AIOPSLAB]
    hit = {p.id: catalogue.targets(p.fault, p.application)[p.target] if p.fault else None for p in problems}
    assert hit["k8s_target_port-misconfig-detection-3"] == "post-storage-service"
    assert hit["assign_to_non_existent_node_social_net-detection-1"] == "user-service"
    assert hit["misconfig_app_hotel_res-detection-1"] == "geo"
    assert hit["network_loss_hotel_res-localization-1"] == "user"
    assert hit["revoke_auth_mongodb-analysis-1"] == "mongodb-geo"
    assert hit["revoke_auth_mongodb-analysis-2"] == "mongodb-rate"
    assert hit["wrong_bin_usage-mitigation-1"] == "profile"
    assert hit["noop_detection_hotel_reservation-1"] is None


def test_an_unknown_id_is_refused_with_near_matches_and_the_next_command() -> None:
    with pytest.raises(UnknownProblem, match=r"wrong_bin_usage-detection-1.*aoi problems list"):
        catalogue.get("wrong_bin_usage-detecton-1")


def test_a_target_of_a_mechanism_belongs_to_one_split_whatever_the_kind() -> None:
    splits: dict[tuple[str, str, int], set[str]] = {}
    for problem in catalogue.problems():
        if problem.fault:
            splits.setdefault((problem.application, problem.fault, problem.target), set()).add(problem.split)
    assert splits
    assert all(len(found) == 1 for found in splits.values())


def test_unseen_mechanisms_and_applications_never_occur_in_training() -> None:
    known = {fault.key for fault in MECHANISMS["train"]}
    places = list(catalogue.places(split="train"))
    assert {root.fault for place in places for root in place.roots} <= known
    assert {place.application for place in places} == {key for key, home in APPLICATIONS.items() if home == "train"}
    for split in ("development", "test"):
        unseen = {place.fault for place in catalogue.places(split=split, slice="unseen_mechanism")}
        # AIOpsLab's own targets may be held out further than their mechanism.
        assert {fault.key for fault in MECHANISMS[split]} >= unseen - _with_a_split_of_its_own()
        assert not unseen & known
        strange = {place.application for place in catalogue.places(split=split, slice="unseen_application")}
        renamed = {place.application for place in catalogue.places(split=split, slice="unseen_style")}
        homes = {key for key, home in APPLICATIONS.items() if home == split}
        assert strange == {key for key in homes if application(key, 0).style not in HELD_OUT}
        assert renamed == {key for key in homes if application(key, 0).style in HELD_OUT}
        assert renamed


def _with_a_split_of_its_own() -> set[str]:
    return {
        fault
        for (_, fault, _), theirs in aiopslab.PROBLEMS.items()
        if theirs.split not in ("train", MECHANISM_SPLITS[fault])
    }


def test_several_faults_are_made_of_what_training_knows_and_share_no_target_with_another_split() -> None:
    known = {fault.key for fault in MECHANISMS["train"]}
    for key in APPLICATIONS:
        singles = {place.roots[0]: place.split for fault in known for place in places_of(fault, key)}
        compounds = compounds_of(key)
        assert 2 in {len(place.roots) for place in compounds}
        for place in compounds:
            assert {singles[root] for root in place.roots} == {place.split}
            assert (place.slice, bool(place.restarted)) == ("several", len(place.roots) == 1)


def test_controls_that_are_counted_together_stand_in_worlds_of_their_own() -> None:
    """A control is its world: were two of them in the same, one world would count twice, or be met in two splits."""
    for kind in (TaskKind.DETECTION, TaskKind.LOCALIZATION):
        controls = [problem for problem in catalogue.problems(fault=catalogue.NO_FAULT) if problem.kind == kind]
        instances = in_worlds(controls, 5, 3)
        assert len(instances) == 3 * len(controls)
        assert len({(one.problem.application, one.seed) for one in instances}) == len(instances)
    faulty = catalogue.problems(fault="wrong_target_port")[:2]
    assert [one.seed for one in in_worlds(faulty, 5, 3)] == [5, 6, 7, 5, 6, 7]


def test_two_faults_at_once_stand_apart() -> None:
    """Neither component calls or logs in to what leads to the other: no fault hides behind the other."""
    for key in APPLICATIONS:
        built = application(key, 0)
        below = {c.name: {*c.callees, *(login.database_component for login in c.logins)} for c in built.components}
        for place in compounds_of(key):
            for one, other in permutations(place.roots, 2):
                reached, frontier = set(), {one.component}
                while frontier:
                    frontier = {name for component in frontier for name in below[component]} - reached
                    reached |= frontier
                assert other.component not in reached


def test_beside_another_fault_requests_still_come_to_what_shows_in_them_alone() -> None:
    shown = [
        (application(key, 0), one.component, other.component)
        for key in APPLICATIONS
        for place in compounds_of(key)
        for one, other in permutations(place.roots, 2)
        if FAULTS[one.fault].needs_requests
    ]
    assert len(shown) > 20, len(shown)
    for built, component, down in shown:
        callers = [caller for caller, callee in built.edges if callee == down]
        edges = tuple(Edge(caller, down, (("refused", 1.0),), 0.0, "10.0.0.1:80") for caller in callers)
        usual, now = (evaluate(built, Conditions(broken, ())).components[component].rate for broken in ((), edges))
        assert now > 0.8 * usual, f"{built.key}: {component} with {down} down"


def test_no_training_application_is_named_in_a_style_that_is_kept_for_evaluation() -> None:
    assert not {application(key, 0).style for key, home in APPLICATIONS.items() if home == "train"} & HELD_OUT
    assert not {generate(number, 0).style for number in range(100)} & HELD_OUT


def test_two_in_five_training_applications_are_plainly_named_beside_the_largest() -> None:
    homes = {key: home for key, home in APPLICATIONS.items() if key != "astronomy_shop"}
    styles = [application(key, 0).style for key, home in homes.items() if home == "train"]
    assert styles.count("plain") / len(styles) == pytest.approx(0.4)
    assert {*styles} == {"plain", "helm", "suffix"}


@pytest.mark.parametrize("fault", [fault.key for fault in MECHANISMS["train"]])
def test_a_training_mechanism_is_trained_on_and_met_again_at_unseen_applications(fault: str) -> None:
    splits = {(place.split, place.slice) for place in catalogue.places(fault=fault)}
    assert ("train", "seen") in splits
    if {part for _, part in splits} != {"seen"}:  # flags stand in Astronomy Shop alone
        assert {split for split, part in splits if part != "seen"} >= {"development", "test"}


def test_every_record_is_valid_and_every_id_leads_back_to_it() -> None:
    found = catalogue.problems()
    assert len({problem.id for problem in found}) == len(found) == catalogue.count()
    for problem in found[::97]:
        assert Problem.model_validate(problem.model_dump()) == problem
        assert catalogue.get(problem.id) == problem


def test_every_problem_has_a_control_of_its_split_and_application() -> None:
    for problem in catalogue.problems()[::53]:
        control = catalogue.control_of(problem)
        assert (control.fault, control.slice) == (None, "control")
        assert (control.split, control.application) == (problem.split, problem.application)


BY_LOAD = {"cpu_stress", "traffic_flood", "cache_connections", "cache_memory", "eager_liveness"}
"""Mechanisms that look at how busy or how slow a component is, which the seed moves: their targets keep their numbers,
but in some worlds one of them has room to spare, and less is seen of it."""


def test_targets_keep_their_place_whatever_the_seed() -> None:
    for key in APPLICATIONS:
        for fault in (fault for fault in FAULTS.values() if fault.key not in BY_LOAD):
            built = application(key, 3)
            eligible = tuple(one.name for one in built.components if not one.namespace and fault.eligible(built, one))
            assert eligible == catalogue.targets(fault.key, key), (key, fault.key)


@pytest.mark.parametrize("split", catalogue.SPLITS)
def test_a_sample_is_stratified_and_without_repeats(split: str) -> None:
    found = sample(split, 80, 7)
    faulty = [i for i in found if i.problem.fault]
    assert len(found) == 80
    assert len({i.problem.id for i in faulty}) == len(faulty)
    assert {i.problem.split for i in found} == {split}
    assert {i.problem.kind for i in found} == set(TaskKind)
    parts = Counter((i.problem.slice, i.problem.kind, i.problem.fault) for i in faulty)
    for part in {key[:2] for key in parts}:
        # Round robin: no mechanism comes a second time before every other has come once.
        assert len({number for key, number in parts.items() if key[:2] == part}) <= 2
    assert {i.problem.slice for i in found} == set(DEFAULT_SLICES[split])


def test_controls_of_a_sample_share_world_with_a_problem_of_it() -> None:
    found = sample("development", 60, 3)
    worlds = {(i.problem.application, i.seed) for i in found if i.problem.fault}
    controls = [i for i in found if not i.problem.fault]
    assert len(controls) == 9
    assert all((i.problem.application, i.seed) in worlds for i in controls)


def test_splits_never_share_a_world() -> None:
    worlds = {
        split: {(i.problem.application, i.seed) for seed in range(5) for i in sample(split, 60, seed)}
        for split in catalogue.SPLITS
    }
    assert not worlds["train"] & worlds["development"]
    assert not worlds["train"] & worlds["test"]
    assert not worlds["development"] & worlds["test"]


@pytest.mark.parametrize("split", catalogue.SPLITS)
def test_another_world_of_a_problem_is_of_its_split(split: str) -> None:
    instance = sample(split, 10, 1)[0]
    others = [other_world(instance, number).seed for number in range(5)]
    assert others[0] == instance.seed
    assert len(set(others)) == 5
    assert {seed % len(catalogue.SPLITS) for seed in others} == {catalogue.SPLITS.index(split)}


def test_a_control_keeps_its_problems_seed_and_application() -> None:
    instance = sample("test", 10, 1)[0]
    control = control_of(instance)
    assert (control.seed, control.problem.application) == (instance.seed, instance.problem.application)


def test_an_impossible_sample_is_refused() -> None:
    with pytest.raises(SettingsError, match="at least 1"):
        sample("train", 0, 1)
    with pytest.raises(SettingsError, match="no problem"):
        sample("train", 5, 1, slices={"unseen_mechanism": 1.0})


def test_a_sample_is_the_same_in_every_process() -> None:
    code = "from aoi.problems.sampling import sample; print([(i.problem.id, i.seed) for i in sample('train', 20, 4)])"
    runs = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout for _ in "ab"
    }
    assert runs == {f"{[(i.problem.id, i.seed) for i in sample('train', 20, 4)]}\n"}


def test_but_for_its_id_an_exported_instance_tells_no_control_from_a_fault_unless_asked_to() -> None:
    def rows(*, reveal: bool) -> dict[str, Exported]:
        named = map(catalogue.get, ("noop_detection_hotel_reservation-1", "misconfig_app_hotel_res-localization-1"))
        pair = catalogue.problem_at(compounds_of("hotel_reservation")[0], TaskKind.LOCALIZATION)
        chosen = [ProblemInstance(problem=problem, seed=0) for problem in (*named, pair)]
        slices = [one.problem.slice for one in chosen]
        assert slices == ["control", "seen", "several"]
        return dict(zip(slices, exported(chosen, reveal=reveal), strict=True))

    assert {(row.slice, row.truth) for row in rows(reveal=False).values()} == {(None, None)}
    for slice_, row in rows(reveal=True).items():
        assert row.slice == slice_
        assert row.truth is not None
        assert bool(row.truth) is (slice_ != "control")
