"""Lines that people type while they look for a fault, none of which may be refused."""

from collections.abc import Iterator
from random import Random

from tests.agents.audit import attempts

WRITTEN = (
    "kubectl get pods", "kubectl get po", "kubectl get po -o wide", "kubectl get pods -owide",
    "kubectl get pods -n shop",
    "kubectl -n shop get pods", "kubectl get pods --namespace=shop -o wide", "kubectl get pods --show-labels",
    "kubectl get pods -l app=geo", "kubectl get po -l app=geo,tier!=db -o wide",
    "kubectl get pods -l 'app in (geo,rate)'",
    "kubectl get pods --selector=app=geo", "kubectl get pods --field-selector=status.phase!=Running",
    "kubectl get pods --field-selector status.phase=Pending", "kubectl get pods --sort-by=.metadata.creationTimestamp",
    "kubectl get pods --sort-by='{.status.startTime}'", "kubectl get pods --no-headers", "kubectl get pods -o name",
    "kubectl get pod geo -o yaml", "kubectl get pod geo -ojson", "kubectl get pod/geo -o yaml -n shop",
    "kubectl get pods geo rate", "kubectl get deploy", "kubectl get deployment geo -o yaml", "kubectl get deploy,rs,po",
    "kubectl get deployments.apps", "kubectl get rs", "kubectl get sts", "kubectl get ds", "kubectl get svc",
    "kubectl get svc geo -o yaml", "kubectl get service/geo", "kubectl get ep geo", "kubectl get endpoints",
    "kubectl get endpointslices", "kubectl get svc,endpoints -o wide", "kubectl get ingress", "kubectl get ing",
    "kubectl get netpol", "kubectl get networkpolicies -o yaml", "kubectl get cm", "kubectl get configmap geo -o yaml",
    "kubectl get pvc", "kubectl get pv", "kubectl get sc", "kubectl get hpa", "kubectl get jobs", "kubectl get cj",
    "kubectl get nodes", "kubectl get nodes -o wide", "kubectl get no node-1 -o yaml", "kubectl get ns",
    "kubectl get quota",
    "kubectl get limits", "kubectl get sa", "kubectl get pdb", "kubectl get all", "kubectl get all -n shop -o wide",
    "kubectl get events", "kubectl get ev --sort-by=.lastTimestamp", "kubectl get events --field-selector type=Warning",
    "kubectl get events --sort-by='.metadata.creationTimestamp' -n shop", "kubectl events",
    "kubectl events -n shop --types=Warning",
    "kubectl events --for pod/geo", "kubectl events --for=deployment/geo", "kubectl describe pod geo",
    "kubectl describe po geo -n shop", "kubectl describe pods", "kubectl describe pods -l app=geo",
    "kubectl describe deploy/geo", "kubectl describe deployment geo", "kubectl describe svc geo",
    "kubectl describe node node-1",
    "kubectl describe nodes", "kubectl describe rs", "kubectl describe cm geo", "kubectl describe pvc",
    "kubectl describe hpa",
    "kubectl describe netpol", "kubectl describe quota", "kubectl logs geo", "kubectl logs geo --tail=100",
    "kubectl logs geo -p", "kubectl logs geo --previous --tail 50", "kubectl logs deploy/geo",
    "kubectl logs deployment/geo -n shop",
    "kubectl logs deploy/geo --all-containers=true", "kubectl logs geo -c main", "kubectl logs geo main",
    "kubectl logs geo --since=10m", "kubectl logs geo --since 1h --timestamps", "kubectl logs -l app=geo --tail=20",
    "kubectl logs -l app=geo --all-containers", "kubectl logs sts/geo", "kubectl top pods",
    "kubectl top pod geo --containers",
    "kubectl top po --sort-by=memory", "kubectl top nodes", "kubectl top node", "kubectl rollout history deploy/geo",
    "kubectl rollout history deployment geo --revision=1", "kubectl rollout status deploy/geo --watch=false",
    "kubectl rollout status deployment/geo", "kubectl get replicasets -l app=geo -o wide", "prom alerts",
    "prom metrics geo",
    "prom query 'up'", "prom query 'sum(rate(http_requests_total{code=~\"5..\"}[5m])) by (service)'",
    "jaeger services", "jaeger traces geo",
)  # fmt: skip
_ALPHABET = "abcdefgorstu0123456789 -=/,.:'\"()[]{}<>|&;$`\\*!~#%@^+_?\n\t\x00\u043e\u2028\u202eAN"
_TOKENS = (
    "kubectl", "get", "describe", "logs", "events", "top", "rollout", "status", "history", "delete", "exec", "pods",
    "po",
    "deploy/geo", "svc", "nodes", "secrets", "secret/db", "all", "geo", "rate", "-n", "shop", "kube-system", "-o",
    "yaml",
    "json", "wide", "-l", "app=geo", "--tail=5", "-p", "-c", "main", "-A", "-w", "-f", "--raw=/x", "--as=x", "--",
    "--kubeconfig=/x", "--server=https://127.0.0.1:9", ";", "|", "&&", "$(id)", "`id`", ">", "prom", "query", "'up'",
    "jaeger",
    "traces", "services", "--since=5m", "--for=pod/geo", "--sort-by=.metadata.name", "--show-labels", "--revision=1",
)  # fmt: skip


def fuzzed(count: int, seed: int) -> Iterator[str]:
    """As many lines: words thrown together, and written lines and attempts with characters and words changed."""
    random = Random(seed)
    written, tried = list(WRITTEN), list(attempts.lines().values())
    for _ in range(count):
        kind = random.random()
        if kind < 0.35:
            yield _regrouped(random)
        elif kind < 0.45:
            yield " ".join(random.choices(_TOKENS, k=random.randint(1, 9)))
        elif kind < 0.5:
            yield "".join(chr(random.choice((random.randrange(128), random.randrange(0x3000)))) for _ in range(40))
        else:
            yield _changed(random.choice(written if kind < 0.8 else tried), random)


def _regrouped(random: Random) -> str:
    """The words of a written line with flags of another one, in any order behind the verb."""
    verb, *words = random.choice(WRITTEN).split(" ")
    others = [word for word in random.choice(WRITTEN).split(" ") if word.startswith("-")]
    words[1:] = random.sample([*words[1:], *others], k=len(words) - 1 + len(others))
    return " ".join((verb, *words))


def _changed(line: str, random: Random) -> str:
    for _ in range(random.choice((1, 1, 1, 2, 5))):
        at = random.randint(0, len(line))
        match random.randrange(5):
            case 0:
                line = line[:at] + random.choice(_ALPHABET) + line[at:]
            case 1:
                line = line[:at] + line[at + 1 :]
            case 2:
                line = line[:at] + random.choice(_ALPHABET) + line[at + 1 :]
            case 3:
                words = line.split(" ")
                words.insert(random.randint(0, len(words)), random.choice(_TOKENS))
                line = " ".join(words)
            case _:
                words = line.split(" ")
                words[random.randrange(len(words))] = random.choice(_TOKENS)
                line = " ".join(words)
    return line
