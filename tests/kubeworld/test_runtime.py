"""The runtime of images that nobody described."""

import pytest

from kubeworld.cluster import new_cluster
from kubeworld.kubelet.plain_runtime import PlainRuntime
from kubeworld.machine.runtime import ExitPlan


@pytest.mark.parametrize(
    ("command", "policy", "plan"),
    [
        (["nginx"], "Always", None),
        (["sleep", "60"], "Always", None),
        (["sleep", "3"], "Never", ExitPlan(3000, 0, "Completed")),
        (["sleep", "infinity"], "Never", None),
        (["false"], "Always", ExitPlan(2000, 1, "Error")),
        (["sh", "-c", "sleep 4; exit 3"], "Always", ExitPlan(4000, 3, "Error")),
        (["sh", "-c", "do it || exit 3; serve"], "Always", None),
        (["sh", "-c", "if reach; then exit 0; fi; exit 1"], "Always", None),
        (["sh", "-c", "for i in 1 2; do reach && exit 0; done; exit 1"], "OnFailure", ExitPlan(2000, 0, "Completed")),
        (["server", "--debug", "false"], "Always", None),
        (["serve", "exit 1"], "Always", None),
        (["/bin/bash", "-ec", "false"], "Always", None),
        (["sh", "-c", "echo no; false;"], "Always", ExitPlan(2000, 1, "Error")),
        (["sh", "-c", "exit 0"], "OnFailure", ExitPlan(2000, 0, "Completed")),
    ],
)
def test_a_command_that_says_how_it_ends_ends_so(command, policy, plan):
    container = {"name": "a", "image": "busybox", "command": command}
    pod = {"metadata": {"name": "p"}, "spec": {"restartPolicy": policy, "containers": [container]}}
    assert PlainRuntime().plan(new_cluster(seed=1), pod, container, 0).exit == plan


def test_a_container_that_waits_to_be_restarted_shows_its_last_log():
    status = {"name": "a", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
    status["lastState"] = {"terminated": {"exitCode": 1, "startedAt": new_cluster(seed=1).clock.rfc3339()}}
    pod = {"metadata": {"name": "p"}, "spec": {}, "status": {"containerStatuses": [status]}}
    (line,) = PlainRuntime().log(new_cluster(seed=1), pod, "a", previous=False)
    assert line.text == "a started"
