"""The pages say what the code does: generated ones are current, and what the others name is there."""

import importlib.util
import re
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from aoi.errors import SettingsError
from aoi.problems import catalogue
from aoi.settings import refuse_misspelt, variable_names
from flows.cli import app
from tests.docs import pages
from tests.docs.pages import ROOT

CHEAP = ("--help", "problems list", "settings")
"""Commands that need no champion and take no time: they are run as they stand."""


@pytest.fixture(scope="module")
def generate():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def _home(monkeypatch, tmp_path):
    monkeypatch.setenv("AOI_HOME", str(tmp_path))


def test_reference_pages_are_current(generate):
    assert generate.stale() == [], "run: make docs"


def test_a_stale_page_is_noticed(generate, tmp_path, monkeypatch):
    monkeypatch.setattr(generate, "REFERENCE", tmp_path)
    for name, text in generate.pages().items():
        (tmp_path / name).write_text(text)
    assert generate.stale() == []
    (tmp_path / "cli.md").write_text("something else")
    (tmp_path / "settings.md").unlink()
    (tmp_path / "left-over.md").write_text("of a page that is no more")
    assert generate.stale() == ["cli.md", "left-over.md", "settings.md"]


def test_reference_names_every_command_and_every_setting(generate):
    texts = generate.pages()
    for variable in variable_names():
        is_group = any(other.startswith(f"{variable}__") for other in variable_names())
        assert is_group or f"`{variable}`" in texts["settings.md"]
    for command in ("retrain", "diagnose", "review", "problems list", "data show"):
        assert f"## aoi {command}\n" in texts["cli.md"]


@pytest.mark.parametrize(
    "said",
    [
        pages.links, pages.paths, pages.tests, pages.shell_lines, pages.variables, pages.aoi_commands,
        pages.commands_in_messages, pages.problem_ids,
    ],
    ids=lambda said: said.__name__,
)  # fmt: skip
def test_what_is_compared_below_is_said_somewhere(said):
    assert next(said(), None) is not None


@pytest.mark.parametrize("package", pages.PACKAGES)
def test_the_packages_whose_messages_are_read_are_there(package):
    assert (ROOT / package / "__init__.py").is_file()


def test_relative_links_lead_somewhere():
    broken = []
    for said in pages.links():
        path, _, anchor = said.text.partition("#")
        page = ROOT / said.page
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in pages.anchors(target)):
            broken.append(said)
    assert broken == []


def test_every_decision_is_in_the_list():
    listed = (ROOT / "docs" / "decisions" / "README.md").read_text()
    decisions = [path.name for path in (ROOT / "docs" / "decisions").glob("[0-9]*.md")]
    assert decisions
    assert [name for name in decisions if name not in listed] == []


def test_paths_that_pages_name_exist():
    assert [said for said in pages.paths() if not (ROOT / said.text).exists()] == []


def test_tests_that_pages_name_exist():
    source = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    known = set(re.findall(r"def (test_\w+)", source)) | {path.stem for path in (ROOT / "tests").rglob("test_*.py")}
    assert [said for said in pages.tests() if said.text not in known] == []


def test_every_variable_that_pages_and_manifests_name_is_accepted():
    named = list(pages.variables())
    assert {"AOI_CHECKOUT", "AOI_HOME", "AOI_SERVER__API_KEY"} <= {said.text for said in named}
    refused = []
    for said in named:
        try:
            refuse_misspelt({said.text: "x"})
        except SettingsError:
            refused.append(said)
    assert refused == []


def test_commands_that_pages_name_take_those_options():
    wrong = []
    for page, words in pages.aoi_commands():
        # Help is shown only after every command and option before it was understood.
        result = CliRunner().invoke(app, [*words, "--help"], prog_name="aoi")
        if result.exit_code != 0:
            wrong.append((page, words, result.output.splitlines()[-1:]))
    assert wrong == []


def test_commands_that_messages_name_exist():
    wrong = [said for said in pages.commands_in_messages() if not _is_command(said.text.split())]
    assert wrong == []


def _is_command(words):
    command = typer.main.get_command(app)
    for word in words:
        if not hasattr(command, "commands"):
            return True  # what follows are arguments
        if word not in command.commands:
            return False
        command = command.commands[word]
    return True


def test_problems_that_pages_name_exist():
    named = [said for said in pages.problem_ids() if said.text != "ID"]
    assert named
    for said in named:
        assert catalogue.get(said.text).id == said.text


def test_cheap_commands_of_the_pages_run():
    found = {" ".join(words) for _, words in pages.aoi_commands()}
    cheap = sorted(line for line in found if line.startswith(CHEAP) and " ID" not in line)
    assert {"problems list", "problems list --json", "settings --json"} <= set(cheap)
    for line in cheap:
        result = CliRunner().invoke(app, line.split(), prog_name="aoi")
        assert result.exit_code == 0, (line, result.output)


def test_help_needs_no_vendor():
    heavy = ("torch", "mlflow", "prefect", "great_expectations", "transformers")
    program = f"import sys, flows.cli; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
