"""The first observation of an episode: a survey, in the names and within the budget of a profile."""

from collections.abc import Iterable

import pytest

from aoi.agents.first_look import FirstLook, names_of
from aoi.agents.stores import Compressed, RawReader, RawStore
from aoi.estate.components import Identity
from aoi.estate.reading import Reader
from aoi.estate.survey import Survey, survey
from aoi.language.handles import Handles, assign
from aoi.language.profile import PRODUCTION_PROFILE, SEED_PROFILE, PromptProfile
from aoi.worlds.applications.generator import generate
from aoi.worlds.environment import new_world
from aoi.worlds.identities import PROBE
from aoi.worlds.transport import EmbeddedReadTransport
from tests.estate.estates import (
    SHOP,
    deployed,
    died,
    estate_of,
    running,
    service,
    surveyed,
    thing,
    together,
    waiting,
)

NAMES = tuple(f"app{number}" for number in range(8))
PANIC = b"panic: runtime error: invalid memory address or nil pointer dereference\n"


def _failing(labels: Iterable[str] = NAMES) -> Survey:
    crash = {"lastState": died(2), "restartCount": 4}
    parts = together(*(deployed(label, waiting("CrashLoopBackOff") | crash) for label in labels))
    return surveyed(parts, logs={f"{label}-6f-x": PANIC for label in labels})


def _put(seen: Survey, profile: PromptProfile, handles: Handles | None = None) -> tuple[Compressed, RawReader, Handles]:
    is_real = profile.names == "real"
    handles = handles or assign(NAMES, ("node-1",), seed=3, real=is_real)
    raw = RawStore()
    look = FirstLook(seen, names_of(seen.estate, handles.components.values()))
    return look.put(raw.writer(), handles, profile), raw.reader(), handles


@pytest.mark.parametrize("profile", [SEED_PROFILE, PRODUCTION_PROFILE], ids=lambda profile: profile.name)
def test_signals_speak_the_names_of_the_profile(profile):
    shown, _, handles = _put(_failing(), profile)
    subjects = {signal.subject for signal in shown.signals}
    assert subjects
    assert subjects <= set(handles.components)
    assert (subjects <= set(NAMES)) is (profile.names == "real")


@pytest.mark.parametrize(("budget", "expected"), [(1, 1), (3, 3), (8, 8)])
def test_at_most_the_signals_of_the_profile_are_shown_the_likeliest_first(budget, expected):
    seen = _failing()
    shown, _, handles = _put(seen, SEED_PROFILE.model_copy(update={"signals": budget}))
    assert len(shown.signals) == expected
    roots = [root.main.owner.name for root in seen.ranked.roots]
    assert [handles.resolve(signal.subject) for signal in shown.signals] == roots[:expected]


def test_what_is_known_beside_the_causes_follows_them_and_nothing_is_said_twice():
    seen = _failing()
    shown, _, _ = _put(seen, SEED_PROFILE.model_copy(update={"signals": 50}))
    said = [(signal.word, signal.subject) for signal in shown.signals]
    assert len(said) == len(set(said)) > len(NAMES)
    assert {word for word, _ in said[: len(NAMES)]} == {"panic"}
    assert "panic" not in {word for word, _ in said[len(NAMES) :]}


def test_every_citation_resolves_in_the_raw_store_to_what_was_seen():
    shown, raw, _ = _put(_failing(), PRODUCTION_PROFILE)
    assert shown.signals
    for signal in shown.signals:
        assert signal.citation is not None
        observation = raw.get(signal.citation.observation)
        assert observation is not None
        cited = observation.data[signal.citation.start_byte : signal.citation.end_byte]
        assert (b"invalid memory address" in cited) is (signal.word == "panic")
        assert cited.strip()


def test_what_has_no_handle_is_left_out_and_takes_no_place():
    seen = _failing()
    likeliest = seen.ranked.roots[0].main.owner.name
    handles = assign([label for label in NAMES if label != likeliest], (), seed=3)
    shown, _, _ = _put(seen, SEED_PROFILE, handles)
    assert len(shown.signals) == SEED_PROFILE.signals
    assert likeliest not in {handles.resolve(signal.subject) for signal in shown.signals}


def test_text_is_for_profiles_that_show_text_and_within_their_characters():
    seen = _failing()
    assert _put(seen, SEED_PROFILE)[0].text == ""
    whole = _put(seen, PRODUCTION_PROFILE)[0].text
    assert whole.startswith("Survey: fault: ")
    assert all(label in whole for label in NAMES[:2])
    short = _put(seen, PRODUCTION_PROFILE.model_copy(update={"compressed_chars": 40}))[0].text
    assert short == whole[:40]


def test_a_component_that_points_at_another_names_it():
    parts = together(
        deployed("app0", waiting("CrashLoopBackOff") | {"lastState": died(1), "restartCount": 4}),
        deployed("app1"),
        {"services": [service("app1", {"app": "app1"})]},
    )
    log = b"FATAL dial tcp app1:80: connect: connection refused\n"
    seen = surveyed(parts, logs={"app0-6f-x": log})
    (signal, *_) = _put(seen, PRODUCTION_PROFILE)[0].signals
    assert (signal.word, signal.subject, signal.other) == ("refused", "app0", "app1")


def test_a_component_goes_by_its_own_name_or_by_that_of_the_service_that_leads_to_it():
    parts = together(deployed("web-v2"), deployed("db"), {"services": [service("web", {"app": "web-v2"})]})
    names = names_of(estate_of(parts), ["web", "db", "gone"])
    assert names == {
        Identity("Deployment", SHOP, "web-v2"): "web",
        Identity("Service", SHOP, "web"): "web",
        Identity("Deployment", SHOP, "db"): "db",
    }


def test_a_service_of_an_unknown_name_goes_by_the_component_behind_it():
    parts = together(deployed("db", running()), {"services": [service("db-headless", {"app": "db"})]})
    assert names_of(estate_of(parts), ["db"])[Identity("Service", SHOP, "db-headless")] == "db"


def test_what_nobody_knows_has_no_name():
    parts = together(deployed("sidekick"), {"configmaps": [thing("ConfigMap", "web")]})
    assert names_of(estate_of(parts), ["web"]) == {}


@pytest.mark.parametrize("number", [0, 1, 2, 5, 190], ids=["plain", "helm", "suffix", "another suffix", "team"])
def test_each_component_of_a_generated_world_has_its_name_whatever_its_workload_is_called(number):
    application = generate(number, 1)
    known = {component.name for component in application.components if not component.namespace}
    world = new_world(application, 1)
    seen = survey(Reader(EmbeddedReadTransport(world, PROBE)), [application.namespace])
    names = names_of(seen.estate, known)
    assert known == set(names.values())
    workloads = {identity.name: label for identity, label in names.items() if identity.kind != "Service"}
    assert known == set(workloads.values())
