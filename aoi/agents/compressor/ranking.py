"""The order of findings: what names a cause before what shows a symptom, and nothing twice."""

from collections.abc import Iterable

from aoi.agents.compressor.observation import Finding

_TIERS: tuple[tuple[str, ...], ...] = (
    # What is plainly wrong in an object that somebody wrote.
    (
        "targetport", "selector", "noservice", "zeroreplicas", "missingconfig", "missingkey", "badimagename",
        "badcommand", "chaos", "netpolicy", "nodeselector", "insufficient", "tainted", "cordoned", "antiaffinity",
        "hostport", "quota", "limitrange", "noclaim", "noclass", "released", "nodedown", "imagepull", "badconfig",
        "oomkilled", "liveness", "readiness", "unbound", "preempted", "evicted", "hpapinned", "nometrics",
    ),
    # What a program says of itself.
    (
        "unauthorized", "authfailed", "nouser", "tls", "connlimit", "forbidden", "diskfull", "readonly", "fds", "dns",
        "flag", "unimplemented", "badenv", "panic", "slowquery", "cachemiss", "lag", "leak", "gc", "cpuhot",
        "throttled", "flood", "loss", "delay", "unclassified",
    ),
    # What the cluster does about it, and what differs from before without being wrong in itself.
    (
        "configerror", "starterror", "badargs", "badimage", "crashloop", "initwait", "stalled", "noendpoints",
        "jobfailed",
    ),
    # Callers' views of somebody else.
    ("refused", "nohost", "timeout", "unavailable", "reset", "waits"),
    # Symptoms that many causes share.
    ("notready", "pending", "terminating", "restarted", "exception"),
    ("healthy",),
)  # fmt: skip
_TIER = {word: number for number, tier in enumerate(_TIERS) for word in tier}


def tier(word: str) -> int:
    """How telling a signal is: 0 and 1 name a cause, the rest are effects."""
    return _TIER[word]


def rank(findings: Iterable[Finding], target: str) -> list[Finding]:
    """One finding per (word, subject, other), the target's own first within a tier, then the heavier ones."""
    merged: dict[tuple[str, str, str | None], Finding] = {}
    for finding in findings:
        key = (finding.word, finding.subject, finding.other)
        earlier = merged.get(key)
        merged[key] = finding if earlier is None else earlier._replace(weight=earlier.weight + finding.weight)

    def order(finding: Finding) -> tuple[bool, int, float, str, str, str]:
        is_foreign = target not in (finding.subject, finding.other)
        return (
            is_foreign,
            _TIER[finding.word],
            -finding.weight,
            finding.word,
            finding.subject,
            finding.other or "",
        )

    return sorted(merged.values(), key=order)
