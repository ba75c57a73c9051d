"""What a person is shown of the evidence."""

import orjson

from aoi.access.redaction import redact
from aoi.agents.compressor import Observation
from aoi.agents.evidence import SEEN_CHARS, SEEN_LINES, seen_lines
from aoi.language.lexicon import ALERTS, SIGNALS
from aoi.language.meanings import ALERT_MEANINGS, SIGNAL_MEANINGS
from aoi.records.episode import Citation


def cited(text: str, needle: str) -> tuple[str, ...]:
    observation = Observation("kubectl logs deployment/geo", redact(text.encode()))
    start = observation.data.index(needle.encode())
    citation = Citation(observation=observation.digest, start_byte=start, end_byte=start + len(needle.encode()))
    return seen_lines(observation, citation)


def test_evidence_shows_the_cited_line_from_its_beginning() -> None:
    assert cited("one\n  level=error panic: boom\nthree\n", "panic: boom") == ("level=error panic: boom",)


def test_a_long_citation_is_cut() -> None:
    text = "\n".join("x" * 500 for _ in range(9))
    assert [len(line) for line in cited(text, text)] == [SEEN_CHARS] * SEEN_LINES


def test_a_line_of_twenty_kilobytes_is_cut_around_what_it_tells() -> None:
    line = "trace " + "a1 " * 3_000 + "java.net.ConnectException: Connection refused: db:5432 " + "b2 " * 3_000
    (shown,) = cited(f"{line}\n", line)
    assert "ConnectException: Connection refused: db:5432" in shown
    assert len(shown) == SEEN_CHARS
    assert (shown[0], shown[-1]) == ("…", "…")


def test_a_long_line_of_which_a_part_is_cited_is_cut_around_that_part() -> None:
    line = "error first " + "x" * 5_000 + " quota is used up " + "y" * 5_000
    assert "quota is used up" in cited(line, "quota is used up")[0]


POD = {
    "kind": "Pod",
    "spec": {"containers": [{"name": "main", "image": "web:1"}]},
    "status": {
        "phase": "Pending",
        "containerStatuses": [
            {"name": "main", "state": {"waiting": {"reason": "ImagePullBackOff", "message": 'no "web:1"\nthere'}}}
        ],
    },
}


def test_a_field_of_an_object_is_shown_with_the_way_to_it() -> None:
    text = orjson.dumps(POD, option=orjson.OPT_INDENT_2).decode()
    waiting = "status.containerStatuses.state.waiting"
    assert cited(text, '"ImagePullBackOff"') == (f"{waiting}.reason: ImagePullBackOff",)
    assert cited(text, '"message"') == (f'{waiting}.message: no "web:1" there',)


def test_of_a_whole_object_what_tells_is_shown() -> None:
    text = orjson.dumps(POD, option=orjson.OPT_INDENT_2).decode()
    waiting = "status.containerStatuses.state.waiting"
    told = (f"{waiting}.reason: ImagePullBackOff", f'{waiting}.message: no "web:1" there', "status.phase: Pending")
    assert cited(text, text) == told


def test_what_a_cluster_wrote_cannot_drive_a_terminal() -> None:
    (line,) = cited("before\n\x1b[2J\x1b]0;owned\x07panic: boom\n", "panic: boom")
    assert line.isprintable()


def test_every_word_that_an_answer_may_hold_is_explained() -> None:
    assert set(SIGNAL_MEANINGS) == set(SIGNALS)
    assert set(ALERT_MEANINGS) == set(ALERTS)
