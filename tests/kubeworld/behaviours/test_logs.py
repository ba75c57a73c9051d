"""A described log comes through the API byte for byte, whatever part of it is asked for."""

import re
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeworld.behaviours.text import LogText, WrittenLog
from tests.kubeworld.behaviours.conftest import PODS, last

CONTENTS = st.lists(st.binary(max_size=40), max_size=60).map(b"\n".join)


def stamps(log: bytes) -> list[datetime]:
    return [datetime.fromisoformat(line.split(b" ")[0].decode()) for line in log.splitlines()]


@given(CONTENTS, st.integers(0, 70), st.one_of(st.none(), st.integers(1, 400)))
def test_the_end_of_any_bytes_is_those_bytes(content, tail, limit):
    log = WrittenLog(LogText(content), 0, 5000)
    lines = re.findall(rb"[^\n]*\n|[^\n]+", content)
    expected = b"".join(lines[max(0, len(lines) - tail) :])
    part = log[max(0, len(log) - tail) :]
    assert part.data() == expected
    assert part.data(limit) == expected[:limit]
    assert b"".join(line.data for line in part) == expected


@given(CONTENTS, st.integers(0, 10_000), st.integers(0, 12_000))
def test_what_is_not_written_yet_is_not_there_and_all_is_there_at_the_end(content, life_ms, now_ms):
    text = LogText(content)
    whole, so_far = WrittenLog(text, 1000, 1000 + life_ms), WrittenLog(text, 1000, 1000 + life_ms, now_ms)
    assert list(so_far) == [line for line in whole if line.at_ms <= now_ms or now_ms >= 1000 + life_ms]
    times = [line.at_ms for line in whole]
    assert times == sorted(times)
    assert all(1000 <= at_ms <= 1000 + life_ms for at_ms in times)


@given(CONTENTS)
def test_a_file_and_the_same_bytes_are_the_same_log(tmp_path_factory, content):
    file = tmp_path_factory.mktemp("log") / "app.log"
    file.write_bytes(content)
    assert list(WrittenLog(LogText(file), 0, 9)) == list(WrittenLog(LogText(content), 0, 9))


def test_bytes_that_are_no_text_and_long_lines_come_through(described, tmp_path):
    content = b"\xff\xfe\x00 first\n" + b"x" * 20_000 + b"\n\n" + "schlu\u00df".encode() + b"\r\n\xc3"
    file = tmp_path / "app.log"
    file.write_bytes(content)
    described.behave(f"- {{match: {{}}, log_file: {file}}}")
    described.start("app", seconds=3)
    assert described.log("app") == content
    assert described.log("app", tailLines="2") == "schlu\u00df".encode() + b"\r\n\xc3"
    assert described.log("app", limitBytes="3") == content[:3]
    stamped = described.log("app", timestamps="true")
    assert re.sub(rb"^2026-01-05T[0-9:.]{18}Z ", b"", stamped, flags=re.M) == content


def test_bounded_reads_of_a_large_file_read_no_more(described, tmp_path):
    file = tmp_path / "app.log"
    with file.open("wb") as written:
        for number in range(200_000):
            written.write(b"%06d %s\n" % (number, b"x" * 40))
    described.behave(f"- {{match: {{}}, log_file: {file}}}")
    described.start("app", seconds=3)
    assert described.log("app", tailLines="1") == b"199999 " + b"x" * 40 + b"\n"
    assert described.log("app", tailLines="10", limitBytes="6") == b"199990"
    assert len(described.log("app")) == file.stat().st_size


def test_every_attempt_writes_its_log_between_its_start_and_its_end(described):
    described.behave("- {match: {}, exit: {after_s: 8, code: 1}, log: [a, b, c, d]}")
    described.start("app", seconds=0.4)
    assert described.log("app") == b"a\n"
    described.world.advance(4000)
    first = described.log("app", timestamps="true")
    assert [line.split(b" ")[1] for line in first.splitlines()] == [b"a", b"b", b"c"]
    ended = last(described.after(6, "app"))
    previous = described.log("app", previous="true", timestamps="true")
    assert previous.startswith(first)
    assert previous.count(b"\n") == 4
    start, end = (datetime.fromisoformat(ended[key]) for key in ("startedAt", "finishedAt"))
    assert all(start <= at <= end for at in stamps(previous))
    assert max(stamps(previous)) > start
    described.world.advance(6000)
    assert stamps(described.log("app", timestamps="true"))[0] >= end


def test_a_container_that_stays_has_written_its_log_after_a_second(described):
    described.behave("- {match: {}, exit: {after_s: 100000}, log: [waiting, 'no such host']}")
    described.start("app", seconds=2)
    assert described.log("app") == b"waiting\nno such host\n"
    described.world.advance(600_000)
    assert described.log("app", sinceSeconds="60") == b""
    assert described.log("app", sinceSeconds="900") == b"waiting\nno such host\n"


def test_a_run_that_has_ended_keeps_the_log_that_it_wrote(described):
    described.behave("- {match: {}, exit: {after_s: 2, code: 1}, log: [old]}")
    described.start("app", seconds=4)
    described.behave("- {match: {}, log: [new]}")
    assert described.log("app", previous="true") == b"old\n"
    described.world.advance(10_000)
    assert described.log("app") == b"new\n"


@pytest.mark.parametrize(("name", "value"), [("limitBytes", "0"), ("sinceSeconds", "0"), ("tailLines", "-1")])
def test_options_that_kubernetes_refuses_are_refused(described, name, value):
    described.start("app", seconds=2)
    answer = described.send("GET", f"{PODS}/app/log", **{name: value})
    assert answer.status == 422
    assert b"must be greater than" in answer.body


def test_a_log_file_that_is_gone_is_an_empty_log(described, tmp_path):
    file = tmp_path / "app.log"
    file.write_bytes(b"one\n")
    described.behave(f"- {{match: {{}}, log_file: {file}}}")
    described.start("app", seconds=2)
    file.unlink()
    assert described.log("app") == b""
