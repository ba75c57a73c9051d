"""What was answered is found again, and whoever knows better says so: `aoi answers`, `aoi feedback`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from aoi.database.feedback import FeedbackBook
from tasks.diagnose import LiveTarget, diagnose_live
from tasks.workspace import actor, workspace
from tests.command import Ended, aoi
from tests.flows.live_cluster import BROKEN, CALM, POOR, LiveCluster

Run = Callable[..., Ended]


pytestmark = pytest.mark.usefixtures("own_home")


@pytest.fixture
def answered(cluster: LiveCluster) -> str:
    """What a diagnosis of the broken namespace was kept as."""
    told = diagnose_live(LiveTarget(kubeconfig=str(cluster.kubeconfig), namespaces=(BROKEN,)))
    assert told.kept_as is not None
    return told.kept_as


def read(ended: Ended) -> Any:
    assert ended.status == 0, ended.err
    return json.loads(ended.out)


def test_answers_are_listed_newest_first_with_what_they_are_about(
    cluster: LiveCluster, answered: str, typed: Run
) -> None:
    calm = diagnose_live(LiveTarget(kubeconfig=str(cluster.kubeconfig), namespaces=(CALM,)))
    first, second = read(typed("answers", "list", "--json"))
    assert (first["answer"], first["verdict"]) == (calm.kept_as, "no_fault")
    assert CALM in first["about"]
    assert (second["answer"], second["component"], second["answered_by"]) == (answered, "till-worker", "survey")
    assert len(read(typed("answers", "list", "--last", "1", "--json"))) == 1
    lines = typed("answers", "list").out.splitlines()
    assert answered in lines[1]
    assert "fault till-worker (missingconfig), by survey" in lines[1]


def test_where_nothing_was_answered_the_list_says_how_to_ask(typed: Run) -> None:
    assert "aoi diagnose" in typed("answers", "list").out
    assert read(typed("answers", "list", "--json")) == []


def test_an_answer_is_shown_again_with_what_was_said_of_it(answered: str, typed: Run) -> None:
    typed(
        "feedback", answered, "--wrong", "--component", "till-db", "--cause", "out of memory", "--comment", "it was us"
    )
    shown = typed("answers", "show", answered.partition(":")[2])
    assert shown.out.startswith("answer    fault: till-worker (missingconfig)")
    assert f'{actor()} says it was wrong: till-db (oomkilled) "it was us"; kept without consent' in shown.out
    document = read(typed("answers", "show", answered, "--json"))
    assert document["diagnosis"]["kept_as"] == answered
    assert [word["verdict"] for word in document["feedback"]] == ["wrong"]


def test_only_what_was_said_with_consent_may_teach_and_all_of_it_is_forgotten_on_request(
    answered: str, typed: Run
) -> None:
    book = FeedbackBook(workspace().database)
    read(typed("feedback", answered, "--right", "--json"))
    assert book.usable() == []
    given = read(typed("feedback", answered, "--right", "--consent", "--json"))
    assert [word.model_dump(mode="json") for word in book.usable()] == [given]
    assert read(typed("feedback", "--withdraw", "--author", "serve:ann", "--json")) == {"forgotten": 0}
    assert read(typed("feedback", "--withdraw", "--json")) == {"forgotten": 1}
    assert read(typed("answers", "show", answered, "--json"))["feedback"] == []


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("--right", "--component", "till-db"), 1, "Give them with --wrong"),
        (("--wrong", "--component", "till-worker", "--cause", "missingconfig"), 1, "says till-worker itself"),
        (("--wrong", "--no-fault", "--component", "till-db"), 1, "Leave one of them out"),
        (("--wrong", "--no-fault", "--cause", "out of memory"), 2, "give one of them"),
        (("--wrong", "--comment", "x" * 2001), 1, "comment of the feedback"),
        (("--wrong", "--component", "x" * 254), 1, "component of the feedback"),
        (("--wrong", "--cause", "gremlins"), 1, "say it with --comment"),
        ((), 2, "--right or --wrong"),
        (("--withdraw",), 2, "give it alone"),
        (("--right", "--author", "bob"), 2, "nobody speaks for another"),
    ],
)
def test_what_says_nothing_or_contradicts_itself_is_refused_and_not_kept(
    answered: str, typed: Run, arguments: tuple[str, ...], status: int, says: str
) -> None:
    ended = typed("feedback", answered, *arguments)
    assert ended.status == status
    assert says in " ".join(ended.err.replace("│", " ").split())
    assert FeedbackBook(workspace().database).usable() == []


def test_feedback_on_an_answer_that_is_not_there_says_so(tmp_path: Path) -> None:
    ended = aoi(tmp_path, "feedback", "diagnosis:0123456789ab", "--right")
    assert ended.returncode == 1
    assert "diagnosis:0123456789ab" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_an_answer_without_a_verdict_cannot_be_right(cluster: LiveCluster, typed: Run) -> None:
    told = diagnose_live(LiveTarget(kubeconfig=str(cluster.kubeconfig), context=POOR.name, namespaces=(CALM,)))
    assert told.answer is not None
    assert told.answer.verdict == "inconclusive"
    ended = typed("feedback", str(told.kept_as), "--right")
    assert ended.status == 1
    assert "gave no verdict" in ended.err


def test_a_false_alarm_is_said_to_be_one_and_credentials_are_taken_out_of_what_is_said(
    answered: str, typed: Run
) -> None:
    said = "db password=hunter2secretXYZ :bomb: \x1b[31m"
    ended = typed("feedback", answered, "--wrong", "--no-fault", "--comment", said)
    assert "says it was wrong: nothing was wrong" in ended.out
    assert "hunter2secretXYZ" not in ended.out
    assert ":bomb:" in ended.out
    assert "\x1b" not in ended.out
    (kept,) = read(typed("answers", "show", answered, "--json"))["feedback"]
    assert (kept["cause"], kept["component"]) == ("healthy", None)
    assert "hunter2secretXYZ" not in kept["comment"]


def test_an_answer_that_cannot_be_listed_is_given_all_the_same(
    cluster: LiveCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    with workspace().database.write() as connection:
        connection.execute(text("DROP TABLE answers"))
    told = diagnose_live(LiveTarget(kubeconfig=str(cluster.kubeconfig), namespaces=(BROKEN,)))
    assert told.answer is not None
    assert told.answer.component == "till-worker"
    assert f"{told.kept_as} is kept, but not in the list of answers: " in capsys.readouterr().err
