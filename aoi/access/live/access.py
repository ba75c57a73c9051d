"""The start-up self-check: an identity that holds any right beyond its list is not used at all.

Deny by default: what a server tells of an identity's rules, in the namespaces that are looked at and in the others,
must be on the list of `aoi.access.live.allowlist`. Where a server does not tell all, it is asked about what harms most
(`aoi.access.live.questions`). The less a server tells, the more requests that takes; where rules are told whole it is
one for each namespace, and one that lists them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from aoi.access.live import questions
from aoi.access.live.allowlist import Role, excess
from aoi.access.live.grants import Access, Grants
from aoi.access.live.namespaces import Read, other_namespaces
from aoi.access.live.questions import NEEDED
from aoi.access.live.reviews import CHECK_S, Post, Question, Reviews
from aoi.access.patience import Patience
from aoi.access.redaction import redact_text
from aoi.errors import RightsMissing, SettingsError

_SHOWN = 6
"""Rights, and places, that a refusal names; the others are counted."""
_EVERYTHING = str(Access("*", "*", "*"))
_COUNTED = 1_000
"""Rights of one namespace that are told apart at all."""


@dataclass(frozen=True, slots=True)
class Checked:
    """How far an identity was asked about, for whoever keeps account of it."""

    whole: frozenset[str] = frozenset()
    """Namespaces whose rules the server told whole: there is nothing else to ask there."""
    untold: tuple[str, ...] = ()
    """What was not asked, or not told, in words."""


@dataclass(frozen=True, slots=True)
class _Check:
    role: Role
    looked_at: tuple[str, ...]
    grants: dict[str, Grants] = field(default_factory=dict)

    def judge(self, told: Mapping[str, Grants]) -> None:
        """Take in what was told of some namespaces. Raises: SettingsError for what is on no list."""
        self.grants.update(told)
        found: dict[str, set[str]] = {}
        for place, grants in told.items():
            for right in islice(excess(grants, self.role, place, self.looked_at), _COUNTED):
                found.setdefault(right, set()).add(place)
        self.refuse(found)

    def refuse(self, found: Mapping[str, set[str]]) -> None:
        """Raises: SettingsError that names rights and where they are held, if there are any."""
        if not found:
            return
        places = sorted(set().union(*found.values()))
        shown = "do everything (* *.*)" if _EVERYTHING in found else _listed(sorted(map(_printable, found)))
        shown = redact_text(shown)  # a path may hold what nobody should log
        where = f"namespace {_listed(places)}" if "" not in places else "the whole cluster"
        raise SettingsError(
            f"the {self.role} identity may {shown} in {where}: AOI does not run with an identity that powerful. Make a "
            f"fitting one: {_print(self.looked_at[0], self.role)} ; or take from this one what it has besides: "
            "kubectl get rolebindings,clusterrolebindings -A -o wide"
        )

    @property
    def unsure(self) -> tuple[str, ...]:
        """Namespaces whose rules were not told whole."""
        return tuple(place for place, grants in self.grants.items() if not grants.is_complete)

    def questions(self, needed: Sequence[Access]) -> tuple[list[Question], list[Question]]:
        """What has to be asked about one by one: what is needed, and what is too much."""
        lacking: list[Question] = []
        too_much: list[Question] = []
        for place in self.unsure:
            if place in self.looked_at:
                lacking += [Question(right, place) for right in needed if not self.grants[place].give(right)]
                too_much += [Question(right, place) for right in questions.of_a_namespace(self.role)]
            else:
                too_much += [Question(right, place) for right in questions.of_another_namespace(self.role)]
        if too_much:
            too_much += [Question(right) for right in questions.of_the_cluster(self.role)]
        return lacking, too_much

    def lacks(self, needed: Sequence[Access]) -> dict[str, list[Access]]:
        """What is missing where rules alone tell it."""
        return {
            place: missing
            for place in self.looked_at
            if self.grants[place].is_complete
            and (missing := [right for right in needed if not self.grants[place].give(right)])
        }

    def refuse_missing(self, missing: Mapping[str, list[Access]]) -> None:
        """Raises: RightsMissing if there is no namespace at all that can be looked at."""
        if not self.looked_at or set(missing) != set(self.looked_at):
            return
        places = "; ".join(f"{', '.join(map(str, rights))} in namespace {place}" for place, rights in missing.items())
        commands = " ; ".join(_print(place, self.role) for place in missing)
        raise RightsMissing(f"the {self.role} identity may not {places}. Grant it the role that fits: {commands}")


def check_identity(
    post: Post,
    read: Read,
    namespaces: Sequence[str],
    role: Role,
    patience: Patience | None = None,
    *,
    needed_rights: Sequence[Access] = NEEDED,
) -> Checked:
    """Refuse an identity that holds a right beyond its list anywhere, or can look at none of these namespaces.

    `needed_rights` is empty where whoever reads tells what was refused. `post` is called from several threads.
    Raises: SettingsError, RightsMissing; ClusterRefused, ClusterUnavailable if the server does not answer reviews.
    """
    patience = patience or Patience(CHECK_S)
    reviews = Reviews(post, patience)
    check = _Check(role, tuple(dict.fromkeys(namespaces)))
    check.judge(reviews.rules(check.looked_at))
    missing = check.lacks(needed_rights)
    check.refuse_missing(missing)
    others = other_namespaces(read, check.looked_at, check.grants.values(), patience)
    check.judge(reviews.rules(others.names))
    lacking, too_much = check.questions(needed_rights)
    answers = reviews.answers([*lacking, *too_much])
    found: dict[str, set[str]] = {}
    for question in too_much:
        if answers[question]:
            found.setdefault(str(question.right), set()).add(question.namespace)
    check.refuse(found)
    for question in lacking:
        if not answers[question] and isinstance(question.right, Access):
            missing.setdefault(question.namespace, []).append(question.right)
    check.refuse_missing(missing)
    return Checked(frozenset(check.grants) - frozenset(check.unsure), (*others.untold, *_unsure(check, len(too_much))))


def _unsure(check: _Check, asked: int) -> Iterable[str]:
    if check.unsure:
        yield (
            f"the server does not tell all rights of the identity in {_listed(check.unsure)}: {asked} rights that it "
            "must not have were asked about one by one, and others may be there"
        )


def _print(place: str, role: Role) -> str:
    return f"aoi access print --namespace {place}{' --executor' if role == 'executor' else ''} | kubectl apply -f -"


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words[:_SHOWN]) + (f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else "")


def _printable(right: str) -> str:
    """Names in rules are a server's words."""
    return "".join(letter if letter.isprintable() else "?" for letter in right[:120])
