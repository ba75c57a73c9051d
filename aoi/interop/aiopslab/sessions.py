"""AIOpsLab's session files as trajectories. What a stranger recorded is looked at, and never learned from as verified.

Such a trajectory has no token ids, no prompt and no world: its steps hold what was said, run and printed. It counts as
a failure whatever its file says, since nobody here saw the outcome; what was reported is kept as that.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aoi.access.redaction import redact
from aoi.interop.aiopslab.replies import Reply, plain, reply_of
from aoi.records.base import Sha256, sha256_hex
from aoi.records.episode import (
    Answer,
    Interaction,
    Outcome,
    Provenance,
    Step,
    StepStatus,
    Trajectory,
    TrajectoryContent,
)
from aoi.records.imported import Unmapped
from aoi.records.problem import Problem, ProblemInstance, TaskKind

ARM = "imported"
MAX_FILE_BYTES = 256 * 1024 * 1024
MAX_TURNS = 2_000
MAX_SAID = 20_000
"""Characters of one turn of the agent that are kept."""
MAX_OBSERVATION = 1_048_576
"""Bytes of one observation that are kept."""
BEYOND = 65_536
"""Bytes after those that redaction looks at as well: what it knows a secret by may stand there."""
MAX_DETAILS, MAX_DETAIL = 40, 200
MOST = 1e18
"""Of a number that is reported: JSON has larger ones than any float, and some writers have NaN."""
NOWHERE: Sha256 = "0" * 64
"""Digest of a world or a profile that nobody has."""
_SAYS = frozenset({"assistant", "agent"})
_SHOWS = frozenset({"env", "environment", "tool", "function", "observation", "user"})
_TELLS = frozenset({"system"})
_ID = re.compile(r"[A-Za-z0-9_.-]{1,120}")
_FAILED = ("[ERROR]", "Error", "error:")
_UNPARSED = "Error parsing response"


class NoSession(Exception):
    """Why something is no session that can be mapped."""


@dataclass
class Imported:
    """One session, mapped."""

    trajectory: Trajectory
    observations: dict[Sha256, bytes] = field(default_factory=dict)
    """What its steps refer to."""


def read_sessions(file: Path) -> Iterator[Imported | Unmapped]:
    """Every session of a file: one document, a list of them, or one on each line."""
    try:
        found = _documents(file)
    except NoSession as error:
        yield Unmapped(file=str(file), index=0, reason=str(error))
        return
    for index, document in enumerate(found):
        try:
            yield session_of(json.loads(document) if isinstance(document, bytes) else document)
        except (NoSession, ValueError, RecursionError) as error:
            yield Unmapped(file=str(file), index=index, reason=plain(f"{error or 'nested too deeply'}", MAX_DETAIL))


def session_of(document: Any) -> Imported:
    """A session of AIOpsLab. Raises: NoSession with the reason for what is none."""
    if not isinstance(document, dict):
        raise NoSession(f"a {type(document).__name__}, expected an object with problem_id and trace")
    problem_id = document.get("problem_id")
    if not isinstance(problem_id, str) or not _ID.fullmatch(problem_id):
        raise NoSession(f"problem_id is {problem_id!r:.60}, expected an id of AIOpsLab")
    kind = next((kind for kind in TaskKind if kind.value in problem_id), None)
    if kind is None:
        raise NoSession(f"problem_id {problem_id} names no kind of task: {', '.join(TaskKind)}")
    observations: dict[Sha256, bytes] = {}
    steps, answer, is_submitted = _steps(_turns(document), kind, observations)
    content = TrajectoryContent(
        instance=ProblemInstance(problem=_problem(problem_id, kind), seed=0),
        kind=kind,
        split="test",
        slice="control",
        arm=ARM,
        bundle=f"imported:{plain(str(document.get('agent') or 'unknown'), 80)}",
        profile=NOWHERE,
        rollout_seed=0,
        world=NOWHERE,
        handles={},
        steps=tuple(steps),
        answer=answer,
        outcome=_outcome(document),
        ended="submitted" if is_submitted else "steps",
        tokens=_tokens(document),
    )
    return Imported(Trajectory(content=content, provenance=_provenance(document)), observations)


def _documents(file: Path) -> list[Any]:
    """Documents, or lines as bytes that are still to be read. Raises: NoSession."""
    try:
        size = file.stat().st_size
        if size > MAX_FILE_BYTES:
            raise NoSession(f"the file has {size} bytes, at most {MAX_FILE_BYTES} are read")
        if not file.is_file():
            raise NoSession("it is no file")
        text = file.read_bytes().decode("utf-8-sig")
        if file.suffix == ".jsonl":
            return [line.encode() for line in text.split("\n") if line.strip()] or [None]
        whole = json.loads(text)
    except OSError as error:
        raise NoSession(f"the file cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise NoSession(f"the file is not UTF-8: byte {error.start} is no text") from None
    except RecursionError:
        raise NoSession("the file is nested too deeply") from None
    except ValueError as error:
        raise NoSession(f"the file is not JSON: {error}") from None
    return whole if isinstance(whole, list) and whole else [whole]


def _turns(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(`says` or `shows`, text), from the agent's first word on: what comes before is its instruction."""
    trace = document.get("trace")
    if not isinstance(trace, list) or not trace:
        raise NoSession(f"trace is {'empty' if trace == [] else type(trace).__name__}, expected a list of turns")
    if len(trace) > MAX_TURNS:
        raise NoSession(f"trace has {len(trace)} turns, at most {MAX_TURNS} are read")
    has_begun = False
    for place, turn in enumerate(trace):
        role, content = (turn.get("role"), turn.get("content")) if isinstance(turn, dict) else (None, None)
        if not isinstance(role, str) or role not in _SAYS | _SHOWS | _TELLS:
            raise NoSession(f"trace[{place}] has the role {role!r:.40}, expected assistant, env, system or user")
        if not isinstance(content, str):
            raise NoSession(f"trace[{place}] has {type(content).__name__} as content, expected text")
        has_begun = has_begun or role in _SAYS
        if has_begun and role not in _TELLS:
            yield ("says" if role in _SAYS else "shows"), content
    if not has_begun:
        raise NoSession("trace has no turn of an agent")


def _steps(
    turns: Iterator[tuple[str, str]], kind: TaskKind, observations: dict[Sha256, bytes]
) -> tuple[list[Step], Answer | None, bool]:
    """One step for each word of the agent, with what it was shown after it."""
    steps: list[Step] = []
    answer, is_submitted = None, False
    reply = Reply("", None, ())
    for what, text in turns:
        if what == "says":
            reply = reply_of(text)
            status: StepStatus = "ok" if reply.name else "malformed"
            steps.append(Step(index=len(steps), status=status, decision=plain(text, MAX_SAID), utterances=(), sim_ms=0))
            if reply.name == "submit":
                answer, is_submitted = reply.answer(kind), True
            continue
        step = steps[-1]
        shown = _interaction(reply, text, observations)
        steps[-1] = step.model_copy(update={"status": shown.status, "interactions": (*step.interactions, shown)})
    return steps, answer, is_submitted


def _interaction(reply: Reply, text: str, observations: dict[Sha256, bytes]) -> Interaction:
    """What was run and printed; a printout longer than is kept says how much is missing."""
    data = text.encode("utf-8", "replace")
    kept = redact(data[: MAX_OBSERVATION + BEYOND])[:MAX_OBSERVATION]
    digest = sha256_hex(kept)
    observations[digest] = kept
    cut = f"cut: the first {MAX_OBSERVATION} of {len(data)} bytes are kept" if len(data) > MAX_OBSERVATION else None
    is_malformed = reply.name is None or text.startswith(_UNPARSED)
    status: StepStatus = "malformed" if is_malformed else "failed" if text.startswith(_FAILED) else "ok"
    return Interaction(
        command=plain(reply.call, MAX_SAID),
        status=status,
        observation=digest,
        observation_bytes=len(kept),
        error=cut or (plain(text, MAX_DETAIL) if status != "ok" else None),
    )


def _problem(problem_id: str, kind: TaskKind) -> Problem:
    """A stand-in: of their own cluster nothing is known here, and it is never learned from as one of ours."""
    return Problem(
        id=problem_id,
        application="aiopslab",
        application_version="1",
        fault=None,
        fault_version="1",
        kind=kind,
        target=0,
        split="test",
        slice="control",
    )


def _outcome(document: Mapping[str, Any]) -> Outcome:
    results = document.get("results")
    given = results if isinstance(results, dict) else {}
    reported = given.get("success") is True or given.get("Detection Accuracy") == "Correct"
    detail: dict[str, str | float | bool] = {"graded": False}
    if isinstance(session := document.get("session_id"), str):
        detail["session"] = plain(session, MAX_DETAIL)
    for key, value in list(given.items())[:MAX_DETAILS]:
        name = f"reported {plain(str(key), 60)}"
        if isinstance(value, str):
            detail[name] = plain(value, MAX_DETAIL)
        elif isinstance(value, (bool, int, float)) and abs(value) < MOST:
            detail[name] = value
    return Outcome(success=False, aiopslab_success=reported, detail=detail)


def _tokens(document: Mapping[str, Any]) -> int:
    results = document.get("results")
    value = results.get("out_tokens") if isinstance(results, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31 else 0


def _provenance(document: Mapping[str, Any]) -> Provenance:
    began, ended = (_time(document.get(name)) for name in ("start_time", "end_time"))
    return Provenance(
        started_at=datetime.fromtimestamp(began, UTC).isoformat() if began else "",
        wall_ms=round((ended - began) * 1000) if began and ended and ended > began else 0,
        host="aiopslab",
        code_revision=ARM,
    )


def _time(value: Any) -> float | None:
    """Seconds since 1970, of this century."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number and 0 < value < 4_102_444_800 else None
