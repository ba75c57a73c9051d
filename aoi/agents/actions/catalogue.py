"""From `exec ACTION H [VALUE]` to a typed action."""

from collections.abc import Callable

from aoi.agents.actions.base import Action, refuse_value
from aoi.agents.actions.change import Refused
from aoi.agents.actions.configuration import SetConfig
from aoi.agents.actions.database import RepairDatabase
from aoi.agents.actions.objects import DeleteChaos, DeletePod, Uncordon
from aoi.agents.actions.services import FixPort, FixSelector
from aoi.agents.actions.workloads import FixScheduling, Restart, Rollback, Scale, SetImage, SetLimits
from aoi.language.lexicon import ACTIONS
from aoi.records.base import Sha256

_PLAIN: dict[str, Callable[[str, str | None], Action]] = {
    "scale": Scale.parse,
    "rollback": Rollback.parse,
    "set_image": SetImage.parse,
    "set_limits": SetLimits.parse,
    "fix_port": FixPort.parse,
    "fix_selector": FixSelector.parse,
    "fix_scheduling": FixScheduling.parse,
    "uncordon": Uncordon.parse,
    "delete_pod": DeletePod.parse,
    "delete_chaos": DeleteChaos.parse,
}


def make(
    name: str, component: str, value: str | None, now: Callable[[], str], scripts: frozenset[Sha256] = frozenset()
) -> Action:
    """The typed action of a name in `lexicon.ACTIONS`; `scripts` may be run by `repair_database`, and no other.

    Raises: Refused (syntax) for any other name.
    """
    if name == "restart":
        refuse_value(name, value)
        return Restart(component, now)
    if name == "set_config":
        return SetConfig.parse(component, value, now)
    if name == "repair_database":
        return RepairDatabase.parse(component, value, scripts)
    parse = _PLAIN.get(name)
    if parse is None:
        raise Refused(f"action {name!r:.40} is not one of {', '.join(ACTIONS)}", "syntax")
    return parse(component, value)
