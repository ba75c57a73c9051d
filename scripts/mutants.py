"""Mutation testing of the modules that a promise hangs on: `make mutants`, by mutmut (docs/testing.md).

Each module of `scripts/mutants.toml` is mutated in a copy of the repository under `.mutants/`, so that no mutant ever
lies in the tree, and only by the tests that are about it. What was measured stays there until a source or a test
changes: an interrupted run continues. mutmut changes the bodies of functions; tables and patterns at the top of a
module are not mutated.
"""

import argparse
import contextlib
import hashlib
import json
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PLAN = ROOT / "scripts" / "mutants.toml"
COPIES = ROOT / ".mutants"
COPIED = ("kubeworld", "aoi", "models", "data_contracts", "tasks", "flows", "deploy", "tests")
"""What tests import or read."""


@dataclass(frozen=True)
class Mutant:
    """A mutant that lives, or that is explained."""

    name: str
    change: str
    """Lines that went, after `-`, and that came, after `+`."""
    reason: str = ""
    """Why no test can tell it from the original; empty for a survivor."""


@dataclass
class Score:
    """What the tests of one module do to its mutants."""

    module: str
    mutants: int = 0
    killed: int = 0
    timed_out: int = 0
    equivalent: list[Mutant] = field(default_factory=list)
    survived: list[Mutant] = field(default_factory=list)
    unchecked: int = 0
    """Mutants that an interrupted run did not reach."""

    @property
    def share(self) -> float:
        """Killed or timed out among those that a test could tell from the original."""
        counted = self.mutants - len(self.equivalent)
        return (self.killed + self.timed_out) / counted if counted else 0.0


def main() -> int:
    """Measure the modules that were asked for; 1 if one of them is below the minimum or not done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="paths; all modules of the plan if none is given")
    parser.add_argument("--json", action="store_true", help="print the scores with every survivor as JSON")
    parser.add_argument("--processes", type=int, default=1)
    arguments = parser.parse_args()
    plan = tomllib.loads(PLAN.read_text())
    chosen = [module for module in plan["module"] if not arguments.modules or module["path"] in arguments.modules]
    unknown = set(arguments.modules) - {module["path"] for module in chosen}
    if unknown:
        parser.error(f"{', '.join(sorted(unknown))} is not in {PLAN.relative_to(ROOT)}")
    scores = []
    for module in chosen:
        copy = _copy(plan, module)
        log = copy / "mutmut.log"
        with log.open("w") as file:
            command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(arguments.processes)]
            ended = subprocess.run(command, cwd=copy, stdout=file, stderr=subprocess.STDOUT, check=False)
        if ended.returncode != 0:
            sys.exit(f"{module['path']}: mutmut ended with {ended.returncode}; its output is in {log}")
        scores.append(_score(copy, module["path"], plan.get("equivalent", ())))
        if not arguments.json:
            print(_line(scores[-1]), flush=True)
    if arguments.json:
        print(json.dumps([{**asdict(score), "score": score.share} for score in scores], indent=2))
    return int(any(score.share < plan["minimum"] or score.unchecked for score in scores))


def _copy(plan: dict[str, Any], module: dict[str, Any]) -> Path:
    """The folder in which the module is mutated: links to the sources, which mutmut copies, and its configuration.

    It is emptied when a source or a test differs from those that the results there were measured with.
    """
    folder = COPIES / module["path"].removesuffix(".py").replace("/", ".")
    settings = _settings(plan, module)
    measured_with = _digest(settings, [ROOT / "aoi", *sorted({(ROOT / test).parent for test in module["tests"]})])
    mark = folder / "measured_with"
    if not mark.exists() or mark.read_text() != measured_with:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in COPIED:
            (folder / name).symlink_to(ROOT / name)
        (folder / "pyproject.toml").write_text(settings)
        mark.write_text(measured_with)
    return folder


def _settings(plan: dict[str, Any], module: dict[str, Any]) -> str:
    """This repository's pyproject with a section for mutmut."""
    arguments = ["--hypothesis-profile=ci", "-p", "no:cacheprovider", "-p", "no:xdist"]
    # Both collect garbage after each session, which costs more than most of the tests here.
    arguments += ["-p", "no:unraisableexception", "-p", "no:threadexception"]
    if module.get("slow"):
        arguments += ["-k", " and ".join(f"not {test}" for test in module["slow"])]
    section = {
        "source_paths": [module["path"]],
        "also_copy": list(COPIED),
        "pytest_add_cli_args_test_selection": module["tests"],
        "pytest_add_cli_args": arguments,
        "do_not_mutate_patterns": [rule["lines"] for rule in plan["left_out"]],
        "use_git_change_detection": False,
        # Seconds: (clean run + constant) x multiplier. A mutant that loops for ever costs as much.
        "timeout_constant": 2.0,
        "timeout_multiplier": 8.0,
    }
    # JSON's strings, numbers and lists are TOML's; its literals are, too.
    lines = [f"{key} = {json.dumps(value)}" for key, value in section.items()]
    return "\n".join([(ROOT / "pyproject.toml").read_text(), "[tool.mutmut]", *lines, ""])


def _digest(settings: str, folders: Sequence[Path]) -> str:
    content = hashlib.sha256(settings.encode())
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            content.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return content.hexdigest()


def _score(copy: Path, module: str, explained: Sequence[dict[str, str]]) -> Score:
    """Read mutmut's verdicts, and set those apart that the plan explains. Ends if an explanation does not hold."""
    from mutmut.mutation.data import SourceFileMutationData
    from mutmut.stats import status_by_exit_code

    reasons = {rule["change"].strip(): rule["reason"] for rule in explained if rule["module"] == module}
    score, wrong = Score(module), []
    with contextlib.chdir(copy):
        verdicts = SourceFileMutationData(path=module)
        verdicts.load()
        changes = dict(_changes(module, list(verdicts.exit_code_by_key)))
    for name, code in verdicts.exit_code_by_key.items():
        status = status_by_exit_code[code]
        reason = reasons.get(changes[name], "")
        score.mutants += 1
        if status in ("killed", "timeout") and reason:
            wrong.append(f"killed: {changes[name]}")
        if status == "killed":
            score.killed += 1
        elif status == "timeout":
            score.timed_out += 1
        elif status == "not checked":
            score.unchecked += 1
        elif reason:
            score.equivalent.append(Mutant(name, changes[name], reason))
        else:
            score.survived.append(Mutant(name, changes[name]))
    wrong += [f"no such mutant: {change}" for change in reasons.keys() - set(changes.values())]
    if wrong and not score.unchecked:
        sys.exit(f"{module}: explained as equivalent in {PLAN.relative_to(ROOT)}, but\n" + "\n".join(wrong))
    return score


def _changes(module: str, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Name of each mutant and the lines in which it differs from the original."""
    from mutmut.mutation.diff_apply import get_diff_for_mutant

    for name in names:
        lines = get_diff_for_mutant(name, path=module).splitlines()[2:]
        changed = [f"{line[0]} {line[1:].strip()}" for line in lines if line[0] in "+-"]
        yield name, "\n".join(changed)


def _line(score: Score) -> str:
    return (
        f"{score.module:36} {score.mutants:4} mutants  {score.killed:4} killed  {score.timed_out:2} timed out  "
        f"{len(score.survived):3} survived  {len(score.equivalent):2} equivalent  {score.share:6.1%}"
        + (f"  {score.unchecked} not reached" if score.unchecked else "")
    )


if __name__ == "__main__":
    sys.exit(main())
