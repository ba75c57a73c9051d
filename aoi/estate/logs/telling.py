from dataclasses import dataclass
import re


@dataclass(frozen=True, slots=True)
class Telling:
    word: str
    kind: str
    text: str
    start: int
    end: int
    hosts: tuple[str, ...]
    subject: str | None
    weight: int
    count: int
    is_final: bool


def tell(log, *, limit=8):
    out = []
    pos = 0
    for l in log.split(b"\n"):
        t = l.decode("utf8", "replace")
        if re.search(r"error|refused|exception|not found|resolve", t, re.I):
            out.append(
                Telling(
                    "unclassified",
                    "",
                    t[:300],
                    pos,
                    pos + len(l),
                    tuple(re.findall(r"\d+\.\d+\.\d+\.\d+:\d+", t)),
                    None,
                    2,
                    1,
                    True,
                )
            )
        pos += len(l) + 1
    return tuple(out[:limit])


def last_lines(log, n):
    return tuple(x.decode("utf8", "replace") for x in log.rstrip().split(b"\n")[-n:])
