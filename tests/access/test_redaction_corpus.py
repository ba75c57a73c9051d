"""Secrets in more than three hundred shapes stay inside; what a diagnosis needs stays readable."""

import json
import random
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aoi.access.redaction import MARK, redact, redact_object, redact_text
from tests.access.secrets import Shape, entries, harmless, shape, shapes

CUT = "cut"
"""A family that only a whole output can show: a string in an object has no bounds that cut it."""


def test_the_corpus_has_not_shrunk() -> None:
    assert len(shapes()) >= 400
    assert len({each.id for each in shapes()}) == len(shapes())
    assert len(harmless()) >= 235


@pytest.mark.parametrize("each", shapes(), ids=lambda each: each.id)
def test_no_planted_secret_comes_out_of_a_text(each: Shape) -> None:
    out = redact(each.text.encode()).decode()
    assert each.leaks_into(out) == ()
    assert MARK in out


@pytest.mark.parametrize("each", shapes(), ids=lambda each: each.id)
def test_no_planted_secret_comes_out_of_the_middle_of_a_log(each: Shape) -> None:
    text = each.text if each.family != CUT else "\n".join(each.text.split("\n")[1:])
    out = redact(f"2026-01-05T10:00:00Z INFO started\n\n{text}\n\nlast line\n".encode()).decode()
    assert each.leaks_into(out) == () or each.family == CUT
    assert "INFO started" in out
    assert "last line" in out


@pytest.mark.parametrize("each", [s for s in shapes() if s.family != CUT], ids=lambda each: each.id)
def test_no_planted_secret_comes_out_of_an_object(each: Shape) -> None:
    content = each.content if each.is_object else {"kind": "ConfigMap", "data": {"notes": each.text}}
    obj = redact_object(content)
    assert each.leaks_into(json.dumps(obj, ensure_ascii=False)) == ()
    assert each.leaks_into(redact(json.dumps(content).encode()).decode()) == ()


@pytest.mark.parametrize("each", [s for s in shapes() if s.keep], ids=lambda each: each.id)
def test_what_stands_around_a_secret_stays(each: Shape) -> None:
    out = json.dumps(redact_object(each.content)) if each.is_object else redact(each.text.encode()).decode()
    for kept in each.keep:
        assert kept in out or json.dumps(kept)[1:-1] in out


@pytest.mark.parametrize("line", harmless())
def test_harmless_line_stays_as_it_is(line: str) -> None:
    assert redact(line.encode()).decode() == line
    around = f"2026-01-05T10:00:00Z INFO ok\n{line}\n2026-01-05T10:00:01Z INFO ok\n"
    assert redact(around.encode()).decode() == around


@pytest.mark.parametrize("line", harmless())
def test_harmless_line_stays_in_an_object(line: str) -> None:
    obj = {"kind": "Event", "metadata": {"name": "e"}, "message": line}
    assert redact_object(obj) == obj


@pytest.mark.parametrize("each", shapes(), ids=lambda each: each.id)
def test_redacting_a_planted_secret_twice_is_redacting_it_once(each: Shape) -> None:
    once = redact(each.text.encode())
    assert redact(once) == once
    assert redact_text(redact_text(each.text)) == redact_text(each.text)


def _secret(seed: int) -> str:
    """Letters and digits, as a generator of passwords makes them."""
    source = random.Random(seed)
    body = "".join(source.choice(string.ascii_letters + string.digits) for _ in range(source.randint(10, 24)))
    return f"q7{body}Z9"


KEYS = ("password", "DB_PASS", "api_key", "clientSecret", "X-Auth-Token", "AccountKey", "spring.datasource.password")


def _forms(key: str, secret: str) -> tuple[str, ...]:
    return (
        f"{key}={secret}", f"{key}: {secret}", f'"{key}": "{secret}"', f"'{key}': '{secret}'", f"{key}: '{secret}'",
        f'{{"{key}":"{secret}","port":1}}', f"export {key}={secret}", f"--{key}={secret}", f"--{key} {secret}",
        f"{key}: |\n  {secret}\nport: 1", f"- name: {key}\n  value: {secret}", f'["--{key}","{secret}"]',
        f'{{"name":"{key}","value":"{secret}"}}', f"<{key}>{secret}</{key}>", f"amqp://geo:{secret}@rabbit:5672/",
    )  # fmt: skip


def _indented(text: str) -> str:
    return "block:\n" + "".join(f"  {line}\n" for line in text.split("\n"))


WRAPPINGS = {
    "json string": lambda text: json.dumps({"level": "info", "msg": text}),
    "json string in a list": lambda text: json.dumps([text, "x"]),
    "log line": lambda text: f"2026-01-05T10:00:00Z ERROR geo: {text}",
    "yaml": _indented,
    "quoted": lambda text: f"msg='{text}' took=3ms" if "'" not in text else text,
    "carriage returns": lambda text: text.replace("\n", "\r\n"),
    "braces": lambda text: f"config {{ {text} }}",
}


@settings(max_examples=400, deadline=None)
@given(
    st.integers(0, 10_000),
    st.sampled_from(KEYS),
    st.integers(0, 14),
    st.lists(st.sampled_from(sorted(WRAPPINGS)), max_size=3),
)
def test_no_secret_survives_under_random_wrapping(seed: int, key: str, form: int, wrapping: list[str]) -> None:
    secret = _secret(seed)
    text = _forms(key, secret)[form]
    for name in wrapping:
        text = WRAPPINGS[name](text)
    out = redact(text.encode())
    assert secret not in out.decode(), text
    assert redact(out) == out
    obj = redact_object({"kind": "ConfigMap", "data": {"x": text}})
    assert secret not in json.dumps(obj), text


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(range(len(entries()))), st.integers(0, 10_000), st.text(max_size=40), st.text(max_size=40))
def test_any_text_around_a_shape_is_redacted_once_and_for_all(at: int, seed: int, before: str, after: str) -> None:
    each = shape(entries()[at], _secret(seed))
    once = redact(f"{before}\n{each.text}\n{after}".encode("utf-8", "replace"))
    assert redact(once) == once


@settings(max_examples=300, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=30),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.text(max_size=12)
                | st.sampled_from(["name", "value", "args", "kind", "data", "env", "password", "credentials"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=20,
    )
)
def test_whatever_an_object_holds_it_is_redacted_once_and_for_all(value: object) -> None:
    once = redact_object({"spec": value})
    assert redact_object(once) == once


HOSTILE = (
    "password=", "salt=", 'salt=\\"', 'salt="', "password: |\n", 'password = """\n', "cookie: a=b; ",
    "authorization: x\n", "mysql \n", "curl\n-u\n", "-----BEGIN PRIVATE KEY-----\n", "-----END PRIVATE KEY-----\n",
    "//a:b@", "u/p1@",
    "eyJ" + "A" * 30 + " ", "kind: Secret\ndata:\n", 'password: "', "<password>", "name: password\n", "%70", "\\",
    "x kind: Secret\n", "1 kind: Secret\n2 data:\n", "data:\n data:\n  secret\n", "Secret{Data:map[",
    "kind: Secret data: {", "a Secret data: {a: ", "insert into a (password) values (", "password><![CDATA[",
    "insert into a (password) values ('", 'password = """', "password for '", "echo a | ", "/reset/", "/token/",
    "pdo->__construct('", "path: /a/password\n", "{password,<<", "password: a ", "password......",
)  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.timeout(240)  # a quadratic rule takes hours on these
def test_hostile_text_takes_linear_time(piece: str) -> None:
    redact((piece * (1 << 20))[: 1 << 20].encode())
