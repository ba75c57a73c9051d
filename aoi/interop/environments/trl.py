"""Problems for TRL: `GRPOTrainer(environment_factory=Tools)`, with rows that have `problem` and `seed` columns.

TRL makes one object a rollout, shows its public methods as tools, and asks it for the reward. Nothing of TRL is
imported: the class is the interface, and its docstrings are what a chat template shows.
"""

from typing import Any

from aoi.interop.environments.environment import Environment


class Tools:
    """One rollout's environment."""

    def __init__(self) -> None:
        self._environment = Environment()
        self._reward = 0.0

    def reset(self, problem: str, seed: int = 0, **_: Any) -> str:
        """Begin with a problem; the text is appended to the prompt."""
        self._reward = 0.0
        return self._environment.reset(problem, int(seed)).text

    def get_reward(self) -> float:
        """1.0 where the strict oracle passed."""
        return self._reward

    def kubectl(self, command: str) -> str:
        """Read the cluster with one kubectl command.

        Args:
            command: The whole line, such as kubectl get pods -n NAMESPACE

        Returns:
            What it printed.
        """
        return self._call("kubectl", command=command)

    def exec(self, pod: str, command: str) -> str:
        """Run a command inside a container, as kubectl exec does.

        Args:
            pod: Name of a pod of the application's namespace
            command: Program and arguments

        Returns:
            What it printed.
        """
        return self._call("exec", pod=pod, command=command)

    def metrics(self, query: str, minutes: int = 0) -> str:
        """Evaluate a PromQL expression.

        Args:
            query: A PromQL expression
            minutes: 0 for now, otherwise ten points over so many minutes

        Returns:
            One series a line.
        """
        return self._call("metrics", query=query, minutes=minutes)

    def traces(self, service: str = "") -> str:
        """Show recent traces that touch a service, failed ones first.

        Args:
            service: As traces call it; without it the services are named

        Returns:
            Traces as trees.
        """
        return self._call("traces", service=service)

    def act(self, action: str, component: str, value: str = "") -> str:
        """Change one component by a typed action. In mitigations only.

        Args:
            action: What to do, such as rollback
            component: A component of the application, or a node
            value: What some actions need, such as a number of replicas

        Returns:
            Whether it was done.
        """
        return self._call("act", action=action, component=component, value=value or None)

    def submit(
        self, verdict: str = "", components: list[str] | None = None, system_level: str = "", fault_type: str = ""
    ) -> str:
        """Answer, which ends the episode.

        Args:
            verdict: fault or no_fault
            components: What is at fault
            system_level: Where the cause lies; for an analysis
            fault_type: Of what type it is; for an analysis

        Returns:
            That it was submitted.
        """
        given = {"verdict": verdict, "components": components, "system_level": system_level, "fault_type": fault_type}
        return self._call("submit", **{key: value for key, value in given.items() if value})

    def _call(self, tool: str, **arguments: Any) -> str:
        seen = self._environment.answer(tool, arguments)
        if seen.reward is not None:
            self._reward = seen.reward
        return seen.text
