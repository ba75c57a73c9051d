"""General knowledge that a large model would bring along: what a signal usually means and where it shows.

Used only to invent pre-training episodes. It says nothing about any problem of the catalogue: it is a table of
words, as a runbook has. `check` is where the signal is seen, `level` and `type` are AIOpsLab's labels in short.
"""

from dataclasses import dataclass

from aoi.agents.lexicon import SIGNALS


@dataclass(frozen=True, slots=True)
class Entry:
    """What usually goes with one signal."""

    check: str
    level: str
    type: str
    action: str


# check level type action: words
_TABLE = """
logs      virt netstore   restart         : refused timeout nohost reset unavailable dns
logs      app  code       rollback        : unimplemented exception fds slowquery
traces    app  code       rollback        : waits
pods      virt misconfig  rollback        : crashloop starterror badimagename initwait terminating stalled notready
pods      virt misconfig  set_image       : imagepull
pods      virt misconfig  set_config      : configerror
pods      virt misconfig  set_limits      : oomkilled
pods      virt operation  scale           : zeroreplicas hpapinned
pods      virt operation  delete_pod      : restarted evicted
events    virt misconfig  rollback        : liveness readiness insufficient hostport antiaffinity preempted pending
events    virt dependency fix_scheduling  : nodeselector tainted
nodes     hw   operation  uncordon        : cordoned nodedown
quota     virt operation  scale           : quota limitrange
endpoints virt misconfig  fix_port        : targetport
endpoints virt misconfig  fix_selector    : selector noservice noendpoints
network   virt netstore   delete_chaos    : chaos delay loss
network   virt netstore   restart         : netpolicy
config    virt misconfig  set_config      : missingconfig missingkey
config    app  misconfig  set_config      : badconfig flag
describe  virt misconfig  rollback        : badimage badcommand badenv badargs
storage   virt netstore   restart         : unbound noclaim noclass released readonly diskfull
logs      app  misconfig  rollback        : panic tls
logs      app  auth       repair_database : unauthorized authfailed nouser forbidden
logs      app  operation  restart         : connlimit
metrics   app  code       restart         : leak gc cpuhot flood cachemiss lag
metrics   virt misconfig  set_limits      : throttled
"""

RUNBOOK: dict[str, Entry] = {
    word: Entry(*row.split(":")[0].split()) for row in _TABLE.strip().splitlines() for word in row.split(":")[1].split()
}
"""Every signal but `healthy`."""

WEAK = ("crashloop", "notready", "pending", "restarted", "noendpoints", "stalled", "terminating", "initwait")
"""Signals that say that a component suffers, not why: another look is due."""

POINTERS = ("refused", "timeout", "nohost", "reset", "unavailable", "unimplemented", "waits")
"""Signals seen at a caller that point at its callee."""

LOOK_AFTER = {
    "refused": "endpoints", "nohost": "endpoints", "timeout": "network", "reset": "pods", "unavailable": "pods",
    "unimplemented": "history", "waits": "metrics", "crashloop": "logs", "notready": "events", "pending": "events",
    "restarted": "logs", "noendpoints": "pods", "stalled": "events", "terminating": "events", "initwait": "logs",
    "errors": "logs", "slow": "traces", "down": "pods", "traffic": "metrics",
}  # fmt: skip
"""Where to look at the component that an alert, a pointer or a weak signal names."""

ROUND = (
    "pods", "endpoints", "logs", "describe", "events", "config", "network", "history", "metrics", "storage", "quota",
    "nodes", "traces",
)  # fmt: skip
"""The order of further looks at one component: what follows depends only on the last look, which a prompt shows."""

CAUSES = tuple(word for word in SIGNALS if word != "healthy")


def next_look(check: str) -> str:
    """The check after `check` in the round."""
    return ROUND[(ROUND.index(check) + 1) % len(ROUND)]
