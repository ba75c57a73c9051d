"""The API server's own words for what it did not let in, or could not place: which word of the lexicon they are.

Sources: kube-scheduler's plug-ins, the quota and LimitRanger admission plug-ins, the pod security admission.
"""

import re
from typing import NamedTuple

_QUOTA = re.compile(r"exceeded quota|failed quota|must specify (?:requests|limits)\.", re.IGNORECASE)
_LIMIT_RANGE = re.compile(
    r"(?:minimum|maximum) (?:cpu|memory|ephemeral-storage|storage)\S* (?:usage|limit)|limit to request ratio",
    re.IGNORECASE,
)
_PRIORITY = re.compile(r"no PriorityClass with name", re.IGNORECASE)
_ACCOUNT = re.compile(r'error looking up service account|serviceaccount "[^"]+" not found', re.IGNORECASE)


def refusal_word(message: str) -> str:
    """Word for a refused creation: quota, limits, or a policy, webhook or account that forbids it."""
    if _QUOTA.search(message):
        return "quota"
    if _LIMIT_RANGE.search(message):
        return "limitrange"
    if _ACCOUNT.search(message) or _PRIORITY.search(message):
        return "missingconfig"
    return "forbidden"


class Obstacle(NamedTuple):
    """One reason why a pod is not placed, and how many nodes it rules out."""

    word: str
    words: str
    nodes: int


_OBSTACLES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("noclaim", re.compile(r'persistentvolumeclaim "[^"]+" not found', re.IGNORECASE)),
    (
        "unbound",
        re.compile(r"unbound immediate PersistentVolumeClaims|persistentvolumeclaim .* bound to non-existent", re.I),
    ),
    ("unbound", re.compile(r"volume node affinity conflict|didn't find available persistent volumes to bind", re.I)),
    ("cordoned", re.compile(r"were unschedulable|node\.kubernetes\.io/unschedulable", re.IGNORECASE)),
    ("nodedown", re.compile(r"node\.kubernetes\.io/(?:not-ready|unreachable|\w+-pressure)", re.IGNORECASE)),
    ("tainted", re.compile(r"untolerated taint|had taint", re.IGNORECASE)),
    ("antiaffinity", re.compile(r"anti-affinity|pod affinity rules|topology spread constraints", re.IGNORECASE)),
    ("nodeselector", re.compile(r"node affinity(?:/selector)?|node selector|didn't match node", re.IGNORECASE)),
    ("hostport", re.compile(r"free ports", re.IGNORECASE)),
    ("insufficient", re.compile(r"Insufficient \S+|Too many pods", re.IGNORECASE)),
)
_PREEMPTION = re.compile(r"\.?\s*preemption:.*$", re.DOTALL)
_COUNTED = re.compile(r"(\d+) ((?:[^,{]|\{[^}]*\})+)")
_HEAD = re.compile(r"^\d+/(\d+) nodes are available:\s*")


def obstacles(message: str) -> list[Obstacle]:
    """The scheduler's obstacles, the one that holds back most nodes first.

    `0/3 nodes are available: 1 Insufficient memory, 2 node(s) had untolerated taint {a: b}. preemption: ...`
    """
    told = _PREEMPTION.sub("", message)
    head = _HEAD.match(told)
    if head is None:
        return [Obstacle(word, told.strip(), 1) for word in _words_of(told)[:1]]
    pieces = [(int(count), words.strip(" .")) for count, words in _COUNTED.findall(told[head.end() :])]
    if not pieces:  # what rules out all of them is said without a number
        pieces = [(int(head[1]), told[head.end() :].strip(" ."))]
    known = [Obstacle(word, words, count) for count, words in pieces for word in _words_of(words)[:1]]
    return sorted(known, key=lambda obstacle: -obstacle.nodes)


def _words_of(words: str) -> list[str]:
    return [word for word, pattern in _OBSTACLES if pattern.search(words)]
