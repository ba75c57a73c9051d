"""Diagnose one world with the champion. Needs the store and the ledger, neither Prefect nor MLflow."""

import time

from pydantic import Field

from aoi.agents.policy import Policy
from aoi.problems import catalogue
from aoi.records.base import Record
from aoi.records.episode import Answer, Trajectory
from aoi.records.problem import ProblemInstance
from aoi.settings import derive_seed
from aoi.store.shards import put_trajectories
from models.bundle import Bundle
from models.files import adapter_digest
from tasks.bundles import champion_ref, open_bundle, present_champion
from tasks.episodes import EpisodeSpec, run_specs
from tasks.workspace import workspace


class Diagnosis(Record):
    """An answer with all that it rests on."""

    answer: Answer | None
    ended: str
    trajectory: Trajectory
    trajectory_ref: str
    bundle: str
    version: str
    seconds: float = Field(ge=0)
    tokens: int = Field(ge=0)
    changed: tuple[str, ...]
    """Commands that changed the cluster; empty for every kind of task but mitigation."""


def diagnose_problem(problem_id: str, seed: int) -> Diagnosis:
    """Diagnose the embedded world of a problem. Raises: UnknownProblem, UnknownBundle without a champion."""
    problem = catalogue.get(problem_id)
    ws = workspace()
    champion = present_champion()
    bundle = open_bundle(champion_ref(champion))
    spec = EpisodeSpec(
        instance=ProblemInstance(problem=problem, seed=seed),
        rollout_seed=derive_seed(seed, "diagnose", problem_id),
        arm="champion",
    )
    began = time.monotonic()
    trajectory = run_specs([spec], bundle, _policy(bundle), temperature=0.0)[0]
    content = trajectory.content
    return Diagnosis(
        answer=content.answer,
        ended=content.ended,
        trajectory=trajectory,
        trajectory_ref=put_trajectories(ws.store, "diagnose", [trajectory]).short,
        bundle=bundle.digest,
        version=champion.version,
        seconds=round(time.monotonic() - began, 3),
        tokens=content.tokens,
        changed=_changes(trajectory),
    )


def _policy(bundle: Bundle) -> Policy:
    """The model server where one is set, otherwise the engine in this process."""
    server = workspace().settings.server
    if not server.url:
        return bundle.policy()
    from models.serving import ModelServer, Served, ServedPolicy, ServerSettings

    client = ModelServer(
        ServerSettings(server.url, server.api_key.get_secret_value() or None, timeout_s=server.timeout_s)
    )
    roles = {role: client.load(folder, adapter_digest(folder)) for role, folder in bundle.adapters.items()}
    return ServedPolicy(client, roles, Served(client.names()[0], f"base:{bundle.manifest.base}"))


def _changes(trajectory: Trajectory) -> tuple[str, ...]:
    return tuple(
        interaction.command
        for step in trajectory.content.steps
        for interaction in step.interactions
        if interaction.command.startswith("exec ") and interaction.status == "ok"
    )
