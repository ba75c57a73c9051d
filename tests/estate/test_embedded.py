"""The survey of an embedded cluster: what its API serves is read as any server's is."""

import pytest

from aoi.errors import UnknownNamespace
from aoi.estate.reading import Reader
from aoi.estate.survey import survey
from aoi.worlds.transport import EmbeddedReadTransport
from kubeworld.bootstrap import empty_world
from kubeworld.machine.identity import ADMIN


def test_the_names_server_of_a_new_cluster_is_read_whole():
    world = empty_world(2, 1)
    world.settle()
    looked = survey(Reader(EmbeddedReadTransport(world, ADMIN)), ["kube-system"])
    assert looked.coverage.gaps == ()
    assert looked.estate.now is not None
    assert "Deployment" in {component.kind for component in looked.estate.components}
    assert looked.answer.verdict in ("no_fault", "inconclusive")  # nothing has been broken


def test_an_empty_namespace_and_one_that_is_not_there_are_told_apart():
    reader = Reader(EmbeddedReadTransport(empty_world(1, 1), ADMIN))
    assert survey(reader, ["default"]).answer.verdict == "inconclusive"
    with pytest.raises(UnknownNamespace):
        survey(reader, ["defualt"])
