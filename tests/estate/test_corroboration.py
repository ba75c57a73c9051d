"""Corroboration: one log line, however often it is written, names no cause by itself and displaces none."""

import pytest

from aoi.estate.finding import Source
from aoi.estate.verdict import CONFIDENCE, LONE
from tests.estate.estates import (
    ago,
    container,
    deployed,
    died,
    event,
    running,
    service,
    surveyed,
    together,
    waiting,
)

QUIET = b"INFO request served in 12 ms\n"
TRUE = b"FATAL: could not load pg_hba.conf\n"
FORGED = (
    b"panic: runtime error: invalid memory address or nil pointer dereference\n",
    b"ERROR write /data/app.db: no space left on device\n",
    b'FATAL: password authentication failed for user "orders"\n',
    b"ERROR dial tcp cache:6379: connect: connection refused\n",
    b"java.lang.OutOfMemoryError: Java heap space\n",
    b"Error: required environment variable DATABASE_URL is not set\n",
    b"SCHWERWIEGEND: Schreiben fehlgeschlagen: no space left on device\n",
    "致命的: x509: certificate has expired or is not yet valid\n".encode(),
)
REFUSED = b"ERROR dial tcp db:5432: connect: connection refused\n"
anything_forged = pytest.mark.parametrize("forged", FORGED, ids=range(len(FORGED)))


def _crashing(label: str = "db", code: int = 1):
    return deployed(label, waiting("CrashLoopBackOff", lastState=died(code)) | {"restartCount": 4})


def _shop(**web):
    """A healthy cache, a database that crashes, and whoever calls it and is not ready."""
    env = [{"name": "DB", "value": "db:5432"}, {"name": "CACHE", "value": "cache:6379"}]
    return together(
        deployed("web", running(ready=False), containers=[container(env=env)], **web),
        deployed("cache"),
        _crashing(),
        {"services": [service("db", {"app": "db"}, port=5432), service("cache", {"app": "cache"}, port=6379)]},
    )


@anything_forged
def test_a_lone_log_line_accuses_nobody_with_confidence(forged):
    answer = surveyed(_crashing(), logs={"db-6f-x": QUIET * 5 + forged}).answer
    assert answer.component == "db"  # that it crashes is the kubelet's word
    assert answer.cause == "crashloop" or answer.confidence <= LONE


@anything_forged
def test_a_line_repeated_by_a_program_that_works_claims_no_fault(forged):
    answer = surveyed(together(deployed("web"), deployed("cache")), logs={"web-6f-x": QUIET + forged * 40}).answer
    assert answer.verdict != "fault"


@anything_forged
@pytest.mark.parametrize("place", ["before", "behind", "often"])
def test_a_forged_line_does_not_displace_what_the_program_really_says(forged, place):
    log = {"before": forged + QUIET + TRUE, "behind": QUIET + TRUE + forged, "often": QUIET + TRUE + forged * 30}[place]
    answer = surveyed(_crashing(), logs={"db-6f-x": log}).answer
    assert answer.component == "db"
    assert "pg_hba.conf" in answer.summary
    assert answer.cause == "crashloop" or answer.confidence <= LONE


@anything_forged
@pytest.mark.parametrize("log", [b"%s%s", b"%s%s%s%s"], ids=["once", "thrice"])
def test_a_forged_line_in_a_callers_log_does_not_displace_the_callee_that_crashes(forged, log):
    said = REFUSED * 3 + QUIET + forged * (log.count(b"%s") - 1)
    answer = surveyed(_shop(), logs={"web-6f-x": said, "db-6f-x": QUIET + TRUE}).answer
    assert (answer.component, answer.symptoms) == ("db", ("web",))


def test_what_the_callee_shows_bears_out_the_complaint_about_it():
    parts = together(_crashing("web"), _crashing(), {"services": [service("db", {"app": "db"}, port=5432)]})
    answer = surveyed(parts, logs={"web-6f-x": REFUSED * 3 + FORGED[4]}).answer
    assert (answer.component, answer.chain) == ("db", ("web", "db"))


@pytest.mark.parametrize(("code", "word"), [(2, "panic"), (1, "crashloop"), (137, "crashloop")])
def test_a_panic_is_believed_of_a_process_that_ended_as_panics_do(code, word):
    answer = surveyed(_crashing(code=code), logs={"db-6f-x": QUIET + FORGED[0]}).answer
    assert answer.cause == word
    assert answer.confidence == (CONFIDENCE[1] if word == "panic" else CONFIDENCE[3])


def test_of_two_claims_that_nobody_bears_out_neither_is_the_cause_and_both_are_told():
    answer = surveyed(_crashing(), logs={"db-6f-x": QUIET + FORGED[4] + QUIET + FORGED[2]}).answer
    assert answer.cause == "crashloop"
    assert "Java heap space" in answer.summary
    assert "password authentication failed" in answer.summary


def test_an_answer_says_that_it_rests_on_one_log_alone():
    answer = surveyed(_crashing(), logs={"db-6f-x": QUIET + FORGED[4]}).answer
    assert (answer.cause, answer.confidence) == ("oomkilled", LONE)
    assert "Its log alone says why" in answer.summary


def test_one_callers_complaint_does_not_accuse_a_callee_that_shows_nothing():
    parts = together(_crashing("web"), deployed("cache"), {"services": [service("cache", {"app": "cache"}, port=6379)]})
    answer = surveyed(parts, logs={"web-6f-x": FORGED[3]}).answer
    assert answer.component == "web"
    assert answer.confidence <= LONE


def test_two_callers_that_complain_of_the_same_callee_do_accuse_it():
    parts = together(
        _crashing("web"),
        _crashing("api"),
        deployed("cache"),
        {"services": [service("cache", {"app": "cache"}, port=6379)]},
    )
    survey = surveyed(parts, logs={"web-6f-x": FORGED[3], "api-6f-x": FORGED[3]})
    assert (survey.answer.component, survey.answer.symptoms) == ("cache", ("api", "web"))
    assert Source.OTHER in survey.ranked.roots[0].main.sources


@pytest.mark.parametrize("author", ["shop-bot", "ops.example.com/ops-bot", ""])
@pytest.mark.parametrize("reason", ["Unhealthy", "FailedMount", "Failed"])
def test_an_event_of_a_stranger_is_not_read_as_the_kubelets(author, reason):
    parts = _crashing(code=137)
    message = "Liveness probe failed: no space left on device"
    forged = {"events": [event(parts["pods"][0], reason, message, author=author)]}
    answer = surveyed(parts, forged).answer
    assert (answer.component, answer.cause) == ("db", "crashloop")
    assert "no space left" not in answer.summary
    told = {"events": [event(parts["pods"][0], "Unhealthy", message)]}
    assert surveyed(parts, told).answer.cause == "liveness"


def test_the_cause_of_a_rollout_that_crashes_is_not_hidden_by_a_line_of_its_log():
    parts = _crashing()
    parts["replicasets.apps"][0]["metadata"]["creationTimestamp"] = ago(60)
    clean = surveyed(parts, logs={"db-6f-x": QUIET}).answer
    forged = surveyed(parts, logs={"db-6f-x": QUIET + FORGED[1]}).answer
    assert (clean.component, forged.component) == ("db", "db")
    assert forged.confidence <= max(clean.confidence, LONE)


COMPLAINTS = (
    b"ERROR dial tcp api:80: connect: connection refused\n",
    b"getaddrinfo EAI_AGAIN api\n",
    b"ERROR upstream connect error, reset reason: connection failure api:80\n",
    b"ReplyError: NOAUTH Authentication required. (api:80)\n",
    b"Verbindung zu api:80 fehlgeschlagen: connection refused\n",
)
"""About who calls the one that says so."""


@pytest.mark.parametrize("forged", COMPLAINTS)
@pytest.mark.parametrize("often", [1, 20])
@pytest.mark.parametrize("is_whole", [True, False])
def test_a_forged_complaint_about_a_caller_that_suffers_does_not_turn_the_chain_round(forged, often, is_whole):
    api = deployed(
        "api",
        waiting("CrashLoopBackOff", lastState=died(1)) | {"restartCount": 4},
        containers=[container(env=[{"name": "DB", "value": "db:5432"}])],
    )
    services = {"services": [service("db", {"app": "db"}, port=5432), service("api", {"app": "api"})]}
    logs = {"api-6f-x": REFUSED, "db-6f-x": (b"" if is_whole else TRUE) + forged * often}
    answer = surveyed(together(api, _crashing(), services), logs=logs).answer
    assert (answer.component, answer.chain[-1:]) == ("db", ("db",))


@pytest.mark.parametrize("forged", COMPLAINTS)
@pytest.mark.parametrize("often", [1, 20])
def test_a_forged_complaint_about_a_caller_that_works_does_not_accuse_it(forged, often):
    api = deployed("api", containers=[container(env=[{"name": "DB", "value": "db:5432"}])])
    services = {"services": [service("db", {"app": "db"}, port=5432), service("api", {"app": "api"})]}
    logs = {"api-6f-x": QUIET + REFUSED, "db-6f-x": TRUE + forged * often}
    assert surveyed(together(api, _crashing(), services), logs=logs).answer.component == "db"


@pytest.mark.parametrize(
    "forged",
    [
        b"x509: certificate signed by unknown authority connecting to https://db:443\n",
        b"org.apache.kafka.common.errors.TimeoutException: Topic t not present in metadata after 60000 ms. (db:9092)\n",
    ],
)
def test_a_port_that_nobody_configured_bears_out_no_complaint(forged):
    web = deployed(
        "web",
        waiting("CrashLoopBackOff", lastState=died(1)) | {"restartCount": 4},
        containers=[container(env=[{"name": "DB", "value": "db:5432"}])],
    )
    parts = together(web, _crashing(), {"services": [service("db", {"app": "db"}, port=5432)]})
    answer = surveyed(parts, logs={"web-6f-x": forged * 20, "db-6f-x": TRUE}).answer
    assert answer.component == "db" or answer.confidence <= LONE


@pytest.mark.parametrize("forged", [FORGED[0], b'{"level":"fatal","msg":"panic: nil map"}\n'])
def test_an_exit_code_that_wrong_arguments_have_too_bears_out_no_panic(forged):
    log = QUIET + forged * 20 + b"unknown flag: --lsiten\nusage: proxy --listen ADDR\n"
    answer = surveyed(_crashing(code=2), logs={"db-6f-x": log}).answer
    assert answer.cause == "crashloop"
    assert "--lsiten" in answer.summary


def test_what_a_framework_says_of_every_failure_is_no_second_claim():
    log = (
        b"ERROR 1 --- com.mongodb.MongoCommandException: not authorized on shop to execute command on server pg:27017\n"
    )
    answer = surveyed(_crashing(), logs={"db-6f-x": log + b"APPLICATION FAILED TO START\n"}).answer
    assert (answer.cause, answer.confidence) == ("unauthorized", LONE)
