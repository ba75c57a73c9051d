"""A home in which a promotion waits for a person: small, and real down to the ledger, the store and the registry."""

from datetime import UTC, datetime
from pathlib import Path

from aoi.language.profile import SEED_PROFILE
from aoi.promotion.approval import decided
from aoi.records.base import sha256_hex
from aoi.records.promotion import Approval, Champion, LedgerFacts, PromotionRequest
from models import bundle as bundles
from models.registry import Registry
from tasks.bundles import base_of, champion_ref, open_bundle
from tasks.install import install_champion
from tasks.workspace import workspace
from tests.models.small import make_adapter, make_base, make_examples, make_lines
from tests.promotion.requests import decision


class Home:
    """A home with a bare base as champion and a request to promote an adapter on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        ws = workspace()
        store_base(make_base(folder / "base", steps=20))
        self.first = present()
        champion = open_bundle(champion_ref(self.first))
        examples = make_examples(champion.base, make_lines())
        self.adapter = make_adapter(champion.base, examples[:32], folder / "adapter", seed=1)
        self.other = make_adapter(champion.base, examples[32:64], folder / "other", seed=2)
        lineage = bundles.Lineage(
            name="cycle-1", code_revision="r", code_sha256="1" * 64, settings="2" * 64, parent=champion.digest, cycle=1
        )
        parts = bundles.Parts(base_of(champion_ref(self.first)), SEED_PROFILE, self.adapter)
        self.manifest = bundles.write(folder / "challenger", parts, lineage)
        tree = ws.store.put_folder("bundle", folder / "challenger")
        version = Registry.of(ws.settings).register(1, folder / "challenger", self.manifest, tree=tree.sha256)
        self.request = self._ask(LedgerFacts(bundle=self.manifest.digest(), version=version.number, tree=tree.sha256))
        ws.database.close()

    def _ask(self, facts: LedgerFacts) -> PromotionRequest:
        ledger = workspace().ledger
        cycle = ledger.open_cycle("nightly")
        ledger.register(cycle.number, facts, "nightly")
        evaluation = sha256_hex(b"evaluation")
        seen = LedgerFacts(bundle=facts.bundle, replaces=cycle.champion, evaluation=evaluation)
        ledger.evaluated(cycle.number, seen, "nightly")
        request = PromotionRequest(
            cycle=cycle.number,
            champion=cycle.champion,
            challenger=facts.bundle,
            challenger_version=facts.version,
            evaluation=evaluation,
            decision=decision(evaluation),
        )
        workspace().store.put("request", request)
        ledger.request(request, "nightly")
        return request

    def approval(self, verdict: str = "approve") -> Approval:
        return decided(self.request, verdict, "bob", now=datetime.now(UTC), hours=1)


def store_base(folder: Path) -> None:
    from aoi.records.learning import BASES, StoredBase
    from models import files

    store = workspace().store
    tree = store.put_folder("base", folder)
    weights = files.weights_digest(folder)
    store.mark(BASES, weights, StoredBase(weights=weights, tree=tree.sha256))
    install_champion.fn(tree)


def present() -> Champion:
    champion = workspace().ledger.champion()
    assert champion is not None
    return champion
