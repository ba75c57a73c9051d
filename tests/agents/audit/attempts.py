"""Attempts to make a line of kubectl do more than read one namespace, by family. Every address is loopback."""

from collections.abc import Iterator, Mapping
from itertools import product

WRITES = (
    "annotate pod geo a=b", "apply -f -", "apply -k .", "apply edit-last-applied deploy/geo",
    "apply set-last-applied -f x.yaml", "attach geo", "auth reconcile -f rbac.yaml", "autoscale deploy/geo --max=9",
    "certificate approve x", "certificate deny x", "cordon node-1", "cp geo:/etc/passwd /tmp/x", "cp /tmp/x geo:/tmp/x",
    "create -f -", "create deployment x --image=x", "create role r --verb=* --resource=*", "create rolebinding b",
    "create secret generic s", "create token executor", "create job j --image=x", "create configmap c",
    "create quota q", "create serviceaccount s", "debug pod/geo --image=busybox", "debug node/node-1 -it --image=x",
    "delete pod geo", "delete pods --all", "delete ns shop", "delete -f -", "drain node-1 --force",
    "edit deploy/geo", "exec geo -- id", "exec -it geo -- sh", "expose deploy/geo --port=80", "label pods --all a=b",
    "patch deploy/geo -p {}", "patch deploy geo --type=json -p []", "port-forward svc/geo 8080:80",
    "proxy --port=8001", "replace -f -", "replace --raw /api/v1/x -f -", "rollout pause deploy/geo",
    "rollout restart deploy/geo", "rollout resume deploy/geo", "rollout undo deploy/geo", "run x --image=x",
    "scale deploy/geo --replicas=0", "set env deploy/geo A=b", "set image deploy/geo geo=x", "set resources deploy/geo",
    "set selector svc geo a=b", "set serviceaccount deploy geo default", "set subject rolebinding b",
    "taint nodes node-1 a=b:NoExecute", "uncordon node-1",
)  # fmt: skip
LOCAL = (
    "config view --raw", "config view", "config set-credentials u --token=x", "config use-context admin",
    "config set clusters.x.server https://127.0.0.1:9", "config unset users", "cluster-info dump",
    "cluster-info", "completion bash", "plugin list", "myplugin", "options", "kustomize .",
    "kustomize http://127.0.0.1:9/x", "diff -f -", "diff -k http://127.0.0.1:9/x", "alpha debug geo", "kuberc set",
    "convert -f x", "explain pods", "api-resources", "api-versions", "version --client", "wait pod/geo --for=delete",
    "auth can-i --list", "auth whoami", "krew install x", "neat", "ctx admin", "ns kube-system", "sniff geo",
)  # fmt: skip
"""What reads or writes files of the client's machine, runs programs on it, or tells of it."""
GLOBAL_FLAGS = (
    "--as=system:admin", "--as-group=system:masters", "--as-uid=0", "--as-user-extra=a=b", "--cache-dir=/tmp/x",
    "--certificate-authority=/etc/passwd", "--client-certificate=/etc/passwd", "--client-key=/etc/passwd",
    "--cluster=other", "--context=admin", "--disable-compression", "--insecure-skip-tls-verify",
    "--kubeconfig=/root/.kube/config", "--kuberc=/tmp/x", "--log-flush-frequency=1s", "--match-server-version",
    "--password=x", "--profile=cpu", "--profile-output=/tmp/x", "--request-timeout=0", "--server=https://127.0.0.1:9",
    "-s https://127.0.0.1:9", "--tls-server-name=x", "--token=x", "--user=admin", "--username=x", "-v=9",
    "--vmodule=x=9", "--warnings-as-errors",
)  # fmt: skip
READS = ("get pods", "describe pod geo", "logs geo", "events", "top pods", "rollout history deploy/geo")
OUTPUTS = (
    "-o go-template-file=/etc/passwd", "-o jsonpath-file=/etc/passwd", "-o custom-columns-file=/etc/passwd",
    "-o go-template={{.}}", "-o jsonpath={.items}", "-o jsonpath-as-json={.items}", "-o template",
    "--template={{.}}", "-o custom-columns=A:.data", "-o kyaml", "--output-watch-events", "--show-managed-fields",
    "-f http://127.0.0.1:9/x.yaml", "--filename=/etc/passwd", "-k .", "-R -f /etc", "--raw=/api/v1/secrets",
    "--raw /metrics", "-w", "--watch", "--watch-only", "--subresource=status", "--subresource=scale",
    "--server-print=false", "--all-namespaces", "-A", "--chunk-size=0", "--dry-run=server",
)  # fmt: skip
SHELLS = (
    "; id", "&& id", "|| id", "| sh", "|& sh", "> /tmp/x", ">> /tmp/x", "2>&1", "< /etc/passwd", "<<< x", "& id",
    "$(id)", "`id`", "${IFS}id", "$IFS", "<(id)", ">(id)", "\\\nid", "\nid", "\rid", "\tid", "\x00id", "\x0bid",
    "#x", "~root", "*", "?", "[a-z]", "{a,b}", "!!", "%0aid", "\x1b[2J", "-- ; id", "'$(id)'", '"$(id)"', '"`id`"',
)  # fmt: skip
SECRETS = (
    "secrets", "secret", "Secret", "SECRETS", "secrets.v1", "secrets.v1.", "secrets.v1.core", "v1/secrets", "sec",
    "secrets/db", "secret/db", "secrets db", "pods,secrets", "secrets,pods", "all,secrets", "pod/geo secret/db",
    "sealedsecrets.bitnami.com", "externalsecrets", "tokenreviews", "serviceaccounts/default/token", "pods/geo/exec",
    "pods/geo/log",
    "nodes/node-1/proxy", "leases", "roles", "rolebindings", "clusterroles", "clusterrolebindings",
    "certificatesigningrequests", "componentstatuses", "apiservices", "flowschemas", "csinodes", "*", "*.*", "crds.x",
)  # fmt: skip
FOREIGN = (
    "-n kube-system", "-nkube-system", "--namespace=kube-system", "--namespace kube-system", "-n=kube-system",
    "-n shop -n kube-system", "-n SHOP", "-n sh\u043ep", "-n shop/../kube-system", "-n '*'", "-n ''",
    "-n shop,kube-system",
    "-n shop%2f", "--namespace=shop --namespace=default",
)  # fmt: skip
SPELLINGS = (
    "kubectl\u00a0get pods", "kubectl \u0261et pods", "kubectl get p\u043eds", "kubectl get\u200b pods",
    "\ufeffkubectl get pods",
    "kubectl get pods\u2028id", "kubectl get pods\u2029id", "kubectl get \uff50ods", "kubectl get pods \u2212A",
    "kubectl get pods \u2013A",
    "kubectl get pods \u202e-A", "KUBECTL get pods", "kubectl.exe get pods", "./kubectl get pods",
    "sudo kubectl get pods",
    "env X=1 kubectl get pods", "KUBECONFIG=/tmp/x kubectl get pods", "exec kubectl get pods",
    "command kubectl get pods",
    "k get pods", "oc get pods", "helm list", "sh -c 'kubectl get pods'", "bash", "eval kubectl get pods",
    "python3 -c 'import os'", "curl http://127.0.0.1:9", "kubectl get pods '", 'kubectl get pods "',
    "kubectl get pods \\",
    "kubectl get -- pods", "kubectl -- get pods", "kubectl get pods -- -A", "kubectl get pods --", "kubectl --help",
    "kubectl get pods --help", "kubectl get pods -h", "kubectl get pods -no", "kubectl get pods -oA",
    "kubectl get pod ../secrets/db", "kubectl get pod %2e%2e", "kubectl get pod geo?x=y", "kubectl get pod geo#x",
    "kubectl get pod geo/exec", "kubectl logs geo/../../secrets", "kubectl logs geo -f",
    "kubectl logs geo --follow=true",
    "kubectl logs geo --follow", "kubectl logs geo --insecure-skip-tls-verify-backend", "kubectl logs geo --prefix",
    "kubectl logs geo --pod-running-timeout=1h", "kubectl logs geo --max-log-requests=9",
    "kubectl logs geo --limit-bytes=9e9",
    "kubectl logs geo --since-time=2020-01-01T00:00:00Z", "kubectl logs geo --tail=99999999", "kubectl logs secret/db",
    "kubectl events -A", "kubectl events --watch", "kubectl events --for=secret/db", "kubectl top pods -A",
    "kubectl top secrets", "kubectl rollout status deploy/geo --watch",
    "kubectl rollout status deploy/geo --timeout=1h",
)  # fmt: skip
TELEMETRY = (
    "prom admin tsdb delete_series", "prom query", "prom query 'a' 'b'", "prom query 'a;b'", "prom query 'a#b'",
    "prom query 'x\ny'", "prom query 'x&y=z'", "prom delete x", "prom write x", "prom http://127.0.0.1:9",
    "prom -XPOST x",
    "prom metrics ../admin", "prom metrics geo rate", "prom metrics geo?x", "prom alerts x", "prom reload", "prom quit",
    "jaeger delete x", "jaeger traces ../x", "jaeger traces geo rate", "jaeger services x", "jaeger http://127.0.0.1:9",
    "jaeger traces geo?limit=1e9", "jaeger", "prom", "grafana dashboards", "promtool query", "loki query x",
)  # fmt: skip
PATHS = (
    "/api/v1/namespaces/shop/secrets", "/api/v1/namespaces/shop/secrets/db", "/api/v1/secrets", "/api/v1/pods",
    "/api/v1/namespaces/shop/pods/geo/exec", "/api/v1/namespaces/shop/pods/geo/attach",
    "/api/v1/namespaces/shop/pods/geo/portforward", "/api/v1/namespaces/shop/pods/geo/proxy",
    "/api/v1/namespaces/shop/pods/geo/proxy/metrics", "/api/v1/namespaces/shop/pods/geo/eviction",
    "/api/v1/namespaces/shop/pods/geo/ephemeralcontainers", "/api/v1/namespaces/shop/pods/geo/binding",
    "/api/v1/namespaces/shop/services/geo/proxy", "/api/v1/namespaces/shop/serviceaccounts/default/token",
    "/api/v1/nodes/node-1/proxy", "/api/v1/nodes/node-1/proxy/logs", "/api/v1/watch/namespaces/shop/pods",
    "/api/v1/watch/pods", "/api", "/apis", "/openapi/v2", "/openapi/v3", "/metrics", "/healthz", "/logs",
    "/debug/pprof",
    "/api/v1/namespaces/shop/pods/", "/api/v1//namespaces/shop/pods", "/api/v1/namespaces/shop/pods/../secrets",
    "/api/v1/namespaces/shop/pods/%2e%2e/secrets", "/api/v1/namespaces/shop/pods/..%2fsecrets",
    "/API/v1/namespaces/shop/pods",
    "/api/v1/namespaces/shop/Secrets", "/api/v1/namespaces/shop/secrets%00", "/api/v1/namespaces/shop/pods?watch=true",
    "/api/v1/namespaces/shop/pods#x", "//127.0.0.1:9/api/v1/namespaces/shop/pods", "http://127.0.0.1:9/api/v1/pods",
    "/api/v1/namespaces/shop/pods\r\nX: y", "/api/v1/namespaces/shop/pods\x00", "/api/v1/namespaces/shop/pods;x",
    "/api/v1/namespaces/sh\u043ep/pods", "/apis/apps/v1/namespaces/shop/deployments/geo/scale",
    "/apis/apps/v1/namespaces/shop/deployments/geo/status", "/apis/rbac.authorization.k8s.io/v1/namespaces/shop/roles",
    "/apis/rbac.authorization.k8s.io/v1/clusterroles", "/apis/authentication.k8s.io/v1/tokenreviews",
    "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "/apis/certificates.k8s.io/v1/certificatesigningrequests",
    "/apis/bitnami.com/v1alpha1/namespaces/shop/sealedsecrets/db",
    "/apis/vault.example/v1/namespaces/shop/vaulttokens/x",
    "/apis/example.com/v1/namespaces/shop/widgets", "/apis/example.com/v1/namespaces/shop/widgets/x/status",
    "/apis/example.com/v1/widgets/x", "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases",
)  # fmt: skip
"""Paths that no `ReadRequest` may hold."""


def lines() -> Mapping[str, str]:
    """Every attempt as a line, by a name that says what it tries."""
    return dict(_named())


def _named() -> Iterator[tuple[str, str]]:
    plain = [f"kubectl {words}" for words in (*WRITES, *LOCAL)]
    yield from ((f"verb: {line}", line) for line in plain)
    yield from ((f"verb behind a namespace: {words}", f"kubectl -n shop {words}") for words in WRITES)
    flagged = [f"kubectl {read} {flag}" for read, flag in product(READS, GLOBAL_FLAGS)]
    yield from ((f"global flag: {line}", line) for line in flagged)
    yield from ((f"global flag first: {flag}", f"kubectl {flag} get pods") for flag in GLOBAL_FLAGS)
    yield from ((f"output: {words}", f"kubectl get pods {words}") for words in OUTPUTS)
    yield from ((f"shell: {words!r} behind {read}", f"kubectl {read} {words}") for read in READS for words in SHELLS)
    yield from ((f"shell glued: {words!r}", f"kubectl get pods{words}") for words in SHELLS)
    for verb in ("get", "describe"):
        yield from ((f"type: {verb} {words}", f"kubectl {verb} {words}") for words in SECRETS)
    yield from ((f"namespace: {words!r} in {read}", f"kubectl {read} {words}") for read in READS for words in FOREIGN)
    yield from ((f"spelling: {line!r}", line) for line in (*SPELLINGS, *TELEMETRY))
