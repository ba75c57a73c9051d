"""Admission as kube-apiserver has it: defaults, refusals, policies in CEL, then what the world's builder adds."""

from dataclasses import dataclass

from kubeworld.admission.plugins import admit, admit_created_pod
from kubeworld.machine.admission import Write
from kubeworld.machine.store import Obj
from kubeworld.machine.world import Plugin, World


@dataclass(frozen=True, slots=True)
class StandardAdmission:
    """Fills a world's slot for admission."""

    plugins: tuple[Plugin, ...] = ()
    """Asked about changes after everything else."""

    def admit(self, world: World, resource: str, obj: Obj, previous: Obj | None = None) -> Obj:
        """The object as it may be stored. Raises: Refused."""
        return admit(world, resource, obj, previous)

    def admit_created_pod(self, world: World, pod: Obj, component: str) -> Obj:
        """A pod that the controller `component` creates, as it may be stored. Raises: Refused."""
        return admit_created_pod(world, pod, component)

    def review(self, world: World, write: Write) -> None:
        """Ask the builder's plug-ins. Raises: Refused."""
        for plugin in self.plugins:
            plugin.review(world, write)
