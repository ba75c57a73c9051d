"""What the pages of the repository say: their links, their commands, the paths and tests that they name."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    ROOT / "README.md",
    ROOT / "kubeworld" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "deploy").rglob("*.md")),
)
WRITTEN = tuple(page for page in PAGES if page.parent.name != "reference")
"""Pages that people wrote; the others come out of the code."""
INSTALLATION = (
    ROOT / "prefect.yaml",
    ROOT / "Makefile",
    *sorted(path for path in (ROOT / "deploy").rglob("*") if path.is_file()),
)
"""What sets variables for those who run it."""

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_LINK = re.compile(r"(?<!!)\[[^\]\n]+\]\(([^)\s]+)\)")
PACKAGES = ("kubeworld", "aoi", "models", "data_contracts", "tasks", "flows")
_PATH = re.compile(
    r"(?:kubeworld|aoi|models|tasks|flows|data_contracts|tests|docs|deploy|benchmarks|scripts)/[A-Za-z0-9_./-]+"
)
_ADVICE = re.compile(r"(?:`|: |\bwith )aoi ([a-z]+(?: [a-z]+)?)")
_VARIABLE = re.compile(r"([A-Z][A-Z0-9_]*)=(\S*)")


class Said(NamedTuple):
    """Something that a page says."""

    page: str
    text: str


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def prose(page: Path) -> str:
    """The text without fenced blocks."""
    return _FENCE.sub("", page.read_text())


def links() -> Iterator[Said]:
    """Targets of relative links."""
    for page in PAGES:
        for target in _LINK.findall(prose(page)):
            if not re.match(r"[a-z]+:", target):
                yield Said(name(page), target)


def anchors(page: Path) -> set[str]:
    """What GitHub makes of the headings."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    cleaned = (re.sub(r"[^a-z0-9 _-]", "", heading.lower()) for heading in headings)
    return {heading.strip().replace(" ", "-") for heading in cleaned}


def inline(pages: tuple[Path, ...] = WRITTEN) -> Iterator[Said]:
    """Everything between single backticks."""
    for page in pages:
        for text in _INLINE.findall(prose(page)):
            yield Said(name(page), text)


def paths() -> Iterator[Said]:
    """Paths of this repository."""
    for said in inline():
        if _PATH.fullmatch(said.text):
            yield said


def tests() -> Iterator[Said]:
    """Names of tests."""
    for said in inline():
        if re.fullmatch(r"test_\w+", said.text):
            yield said


def shell_lines() -> Iterator[Said]:
    """Lines of shell blocks, continued ones joined."""
    for page in WRITTEN:
        for language, block in _FENCE.findall(page.read_text()):
            if language == "sh":
                for line in block.replace("\\\n", " ").splitlines():
                    yield Said(name(page), line.strip())


def variables() -> Iterator[Said]:
    """Every AOI_ variable that a page or a file of the installation names, wherever in it."""
    for file in sorted((*PAGES, *(path for path in INSTALLATION if path.suffix != ".md"))):
        for variable in re.findall(r"\bAOI_[A-Z0-9_]*[A-Z0-9]\b", file.read_text()):
            yield Said(name(file), variable)


def aoi_commands() -> Iterator[tuple[str, tuple[str, ...]]]:
    """(page, words after `aoi`) of every such command in shell lines and between backticks."""
    for said in (*shell_lines(), *inline()):
        words = shlex.split(said.text, comments=True) if _is_shell(said.text) else said.text.split()
        while words and _VARIABLE.fullmatch(words[0]):
            words = words[1:]
        if len(words) < 2 or words[0].removeprefix(".venv/bin/") != "aoi":
            continue
        ends = [place for place, word in enumerate(words) if word in ("|", ">", "&&", ";", "&")]
        yield said.page, tuple(words[1 : ends[0] if ends else None])


def commands_in_messages() -> Iterator[Said]:
    """Words after `aoi` where a string of the source tells somebody what to run."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    for words in _ADVICE.findall(node.value):
                        yield Said(name(path), words)


def problem_ids() -> Iterator[Said]:
    """Ids of problems that commands are given."""
    for page, words in aoi_commands():
        if "--problem" in words:
            yield Said(page, words[words.index("--problem") + 1])
        elif words[:1] == ("problems",) and words[1:2] in (("run",), ("show",), ("check",)):
            if len(words) > 2 and not words[2].startswith("--"):
                yield Said(page, words[2])


def _is_shell(text: str) -> bool:
    try:
        shlex.split(text, comments=True)
    except ValueError:
        return False
    return True
