"""What one block of a log says: word, kind, excerpt and hosts, or that it merely looks like an error."""
# ruff: noqa: E501 - a pattern is one line for each of its groups

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from aoi.estate.logs.blocks import Block, Statement
from aoi.estate.logs.hosts import hosts_of
from aoi.estate.logs.levels import Level, Said
from aoi.estate.logs.lines import excerpt, readable
from aoi.estate.logs.rules import RULES, Rule
from aoi.estate.logs.rules.index import RuleIndex
from aoi.language.lexicon import POINTERS

EXCERPT = 400
"""Characters shown of a telling line."""
UNCLASSIFIED = "unclassified"
SYMPTOM, LOOKS_BAD = 2, 3
"""Weights of an exception that no rule knows and of a line that merely looks like an error."""
_LOOKS_BAD = re.compile(
    r"\b(?:[A-Z]\w{0,60}(?:Error|Exception)|ERROR|FATAL|PANIC|Error|error|Fatal|fatal|[Ff]ailed|FAILED|[Ff]ailure|[Cc]annot|[Cc]an't|[Cc]ould not|"
    r"[Cc]ouldn't|[Uu]nable to|[Aa]bort(?:ed|ing)|[Mm]issing|[Nn]ot found|[Dd]enied|[Ii]nvalid|[Uu]nsupported|[Cc]orrupt(?:ed|ion)?|Killed|[Rr]ejected|"
    r"[Ee]xpired|[Cc]rashed|[Rr]efus(?:ed|ing)|does not exist|giving up)\b"
)  # fmt: skip
_NOTHING_BAD = re.compile(
    r"\b(?:0|no|zero|without)\s+(?:\w+\s+)?(?:errors?|failures?|failed|exceptions?|missing|invalid)\b|"
    r"(?:errors?|failed|failures?|exceptions?|invalid|missing|rejected|denied)(?:_\w+)?[\"']?\s?[=:]\s?[\"']?0\b|"
    r"error[ _-]?(?:count|rate|budget|handler|page|log|report)|\bon[_-]error|not failed|if\s.{0,40}\bfail",
    re.IGNORECASE,
)
_ADVICE = re.compile(r"\W{0,4}(?:hint|tip|note|usage|help|see|docs?|example|e\.g\.|picked up)\b|#|//", re.IGNORECASE)
_REPORTS = re.compile(r"[\w.$]{0,200}(?:[Ee]rror|ERROR|[Ee]xception|FATAL|[Ff]atal|panic)\b")
_HINT = re.compile(
    r"\bif you (?:see|get|encounter|want)\b|\bin case of\b|\bsuch as [\"'`]",
    re.IGNORECASE,
)
_WENT_WELL = re.compile(
    r"(?:\.\.\.?|…|:|-|=>|\s)\s?(?:ok|okay|done|succeeded|success|recovered|passed)\W{0,3}$", re.IGNORECASE
)
_OTHERS_WORDS = re.compile(
    r"\b(?:said|says|wrote|writes|asked|typed|posted|commented|searched for)\b[\s\"']{0,2}(?:[:=]|[\"'“‘])|"
    r"\b(?:user|customer|visitor)(?:'s)? (?:message|input|comment|review|feedback|prompt|text|note|query)\b|"
    r"\b(?:comment|feedback|prompt|review|note|title|user[-_]agent)[:=]\s?[\"'“‘]",
    re.IGNORECASE,
)
"""What introduces the words of somebody else."""
_DEALT_WITH = re.compile(
    r"(?:retry on|handling|handles|ignoring|ignores)\s|.{0,280}\b(?:enabled|gracefully)\W{0,3}$", re.IGNORECASE
)
"""How a program without levels speaks of errors that it is ready for."""
_COUNTED = re.compile(r"(?:[\w.]{0,30})[\"']?\s?[=:]\s?[\"']?0\b(?!\.)")
_NONE_OF_IT = re.compile(r"(?:\b(?:0|no|zero|without|any|never|not)\s)$", re.IGNORECASE)
_REQUESTED = re.compile(r", client: [^,]{1,64}, .{0,300}request: \"")
_POSTGRES_CLIENT = re.compile(r"\[\d{1,9}\].{0,40} ERROR:  ")
_SETTINGS = re.compile(
    r"/etc/|/config|/conf/|/secrets?/|\.(?:ya?ml|json|toml|conf|cfg|ini|properties|env|xml|pem|crt|key|cnf)$|(?:^|/)\.env|(?:^|/)[\w-]{0,40}config[\w-]{0,40}$"
)
_LONG_NUMBERS = re.compile(r"\d{4,}|\b[0-9a-f]{12,}\b")
_UPSTREAM = re.compile(
    r"outbound\|(?P<port>\d{1,5})\|[^|\s]{0,60}\|(?P<name>[\w.-]{1,253})|upstream\w{0,12}[\"']?[=:]\s?[\"']?(?:https?://)?(?P<plain>[\w.-]{1,253}:\d{1,5})"
)
_PROXY = {502: "unavailable", 503: "unavailable", 504: "timeout"}
_CACHED = 20_000
_INDEX = RuleIndex(RULES)
_TERMINAL = frozenset(rule.kind for rule in RULES if rule.is_terminal)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one block says."""

    word: str
    kind: str
    text: str
    index: int
    """Of the line that says so."""
    hosts: tuple[str, ...]
    subject: str | None
    weight: int
    is_call: bool


class Classifier:
    """Asks the rules, and remembers what lines of the same form have been."""

    def __init__(self) -> None:
        self._known: dict[str, Rule | None] = {}

    def find(self, block: Block) -> Finding | None:
        """What the block says; None if it is no trouble."""
        said = block.head.said
        if said.status is not None and said.level < Level.ERROR:
            return _proxied(block, said.status)
        if said.level is Level.QUIET:
            return next((f for f in self._by_rules(block, block.statements) if _is_terminal(f)), None)
        statements = [statement for statement in block.statements if "Traceback (most" not in statement.said.text]
        finding = next(self._by_rules(block, [*statements, *block.details]), None)
        if finding is None:
            return _unknown(block, statements)
        if said.level is Level.WARN:
            return replace(finding, weight=min(LOOKS_BAD, finding.weight + 1))
        return finding

    def _by_rules(self, block: Block, statements: list[Statement]) -> Iterator[Finding]:
        for statement in statements:
            said = replace(statement.said, text=readable(statement.said.text))
            if asked := self._ask(said):
                yield _finding(block, Statement(statement.index, said), *asked)

    def _ask(self, said: Said) -> tuple[Rule, re.Match[str]] | None:
        """The first rule that fits, unless the line only mentions what it is about."""
        if said.level <= Level.WARN and (_is_advice(said) or _WENT_WELL.search(said.text[-40:])):
            return None
        form = _LONG_NUMBERS.sub("0", said.text)
        lowered = said.text.lower()
        if form in self._known:
            rule = self._known[form]
            match = rule.match(said.text, lowered, said.message_start) if rule else None
            return (rule, match) if rule and match else None
        answer = next(_fitting(said, lowered), None)
        if len(self._known) < _CACHED:
            self._known[form] = answer[0] if answer else None
        return answer


def _fitting(said: Said, lowered: str) -> Iterator[tuple[Rule, re.Match[str]]]:
    for rule in _INDEX.candidates(lowered):
        match = rule.match(said.text, lowered, said.message_start)
        if match and not _is_mention(said, match):
            yield rule, match


def _is_advice(said: Said) -> bool:
    """Whether a line explains an error instead of reporting one."""
    if _REPORTS.match(said.text, said.message_start):
        return False
    return bool(_ADVICE.match(said.text, said.message_start) or _HINT.search(said.text[:300]))


def _is_mention(said: Said, match: re.Match[str]) -> bool:
    """Whether a match is another's word, a counter at zero, or denied by the word before it."""
    text = said.text
    introduced = _OTHERS_WORDS.search(text, 0, match.start())
    return bool(
        introduced
        or (said.level is Level.NONE and _DEALT_WITH.match(text, said.message_start))
        or _COUNTED.match(text, match.end())
        or _NONE_OF_IT.search(text[max(0, match.start() - 10) : match.start()])
    )


def _is_terminal(finding: Finding) -> bool:
    return finding.kind in _TERMINAL


def _finding(block: Block, statement: Statement, rule: Rule, match: re.Match[str]) -> Finding:
    groups = match.groupdict()
    subject = (groups.get("subject") or "").strip() or None
    word, kind, weight = rule.word, rule.kind, rule.weight
    hosts = _hosts(block, statement, groups.get("host")) if rule.is_call else ()
    if kind == "file.missing" and subject and _SETTINGS.search(subject):
        word, kind = "missingconfig", "config.file"
    if kind.startswith("sql.") and _POSTGRES_CLIENT.search(statement.said.text):
        weight += 1  # the server's log tells of a client's mistake
    if word in POINTERS and not hosts and block.frame_text.startswith(("goroutine", "[signal")):
        word = "panic"  # a call that names nobody cannot be followed, the crash can
    if kind == "file.missing" and _REQUESTED.search(statement.said.text):
        weight = LOOKS_BAD  # nginx answers 404, and says so as an error
    text = excerpt(statement.said.text, match.start(), match.end(), EXCERPT)
    if kind == "rust.panic" and text.endswith(":"):  # its message is on the next line
        said_next = next((part.said.text.strip() for part in block.statements if part.index > statement.index), "")
        text = excerpt(f"{text} {said_next}", 0, 0, EXCERPT)
    return Finding(word, kind, text, statement.index, hosts, subject, weight, rule.is_call)


def _hosts(block: Block, statement: Statement, said: str | None) -> tuple[str, ...]:
    """Hosts of the line, else of the fields beside it, else of the lines around it in the block."""
    own = hosts_of(statement.said.text)
    if own or said:
        first = said.strip("[]().:,") if said and ":" not in said else said.rstrip(":.,)") if said else ""
        named = (first,) if first and not any(host.startswith(first) for host in own) else ()
        return (*named, *own)
    others = [part.said.text for part in (*block.statements, *block.details) if part is not statement]
    texts = [statement.said.beside, block.head.said.beside, *others, block.frame_text]
    return next((hosts for text in texts if text and (hosts := hosts_of(readable(text)))), ())


def _proxied(block: Block, status: int) -> Finding | None:
    """A proxy's own word for an upstream that failed; other statuses are not errors of this process."""
    if status not in _PROXY:
        return None
    text = readable(block.head.said.text)
    hosts = []
    for match in _UPSTREAM.finditer(text):
        hosts.append(match["plain"] or f"{match['name']}:{match['port']}")
    shown = excerpt(text, 0, 0, EXCERPT)
    unique = tuple(dict.fromkeys(hosts))
    return Finding(_PROXY[status], f"access.{status}", shown, block.head.index, unique, None, SYMPTOM, True)


def _unknown(block: Block, statements: list[Statement]) -> Finding | None:
    """An exception that no rule knows, or a line that looks like an error."""
    level, statement = block.head.said.level, (statements or [block.head])[0]
    text = statement.said.text
    if level is Level.WARN or (block.is_preamble and not block.is_crash):
        return None
    if not statements or (block.is_preamble and statement is block.head):
        text = block.frame_text.rstrip().rpartition("\n")[2]
        if not text:
            return None
    shown = excerpt(readable(text), 0, 0, EXCERPT)
    if not shown:
        return None
    is_thrown = block.is_crash and (level >= Level.ERROR or bool(_LOOKS_BAD.search(text)) or block.is_chain)
    if is_thrown:
        return Finding("exception", "exception", shown, statement.index, (), None, SYMPTOM, False)
    if level >= Level.ERROR or _looks_bad(statement.said):
        if block.details and len(shown) < 60:  # `fail: Program[0]` has its message on the next line
            shown = excerpt(f"{shown} {block.details[0].said.text.strip()}", 0, 0, EXCERPT)
        return Finding(UNCLASSIFIED, "", shown, statement.index, (), None, LOOKS_BAD, False)
    return None


def _looks_bad(said: Said) -> bool:
    text = readable(said.text)
    match = _LOOKS_BAD.search(text)
    return bool(
        match
        and not _NOTHING_BAD.search(text)
        and not _DEALT_WITH.match(text, said.message_start)
        and not _is_advice(said)
        and not _WENT_WELL.search(text[-40:])
        and not _OTHERS_WORDS.search(text, 0, match.start())
    )
