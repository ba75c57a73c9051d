"""`aoi episodes show`: what was decided and why, and every prompt whole, as its model read it."""

import json
from collections.abc import Iterator, Sequence

import pytest
from typer.testing import CliRunner

from aoi.agents.episode import run_episode
from aoi.agents.policy import Generation, Turn
from aoi.agents.rollout import rollout
from aoi.errors import Permanent
from aoi.language.layouts import CHAT
from aoi.language.profile import PRODUCTION_PROFILE
from aoi.records.decision import Decision, Handover, Hypothesis, ProbeDo, SubmitDo, Words
from aoi.records.episode import Trajectory
from aoi.records.promotion import LedgerFacts
from aoi.store.shards import put_trajectories
from flows.cli import app
from models import bundle
from models.bundle import Lineage, Parts
from models.codec import TokenizerCodec
from tasks.episodes import episodes_of, exchanges
from tasks.workspace import Workspace, workspace
from tests.agents.test_episode import build, command, run
from tests.models.families import FAMILIES, write_checkpoint

pytestmark = pytest.mark.filterwarnings("default")  # MLflow warns about its own parts
LOOK = Words(
    "search is refused by geo.", (Hypothesis("geo", "a wrong port", probability=0.6),), Handover("whether ports agree")
)
SAID = (
    CHAT.say(Decision(None, "point", None, 6, ProbeDo("endpoints", "geo"), LOOK)),
    command("done"),
    CHAT.say(Decision(None, "submit", None, 8, SubmitDo("no"), Words(""))),
)


class Reciting:
    """Says one text after the other."""

    def __init__(self, codec: TokenizerCodec) -> None:
        self._codec, self._left = codec, list(SAID)

    def generate(self, turns: Sequence[Turn]) -> list[Generation]:
        return [Generation(self._codec.encode_completion(self._left.pop(0)), None, "test") for _ in turns]


@pytest.fixture(scope="module")
def _home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AOI_HOME", str(tmp_path_factory.mktemp("home")))
        workspace.cache_clear()
        yield
        workspace().database.close()
        workspace.cache_clear()


@pytest.fixture(scope="module")
def ws(_home: None) -> Workspace:
    return workspace()


@pytest.fixture(scope="module")
def recorded(ws: Workspace, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Trajectory]:
    """An episode of a registered chat model, and the set that it lies in."""
    folder = tmp_path_factory.mktemp("chat")
    base = write_checkpoint(FAMILIES[0], folder / "base")
    lineage = Lineage(name="test", code_revision="r", code_sha256="1" * 64, settings="2" * 64)
    manifest = bundle.write(folder / "bundle", Parts(base, PRODUCTION_PROFILE), lineage)
    tree = ws.store.put_folder("bundle", folder / "bundle")
    ws.ledger.install(LedgerFacts(bundle=manifest.digest(), version="1", tree=tree.sha256), "test")
    codec = TokenizerCodec(base)
    episode = run_episode(
        build("wrong_target_port"),
        profile=PRODUCTION_PROFILE,
        codec=codec,
        arm="champion",
        bundle=manifest.digest(),
        rollout_seed=0,
    )
    (trajectory,) = rollout([episode], Reciting(codec))
    assert trajectory.content.ended == "submitted", trajectory.content.error
    return put_trajectories(ws.store, "test", [trajectory]).short, trajectory


def shown(*words: str) -> str:
    ran = CliRunner().invoke(app, ["episodes", "show", *words], catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    return ran.output


def test_every_call_is_printed_whole_with_the_markers_of_its_turns(recorded: tuple[str, Trajectory]) -> None:
    ref, trajectory = recorded
    asked = list(exchanges(trajectory))
    assert [(one.step, one.role) for one in asked] == [(1, "observer"), (1, "probe"), (2, "observer")]
    for one, said in zip(asked, SAID, strict=True):
        assert one.prompt.startswith("<|im_start|>system\nYou are the ")
        assert one.prompt.count("<|im_start|>user\n") == 1
        assert one.said == f"{said}<|im_end|>"
    page = shown(ref, "--prompts")
    for one in asked:
        assert one.prompt in page
        assert one.said in page


def test_an_episode_is_told_with_what_was_said_around_its_decisions(recorded: tuple[str, Trajectory]) -> None:
    page = shown(recorded[0])
    assert "looks at endpoints of geo" in page
    assert "saw in it: search is refused by geo." in page
    assert "possible, 60%: geo: a wrong port" in page


def test_of_several_each_is_a_line_and_one_is_named(ws: Workspace, recorded: tuple[str, Trajectory]) -> None:
    _, one = recorded
    other = one.model_copy(update={"content": one.content.model_copy(update={"rollout_seed": 1})})
    both = put_trajectories(ws.store, "test", [one, other]).short
    lines = shown(both).splitlines()
    assert [line.split()[0] for line in lines] == [one.id, other.id]
    assert shown(both, one.id[:8]) == shown(recorded[0])
    (document,) = json.loads(shown(both, one.id, "--json", "--prompts"))
    assert Trajectory.model_validate(document["episode"]) == one
    assert [each["role"] for each in document["exchanges"]] == ["observer", "probe", "observer"]


def test_what_holds_no_such_episode_says_what_would(ws: Workspace, recorded: tuple[str, Trajectory]) -> None:
    with pytest.raises(Permanent, match="holds no episode 00000000"):
        episodes_of(recorded[0], "00000000")
    page = ws.store.put("page", b"nothing of the kind").short
    with pytest.raises(Permanent, match="expected a set"):
        episodes_of(page)


@pytest.mark.usefixtures("ws")
@pytest.mark.parametrize("who", ["scripted:ExpertOperator", "f" * 64], ids=["scripted", "unknown"])
def test_prompts_that_nobody_can_read_here_are_refused_with_why(who: str) -> None:
    from tests.agents.test_episode import golden

    trajectory = run(build("wrong_target_port"), golden(build("wrong_target_port")), bundle=who)
    with pytest.raises(Permanent, match="no model was asked" if who.startswith("scripted") else "not registered here"):
        list(exchanges(trajectory))
