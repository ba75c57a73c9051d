"""Reads through disguises: a line as a program that decodes it would see it, with the way back to what was written."""

import re
from dataclasses import dataclass

MARK = "[redacted]"
CONTROL = "\x7f"
"""Stands for a control character until everything is found; it then becomes a question mark."""

Span = tuple[int, int]

_CODED = re.compile(
    r"%[2-7][0-9A-Fa-f]|%25[2-7][0-9A-Fa-f]|\\{1,16}u00[2-7][0-9A-Fa-f]|\\{1,16}x[2-7][0-9A-Fa-f]"
    r"|&(?:quot|apos|lt|gt|amp|#3[49]);"
    # Codes of terminals, and characters that nobody sees.
    r"|[\x7f\x1b]\[[0-9;]{0,16}m|[\x7f\u00ad\u180e\u200b-\u200f\u2060-\u2064\ufe00-\ufe0f\ufeff]"
)
_ENTITIES = {"&quot;": '"', "&apos;": "'", "&lt;": "<", "&gt;": ">", "&amp;": "&", "&#34;": '"', "&#39;": "'"}
_LOOKALIKES = str.maketrans(
    "аеорсухіјѕԁһкмтгԛѡοανερτυιѵɑɡıＡаАВЕКМНОРСТХІЅ",
    "aeopcyxijsdhkmtrqwoavepruivagiAaABEKMHOPCTXIS",
)
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_FOLDS = {**_FULL_WIDTH, **_LOOKALIKES, 0xA0: 0x20, 0x3000: 0x20}


@dataclass(frozen=True, slots=True)
class Folded:
    """A line as it is read, and where each of its characters stands in what was written."""

    text: str
    low: str
    """In lower case, of the same length."""
    offsets: tuple[int, ...] | None = None
    """One more than there are characters; None where both are the same."""

    def written(self, span: Span) -> Span:
        """A span of `text` in what was written."""
        if self.offsets is None:
            return span
        return self.offsets[span[0]], self.offsets[span[1]]


def is_encoded(text: str) -> bool:
    """Whether something in this may have to be decoded first."""
    if not text.isascii() or CONTROL in text or "\x1b" in text:
        return True
    return "%" in text or "\\u" in text or "\\x" in text or ("&" in text and ";" in text)


def fold(line: str) -> Folded:
    """Decode a line for reading. Same length unless something in it is encoded."""
    text = line if line.isascii() else line.translate(_FOLDS)
    if not is_encoded(text):
        return Folded(text, text.lower())
    if _CODED.search(text) is None:
        return Folded(text, _lower(text))
    pieces: list[str] = []
    offsets: list[int] = []
    at = 0
    for match in _CODED.finditer(text):
        pieces.append(text[at : match.start()])
        offsets.extend(range(at, match.start()))
        if decoded := _decoded(match[0]):
            pieces.append(decoded)
            offsets.append(match.start())
        at = match.end()
    pieces.append(text[at:])
    offsets.extend(range(at, len(text) + 1))
    folded = "".join(pieces)
    return Folded(folded, _lower(folded), tuple(offsets))


def _decoded(code: str) -> str:
    if code[0] == "&":
        return _ENTITIES[code]
    if code[0] in "%\\":
        return chr(int(code[-2:], 16))
    return ""


def _lower(text: str) -> str:
    low = text.lower()
    return low if len(low) == len(text) else text


def hidden(line: str, spans: list[Span]) -> str:
    """The line with every span replaced; spans that touch become one."""
    pieces: list[str] = []
    at = 0
    for start, end in merged(spans):
        pieces += (line[at:start], MARK)
        at = end
    pieces.append(line[at:])
    return "".join(pieces)


def merged(spans: list[Span]) -> list[Span]:
    """In order, without overlaps."""
    out: list[Span] = []
    for start, end in sorted(spans):
        if end <= start:
            continue
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        else:
            out.append((start, end))
    return out
