"""Admission policies through the real kubectl: applied from a file, shown, explained, and felt."""

import pytest

POLICY = """
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: NAME.example.com}
spec:
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: SPACE}}
    resourceRules:
      - apiGroups: [apps]
        apiVersions: [v1]
        operations: [CREATE, UPDATE]
        resources: [deployments, deployments/scale]
  validations:
    - expression: object.spec.replicas <= 3
      messageExpression: "'at most 3 replicas, not ' + string(object.spec.replicas)"
      reason: Forbidden
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: NAME-binding}
spec:
  policyName: NAME.example.com
  validationActions: [ACTION]
"""


@pytest.fixture
def guarded(kubectl):
    """A namespace of its own with a policy of its own, applied with an action."""

    def apply(action: str) -> str:
        text = POLICY.replace("NAME", kubectl.namespace).replace("SPACE", kubectl.namespace).replace("ACTION", action)
        kubectl.run("apply -f -", "created.*created", stdin=text)
        return text

    yield apply
    kubectl.run(f"delete validatingadmissionpolicybinding {kubectl.namespace}-binding", "deleted")
    kubectl.run(f"delete validatingadmissionpolicy {kubectl.namespace}.example.com", "deleted")


def test_an_applied_policy_is_shown_with_its_columns_and_refuses_what_it_names(kubectl, guarded):
    text = guarded("Deny")
    # The default scope makes the client see a difference in an atomic list; the server sees none.
    kubectl.run("apply -f -", r"configured\n.*unchanged", stdin=text)
    name = f"{kubectl.namespace}.example.com"
    kubectl.run(
        "get validatingadmissionpolicies", rf"NAME +VALIDATIONS +PARAMKIND +AGE\n(.*\n)*{name} +1 +<unset> +\d+"
    )
    kubectl.run(
        "get validatingadmissionpolicybindings",
        rf"NAME +POLICYNAME +PARAMREF +AGE\n(.*\n)*{kubectl.namespace}-binding +{name} +<unset> +\d+",
    )
    kubectl.run(
        f"describe validatingadmissionpolicy {name}", r"Kind: +ValidatingAdmissionPolicy.*Failure Policy: +Fail"
    )
    kubectl.run(f"get validatingadmissionpolicy {name} -o jsonpath={{.status.observedGeneration}}", "^1$", within_s=5)
    kubectl.run("create deployment web --image=nginx:1.25 --replicas=2", "created")
    kubectl.run(
        "scale deployment web --replicas=5",
        rf"Error from server \(Forbidden\): deployments.apps \"web\" is forbidden: ValidatingAdmissionPolicy '{name}' "
        rf"with binding '{kubectl.namespace}-binding' denied request: at most 3 replicas, not 5",
        code=1,
    )
    kubectl.run(
        "create deployment api --image=nginx:1.25 --replicas=4 --dry-run=server", "at most 3 replicas, not 4", code=1
    )
    kubectl.run("scale deployment web --replicas=3", "scaled")


def test_a_warning_is_printed_and_the_object_is_made(kubectl, guarded):
    guarded("Warn")
    kubectl.run(
        "create deployment web --image=nginx:1.25 --replicas=4",
        rf"Warning: Validation failed for ValidatingAdmissionPolicy '{kubectl.namespace}.example.com' with binding "
        rf"'{kubectl.namespace}-binding': at most 3 replicas, not 4",
    )
    kubectl.run("get deployment web", "web +[0-9]/4")


def test_a_policy_that_does_not_compile_is_refused_with_place_and_reason(kubectl):
    text = POLICY.partition("---")[0].replace("object.spec.replicas <= 3", "object.spec.replicas <")
    kubectl.run(
        "create -f -",
        r'The ValidatingAdmissionPolicy "broken.example.com" is invalid: spec.validations\[0\].expression: Invalid '
        r'value: "object.spec.replicas <": compilation failed: ERROR: <input>:1:23: Syntax error',
        code=1,
        stdin=text.replace("NAME", "broken"),
    )


def test_explain_and_api_resources_know_policies(kubectl):
    kubectl.run("explain validatingadmissionpolicy.spec.matchConstraints.resourceRules", "operations.*resourceNames")
    kubectl.run("explain validatingadmissionpolicybinding.spec.validationActions", "Deny")
    kubectl.run(
        "api-resources --api-group=admissionregistration.k8s.io",
        "validatingadmissionpolicies +admissionregistration.k8s.io/v1 +false +ValidatingAdmissionPolicy",
    )
