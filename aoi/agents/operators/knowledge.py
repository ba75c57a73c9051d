"""What any operator knows of the words: which point elsewhere, which only show suffering, what usually helps.

Runbook knowledge of Kubernetes, a word at a time: nothing here is of a certain mechanism, application or world. Which
of these words only held-out mechanisms have, `aoi problems words` tells.
"""

SUFFERING = (
    "badargs", "badenv", "badimage", "evicted", "initwait", "configerror", "starterror", "terminating", "pending",
    "crashloop", "stalled", "noendpoints", "hpapinned", "notready", "restarted", "exception", "delay",
)  # fmt: skip
"""Say that a component suffers, not why; the most telling first."""
WEAK = frozenset(SUFFERING)

FIRST_LOOK = {"errors": "logs", "slow": "logs", "down": "pods", "traffic": "metrics"}
"""Check for the component that an alert names."""
OWN_LOOKS = {
    "errors": ("logs", "endpoints", "describe", "traces", "metrics"),
    "busy": ("logs", "endpoints", "metrics", "traces", "pods"),
    "slow": ("logs", "metrics", "traces", "pods"),
    "down": ("pods", "endpoints", "logs"),
}
"""Order of looks at the component of the worst alert, as long as each finds nothing; `busy`: it errs and is slow."""
NEXT_LOOK = {
    "crashloop": "logs", "notready": "events", "pending": "events", "restarted": "logs", "noendpoints": "pods",
    "stalled": "events", "terminating": "events", "initwait": "events", "exception": "logs", "badimage": "logs",
    "configerror": "config", "starterror": "describe", "evicted": "events", "badenv": "logs", "badargs": "logs",
    "hpapinned": "metrics", "delay": "network",
}  # fmt: skip
"""Check that says more about a weak finding."""
ROUNDS = {
    "refused": ("pods", "endpoints", "network", "logs", "events", "describe", "config"),
    "reset": ("describe", "logs", "network", "pods", "endpoints", "events", "config"),
    "nohost": ("endpoints", "config", "pods", "logs", "events", "network", "describe"),
    "timeout": ("network", "logs", "metrics", "pods", "endpoints", "events", "describe"),
    "waits": ("network", "logs", "metrics", "pods", "endpoints", "events", "describe"),
    "unimplemented": ("describe", "history", "pods", "logs", "endpoints", "events", "network"),
    "": ("logs", "pods", "network", "endpoints", "describe", "metrics", "events"),
}
"""Order of looks at a component that a caller points at, by what the caller says; `` for the others."""

REMEDY = {
    # How it is reached.
    "targetport": ("fix_port", "virt", "misconfig"),
    "selector": ("fix_selector", "virt", "misconfig"),
    "noendpoints": ("fix_selector", "virt", "misconfig"),
    "noservice": ("fix_selector", "virt", "misconfig"),
    "chaos": ("delete_chaos", "virt", "netstore"),
    "loss": ("delete_chaos", "virt", "netstore"),
    "delay": ("delete_chaos", "virt", "netstore"),
    "netpolicy": ("delete_chaos", "virt", "netstore"),
    # What it is configured with: what a ConfigMap held is put back, else the template that was changed.
    "missingconfig": ("set_config", "virt", "misconfig"),
    "missingkey": ("set_config", "virt", "misconfig"),
    "configerror": ("set_config", "virt", "misconfig"),
    "badconfig": ("set_config", "app", "misconfig"),
    "flag": ("set_config", "app", "misconfig"),
    "connlimit": ("set_config", "app", "misconfig"),
    "badenv": ("rollback", "app", "misconfig"),
    "badargs": ("rollback", "app", "misconfig"),
    "badcommand": ("rollback", "app", "netstore"),
    "starterror": ("rollback", "virt", "misconfig"),
    # What it runs.
    "panic": ("rollback", "app", "misconfig"),
    "exception": ("rollback", "app", "code"),
    "leak": ("rollback", "app", "code"),
    "cpuhot": ("rollback", "app", "code"),
    "gc": ("rollback", "app", "misconfig"),
    "cachemiss": ("rollback", "app", "misconfig"),
    "tls": ("rollback", "app", "misconfig"),
    "fds": ("rollback", "os", "misconfig"),
    "oomkilled": ("set_limits", "virt", "misconfig"),
    "flood": ("scale", "app", "operation"),
    "slowquery": ("repair_database", "app", "operation"),
    "unauthorized": ("repair_database", "app", "auth"),
    "authfailed": ("repair_database", "app", "auth"),
    "nouser": ("repair_database", "app", "auth"),
    "initwait": ("rollback", "virt", "dependency"),
    # Where it may run, and how much of it.
    "zeroreplicas": ("scale", "virt", "operation"),
    "nodeselector": ("fix_scheduling", "virt", "dependency"),
    "tainted": ("fix_scheduling", "virt", "misconfig"),
    "cordoned": ("uncordon", "virt", "operation"),
    "nodedown": ("uncordon", "hw", "operation"),
    "preempted": ("rollback", "virt", "operation"),
    "pending": ("rollback", "virt", "operation"),
    "terminating": ("delete_pod", "virt", "operation"),
    # Where it keeps what it keeps.
    "unbound": ("rollback", "virt", "netstore"),
    "noclaim": ("rollback", "virt", "netstore"),
    "noclass": ("rollback", "virt", "netstore"),
    "released": ("rollback", "virt", "netstore"),
    "readonly": ("rollback", "virt", "netstore"),
    "forbidden": ("rollback", "virt", "netstore"),
}
"""Cause -> action, level, type. What is not listed is a misconfiguration that a rollback may undo."""
USUAL = ("rollback", "virt", "misconfig")
OTHERWISE = {"set_config": "rollback", "set_limits": "rollback", "fix_scheduling": "rollback", "restart": "rollback"}
"""What the Executor tries where an action came to nothing; a restart for the others."""


def remedies(cause: str) -> tuple[str, ...]:
    """Typed actions that may put a cause right, the likeliest first; none where nothing better than luck is known."""
    if cause not in REMEDY:
        return ()
    action = REMEDY[cause][0]
    return (action, OTHERWISE[action]) if action in OTHERWISE else (action,)


TOLD_APART = {"imagepull": "events", "missingconfig": "events", "oomkilled": "describe"}
"""Causes of several classes, and the check that tells which."""
DEEPER = {
    "oomkilled": frozenset({"flag", "leak", "badcommand"}),
    "leak": frozenset({"flag"}),
    "gc": frozenset({"flag"}),
}
"""Cause -> what explains it where both are seen at one component."""
BOTH = {
    # Whom the registry does not let in, and who does not find it.
    frozenset({"imagepull", "authfailed"}): ("virt", "auth"),
    frozenset({"imagepull", "tls"}): ("virt", "auth"),
    frozenset({"imagepull", "dns"}): ("virt", "dependency"),
    frozenset({"missingconfig", "forbidden"}): ("virt", "auth"),
    # A container that cannot start is another thing than a program that runs and is the wrong one.
    frozenset({"badcommand", "stalled"}): ("virt", "misconfig"),
    frozenset({"badcommand", "starterror"}): ("virt", "misconfig"),
    frozenset({"badcommand", "crashloop"}): ("virt", "misconfig"),
    frozenset({"initwait", "crashloop"}): ("virt", "misconfig"),
    frozenset({"missingkey", "badenv"}): ("app", "misconfig"),
    frozenset({"panic", "exception"}): ("app", "code"),
    frozenset({"nodedown", "evicted"}): ("os", "misconfig"),
    # Its alert says that it gets more than usual.
    frozenset({"throttled", "traffic"}): ("app", "operation"),
}
"""Level and type of two words that are seen at one component, where together they say more than the cause alone."""
