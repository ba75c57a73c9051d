"""The words of the decision layout: one token each in the seed model's vocabulary.

A small model generalises when the words that it must answer with are words that it has read
(docs/architecture.md, "Signals"). So every cause is a signal: a word that the Compressor finds in evidence.
Fault mechanisms, signals and the seed tokenizer share this module; adding a word makes a new vocabulary
and so a new base model.
"""

from collections.abc import Mapping
from typing import Literal

from aoi.records.problem import FaultType, SystemLevel

MAX_HANDLES = 32
"""Services of one application that a model can tell apart: s1..s32; nodes n1..n8."""
MAX_NODES = 8

PHASES = ("scan", "point", "depth", "verify", "fix", "submit")
"""Surface scan, point investigation, depth analysis, verification, ready to fix, ready to submit."""

CHECKS = (
    "pods",  # phase, readiness, restarts, waiting reasons of a component's pods; replicas of its owner
    "events",  # events of a component's objects
    "logs",  # log lines of its newest container, and of the one before if it restarted
    "describe",  # workload template: image, command, probes, resources, selectors, env references
    "endpoints",  # Service ports and selector against the pods and ports behind it
    "config",  # ConfigMaps that the workload references, against their keys
    "history",  # recorded revisions and what changed last
    "metrics",  # request rate, error rate, latency, CPU and memory
    "traces",  # spans: which callee an operation fails or waits at
    "network",  # NetworkPolicies and chaos objects that select the component
    "storage",  # claims, volumes, storage classes
    "quota",  # ResourceQuota, LimitRange of the namespace
    "nodes",  # node conditions, taints, cordons, capacity (its handle is a node or a component's node)
)

PROGRAMS: Mapping[str, str] = {"metrics": "prom", "traces": "jaeger"}
"""Whose line a check is; `kubectl` of the others."""

ACTIONS = (
    "restart",
    "scale",
    "rollback",
    "set_image",
    "set_limits",
    "set_config",
    "fix_port",
    "fix_selector",
    "fix_scheduling",  # remove a node selector or toleration mismatch
    "uncordon",
    "delete_pod",
    "delete_chaos",
    "repair_database",
)

ALERTS = ("errors", "slow", "down", "traffic")
"""What pages an operator: error rate, latency, no ready endpoint, request rate away from its usual."""

SIGNALS = (
    # seen at the caller, pointing at a callee
    "refused", "timeout", "nohost", "reset", "unavailable", "unimplemented", "waits",
    # container start and life
    "crashloop", "imagepull", "badimagename", "configerror", "starterror", "oomkilled", "evicted",
    "notready", "pending", "restarted", "liveness", "readiness", "initwait", "terminating",
    # scheduling, quota, nodes
    "nodeselector", "tainted", "cordoned", "insufficient", "antiaffinity", "hostport", "quota", "limitrange",
    "preempted", "nodedown", "zeroreplicas", "hpapinned", "stalled",
    # service discovery and network
    "noendpoints", "targetport", "selector", "noservice", "netpolicy", "chaos", "delay", "loss", "dns",
    # configuration and images
    "badimage", "badcommand", "badconfig", "missingconfig", "missingkey", "badenv", "badargs",
    # storage
    "unbound", "noclaim", "noclass", "released", "readonly", "diskfull",
    # application and database
    "panic", "unauthorized", "authfailed", "nouser", "tls", "connlimit", "slowquery", "cachemiss", "lag",
    "flag", "leak", "gc", "cpuhot", "throttled", "flood", "fds", "forbidden", "exception",
    # jobs and autoscalers; and what no other word fits
    "jobfailed", "nometrics", "unclassified",
    # all is well
    "healthy",
)  # fmt: skip

HEALTHY = "healthy"
POINTERS = frozenset({"refused", "timeout", "nohost", "reset", "unavailable", "unimplemented", "waits"})
"""Seen at a caller, about its callee."""
AT_OTHER = frozenset({"unauthorized", "authfailed", "nouser", "connlimit", "tls"})
"""Seen at a client, but to be put right at the component that it names, if it names one."""

VERDICTS: Mapping[str, Literal["fault", "no_fault", "inconclusive"]] = {
    "yes": "fault",
    "no": "no_fault",
    "unsure": "inconclusive",
}
LEVELS = {
    "hw": SystemLevel.HARDWARE,
    "os": SystemLevel.OPERATING_SYSTEM,
    "virt": SystemLevel.VIRTUALIZATION,
    "app": SystemLevel.APPLICATION,
}
TYPES = {
    "misconfig": FaultType.MISCONFIGURATION,
    "code": FaultType.CODE_DEFECT,
    "auth": FaultType.AUTHENTICATION,
    "netstore": FaultType.NETWORK_STORAGE,
    "operation": FaultType.OPERATION,
    "dependency": FaultType.DEPENDENCY,
}
TASKS = {"detect": "detection", "locate": "localization", "analyse": "analysis", "mitigate": "mitigation"}
FAILURE_CLASSES = ("syntax", "permission", "resource", "configuration", "method")
"""How the Executor classifies a failed command before it proposes another (paper section 3.4)."""
