"""Writes the reference pages out of the code: commands, settings, records. `--check` compares instead of writing.

    .venv/bin/python docs/generate.py
    .venv/bin/python docs/generate.py --check

Nothing in `docs/reference/` is written by hand; a test compares it with the code.
"""

import argparse
import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from typer.testing import CliRunner

from aoi.settings import Settings
from flows.cli import app
from flows.settings_table import rows

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference"
RECORDS = ROOT / "aoi" / "records"
NOTE = "<!-- Written by docs/generate.py. Change the code, then run `make docs`. -->"
WIDTH = "100"
"""Columns of the terminal that help texts are laid out for."""


def pages() -> dict[str, str]:
    """File name -> text of every reference page, as the code is now."""
    return {"cli.md": cli_page(), "settings.md": settings_page(), "records.md": records_page()}


def cli_page() -> str:
    """Every command with its own help text."""
    parts = [
        NOTE,
        "# Commands",
        "What `aoi COMMAND --help` prints. With `--json` a command prints one document on stdout and nothing else "
        "there. Exit status: 0 done, 1 refused or wrong, 2 wrong usage, 75 may work later, 130 interrupted. Of "
        "`aoi diagnose`, `aoi record` and `aoi replay`: 0 a verdict (fault or no fault), 3 no answer (inconclusive), "
        "69 refused, wrong or unknown.",
        _help(()),
    ]
    for words in _commands(typer.main.get_command(app), ()):
        parts += [f"## aoi {' '.join(words)}", _help(words)]
    return "\n\n".join(parts) + "\n"


def _commands(command: Any, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for name, sub in command.commands.items():
        if hasattr(sub, "commands"):
            if sub.invoke_without_command:
                yield (*words, name)
            yield from _commands(sub, (*words, name))
        else:
            yield (*words, name)


def _help(words: tuple[str, ...]) -> str:
    result = CliRunner().invoke(
        app, [*words, "--help"], prog_name="aoi", env={"COLUMNS": WIDTH, "TERMINAL_WIDTH": WIDTH, "NO_COLOR": "1"}
    )
    if result.exit_code != 0:
        raise RuntimeError(f"aoi {' '.join(words)} --help ended with {result.exit_code}: {result.output}")
    lines = (line.rstrip() for line in result.output.strip().splitlines())
    return "```\n" + "\n".join(lines) + "\n```"


def settings_page() -> str:
    """Every setting with its variable, its default and what it means."""
    parts = [
        NOTE,
        "# Settings",
        "Every setting is an environment variable. A variable that begins with `AOI_` and names no setting is refused, "
        "with the nearest right name. `aoi settings` prints the same table with the present values; secrets are "
        "never shown. `(derived)` follows from `AOI_HOME`.",
        "| variable | default | meaning |\n|---|---|---|\n"
        + "\n".join(
            f"| `{row.variable}` | {_cell(row.default)} | {row.meaning.replace('|', '/')} |" for row in rows(Settings())
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _cell(default: str) -> str:
    return f"`{default}`" if default.strip("*") else "(empty)"


def records_page() -> str:
    """Every record with its fields, read from the source: the meanings stand under the fields as strings."""
    parts = [
        NOTE,
        "# Records",
        "Everything that crosses a stage. A record is frozen, refuses unknown fields and carries `schema_version`; its "
        "digest is the SHA-256 of its canonical JSON.",
    ]
    for path in sorted(RECORDS.glob("*.py")):
        tree = ast.parse(path.read_text())
        found = [_record(node) for node in tree.body if isinstance(node, ast.ClassDef) and _is_record(node)]
        if found:
            parts += [f"## aoi/records/{path.name}", ast.get_docstring(tree) or "", *found]
    return "\n\n".join(parts) + "\n"


def _is_record(node: ast.ClassDef) -> bool:
    return any(ast.unparse(base).split("[")[0] in ("Record", "BaseModel") for base in node.bases)


def _record(node: ast.ClassDef) -> str:
    lines = [f"### {node.name}", "", ast.get_docstring(node) or "", ""]
    fields = list(_fields(node))
    if fields:
        lines += ["| field | type | meaning |", "|---|---|---|"]
        lines += [f"| `{name}` | `{kind}` | {meaning} |" for name, kind, meaning in fields]
    return "\n".join(lines).rstrip()


def _fields(node: ast.ClassDef) -> Iterator[tuple[str, str, str]]:
    for place, field in enumerate(node.body):
        if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)):
            continue
        kind = ast.unparse(field.annotation).replace("|", "\\|")
        if field.target.id == "schema_version" or kind.startswith("ClassVar"):
            continue
        after = node.body[place + 1] if place + 1 < len(node.body) else None
        meaning = ""
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            meaning = " ".join(str(after.value.value).split())
        yield field.target.id, kind, meaning.replace("|", "/")


def stale() -> list[str]:
    """Names of pages that are missing or differ from the code."""
    found = {path.name: path.read_text() for path in REFERENCE.glob("*.md")}
    wanted = pages()
    return sorted(name for name in {*found, *wanted} if found.get(name) != wanted.get(name))


def main() -> None:
    """Write the pages, or compare them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--check", action="store_true", help="compare, and exit 1 if a page is stale")
    if parser.parse_args().check:
        old = stale()
        if old:
            sys.exit(f"docs/reference is stale: {', '.join(old)}. Run: make docs")
        return
    REFERENCE.mkdir(exist_ok=True)
    for name, text in pages().items():
        (REFERENCE / name).write_text(text)


if __name__ == "__main__":
    main()
