import pytest

from aoi.database.engine import open_url
from aoi.errors import CorruptObject, UnknownBundle
from aoi.promotion import approval
from aoi.promotion.ledger import Ledger
from aoi.promotion.trace import trace
from aoi.promotion.verify import Projection, read_bundle, verify
from aoi.records.base import Ref, sha256_hex
from aoi.records.learning import BASES, BundleManifest, StoredBase
from aoi.records.promotion import LedgerFacts, PromotionRequest
from aoi.store.objects import ObjectStore
from tests.promotion.evaluations import simulated
from tests.promotion.requests import START, Clock, decision


class Loop:
    """A small history: a first champion, then one cycle that promotes."""

    def __init__(self, folder):
        self.folder = folder
        self.store = ObjectStore(str(folder / "store"))
        self.ledger = Ledger(open_url(f"sqlite:///{folder / 'aoi.db'}"), self.store, now=Clock())
        self.data = self.store.put("examples", b"{}\n")
        self.bundles = {}
        base = folder / "base"
        base.mkdir()
        (base / "model.safetensors").write_bytes(b"weights")
        self.base = self.store.put_folder("base", base)
        self.store.mark(BASES, "a" * 64, StoredBase(weights="a" * 64, tree=self.base.sha256))
        self.settings = self.store.put("settings", b"{}")
        first = self.stored("first", None)
        self.ledger.install(first, "ann")
        cycle = self.ledger.open_cycle("ann")
        second = self.stored("second", first.bundle)
        self.ledger.register(cycle.number, second, "ann")
        evaluation = simulated(0.3).model_copy(update={"champion": first.bundle, "challenger": second.bundle})
        ref = self.store.put("evaluation", evaluation)
        self.ledger.evaluated(1, LedgerFacts(bundle=second.bundle, replaces=first.bundle, evaluation=ref.sha256), "ann")
        request = PromotionRequest(
            cycle=1, champion=first.bundle, challenger=second.bundle, challenger_version="2", evaluation=ref.sha256,
            decision=decision(ref.sha256),
        )  # fmt: skip
        self.ledger.request(request, "ann")
        given = approval.decided(request, "approve", "bob", now=START, hours=1, comment="looks right")
        self.ledger.decide(request, given)
        self.ledger.promote(request, given, "ann")

    def stored(self, name, parent):
        folder = self.folder / name
        (folder / "adapter").mkdir(parents=True)
        weights = name.encode() * 20
        (folder / "adapter" / "adapter_model.safetensors").write_bytes(weights)
        manifest = BundleManifest(
            name=name, base="a" * 64, tokenizer="b" * 64, adapter=sha256_hex(weights), profile="c" * 64, parent=parent,
            cycle=1, data=(self.data.sha256,), code_revision="rev", code_sha256="d" * 64, settings=self.settings.sha256,
            files={"adapter/adapter_model.safetensors": sha256_hex(weights)},
        )  # fmt: skip
        (folder / "manifest.json").write_bytes(manifest.to_bytes())
        tree = self.store.put_folder("bundle", folder)
        self.bundles[name] = manifest.digest()
        version = str(len(self.bundles))
        return LedgerFacts(
            bundle=manifest.digest(), version=version, tree=tree.sha256, data=manifest.data,
            settings=self.settings.sha256, code_revision="rev", code_sha256="d" * 64,
        )  # fmt: skip

    @property
    def projection(self):
        return Projection(champion="2", bundles={"1": self.bundles["first"], "2": self.bundles["second"]})

    def object(self, kind, sha256):
        return self.folder / "store" / "objects" / kind / sha256[:2] / sha256


@pytest.fixture
def loop(tmp_path):
    return Loop(tmp_path)


def broken(loop, projection="same", **options):
    found = verify(loop.ledger, loop.store, loop.projection if projection == "same" else projection, **options)
    return [finding.what for finding in found if not finding.ok]


def test_a_whole_history_is_clean(loop):
    assert broken(loop, everything=True) == []


def test_every_altered_object_is_named(loop):
    expected = {"evaluation", "request", "approval", "file", "bundle"}
    seen = set()
    for ref in list(loop.store):
        if ref.kind not in expected:
            continue
        path = loop.object(ref.kind, ref.sha256)
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + b"~")
        assert broken(loop)
        path.write_bytes(whole)
        seen.add(ref.kind)
    assert seen == expected
    assert broken(loop) == []


def test_a_lost_object_is_named(loop):
    entry = loop.ledger.entries(kind="promoted")[-1]
    loop.object("approval", entry.facts.approval).unlink()
    assert broken(loop) == [f"approval {entry.facts.approval[:12]}"]


def test_a_lost_request_is_named_once(loop):
    request = loop.ledger.entries(kind="requested")[-1].facts.request
    loop.object("request", request).unlink()
    assert broken(loop) == [f"request {request[:12]}"]


def test_a_lost_base_and_lost_lineage_are_named(loop):
    for ref in (loop.base, loop.data, loop.settings):
        path = loop.object(ref.kind, ref.sha256)
        whole = path.read_bytes()
        path.unlink()
        named = set(broken(loop))
        assert named == {f"base {'a' * 12}" if ref is loop.base else f"lineage {ref.sha256[:12]}"}
        path.write_bytes(whole)
    assert broken(loop) == []


@pytest.mark.parametrize("damage", [b"garbage", None])
def test_a_ledger_without_its_anchor_is_not_called_whole(loop, damage):
    anchor = loop.folder / "store" / "marks" / "ledger" / "head.json"
    if damage is None:
        anchor.unlink()
    else:
        anchor.write_bytes(damage)
    assert broken(loop) == ["ledger"]


def test_an_unrelated_damaged_object_is_found_when_everything_is_read(loop):
    path = loop.object("examples", loop.data.sha256)
    path.write_bytes(b"?")
    assert broken(loop) == []
    assert broken(loop, everything=True) == ["store"]


def test_a_bundle_whose_manifest_lists_other_files_is_named(loop, tmp_path):
    folder = loop.store.get_folder(Ref(kind="bundle", sha256=loop.ledger.champion().tree, size_bytes=0), tmp_path / "x")
    (folder / "extra.json").write_bytes(b"{}")
    forged = loop.store.put_folder("bundle", folder)
    assert loop.store.has(forged)
    with pytest.raises(CorruptObject, match="extra"):
        read_bundle(loop.store, forged.sha256)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"champion": "1"}, ["alias champion"]),
        ({"champion": None}, ["alias champion"]),
        ({"bundles": {}}, ["version 1", "version 2"]),
    ],
)
def test_a_registry_that_lags_behind_is_named(loop, change, named):
    assert broken(loop, loop.projection.model_copy(update=change)) == named


def test_a_registry_that_does_not_answer_is_a_finding_and_no_crash(loop):
    assert broken(loop, None) == ["registry"]


def test_a_broken_chain_is_the_only_finding(loop):
    import sqlite3

    connection = sqlite3.connect(loop.folder / "aoi.db")
    with connection:
        connection.execute("UPDATE ledger SET record = replace(record, 'bob', 'eve')")
    connection.close()
    assert broken(loop) == ["ledger"]


def test_an_answer_leads_to_weights_data_code_and_approver(loop):
    found = trace(loop.bundles["second"][:12], loop.ledger, loop.store)
    assert (found.bundle, found.version, found.cycle, found.is_champion) == (loop.bundles["second"], "2", 1, True)
    assert found.adapter == sha256_hex(b"second" * 20)
    assert found.data == (loop.data.short,)
    assert (found.code_revision, found.code_sha256, found.settings) == ("rev", "d" * 64, loop.settings.sha256)
    assert (found.approver, found.comment, found.verdict) == ("bob", "looks right", "promote")
    assert found.parents == (loop.bundles["first"],)
    assert found.lost == ()


def test_the_first_champion_has_no_approver(loop):
    found = trace(loop.bundles["first"], loop.ledger, loop.store)
    assert (found.approver, found.is_champion, len(found.promoted_at)) == (None, False, 1)


def test_a_rollback_counts_as_becoming_champion_again(loop):
    loop.ledger.roll_back(None, "ann", "bad", expected=loop.bundles["second"])
    assert len(trace(loop.bundles["first"], loop.ledger, loop.store).promoted_at) == 2


def test_what_is_lost_is_said_and_not_made_up(loop):
    loop.object("examples", loop.data.sha256).unlink()
    loop.object("approval", loop.ledger.entries(kind="promoted")[-1].facts.approval).unlink()
    found = trace(loop.bundles["second"], loop.ledger, loop.store)
    assert found.approver is None
    assert len(found.lost) == 2


@pytest.mark.parametrize("digits", ["", "a", "0000", "zzzz", "../x", "%"])
def test_digits_that_name_no_bundle_are_refused(loop, digits):
    with pytest.raises(UnknownBundle):
        trace(digits, loop.ledger, loop.store)
