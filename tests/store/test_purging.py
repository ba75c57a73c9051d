"""A secret that was kept is found in every form, and what held it is gone, and says so."""

import base64
import html
import json
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi.errors import Permanent, PurgedObject
from aoi.needle import MIN_CHARS, Needle
from aoi.store.objects import ObjectStore
from aoi.store.purging import holding, purge

SECRET = 'p"ss/wörd+42'
SECRETS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=MIN_CHARS, max_size=40)


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore(f"file://{tmp_path}")


@given(SECRETS, st.binary(max_size=7), st.binary(max_size=7))
def test_every_form_of_a_secret_is_found(secret: str, before: bytes, after: bytes):
    needle = Needle(secret)
    raw = secret.encode()
    written = {
        "as it is": raw,
        "in JSON": json.dumps({"x": secret}).encode(),
        "in JSON of another library": json.dumps({"x": secret}, ensure_ascii=False).encode(),
        "in JSON within JSON": json.dumps(json.dumps({"x": secret}, ensure_ascii=False), ensure_ascii=False).encode(),
        "in a URL": quote(secret, safe="").encode(),
        "in JSON three deep": json.dumps(json.dumps(json.dumps([secret]))).encode() if secret.isascii() else raw,
        "in a URL of another library": quote_plus(secret).encode(),
        "in a page": html.escape(secret).encode(),
        "in quotes of YAML": secret.replace("'", "''").encode(),
        "in hexadecimal": raw.hex().encode(),
        "in hexadecimal of another library": raw.hex().upper().encode(),
    }
    if len(raw) >= 2 * MIN_CHARS:  # of shorter ones too little is the same in every base64
        written["in base64 of more"] = base64.b64encode(before + raw + after)
        written["in base64 for URLs"] = base64.urlsafe_b64encode(before + raw + after)
    assert [form for form, data in written.items() if not needle.is_in(data)] == []
    assert [form for form, data in written.items() if needle.is_in(needle.without(data, b"*"))] == []


@pytest.mark.parametrize("secret", ["", "short", "two\nlines of it"])
def test_what_is_everywhere_or_of_several_lines_is_no_secret_to_look_for(secret: str):
    with pytest.raises(Permanent, match="one line and at least"):
        Needle(secret)


def test_what_does_not_hold_it_stays(store: ObjectStore):
    kept = store.put("observation", b"nothing of the kind")
    gone = store.put("observation", b"DB_PASS=" + SECRET.encode())
    needle = Needle(SECRET)
    for held in list(holding(store, needle)):
        purge(store, held, at="2026-01-01T00:00:00+00:00", by="somebody")
    assert [ref.sha256 for ref in store] == [kept.sha256]
    with pytest.raises(PurgedObject, match=r"purged at 2026-01-01T00:00:00.00:00 by somebody, since it held a secret"):
        store.get(gone)
    assert not store.has(gone)
    assert store.was_purged(gone.sha256)
    assert not store.was_purged(kept.sha256)


def test_what_a_model_was_shown_of_it_goes_too(store: ObjectStore):
    """Prompts are numbers of tokens: the observation that they were made of tells which."""
    seen = store.put("observation", SECRET.encode())
    citing = store.put("diagnosis", b'{"observation":"' + seen.sha256.encode() + b'"}')
    other = store.put("diagnosis", b'{"observation":null}')
    learnt = store.put("examples", b'{"problem":"labelled-' + citing.sha256.encode() + b'"}')
    store.put("examples", b'{"problem":"labelled-' + other.sha256.encode() + b'"}')
    held = {item.ref.sha256: item.is_citing for item in holding(store, Needle(SECRET))}
    assert held == {seen.sha256: False, citing.sha256: True, learnt.sha256: True}
    assert other.sha256 not in held


def test_purging_again_changes_nothing(store: ObjectStore):
    ref = store.put("observation", SECRET.encode())
    (held,) = holding(store, Needle(SECRET))
    for at in ("2026-01-01", "2026-01-02"):
        purge(store, held, at=at, by="somebody")
    assert list(holding(store, Needle(SECRET))) == []
    assert store.purged(ref.kind, ref.sha256) is not None
