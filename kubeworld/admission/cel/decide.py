"""Ask the policies about one request: who denies it, what is to be warned of, what goes into the audit record.

Called by the API for every write, and by controllers for the pods that they create. Without bindings it returns at
once. Source: k8s.io/apiserver/pkg/admission/plugin/policy/validating/{dispatcher,validator}.go
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from kubeworld.admission.cel import params
from kubeworld.admission.cel.cel import EvaluationError
from kubeworld.admission.cel.compiled import Expression, Policy, Validation, compiled
from kubeworld.admission.cel.inputs import Facts, Inputs
from kubeworld.admission.cel.matching import Request, match
from kubeworld.kinds.kind import Kind
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

GROUP = "admissionregistration.k8s.io"
POLICIES = f"validatingadmissionpolicies.{GROUP}"
BINDINGS = f"validatingadmissionpolicybindings.{GROUP}"
_REVIEW_GROUPS = ("authentication.k8s.io", "authorization.k8s.io")
"""Requests that store nothing; no policy sees them."""
MESSAGE_LIMIT = 5 * 1024
ANNOTATION_LIMIT = 10 * 1024
FAILURES = "validation.policy.admission.k8s.io/validation_failure"
CODES = {"Unauthorized": 401, "Forbidden": 403, "RequestEntityTooLarge": 413, "Invalid": 422}


@dataclass(frozen=True, slots=True)
class Denial:
    """The first refusal."""

    message: str
    reason: str

    @property
    def code(self) -> int:
        """HTTP status."""
        return CODES.get(self.reason, 422)


@dataclass(slots=True)
class Verdict:
    """What all policies together said."""

    denials: list[Denial] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    failures: list[Obj] = field(default_factory=list)
    """Failed validations of bindings that audit."""
    published: dict[str, list[str]] = field(default_factory=dict)

    def annotations(self) -> dict[str, str]:
        """For the audit record."""
        annotations = {key: ", ".join(values) for key, values in self.published.items()}
        if self.failures:
            annotations[FAILURES] = orjson.dumps(self.failures).decode()
        return annotations


@dataclass(frozen=True, slots=True)
class Decision:
    """One expression did not hold, or had no value."""

    index: int
    message: str
    reason: str = "Invalid"


def check(world: World, request: Request) -> Verdict | None:
    """What the policies say about a request; None if none is bound."""
    bindings = world.store.objects(BINDINGS)
    if not bindings or _is_exempt(request):
        return None
    verdict = Verdict()
    facts = _Known(world, request)
    # By policy and then by binding, so that the first denial, which is the one told, is the same each time.
    for binding in sorted(bindings, key=lambda candidate: candidate["spec"].get("policyName", "")):
        policy = world.store.get(POLICIES, "", binding["spec"].get("policyName", ""))
        if policy is not None:
            _apply(facts, policy, binding, verdict)
    return verdict


class _Known:
    """The facts of one request, worked out once for all policies."""

    def __init__(self, world: World, request: Request) -> None:
        self.world = world
        self.request = request
        self._facts: dict[tuple[Kind, int], tuple[Obj | None, Facts]] = {}

    def facts(self, kind: Kind, parameter: Obj | None) -> Facts:
        """For a version and a parameter object; both are kept, so that an identity stays theirs."""
        key = kind, id(parameter)
        if key not in self._facts:
            self._facts[key] = parameter, Facts(self.world, self.request, kind, parameter)
        return self._facts[key][1]


def _is_exempt(request: Request) -> bool:
    """Policies never stand in the way of changing policies."""
    if request.kind.group == GROUP:
        return request.kind.plural.startswith("validatingadmissionpolic")
    return request.kind.group in _REVIEW_GROUPS


def _apply(known: _Known, policy: Obj, binding: Obj, verdict: Verdict) -> None:
    world, request = known.world, known.request
    kind = match(world, policy["spec"].get("matchConstraints"), request)
    if kind is None or match(world, binding["spec"].get("matchResources"), request) is None:
        return
    programs = compiled(policy)
    try:
        parameters = params.params_of(world, policy, binding, request)
    except params.Misconfigured as error:
        if programs.fails_closed:
            verdict.denials.append(_denial(policy, binding, Decision(0, str(error))))
        return
    # Each parameter object is an evaluation of its own: two of them can deny one request twice.
    for parameter in parameters:
        inputs = Inputs(known.facts(kind, parameter), programs.variables)
        for decision in _decisions(programs, inputs):
            _act(policy, binding, decision, verdict)
        _annotate(policy, binding, programs, inputs, verdict)


def _act(policy: Obj, binding: Obj, decision: Decision, verdict: Verdict) -> None:
    names = policy["metadata"]["name"], binding["metadata"]["name"]
    actions = binding["spec"].get("validationActions") or ()
    for action in actions:
        if action == "Deny":
            verdict.denials.append(_denial(policy, binding, decision))
        elif action == "Warn":
            verdict.warnings.append(
                f"Validation failed for ValidatingAdmissionPolicy '{names[0]}' with binding '{names[1]}': "
                f"{decision.message}"
            )
        else:
            failure = {"message": decision.message, "policy": names[0], "binding": names[1]}
            index: Obj = {"expressionIndex": decision.index, "validationActions": list(actions)}
            verdict.failures.append({**failure, **index})


def _denial(policy: Obj, binding: Obj, decision: Decision) -> Denial:
    names = f"'{policy['metadata']['name']}' with binding '{binding['metadata']['name']}'"
    return Denial(f"ValidatingAdmissionPolicy {names} denied request: {decision.message}", decision.reason)


def _decisions(programs: Policy, inputs: Inputs) -> Iterator[Decision]:
    """What a policy objects to, for one set of parameters."""
    try:
        if not conditions_hold(programs.conditions, inputs):
            inputs.is_skipped = True
            return
    except EvaluationError as error:
        inputs.is_skipped = True
        if programs.fails_closed:
            yield Decision(0, str(error))
        return
    for at, validation in enumerate(programs.validations):
        try:
            holds = _value(validation.expression, inputs)
        except EvaluationError as error:
            if programs.fails_closed:
                yield Decision(at, str(error))
        else:
            if holds is not True:
                yield Decision(at, _message(validation, inputs), validation.reason or "Invalid")


def conditions_hold(conditions: Sequence[Expression], inputs: Inputs) -> bool:
    """One false condition decides; else one without a value does. Raises: EvaluationError."""
    problems: list[str] = []
    for condition in conditions:
        try:
            # A false condition wins over one that fails, in whatever order they stand: the policy is not about this
            # request.
            if _value(condition, inputs) is False:
                return False
        except EvaluationError as error:
            problems.append(str(error))
    if problems:
        raise EvaluationError(problems[0] if len(problems) == 1 else "[" + ", ".join(problems) + "]")
    return True


def _value(expression: Expression, inputs: Inputs) -> Any:
    """Raises: EvaluationError, in the words of the API server."""
    if expression.program is None:
        raise EvaluationError(f"compilation error: {expression.error}")
    try:
        return inputs.evaluate(expression)
    except EvaluationError as error:
        raise EvaluationError(f"expression '{expression.source}' resulted in error: {error}") from error


def _message(validation: Validation, inputs: Inputs) -> str:
    """The expression's message, else the message, else the expression itself."""
    text = ""
    if validation.message_expression is not None:
        try:
            text = str(_value(validation.message_expression, inputs)).strip()
        except EvaluationError:
            text = ""
        # What cannot be said in one short line is left to the plain message.
        if len(text.encode()) > MESSAGE_LIMIT or "\n" in text:
            text = ""
    return text or validation.message.strip() or f"failed expression: {validation.expression.source.strip()}"


def _annotate(policy: Obj, binding: Obj, programs: Policy, inputs: Inputs, verdict: Verdict) -> None:
    if inputs.is_skipped:
        return
    for key, expression in programs.annotations:
        try:
            text = _value(expression, inputs)
        except EvaluationError as error:
            if programs.fails_closed:
                verdict.denials.append(_denial(policy, binding, Decision(0, str(error))))
            continue
        text = text.strip() if isinstance(text, str) else ""
        if text:
            values = verdict.published.setdefault(f"{policy['metadata']['name']}/{key}", [])
            # Two bindings of one policy may publish under the same key: what is alike is told once.
            if text not in values:
                values.append(text[:ANNOTATION_LIMIT])
