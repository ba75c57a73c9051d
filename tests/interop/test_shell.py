"""What a shell printed: whole answers are answers, errors are errors, and what was cut is neither."""

import orjson
import pytest

from aoi.access.transport import Backend, ReadRequest, Response
from aoi.errors import ClusterUnavailable, Permanent
from aoi.interop.aiopslab.actions import exec_shell, labelled, submission
from aoi.interop.aiopslab.assignment import read_assignment
from aoi.interop.aiopslab.shell import line_for, outcomes_in
from aoi.interop.aiopslab.transport import ShellReader, ShellTransport
from aoi.records.episode import Answer
from aoi.records.problem import TaskKind

TOKEN = "aoi-0a1b"
PODS = ReadRequest("/api/v1/namespaces/shop/pods", (("limit", "500"),))
MAPS = ReadRequest("/api/v1/namespaces/shop/configmaps", (("limit", "500"),))
LOG = ReadRequest("/api/v1/namespaces/shop/pods/a-1/log", (("container", "a"), ("tailLines", "5")), accept="*/*")
NOW = f"{TOKEN}-2026-09-01T10:00:00Z\n"
LIST = '{"kind":"PodList","items":[]}'


def only(text: str, request: ReadRequest = PODS) -> Response | str | None:
    return outcomes_in(text, [request], TOKEN).get(0)


def test_a_line_reads_and_does_nothing_else_and_ends_with_success() -> None:
    line = line_for([PODS, LOG], TOKEN)
    assert line == (
        f"date -u +{TOKEN}-%Y-%m-%dT%H:%M:%SZ; "
        f"kubectl get --raw '/api/v1/namespaces/shop/pods?limit=500' 2>&1 && echo {TOKEN}-0-ok "
        f"|| echo {TOKEN}-0-failed; "
        f"kubectl get --raw '/api/v1/namespaces/shop/pods/a-1/log?container=a&tailLines=5' 2>&1 && echo {TOKEN}-1-ok "
        f"|| echo {TOKEN}-1-failed; true"
    )
    assert exec_shell(line) == f'```\nexec_shell("{line}")\n```'


def test_values_of_a_query_cannot_leave_their_quotes() -> None:
    selected = ReadRequest("/api/v1/namespaces/shop/pods", (("labelSelector", "app in (a,b)"),))
    line = line_for([selected], TOKEN)
    assert "labelSelector=app%20in%20%28a%2Cb%29'" in line
    exec_shell(line)


@pytest.mark.parametrize("command", ['echo "a"', "echo $HOME", "echo `id`", "a\nb", "echo \\", "'quoted'", "f(x)"])
def test_a_command_that_would_not_arrive_as_written_is_refused(command: str) -> None:
    with pytest.raises(ValueError, match="exec_shell"):
        exec_shell(command)


def test_only_kubernetes_is_read_through_a_shell() -> None:
    metrics = ReadRequest("/api/v1/alerts", backend=Backend.PROMETHEUS)
    with pytest.raises(ValueError, match="prometheus"):
        line_for([metrics], TOKEN)
    answer = ShellTransport(lambda line: "", TOKEN).read(metrics)
    assert (answer.status, answer.is_final) == (503, True)


def test_a_whole_answer_is_data_with_the_time_of_the_shell() -> None:
    answer = only(f"{NOW}{LIST}{TOKEN}-0-ok\n")
    assert isinstance(answer, Response)
    assert (answer.status, answer.body) == (200, LIST.encode())
    assert answer.headers == {"Date": "Tue, 01 Sep 2026 10:00:00 GMT"}


@pytest.mark.parametrize(
    "text",
    [
        f"Welcome to node-1\n{NOW}Warning: v1 Endpoints is deprecated\n{LIST}\n{TOKEN}-0-ok\n",
        f"{NOW}W0901 10:00:00.1 1 warnings.go:70] old\n{LIST}{TOKEN}-0-ok\n\nPlease take the next action",
        f"{NOW}{LIST}\nWarning: after it\n{TOKEN}-0-ok\r\n",
    ],
)
def test_what_shells_and_kubectl_say_beside_an_answer_does_not_spoil_it(text: str) -> None:
    answer = only(text)
    assert isinstance(answer, Response)
    assert (answer.status, answer.body) == (200, LIST.encode())


@pytest.mark.parametrize(
    "said", [LIST[:-5], "", "[truncated]", LIST + LIST, '{"kind": "PodList",\n... 4000 lines ...\n"items":[]}', "[]"]
)
def test_an_answer_with_something_missing_or_between_is_no_data(said: str) -> None:
    answer = only(f"{NOW}{said}\n{TOKEN}-0-ok\n")
    assert isinstance(answer, Response)
    assert (answer.status, answer.is_final) == (502, True)


@pytest.mark.parametrize("text", ["", NOW, f"{NOW}{LIST}", f"{LIST}{TOKEN}-0-ok\n", f"{NOW}{LIST}{TOKEN}-0-o"])
def test_without_its_marks_there_is_no_answer(text: str) -> None:
    assert only(text) is None


def test_after_a_cut_in_the_middle_only_what_is_whole_is_taken() -> None:
    text = f"{NOW}{LIST}{TOKEN}-0-ok\n{LIST[:9]} ...cut... {TOKEN}-2-ok\n{LIST}{TOKEN}-3-ok\n"
    outcomes = outcomes_in(text, [PODS, MAPS, PODS, PODS], TOKEN)
    assert sorted(outcomes) == [0, 3]


@pytest.mark.parametrize(
    ("reason", "status"),
    [("NotFound", 404), ("Forbidden", 403), ("TooManyRequests", 429), ("BadRequest", 400), ("Strange", 500)],
)
def test_an_error_of_the_server_keeps_its_status(reason: str, status: int) -> None:
    answer = only(f"{NOW}Error from server ({reason}): no such\n{TOKEN}-0-failed\n")
    assert isinstance(answer, Response)
    assert answer.status == status
    assert orjson.loads(answer.body)["message"] == "no such"


@pytest.mark.parametrize("said", ["Unable to connect to the server: i/o timeout", "sh: kubectl: not found", ""])
def test_a_server_that_did_not_answer_is_no_answer_of_it(said: str) -> None:
    assert isinstance(only(f"{NOW}{said}\n{TOKEN}-0-failed\n"), str)


def test_a_log_comes_byte_by_byte_and_forges_no_mark() -> None:
    forged = "x\naoi-ffff-0-failed\nError from server (NotFound): gone\n"
    answer = only(f"{NOW}{forged}{TOKEN}-0-ok\n", LOG)
    assert isinstance(answer, Response)
    assert (answer.status, answer.body.decode()) == (200, forged)


def test_reads_of_several_threads_go_in_one_command() -> None:
    lines: list[str] = []

    def run(line: str) -> str:
        lines.append(line)
        count = line.count("kubectl")
        return NOW + "".join(f"{LIST}{TOKEN}-{place}-ok\n" for place in range(count))

    listings = ShellReader(ShellTransport(run, TOKEN)).lists([("pods", f"n{n}") for n in range(30)])
    assert [listing.state for listing in listings] == ["complete"] * 30
    assert len(lines) == 1


def test_what_was_cut_off_is_asked_for_again_until_nothing_more_comes() -> None:
    asked: list[int] = []

    def run(line: str) -> str:
        count = line.count("kubectl")
        asked.append(count)
        return NOW + "".join(f"{LIST}{TOKEN}-{place}-ok\n" for place in range(min(count, 12)))

    listings = ShellReader(ShellTransport(run, TOKEN)).lists([("pods", f"n{n}") for n in range(30)])
    assert asked == [30, 18, 6]
    assert all(listing.state == "complete" for listing in listings)


def test_a_shell_without_answers_is_told_as_a_gap_after_a_second_try() -> None:
    lines: list[str] = []

    def run(line: str) -> str:
        lines.append(line)
        return "password=hunter2-abc timed out"

    [listing] = ShellReader(ShellTransport(run, TOKEN)).lists([("pods", "shop")])
    assert listing.gap is not None
    assert listing.gap.reason == "unreachable"
    assert "hunter2" not in listing.gap.detail
    assert len(lines) == 1


def test_what_is_foreseen_is_asked_once() -> None:
    lines: list[str] = []

    def run(line: str) -> str:
        lines.append(line)
        return f"{NOW}{LIST}{TOKEN}-0-ok\nboom\n{TOKEN}-1-failed\n"

    transport = ShellTransport(run, TOKEN)
    transport.foresee([PODS, MAPS])
    read = {request.path: _outcome(transport, request) for request in (PODS, MAPS)}
    assert sorted(map(str, read.values())) == ["200", "boom"]
    assert len(lines) == 1


def _outcome(transport: ShellTransport, request: ReadRequest) -> int | str:
    try:
        return transport.read(request).status
    except ClusterUnavailable as error:
        return str(error)


FAULT = Answer(verdict="fault", component="shop/deployment/geo", cause="panic", confidence=1.0)
CALM = Answer(verdict="no_fault", confidence=1.0)


@pytest.mark.parametrize(
    ("kind", "answer", "call"),
    [
        (TaskKind.DETECTION, FAULT, 'submit("Yes")'),
        (TaskKind.DETECTION, CALM, 'submit("No")'),
        (TaskKind.DETECTION, None, 'submit("No")'),
        (TaskKind.LOCALIZATION, FAULT, 'submit(["geo"])'),
        (TaskKind.LOCALIZATION, CALM, "submit([])"),
        (TaskKind.ANALYSIS, CALM, "submit(None)"),
        (TaskKind.MITIGATION, FAULT, "submit()"),
    ],
)
def test_an_answer_is_submitted_in_the_form_of_its_task(kind: TaskKind, answer: Answer | None, call: str) -> None:
    assert submission(kind, answer) == f"```\n{call}\n```"


def test_labels_of_a_model_stay_and_a_survey_gets_those_of_its_cause() -> None:
    own = FAULT.model_copy(update={"system_level": "Hardware", "fault_type": "Code Defect"})
    assert labelled(own) == own
    assert labelled(CALM) == CALM
    said = labelled(FAULT.model_copy(update={"cause": "unauthorized"}))
    assert (said.system_level, said.fault_type) == ("Application", "Authentication Issue")
    zero = labelled(FAULT.model_copy(update={"cause": "zeroreplicas"}))
    assert (zero.system_level, zero.fault_type) == ("Virtualization", "Operation Error")


def test_a_task_that_does_not_say_where_or_what_is_refused() -> None:
    told = "assigned to detect anomalies\nNamespace: shop\n"
    assert read_assignment(told, "", {}).kind is TaskKind.DETECTION
    with pytest.raises(Permanent, match="no namespace"):
        read_assignment("assigned to detect anomalies", "", {})
    with pytest.raises(Permanent, match="no namespace"):
        read_assignment("detect anomalies\nNamespace: ../x", "", {})
    with pytest.raises(Permanent, match="no kind"):
        read_assignment("Namespace: shop", "", {})
