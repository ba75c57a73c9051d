"""Gate: the verdict on an evaluation, and the request that asks a person for the promotion."""

from aoi.promotion.gate import decide as verdict_on
from aoi.records.base import Ref
from aoi.records.evaluation import EvaluationResult
from aoi.records.promotion import Cycle, LedgerFacts, PromotionRequest
from tasks.caching import stage
from tasks.register import Registered
from tasks.workspace import actor, workspace


@stage("gate", timeout_s=1800)
def decide(cycle: Cycle, challenger: Registered, evaluation: Ref[EvaluationResult]) -> PromotionRequest:
    """Decide, and enter evaluation and request in the ledger. Asked again, the same request comes back."""
    ws = workspace()
    result = ws.store.get(evaluation, EvaluationResult)
    request = PromotionRequest(
        cycle=cycle.number,
        champion=cycle.champion,
        challenger=challenger.bundle,
        challenger_version=challenger.version,
        evaluation=evaluation.sha256,
        decision=verdict_on(result, ws.settings),
    )
    facts = LedgerFacts(bundle=challenger.bundle, replaces=cycle.champion, evaluation=evaluation.sha256)
    ws.ledger.evaluated(cycle.number, facts, actor())
    ws.store.put("request", request)
    ws.ledger.request(request, actor())
    return request
