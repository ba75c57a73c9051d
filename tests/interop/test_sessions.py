"""AIOpsLab's session files become trajectories, or are set aside with a reason; all of them are accounted for."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from aoi.errors import ContractViolation
from aoi.interop.aiopslab import sessions
from aoi.interop.aiopslab.sessions import Imported, read_sessions
from aoi.records.imported import Unmapped
from aoi.records.problem import Split, TaskKind
from data_contracts import gate, trajectories
from tests.command import aoi

GET = '```\nexec_shell("kubectl get pods -n test-hotel-reservation")\n```'
PODS = "NAME READY STATUS RESTARTS AGE\ngeo-1 0/1 CrashLoopBackOff 4 2m\n"
SUBMIT = '```\nsubmit(["geo"])\n```'
Obj = dict[str, Any]


def session(*turns: tuple[str, Any], **fields: Any) -> Obj:
    """As AIOpsLab writes one."""
    trace = turns or (("assistant", GET), ("env", PODS), ("assistant", SUBMIT), ("env", "1"))
    return {
        "agent": "gpt",
        "session_id": "0a68a137",
        "problem_id": "misconfig_app_hotel_res-localization-1",
        "start_time": 1758557784.25,
        "end_time": 1758557827.75,
        "trace": [{"role": role, "content": content} for role, content in trace],
        "results": {"Localization Accuracy": 100.0, "TTL": 43.5, "steps": 2, "out_tokens": 122, "success": True},
        **fields,
    }


def written(path: Path, document: Any) -> Path:
    path.write_text(json.dumps(document))
    return path


def read(path: Path, document: Any) -> Imported | Unmapped:
    [found] = read_sessions(written(path / "session.json", document))
    return found


def mapped(path: Path, document: Any) -> Imported:
    found = read(path, document)
    assert isinstance(found, Imported), found
    return found


def test_a_session_is_mapped_step_by_step_with_what_was_said_run_and_printed(tmp_path: Path) -> None:
    found = mapped(tmp_path, session())
    content = found.trajectory.content
    first, last = content.steps
    [looked] = first.interactions
    assert looked.command == 'exec_shell("kubectl get pods -n test-hotel-reservation")'
    assert looked.observation is not None
    assert found.observations[looked.observation].decode() == PODS
    assert (first.status, last.decision, last.index) == ("ok", SUBMIT, 1)
    assert content.answer is not None
    assert (content.answer.verdict, content.answer.component) == ("fault", "geo")
    assert (content.kind, content.ended, content.tokens) == (TaskKind.LOCALIZATION, "submitted", 122)
    assert found.trajectory.provenance.wall_ms == 43_500
    assert found.trajectory.provenance.started_at == "2025-09-22T16:16:24.250000+00:00"


@pytest.mark.parametrize(
    ("problem_id", "call", "expected"),
    [
        ("a-detection-1", 'submit("Yes")', ("fault", None, None)),
        ("a-detection-1", "submit('no')", ("no_fault", None, None)),
        ("a-localization-1", "submit([])", ("no_fault", None, None)),
        ("a-localization-1", 'submit(faulty_components=["a", "b"])', ("fault", "a", None)),
        ("a-analysis-1", 'submit({"system_level": "Hardware", "fault_type": "x"})', ("fault", None, "Hardware")),
    ],
)
def test_what_was_submitted_is_the_answer(
    problem_id: str, call: str, expected: tuple[Any, ...], tmp_path: Path
) -> None:
    answer = mapped(tmp_path, session(("assistant", call), problem_id=problem_id)).trajectory.content.answer
    assert answer is not None
    assert (answer.verdict, answer.component, answer.system_level) == expected


def test_half_a_character_does_not_break_a_session(tmp_path: Path) -> None:
    turns = (("assistant", '```\nsubmit(["\\ud800"])\n```'), ("env", "x\ud800"))
    found = mapped(tmp_path, session(*turns, agent="x\ud800"))
    assert b'"component":"?"' in found.trajectory.to_bytes()


@pytest.mark.parametrize("call", ["submit()", "submit(open('x'))", 'submit("perhaps")', "submit([[[" + "[" * 9000])
def test_a_submission_that_says_nothing_is_no_answer(call: str, tmp_path: Path) -> None:
    found = mapped(tmp_path, session(("assistant", f"```\n{call}\n```"), problem_id="a-detection-1"))
    assert found.trajectory.content.answer is None


def test_a_reported_success_is_kept_as_reported_and_is_none_of_ours(tmp_path: Path) -> None:
    outcome = mapped(tmp_path, session()).trajectory.content.outcome
    assert not outcome.success
    assert outcome.aiopslab_success
    assert outcome.detail["graded"] is False
    assert outcome.detail["reported Localization Accuracy"] == 100.0


@pytest.mark.filterwarnings("default")  # Great Expectations warns about its own parts
@pytest.mark.parametrize("split", ["train", "development", "test"])
def test_no_contract_of_episodes_that_are_learned_from_or_compared_takes_it(split: Split, tmp_path: Path) -> None:
    with pytest.raises(ContractViolation):
        gate.accept(trajectories.contract(split), [mapped(tmp_path, session()).trajectory])


def test_credentials_in_a_session_come_out_nowhere(tmp_path: Path) -> None:
    secret = "hunter2-abcdef"
    shown = f"name: DB_PASSWORD\nvalue: {secret}\npostgres://me:{secret}@db/x\n"
    said = f'```\nexec_shell("mongo --password {secret}")\n```'
    found = mapped(tmp_path, session(("assistant", said), ("env", shown), results={"note": f"password={secret}"}))
    everything = found.trajectory.to_bytes() + b"".join(found.observations.values())
    assert secret.encode() not in everything
    assert b"DB_PASSWORD" in everything


def test_a_huge_output_is_kept_to_its_bound_and_says_so(tmp_path: Path) -> None:
    found = mapped(tmp_path, session(("assistant", GET), ("env", "x" * (sessions.MAX_OBSERVATION + 5))))
    [shown] = found.trajectory.content.steps[0].interactions
    assert shown.observation_bytes == sessions.MAX_OBSERVATION
    assert shown.error == f"cut: the first {sessions.MAX_OBSERVATION} of {sessions.MAX_OBSERVATION + 5} bytes are kept"


def test_what_is_not_kept_of_a_huge_output_is_not_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[int] = []
    redact = sessions.redact

    def counted(data: bytes) -> bytes:
        looked_at.append(len(data))
        return redact(data)

    monkeypatch.setattr(sessions, "redact", counted)
    mapped(tmp_path, session(("assistant", GET), ("env", "x" * 4 * sessions.MAX_OBSERVATION)))
    assert max(looked_at) == sessions.MAX_OBSERVATION + sessions.BEYOND


def test_a_file_that_begins_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    (tmp_path / "session.json").write_text(json.dumps(session()), encoding="utf-8-sig")
    [found] = read_sessions(tmp_path / "session.json")
    assert isinstance(found, Imported)


def test_instructions_before_the_agent_speaks_are_no_steps(tmp_path: Path) -> None:
    told = (("system", "You are"), ("user", "Localize"), ("assistant", GET), ("user", PODS), ("assistant", "I think"))
    steps = mapped(tmp_path, session(*told)).trajectory.content.steps
    assert [(step.status, len(step.interactions)) for step in steps] == [("ok", 1), ("malformed", 0)]


def test_an_agent_that_the_environment_did_not_understand_is_malformed_and_an_error_is_a_failure(
    tmp_path: Path,
) -> None:
    turns = (
        *(
            ("assistant", "```bash\nkubectl get pods\n```"),
            ("env", "Error parsing response: Format validation failure"),
        ),
        *(("assistant", GET), ("env", "[ERROR] Command execution failed: not found")),
    )
    steps = mapped(tmp_path, session(*turns)).trajectory.content.steps
    assert [step.status for step in steps] == ["malformed", "failed"]


@pytest.mark.parametrize("missing", ["agent", "session_id", "start_time", "end_time", "results"])
def test_what_is_not_needed_may_be_missing(missing: str, tmp_path: Path) -> None:
    document = session()
    del document[missing]
    assert mapped(tmp_path, document).trajectory.content.answer is not None


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ([], "a list"),
        ("text", "a str"),
        ({"trace": []}, "problem_id is None"),
        (session(problem_id="../../etc/passwd"), "problem_id is '../../etc/passwd'"),
        (session(problem_id="kernel_fault-1"), "names no kind of task"),
        (session(trace=None), "trace is NoneType"),
        (session(trace=[]), "trace is empty"),
        (session(("critic", "well")), r"trace\[0\] has the role 'critic'"),
        (session(("assistant", GET), ("env", None)), r"trace\[1\] has NoneType as content"),
        (session(("assistant", [{"type": "text"}])), r"trace\[0\] has list as content"),
        (session(trace=["assistant: hello"]), r"trace\[0\] has the role None"),
        (session(("system", "You are")), "no turn of an agent"),
        (session(*[("assistant", "x")] * (sessions.MAX_TURNS + 1)), "at most"),
    ],
)
def test_what_cannot_be_mapped_is_set_aside_with_the_reason(document: Any, reason: str, tmp_path: Path) -> None:
    found = read(tmp_path, document)
    assert isinstance(found, Unmapped)
    assert re.search(reason, found.reason), found.reason


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b'{"problem_id": "\xff"}', "not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_session_set_aside(data: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_bytes(data)
    [found] = read_sessions(tmp_path / "broken.json")
    assert isinstance(found, Unmapped)
    assert reason in found.reason
    assert found.file.endswith("broken.json")


def test_a_file_over_the_limit_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MAX_FILE_BYTES", 10)
    found = read(tmp_path, session())
    assert isinstance(found, Unmapped)
    assert "at most 10" in found.reason


def test_lists_and_lines_hold_several_sessions_each_with_its_place(tmp_path: Path) -> None:
    both = [session(), {"trace": 1}]
    listed = list(read_sessions(written(tmp_path / "all.json", both)))
    (tmp_path / "all.jsonl").write_text("\n".join(json.dumps(one) for one in both))
    lines = list(read_sessions(tmp_path / "all.jsonl"))
    for first, second in (listed, lines):
        assert isinstance(first, Imported)
        assert isinstance(second, Unmapped)
        assert second.index == 1


def imported(home: Path, folder: Path) -> tuple[Obj, subprocess.CompletedProcess[str]]:
    done = aoi(home, "data", "import-aiopslab", str(folder), "--json")
    return json.loads(done.stdout), done


def test_the_command_accounts_for_every_session_and_does_nothing_twice(tmp_path: Path) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    written(folder / "a.json", session())
    written(folder / "b.json", [session(), session(agent="other"), session(("critic", "well"))])
    (folder / "c.json").write_bytes(b"\xff")
    (folder / "notes.txt").write_text("no session")
    report, done = imported(tmp_path / "home", folder)
    assert done.returncode == 0
    assert (report["files"], report["sessions"], report["imported"], report["quarantined"]) == (3, 5, 3, 2)
    assert report["sessions"] == report["imported"] + report["quarantined"]
    assert report["known"] == 1, "the same session in two files is one"
    assert len(set(report["sets"])) == 2
    again, _ = imported(tmp_path / "home", folder)
    assert again["known"] == again["imported"] == 3
    assert again["sets"] == report["sets"]
    shown = aoi(tmp_path / "home", "data", "show", f"quarantine:{report['quarantine'][:12]}")
    assert [json.loads(line)["index"] for line in shown.stdout.splitlines()] == [2, 0]


def test_nothing_imported_is_a_failure_and_no_such_file_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    report, done = imported(tmp_path / "home", tmp_path / "x.json")
    assert (report["imported"], done.returncode) == (0, 1)
    assert aoi(tmp_path / "home", "data", "import-aiopslab", str(tmp_path / "none")).returncode == 2


def test_numbers_that_no_float_holds_are_left_out(tmp_path: Path) -> None:
    document = session(results={"TTL": 10**400, "a": float("nan"), "b": float("inf"), "steps": 3})
    detail = mapped(tmp_path, document).trajectory.content.outcome.detail
    assert {key: value for key, value in detail.items() if key.startswith("reported")} == {"reported steps": 3}


def test_what_is_no_file_is_set_aside(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    for path in (tmp_path / "pipe.json", Path("/dev/zero")):
        (found,) = read_sessions(path)
        assert isinstance(found, Unmapped)
        assert found.reason == "it is no file"
