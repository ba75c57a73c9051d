"""What the logs of one finding tell, held against everything else, in the order in which it is to be believed."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from aoi.estate.corroboration import Facts, Support
from aoi.estate.estate import Estate
from aoi.estate.finding import Finding, LogKey, Sighting
from aoi.estate.hosts import Host
from aoi.estate.logs.telling import Telling, last_lines
from aoi.estate.observation import Observation

ENDS = 2
"""Lines of a log's end that stand beside a telling line which nobody bears out."""
USAGE = 2
"""What most programs end with whose arguments are wrong, and what Go ends with that panics."""
REACH = 200
"""Lines back from a log's end among which those are looked for."""
_NOTICES = frozenset({"spring.failed", "ruby.rake", "npm.failed"})
"""What frameworks say when a program has failed, whatever the reason."""
_NUMBERS = re.compile(r"\d+")


@dataclass(frozen=True)
class Heard:
    """A log and what it tells."""

    key: LogKey
    observation: Observation
    tellings: tuple[Telling, ...]

    def sighting(self, telling: Telling) -> Sighting:
        """Where a telling line stands."""
        return Sighting(self.observation, telling.start, telling.end)


def hosts_of(estate: Estate, place: str, telling: Telling) -> Iterator[Host]:
    """Whom a telling complains about."""
    for written in telling.hosts:
        host = estate.hosts.resolve(written, place)
        if host is not None:
            yield host


@dataclass(frozen=True)
class Told:
    """One telling of one log, held against what else is known."""

    log: Heard
    telling: Telling
    hosts: tuple[Host, ...]
    support: Support


def weighed(facts: Facts, finding: Finding, logs: list[Heard]) -> list[Told]:
    """What is borne out first, what is contradicted last; of equals what every attempt said, then the most telling."""
    told = []
    for log in logs:
        for telling in log.tellings:
            hosts = tuple(hosts_of(facts.estate, finding.owner.namespace, telling))
            told.append(Told(log, telling, hosts, facts.support(finding, telling, hosts)))
    if finding.exit_code == USAGE and any(each.telling.word == "badargs" for each in told):
        # Wrong arguments end so as well: what it ended with bears out neither.
        told = [replace(t, support=Support.ALONE) if t.telling.kind == "go.panic" else t for t in told]
    attempts = {each.log.key for each in told}
    said = Counter(claim for claim, _ in {(claim(each.telling), each.log.key) for each in told})
    return sorted(
        told,
        key=lambda each: (-each.support, said[claim(each.telling)] < len(attempts), each.telling.weight),
    )


def claim(telling: Telling) -> tuple[str, str]:
    """What a telling says, whatever its numbers: its kind or, where no rule knows it, its text."""
    return telling.word, telling.kind or telling.text


def tells(each: Told) -> bool:
    """Whether it could be a cause, as far as one log can tell."""
    return each.telling.weight < 2 and each.support > Support.CONTRADICTED


def distinct(told: list[Told]) -> list[Told]:
    """One telling of each claim."""
    kept: dict[tuple[str, str], Told] = {}
    for each in told:
        kept.setdefault(claim(each.telling), each)
    return list(kept.values())


def rivals(told: list[Told]) -> list[Told]:
    """One telling of each claim why; that it failed at all is said by whatever stands beside it."""
    return [each for each in distinct(told) if each is told[0] or each.telling.kind not in _NOTICES]


def ends_of(logs: list[Heard], shown: list[Told]) -> list[tuple[Heard, Telling]]:
    """The last lines that differ from each other and from those that are shown."""
    spoken = next((log for log in logs if log.observation.data.strip()), None)
    if spoken is None:
        return []
    known = {_form(each.telling.text) for each in shown}
    kept: list[tuple[Heard, Telling]] = []
    for line in reversed(last_lines(spoken.observation.data, REACH)):
        if _form(line.text) not in known and len(kept) < ENDS:
            known.add(_form(line.text))
            kept.append((spoken, line))
    return kept[::-1]


def _form(text: str) -> str:
    return _NUMBERS.sub("#", " ".join(text.split()))
