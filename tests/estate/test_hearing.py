"""What logs add to a finding: which attempt is believed, how loud is loud, and what is shown where nothing tells."""

import pytest

from aoi.access.transport import ReadRequest, Response
from aoi.estate.finding import Finding, Tier
from aoi.estate.hearing import CALM_TAIL, DEEP, TAIL
from aoi.estate.survey import Survey
from tests.estate.estates import DATE, Replay, container, deployed, died, running, service, surveyed, together, waiting

QUIET = b"2026-03-01T11:59:00Z INFO request served in 12 ms\n"
REFUSED = b"ERROR dial tcp db:5432: connect: connection refused\n"
PANIC = b"panic: runtime error: invalid memory address or nil pointer dereference\n"


def _about(survey: Survey, label: str) -> Finding:
    return next(finding for finding in survey.findings if finding.owner.name == label)


def _crashing(restarts: int = 4, code: int = 2):
    return deployed("web", waiting("CrashLoopBackOff", lastState=died(code)) | {"restartCount": restarts})


def _by_attempt(present: bytes, previous: bytes):
    def answer(request: ReadRequest) -> Response | None:
        if not request.path.endswith("/log"):
            return None
        log = previous if dict(request.query).get("previous") else present
        return Response(200, log, "text/plain", DATE)

    return answer


@pytest.mark.parametrize("present", [b"INFO starting\n", b"INFO starting\nERROR cart is inconsistent\n"])
def test_the_attempt_that_died_is_preferred_to_one_that_tells_less(present):
    finding = _about(surveyed(_crashing(), answer=_by_attempt(present, QUIET + PANIC)), "web")
    assert "invalid memory address" in finding.summary
    assert finding.tier is Tier.TOLD
    assert finding.sightings[0].observation.line.split(" --tail")[0].endswith("--previous")


def test_a_first_attempt_has_no_previous_log_to_be_asked_for():
    replay = Replay(deployed("web", {**running(ready=False), "state": died(1)}))
    surveyed(replay.objects, answer=replay.asked.append)
    logs = [request for request in replay.asked if request.path.endswith("/log")]
    assert logs
    assert not any(dict(request.query).get("previous") for request in logs)


def _unready(log: bytes) -> Finding:
    parts = together(
        deployed("web", running(ready=False)), deployed("db"), {"services": [service("db", {"app": "db"})]}
    )
    return _about(surveyed(parts, logs={"web-6f-x": log}), "web")


def test_a_loud_complaint_of_a_running_program_is_why_it_is_not_ready():
    finding = _unready((QUIET * 4 + REFUSED) * 20)
    assert (finding.word, finding.is_lone) == ("refused", True)
    assert finding.other is not None
    assert finding.other.name == "db"


def test_a_rare_complaint_of_a_running_program_is_shown_but_changes_no_word():
    finding = _unready(QUIET * 90 + REFUSED * 3 + QUIET)
    assert (finding.word, finding.tier, finding.other) == ("notready", Tier.SYMPTOM, None)
    assert "connection refused" in finding.summary


def test_the_end_of_a_log_is_shown_where_nothing_in_it_tells():
    finding = _about(surveyed(_crashing(0), logs={"web-6f-x": QUIET + b"INFO loading plugin seven\n"}), "web")
    assert "Its log ends with: " in finding.summary
    assert "loading plugin seven" in finding.summary
    assert finding.word == "crashloop"
    assert not finding.is_explained
    cited = finding.sightings[-1]
    assert b"loading plugin seven" in cited.observation.data[cited.start : cited.end]


def test_a_log_that_tells_nothing_in_its_end_is_read_again_from_further_back():
    asked = []

    def answer(request: ReadRequest) -> Response | None:
        if not request.path.endswith("/log"):
            return None
        asked.append(int(dict(request.query)["tailLines"]))
        return Response(200, PANIC * (asked[-1] > TAIL) + QUIET * TAIL, "text/plain", DATE)

    finding = _about(surveyed(_crashing(0), answer=answer), "web")
    assert asked == [TAIL, DEEP]
    assert "invalid memory address" in finding.summary


@pytest.mark.parametrize("log", [QUIET * (TAIL - 1), QUIET * (TAIL - 1) + PANIC], ids=["short", "telling"])
def test_a_log_that_is_short_or_tells_is_read_once(log):
    replay = Replay(_crashing(0), logs={"web-6f-x": log})
    surveyed(replay.objects, logs=replay.logs, answer=replay.asked.append)
    tails = [dict(request.query)["tailLines"] for request in replay.asked if request.path.endswith("/log")]
    assert [int(tail) for tail in tails] == [TAIL]


@pytest.mark.parametrize(("times", "is_told"), [(1, False), (3, True)])
def test_a_healthy_program_is_heard_when_it_complains_again_and_again(times, is_told):
    parts = together(deployed("web"), deployed("db"), {"services": [service("db", {"app": "db"})]})
    survey = surveyed(parts, logs={"web-6f-x": (QUIET + REFUSED) * times, "db-6f-x": QUIET})
    told = [f for f in survey.findings if f.owner.name == "web"]
    assert bool(told) is is_told
    assert all((f.word, f.standing, f.other and f.other.name) == ("refused", "suspect", "db") for f in told)
    assert all(f" --tail={CALM_TAIL}" in f.sightings[0].observation.line for f in told)


FULL = b"ERROR write /data/wal/7: no space left on device\n"


def test_a_ready_program_whose_volume_is_full_does_not_work():
    mounts = [container(volumeMounts=[{"name": "data", "mountPath": "/data"}])]
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    parts = deployed("web", running(), containers=mounts, volumes=volumes)
    survey = surveyed(parts, logs={"web-6f-x": (QUIET + FULL) * 15})
    assert (survey.answer.verdict, survey.answer.component, survey.answer.cause) == ("fault", "web", "diskfull")


def test_a_disk_that_was_full_for_a_moment_is_no_fault_by_itself():
    survey = surveyed(deployed("web", running()), logs={"web-6f-x": QUIET * 60 + FULL * 2 + QUIET * 10})
    assert survey.answer.verdict != "fault"
