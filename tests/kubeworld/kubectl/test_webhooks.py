"""Webhooks, aggregated APIs and kinds of the system through the real kubectl."""

import pytest

CONFIGURATION = """
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: NAME}
webhooks:
  - name: guard.NAME.example.com
    clientConfig: {service: {namespace: NAME, name: guard, path: /check}}
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NAME}}
    rules:
      - {apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}
    sideEffects: None
    admissionReviewVersions: [v1]
    timeoutSeconds: 5
"""
SERVICE = """
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1beta1.NAME.example.com}
spec:
  group: NAME.example.com
  version: v1beta1
  groupPriorityMinimum: 100
  versionPriority: 100
  service: {namespace: NAME, name: adapter}
"""


@pytest.fixture
def applied(kubectl):
    """Applies a manifest for the test's own namespace, and takes it away."""
    done: list[str] = []

    def apply(text: str) -> None:
        done.append(text.replace("NAME", kubectl.namespace))
        kubectl.run("apply -f -", "created", stdin=done[-1])

    yield apply
    for text in done:
        kubectl.run("delete -f -", "deleted", stdin=text)


def test_a_webhook_that_cannot_be_reached_refuses_in_the_words_that_people_know(kubectl, applied):
    applied(CONFIGURATION)
    name = kubectl.namespace
    kubectl.run("get validatingwebhookconfigurations", rf"NAME +WEBHOOKS +AGE\n(.*\n)*{name} +1 +\d+")
    kubectl.run(f"describe validatingwebhookconfiguration {name}", r"Failure Policy: +Fail.*Timeout Seconds: +5")
    kubectl.run(
        "create configmap x",
        "error: failed to create configmap: Internal error occurred: "
        rf'failed calling webhook "guard.{name}.example.com": failed to call webhook: '
        rf'Post "https://guard.{name}.svc:443/check\?timeout=5s": service "guard" not found',
        code=1,
    )
    patch = '[{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Ignore"}]'
    kubectl.run(f"patch validatingwebhookconfiguration {name} --type=json -p '{patch}'", "patched")
    kubectl.run("create configmap x", "created")


def test_an_api_that_nobody_serves_is_shown_unavailable(kubectl, applied):
    applied(SERVICE)
    name = f"v1beta1.{kubectl.namespace}.example.com"
    kubectl.run(
        f"get apiservice {name}",
        rf"NAME +SERVICE +AVAILABLE +AGE\n{name} +{kubectl.namespace}/adapter +False \(ServiceNotFound\) +\d+",
        within_s=5,
    )
    kubectl.run(
        f"get --raw /apis/{kubectl.namespace}.example.com/v1beta1",
        r"Error from server \(ServiceUnavailable\): the server is currently unable to handle the request",
        code=1,
    )
