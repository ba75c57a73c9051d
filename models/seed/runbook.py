"""Where each signal usually shows: the part of an operator's knowledge that only inventing episodes needs.

The rest (which words point, which are weak, what helps) is `aoi.agents.operators.knowledge`, so that invented
lines and demonstrations agree. It is a table of words; it says nothing about any problem of the catalogue.
"""

from aoi.language.lexicon import SIGNALS

_TABLE = """
logs      : refused timeout nohost reset unavailable dns unimplemented exception fds slowquery panic tls
logs      : unauthorized authfailed nouser forbidden connlimit unclassified
traces    : waits
pods      : crashloop starterror badimagename initwait terminating stalled notready imagepull configerror oomkilled
pods      : zeroreplicas hpapinned restarted evicted jobfailed
events    : liveness readiness insufficient hostport antiaffinity preempted pending nodeselector tainted
nodes     : cordoned nodedown
quota     : quota limitrange
endpoints : targetport selector noservice noendpoints
network   : chaos delay loss netpolicy
config    : missingconfig missingkey badconfig flag
describe  : badimage badcommand badenv badargs
storage   : unbound noclaim noclass released readonly diskfull
metrics   : nometrics leak gc cpuhot flood cachemiss lag throttled
"""

USUAL_CHECK: dict[str, str] = {
    word: row.split(":")[0].strip() for row in _TABLE.strip().splitlines() for word in row.split(":")[1].split()
}
"""Signal -> check, for every signal but `healthy`."""

CAUSES = tuple(word for word in SIGNALS if word != "healthy")
