"""From a kept answer to a proposed action: where it was, which action fits its cause, and what else can be done."""

from aoi.agents.operators.knowledge import remedies
from aoi.database.clusters import RegisteredCluster
from aoi.errors import ActionRefused, Permanent
from aoi.language.lexicon import ACTIONS
from aoi.language.meanings import meaning
from aoi.records.action import ProposedAction
from aoi.records.coverage import Coverage
from aoi.records.decision import ExecDo
from aoi.records.diagnosis import Diagnosis
from aoi.records.episode import Answer
from aoi.visible import visible
from tasks.actions import propose
from tasks.answers import rated
from tasks.clusters import cluster_named, registered

_NOWHERE = "so there is nothing to change"


def propose_for(short: str, wanted: ExecDo | None = None) -> ProposedAction:
    """What may put right what an answer found, or the action that somebody names instead, as a proposal.

    Raises: ActionRefused where nothing typed fits or nothing can be done now, with what a person could do; Permanent
    for an answer about no registered cluster; CorruptObject, PurgedObject, and as `tasks.actions.propose`.
    """
    diagnosis = rated(short).diagnosis
    answer, coverage = _told(short, diagnosis)
    cluster = _cluster_of(short, coverage)
    if wanted is not None:
        namespace, _ = _place_of(answer.component or wanted.target, coverage)
        return propose(cluster.name, namespace, [wanted], answer=diagnosis.kept_as, why=answer.summary)
    if answer.verdict != "fault" or not answer.component:
        verdict = answer.verdict.replace("_", " ")
        raise ActionRefused(f"{short} says {verdict} and accuses nobody, {_NOWHERE}{_could(answer)}")
    namespace, target = _place_of(answer.component, coverage)
    actions = remedies(answer.cause or "")
    if not actions:
        what = meaning(answer.cause) if answer.cause else "no cause"
        raise ActionRefused(
            f"no typed action is known to put right what {short} found ({answer.component} {what}){_could(answer)}"
        )
    try:
        wishes = [ExecDo(action, target) for action in actions]
        return propose(cluster.name, namespace, wishes, answer=diagnosis.kept_as, why=answer.summary)
    except ActionRefused as refused:
        raise ActionRefused(f"{refused}{_could(answer)}") from refused


def propose_in(cluster: str, namespace: str | None, do: ExecDo) -> ProposedAction:
    """An action that somebody names, without an answer. Raises: as `tasks.actions.propose`."""
    places = cluster_named(cluster).namespaces
    if namespace is None and len(places) != 1:
        raise Permanent(f"cluster {cluster} is registered with {', '.join(places)}: say which one with -n")
    return propose(cluster, namespace or places[0], [do])


def _told(short: str, diagnosis: Diagnosis) -> tuple[Answer, Coverage]:
    """The answer, and where it looked. Raises: Permanent."""
    answer = diagnosis.answer
    told = answer if answer and answer.coverage else diagnosis.survey
    coverage = told.coverage if told else None
    if answer is None or coverage is None or not coverage.cluster:
        raise Permanent(f"{short} is about no live cluster, {_NOWHERE}. Diagnose one: aoi diagnose --cluster NAME")
    return answer, coverage


def _cluster_of(short: str, coverage: Coverage) -> RegisteredCluster:
    """The registered cluster that an answer is about: of that address and, of several, with that context."""
    there = [cluster for cluster in registered() if cluster.server == coverage.cluster]
    named = [cluster for cluster in there if cluster.context == coverage.context] or there
    named = [cluster for cluster in named if cluster.executor_kubeconfig] or named
    if not named:
        raise Permanent(
            f"{short} is about {visible(coverage.cluster)}, which is registered under no name, so nothing is changed "
            "there. Enter it: aoi clusters add NAME --kubeconfig FILE --executor-kubeconfig FILE"
        )
    return named[0]


def _place_of(component: str, coverage: Coverage) -> tuple[str, str]:
    """(namespace, name) of what an answer calls `name`, `kind/name` or, of several namespaces, `namespace/...`."""
    first, *rest = component.split("/")
    if len(coverage.namespaces) == 1:
        return coverage.namespaces[0], (rest or [first])[-1]
    if rest and first in coverage.namespaces:
        return first, rest[-1]
    if not coverage.namespaces:
        raise ActionRefused(f"{component} was found in no namespace, {_NOWHERE}")
    return coverage.namespaces[0], component  # belongs to no namespace, as a node does


def _could(answer: Answer) -> str:
    """What is left to a person."""
    steps = f". What a person could do: {' ; '.join(answer.next)}" if answer.next else ""
    return f"{steps}. Or name an action yourself ({', '.join(ACTIONS)}): aoi actions propose --answer ID ACTION NAME"
