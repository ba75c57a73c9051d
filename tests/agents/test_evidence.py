"""What a person is shown of the evidence."""

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


def test_what_a_cluster_wrote_cannot_drive_a_terminal() -> None:
    (line,) = cited("before\n\x1b[2J\x1b]0;owned\x07panic: boom\n", "panic: boom")
    assert line.isprintable()


def test_every_word_that_an_answer_may_hold_is_explained() -> None:
    assert set(SIGNAL_MEANINGS) == set(SIGNALS)
    assert set(ALERT_MEANINGS) == set(ALERTS)
