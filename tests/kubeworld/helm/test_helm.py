"""The real helm installs, upgrades, tests, rolls back and uninstalls a chart that has what charts commonly have."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubeworld.api.server import api_of
from kubeworld.bootstrap import empty_world
from kubeworld.front import Front, Scaled, serving, write_kubeconfig
from kubeworld.machine.identity import ADMIN
from kubeworld.machine.world import World
from tests.kubeworld import programs

HELM = programs.helm()
pytestmark = pytest.mark.skipif(HELM is None, reason="no helm is installed: `make clients` brings one")

CHART = {
    "Chart.yaml": "apiVersion: v2\nname: shop\nversion: 0.1.0\nappVersion: '1'\n",
    "values.yaml": "replicas: 2\nimage: nginx:1.25\ngreeting: hello\n",
    "templates/all.yaml": """
apiVersion: v1
kind: ServiceAccount
metadata: {name: {{ .Release.Name }}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: {{ .Release.Name }}}
rules: [{apiGroups: [""], resources: [pods], verbs: [list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: {{ .Release.Name }}}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: {{ .Release.Name }}}
subjects: [{kind: ServiceAccount, name: {{ .Release.Name }}, namespace: {{ .Release.Namespace }}}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}}
data: {greeting: {{ .Values.greeting | quote }}}
---
apiVersion: v1
kind: Service
metadata: {name: {{ .Release.Name }}}
spec: {selector: {app: {{ .Release.Name }}}, ports: [{port: 80, targetPort: http}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: {{ .Release.Name }}}}
  template:
    metadata:
      labels: {app: {{ .Release.Name }}}
      annotations: {checksum/config: {{ .Values.greeting | sha256sum }}}
    spec:
      serviceAccountName: {{ .Release.Name }}
      initContainers: [{name: wait, image: "busybox:1", command: [sh, -c, "until nc -z db 5432; do sleep 1; done"]}]
      containers:
      - name: web
        image: {{ .Values.image }}
        ports: [{containerPort: 8080, name: http}]
        readinessProbe: {httpGet: {path: /, port: http}}
        envFrom: [{configMapRef: {name: {{ .Release.Name }}}}]
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: {{ .Release.Name }}-db}
spec:
  serviceName: {{ .Release.Name }}-db
  selector: {matchLabels: {app: {{ .Release.Name }}-db}}
  template:
    metadata: {labels: {app: {{ .Release.Name }}-db}}
    spec: {containers: [{name: db, image: "postgres:16", volumeMounts: [{name: data, mountPath: /data}]}]}
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: {{ .Release.Name }}}
spec:
  minReplicas: 1
  maxReplicas: 5
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: {{ .Release.Name }}}
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: {{ .Release.Name }}}
spec: {minAvailable: 1, selector: {matchLabels: {app: {{ .Release.Name }}}}}
""",
    "templates/migrate.yaml": """
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ .Release.Name }}-migrate
  annotations: {"helm.sh/hook": "pre-install,pre-upgrade", "helm.sh/hook-delete-policy": before-hook-creation}
spec:
  template: {spec: {restartPolicy: Never, containers: [{name: migrate, image: "tool:1"}]}}
""",
    "templates/tests/probe.yaml": """
apiVersion: v1
kind: Pod
metadata: {name: {{ .Release.Name }}-test, annotations: {"helm.sh/hook": test}}
spec: {restartPolicy: Never, containers: [{name: probe, image: "curl:1"}]}
""",
}


class Helm:
    """Runs helm against a served, otherwise empty cluster."""

    def __init__(self, home: Path, front: Front, world: World) -> None:
        self._home, self._front, self._world = home, front, world

    def run(self, *arguments: str, code: int = 0) -> str:
        assert HELM
        environment = {"HOME": str(self._home), "PATH": os.environ["PATH"], "KUBECONFIG": str(self._home / "config")}
        done = subprocess.run(
            [HELM, *arguments], capture_output=True, text=True, timeout=60, env=environment, cwd=self._home, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def names(self, resource: str, namespace: str = "default") -> set[str]:
        objects = self._front.call(lambda: self._world.store.objects(resource, namespace))
        return {obj["metadata"]["name"] for obj in objects}

    def deployment(self) -> dict:
        return self._front.call(lambda: self._world.store.get("deployments.apps", "default", "one"))


@pytest.fixture
def helm(tmp_path: Path) -> Iterator[Helm]:
    for name, text in CHART.items():
        file = tmp_path / "shop" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    world = empty_world(2, seed=1)
    with serving(Front({"": world}, Scaled(30))) as front:
        write_kubeconfig(
            tmp_path / "config", front.url, front.authority_pem, {"admin": api_of(world).tokens.add(ADMIN)}
        )
        yield Helm(tmp_path, front, world)


def test_a_chart_is_installed_upgraded_tested_rolled_back_and_uninstalled(helm):
    helm.run("install", "one", "shop", "--wait", "--timeout", "30s")
    assert helm.deployment()["status"]["readyReplicas"] == 2
    assert {"one-db-0"} <= helm.names("pods")
    assert "one-migrate" in helm.names("jobs.batch"), "the hook ran and was waited for"
    assert "deployed" in helm.run("list")

    helm.run("upgrade", "one", "shop", "--set", "replicas=3,image=nginx:1.26", "--wait", "--timeout", "30s")
    assert helm.deployment()["spec"]["template"]["spec"]["containers"][0]["image"] == "nginx:1.26"
    assert helm.deployment()["status"]["readyReplicas"] == 3
    assert re.search(r"Phase:\s+Succeeded", helm.run("test", "one", "--timeout", "30s"))

    helm.run("rollback", "one", "1", "--wait", "--timeout", "30s")
    assert helm.deployment()["spec"]["replicas"] == 2
    assert helm.deployment()["spec"]["template"]["spec"]["containers"][0]["image"] == "nginx:1.25"
    history = helm.run("history", "one")
    assert re.search(r"1\s.*superseded.*2\s.*superseded.*3\s.*deployed.*Rollback to 1", history, re.S)

    helm.run("uninstall", "one", "--wait", "--timeout", "30s")
    assert helm.names("deployments.apps") == set()
    assert helm.names("services") == {"kubernetes"}
    assert not {name for name in helm.names("secrets") if name.startswith("sh.helm")}


def test_a_chart_that_is_wrong_is_refused_as_kubernetes_refuses_it(helm):
    assert "must be greater than or equal to 0" in helm.run("install", "one", "shop", "--set", "replicas=-1", code=1)
