"""Manifests as other people write them, applied to an empty cluster: everything starts, is found and has its storage.

Ours, with what the public demos that docs/cluster.md lists were seen to use.
"""

import json

APPLICATION = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: frontend, labels: {app: frontend}}
spec:
  selector: {matchLabels: {app: frontend}}
  template:
    metadata: {labels: {app: frontend}, annotations: {sidecar.istio.io/rewriteAppHTTPProbers: "true"}}
    spec:
      serviceAccountName: frontend
      nodeSelector: {beta.kubernetes.io/os: linux}
      securityContext: {fsGroup: 1000, runAsGroup: 1000, runAsNonRoot: true, runAsUser: 1000}
      initContainers:
      - {name: await, image: "busybox@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
         command: [/bin/sh, -exc, "until wget -qO- http://cart; do sleep 2; done"]}
      - {name: proxy, image: "proxy:1", restartPolicy: Always}
      containers:
      - name: server
        image: registry.example.com/team/frontend:v0.10.3
        securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, readOnlyRootFilesystem: true}
        ports: [{containerPort: 8080}, {name: metrics, containerPort: 9090}]
        readinessProbe: {initialDelaySeconds: 10, httpGet: {path: /_healthz, port: 8080}}
        livenessProbe: {grpc: {port: 8080}, periodSeconds: 15}
        env:
        - {name: PORT, value: "8080"}
        - {name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
        - {name: COLOUR, valueFrom: {configMapKeyRef: {name: settings, key: colour}}}
        - {name: PASSWORD, valueFrom: {secretKeyRef: {name: credentials, key: password}}}
        resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {cpu: 200m, memory: 128Mi}}
        volumeMounts: [{name: scratch, mountPath: /tmp}, {name: settings, mountPath: /etc/settings}]
      volumes: [{name: scratch, emptyDir: {medium: Memory}}, {name: settings, configMap: {name: settings}}]
---
apiVersion: v1
kind: Service
metadata: {name: frontend}
spec: {type: ClusterIP, selector: {app: frontend}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: frontend-external}
spec: {type: LoadBalancer, selector: {app: frontend}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: frontend}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: green}
---
apiVersion: v1
kind: Secret
metadata: {name: credentials}
type: Opaque
stringData: {password: not-a-real-one}
"""
STORAGE = """
apiVersion: v1
kind: Service
metadata: {name: db, annotations: {service.alpha.kubernetes.io/tolerate-unready-endpoints: "true"}}
spec: {clusterIP: None, publishNotReadyAddresses: true, selector: {app: db}, ports: [{port: 26257, name: grpc}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  replicas: 2
  podManagementPolicy: Parallel
  updateStrategy: {type: RollingUpdate}
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      affinity:
        podAntiAffinity:
          preferredDuringSchedulingIgnoredDuringExecution:
          - {weight: 9, podAffinityTerm: {labelSelector: {matchLabels: {app: db}}, topologyKey: kubernetes.io/hostname}}
      terminationGracePeriodSeconds: 60
      containers:
      - name: db
        image: database
        ports: [{containerPort: 26257, name: grpc}]
        lifecycle: {preStop: {exec: {command: [/bin/sh, -c, drain]}}}
        readinessProbe: {exec: {command: [/bin/bash, -c, /ready.sh]}, initialDelaySeconds: 15, timeoutSeconds: 5}
        volumeMounts: [{name: datadir, mountPath: /data}]
  volumeClaimTemplates:
  - metadata: {name: datadir}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: uploads}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 2Gi}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: store}
spec:
  strategy: {type: Recreate}
  selector: {matchLabels: {app: store}}
  template:
    metadata: {labels: {app: store}}
    spec:
      containers: [{name: store, image: "store:2", volumeMounts: [{name: uploads, mountPath: /srv}]}]
      volumes: [{name: uploads, persistentVolumeClaim: {claimName: uploads}}]
"""
AROUND = """
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      hostNetwork: true
      tolerations: [{operator: Exists}]
      containers: [{name: agent, image: "agent:1"}]
---
apiVersion: batch/v1
kind: Job
metadata: {name: seed}
spec: {backoffLimit: 1, template: {spec: {restartPolicy: OnFailure, containers: [{name: seed, image: "seed:1"}]}}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: tidy}
spec:
  schedule: "* * * * *"
  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: tidy, image: "tidy:1"}]}}}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: frontend}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: frontend}
  minReplicas: 1
  maxReplicas: 4
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: db}
spec: {maxUnavailable: 1, selector: {matchLabels: {app: db}}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: frontend}
spec:
  rules:
  - host: a.example.com
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: frontend, port: {number: 80}}}}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db}
spec: {podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: frontend}}}]}]}
"""


def test_a_foreign_application_starts_is_found_and_has_its_storage(empty_cluster):
    empty_cluster.run("apply -f -", stdin="---".join((APPLICATION, STORAGE, AROUND)))
    empty_cluster.run("wait deploy --all --for=condition=Available --timeout=25s", "frontend condition met")
    for line in ("rollout status sts/db --timeout=25s", "rollout status ds/agent --timeout=25s"):
        empty_cluster.run(line)
    empty_cluster.run("wait job/seed --for=condition=Complete --timeout=25s", "condition met")
    empty_cluster.run("get jobs", r"tidy-\d+ +Complete", within_s=10)
    empty_cluster.run("get pods -l app=frontend", r"frontend-\S+ +2/2 +Running")  # the sidecar counts
    empty_cluster.run("get pvc", r"datadir-db-0 +Bound.*datadir-db-1 +Bound.*uploads +Bound +\S+ +2Gi +RWO +standard")
    empty_cluster.run("get pdb,hpa,ing,netpol", r"db .*frontend .*a.example.com.*app=db")
    pods = json.loads(empty_cluster.run("get pods -o json"))["items"]
    assert all(pod["status"]["phase"] in ("Running", "Succeeded") for pod in pods)
    slices = json.loads(empty_cluster.run("get endpointslices -o json"))["items"]
    ready = {
        one["metadata"]["labels"]["kubernetes.io/service-name"]: len(one["endpoints"])
        for one in slices
        if "kubernetes.io/service-name" in one["metadata"].get("labels", {})
    }
    assert {name: ready[name] for name in ("frontend", "frontend-external", "db")} == {
        "frontend": 1,
        "frontend-external": 1,
        "db": 2,
    }
    empty_cluster.run("delete -f - --wait=true --timeout=25s", stdin="---".join((APPLICATION, STORAGE, AROUND)))
    empty_cluster.run("get pods", "No resources found", within_s=10)


def test_a_pod_that_is_a_task_ends_and_one_that_sleeps_does_not(empty_cluster):
    empty_cluster.run("run once --image=tool --restart=Never -- work", "created")
    empty_cluster.run("run shell --image=tool --restart=Never --command -- sleep infinity", "created")
    empty_cluster.run("wait pod/once --for=jsonpath='{.status.phase}'=Succeeded --timeout=10s", "met")
    empty_cluster.run("get pod once shell", r"once +0/1 +Completed.*shell +1/1 +Running")
    empty_cluster.run("logs once --timestamps", r"\A20\d\d-\d\d-\d\dT\S+Z once started\n\Z")


def test_versions_that_kubernetes_dropped_are_named_as_kubectl_names_them(empty_cluster):
    old = "apiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: x}\n"
    empty_cluster.run("apply -f -", r'no matches for kind "PodDisruptionBudget" in version', code=1, stdin=old)


def test_default_roles_can_be_bound(empty_cluster):
    empty_cluster.run("create serviceaccount reader", "created")
    empty_cluster.run("create rolebinding reader --clusterrole=view --serviceaccount=default:reader", "created")
    asking = "--as=system:serviceaccount:default:reader"
    empty_cluster.run(f"auth can-i list pods {asking}", "yes")
    empty_cluster.run(f"auth can-i list pods -n kube-system {asking}", "no", code=1)
    empty_cluster.run(f"auth can-i get secrets {asking}", "no", code=1)
    empty_cluster.run("describe clusterrole view", r"pods/log +\[\] +\[\] +\[get list watch\]")
