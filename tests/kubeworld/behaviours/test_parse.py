"""What a behaviours file may say, and what is answered to one that says something else."""

import re

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from kubeworld.behaviours import BadBehaviours, Behaviours, parse, read
from kubeworld.behaviours.entries import Match
from kubeworld.machine.runtime import ExitPlan


@pytest.mark.parametrize(
    ("exit_", "plan"),
    [
        ("{after_s: 4, code: 1, reason: Error}", ExitPlan(4000, 1, "Error")),
        ("{after_s: 0.25, code: 3, message: gone}", ExitPlan(250, 3, "Error", "gone")),
        ("{reason: OOMKilled}", ExitPlan(1, 137, "OOMKilled")),
        ("{reason: OOMKilled, code: 1}", ExitPlan(1, 1, "OOMKilled")),
        ("{reason: Error}", ExitPlan(1, 1, "Error")),
        ("{code: 143}", ExitPlan(1, 143, "Error")),
        ("{after_s: 9}", ExitPlan(9000, 0, "Completed")),
        ("{}", ExitPlan(1, 0, "Completed")),
    ],
)
def test_an_exit_means_what_a_kubelet_would_report(exit_, plan):
    (entry,) = parse(yaml.safe_load(f"[{{match: {{}}, exit: {exit_}}}]")).containers
    assert entry.ending.plan == plan


def test_a_file_with_nothing_in_it_describes_nothing(tmp_path):
    file = tmp_path / "none.yaml"
    file.write_text("# nothing yet\n")
    assert read(file) == Behaviours()


def test_what_is_not_named_matches_everything():
    (entry,) = parse([{"match": {"pod": "db-?"}}]).containers
    assert entry.match == Match("*", "db-?", "*", "*")
    pod = {"metadata": {"namespace": "a", "name": "db-1"}, "spec": {}}
    assert entry.match.fits(pod, {"name": "main", "image": "registry.example/team/db:1"})
    assert not entry.match.fits({"metadata": {"namespace": "a", "name": "db-10"}}, {"name": "main"})
    assert not entry.match.fits({"metadata": {"namespace": "a", "name": "DB-1"}}, {"name": "main"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("match: {}", "expected a list of entries, found {'match': {}}"),
        ("- 5", "entry 1: expected a mapping, found 5"),
        ("- {}", "entry 1: expected a `match`, a `node`, a `webhook`, a `service` or an `api`, found []"),
        ("- {log: [a]}", "entry 1: expected a `match`, a `node`, a `webhook`, a `service` or an `api`, found ['log']"),
        ("- match:", "entry 1: match: expected a mapping, found nothing"),
        ("- match: {name: web}", "entry 1: unknown field match.name, known are namespace, pod, container and image"),
        ("- match: {pod: 7}", "entry 1: match.pod: expected a text (in quotes, if it looks like something else), found "
         "7"),
        ("- {match: {}, exits: {}}", "entry 1: unknown field exits, known are match, pull, start, exit, log, log_file, "
         "probes, usage, exec and creates"),
        ("- {match: {}, pull: maybe}", "pull: expected ok, not_found, unauthorized or timeout, found 'maybe'"),
        ("- {match: {}, start: no}", "start: expected a mapping, found False"),
        ("- {match: {}, start: {}}", "start.error: expected a text (in quotes, if it looks like something else), found "
         "nothing"),
        ("- match: {}\n- {match: {pod: a*}, exit: {code: 256}}",
         "entry 2 (pod a*): exit.code: expected a whole number from 0 to 255, found 256"),
        ("- {match: {}, exit: {code: yes}}", "exit.code: expected a whole number from 0 to 255, found True"),
        ("- {match: {}, exit: {after_s: -1}}", "exit.after_s: expected a number from 0 to 1e+09, found -1"),
        ("- {match: {}, exit: {after_s: .nan}}", "exit.after_s: expected a number from 0 to 1e+09, found nan"),
        ("- {match: {}, exit: {after_s: 4s}}", "exit.after_s: expected a number from 0 to 1e+09, found '4s'"),
        ("- {match: {}, exit: {times: 0}}", "exit.times: expected a whole number from 1 to 1000000, found 0"),
        ("- {match: {}, exit: {reason: Oom}}", "exit.reason: expected Error, OOMKilled or Completed, found 'Oom'"),
        ("- {match: {}, exit: {code: 2, reason: Completed}}", "exit.reason: expected Completed with code 0, else Error "
         "or OOMKilled, found 'Completed with code 2'"),
        ("- {match: {}, log: text}", "log: expected a list, found 'text'"),
        ("- {match: {}, log: [a, 5]}", "log[2]: expected a text (in quotes, if it looks like something else), found 5"),
        ("- {match: {}, log: [], log_file: a}", "expected `log` or `log_file`, found 'both'"),
        ("- {match: {}, log_file: none.log}", "log_file: expected a file that can be read, found 'none.log ("),
        ("- {match: {}, probes: {readyness: ok}}", "unknown field probes.readyness, known are readiness, liveness and "
         "startup"),
        ("- {match: {}, probes: {liveness: false}}", "probes.liveness: expected a text"),
        ("- {match: {}, usage: {cpu_m: 1.5}}", "usage.cpu_m: expected a whole number from 0 to"),
        ("- {match: {}, usage: {memory: 4}}", "unknown field usage.memory, known are cpu_m and memory_mib"),
        ("- {match: {}, exec: {1: a}}", "exec: expected commands as texts, found 1"),
        ("- {webhook: a, failure: x, allowed: true}", "failure: expected nothing beside it, since nobody answers"),
        ("- {webhook: a, message: no}", "allowed: expected false, where there is a message, code or reason"),
        ("- {webhook: a, patch: [{op: add}]}", "patch[1]: expected an operation of a JSON patch with `op` and `path`"),
        ("- {webhook: a, allowed: false, code: 200}", "code: expected a whole number from 400 to 599, found 200"),
        ("- {service: {namespace: a, name: b}, address: '10.0.0.1:1'}", "address: expected a loopback address"),
        ("- {service: {namespace: a}, address: '127.0.0.1:1'}", "service.name: expected a text"),
        ("- {api: a, available: maybe}", "available: expected true or false, found 'maybe'"),
        ("- {match: {}, exec: {ls: [a]}}", "exec.ls: expected a text"),
        ("- {node: node-1}", "entry 1: ready: expected true or false, found nothing"),
        ("- {node: node-1, ready: maybe}", "entry 1: ready: expected true or false, found 'maybe'"),
        ("- {node: node-1, ready: true, match: {}}", "entry 1: unknown field match, known are node and ready"),
        ("- {match: {}, pull: ok, pull: timeout}", "no YAML: the key 'pull' is there twice"),
        ("- {match: {}", "no YAML: while parsing a flow mapping"),
        ("- match: {pod: 2024-99-99}", "no YAML: month must be in 1..12"),
        ("[" * 5000, "no YAML: maximum recursion depth exceeded"),
        ("- {match: {}, log_file: \"a\\0b\"}", "log_file: expected a file that can be read"),
        ("- match: {pod: !!python/object:os.system x}", "no YAML: could not determine a constructor"),
    ],
)  # fmt: skip
def test_a_bad_file_is_refused_with_entry_field_expectation_and_finding(tmp_path, text, message):
    file = tmp_path / "behaviours.yaml"
    file.write_text(text)
    with pytest.raises(BadBehaviours, match=re.escape(message)) as refusal:
        read(file)
    assert str(refusal.value).startswith(f"{file}: ")
    assert "\n" not in str(refusal.value)


def test_bytes_that_are_no_text_are_refused_as_a_file_and_kept_as_a_log(tmp_path):
    file = tmp_path / "behaviours.yaml"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadBehaviours, match="no YAML"):
        read(file)
    (entry,) = parse(yaml.safe_load("- {match: {}, log: [!!binary //4=, two]}")).containers
    assert entry.log.source == b"\xff\xfe\ntwo\n"


WORDS = st.sampled_from(
    ["match", "node", "ready", "pull", "start", "error", "exit", "after_s", "code", "reason", "times", "message", "log",
     "log_file", "probes", "readiness", "liveness", "usage", "cpu_m", "memory_mib", "exec", "namespace", "pod", "image",
     "ok", "timeout", "Error", "OOMKilled", "Completed", "*", "[a-"]
)  # fmt: skip
SCALARS = st.one_of(
    WORDS, st.text(max_size=5), st.integers(), st.floats(), st.booleans(), st.none(), st.binary(max_size=3)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.integers() | st.none(), inner, max_size=5),
    max_leaves=12,
)
ENTRIES = st.lists(
    st.builds(
        lambda first, rest: {first[0]: first[1], **rest},
        st.sampled_from([("match", {}), ("node", "a")]),
        st.dictionaries(WORDS, VALUES, max_size=5),
    ),
    max_size=3,
)


@settings(max_examples=500)
@given(VALUES | ENTRIES)
def test_whatever_is_given_is_understood_or_refused_in_one_line(document):
    refusal = ""
    try:
        behaviours = parse(document)
    except BadBehaviours as error:
        refusal, behaviours = str(error), Behaviours()
    assert not refusal or "expected" in refusal or "known are" in refusal
    assert "\n" not in refusal
    pod = {"metadata": {"namespace": "a", "name": "b"}, "spec": {}}
    behaviours.of(pod, {"name": "c", "image": "d"})
    behaviours.is_ready("a")
