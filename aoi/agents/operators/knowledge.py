"""What any operator knows of the words: which point elsewhere, which only show suffering, what usually helps."""

WEAK = frozenset(
    {
        "crashloop", "notready", "pending", "restarted", "noendpoints", "stalled", "terminating", "initwait",
        "exception", "badimage", "configerror", "starterror", "evicted", "badenv", "badargs", "hpapinned",
    }
)  # fmt: skip
"""Say that a component suffers, not why."""

FIRST_LOOK = {"errors": "logs", "slow": "logs", "down": "pods", "traffic": "metrics"}
"""Check for the component that an alert names."""
OWN_LOOKS = {"errors": ("logs", "pods", "endpoints"), "down": ("pods", "endpoints", "logs")}
"""Order of looks at the component of the worst alert, as long as each finds nothing."""
NEXT_LOOK = {
    "crashloop": "logs", "notready": "events", "pending": "events", "restarted": "logs", "noendpoints": "pods",
    "stalled": "events", "terminating": "events", "initwait": "events", "exception": "logs", "badimage": "logs",
    "configerror": "config", "starterror": "describe", "evicted": "events", "badenv": "logs", "badargs": "logs",
    "hpapinned": "metrics",
}  # fmt: skip
"""Check that says more about a weak finding."""
ROUNDS = {
    "refused": ("pods", "endpoints", "network", "logs", "events", "describe", "config"),
    "nohost": ("endpoints", "config", "pods", "logs", "events", "network", "describe"),
    "timeout": ("network", "logs", "pods", "endpoints", "events", "describe", "metrics"),
    "waits": ("network", "logs", "pods", "endpoints", "events", "describe", "metrics"),
    "unimplemented": ("describe", "history", "pods", "logs", "endpoints", "events", "network"),
    "": ("logs", "pods", "network", "endpoints", "events", "describe", "config"),
}
"""Order of looks at a component that a caller points at, by what the caller says; `` for the others."""

REMEDY = {
    "targetport": ("fix_port", "virt", "misconfig"),
    "selector": ("fix_selector", "virt", "misconfig"),
    "noendpoints": ("fix_selector", "virt", "misconfig"),
    "noservice": ("fix_selector", "virt", "misconfig"),
    "zeroreplicas": ("scale", "virt", "operation"),
    "missingconfig": ("set_config", "virt", "misconfig"),
    "missingkey": ("set_config", "virt", "misconfig"),
    "configerror": ("set_config", "virt", "misconfig"),
    "badconfig": ("set_config", "app", "misconfig"),
    "flag": ("set_config", "app", "misconfig"),
    "oomkilled": ("set_limits", "virt", "misconfig"),
    "panic": ("rollback", "app", "misconfig"),
    "unauthorized": ("repair_database", "app", "auth"),
    "authfailed": ("repair_database", "app", "auth"),
    "nouser": ("repair_database", "app", "auth"),
    "forbidden": ("restart", "app", "auth"),
    "nodeselector": ("fix_scheduling", "virt", "dependency"),
    "tainted": ("fix_scheduling", "virt", "dependency"),
    "cordoned": ("uncordon", "hw", "operation"),
    "nodedown": ("uncordon", "hw", "operation"),
    "chaos": ("delete_chaos", "virt", "netstore"),
    "loss": ("delete_chaos", "virt", "netstore"),
    "delay": ("delete_chaos", "virt", "netstore"),
    "netpolicy": ("delete_chaos", "virt", "netstore"),
    "badcommand": ("rollback", "app", "netstore"),
    "unbound": ("restart", "virt", "netstore"),
    "noclaim": ("restart", "virt", "netstore"),
    "released": ("restart", "virt", "netstore"),
}
"""Cause -> action, level, type. What is not listed is a misconfiguration that a rollback may undo."""
USUAL = ("rollback", "virt", "misconfig")
