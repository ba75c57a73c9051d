"""The real kubectl against the HTTPS front: what people type works, and what is not served says so."""

import pytest

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: nginx:1.25
        ports: [{containerPort: 80, name: http}]
        readinessProbe: {httpGet: {port: http}}
        resources: {requests: {cpu: 50m, memory: 64Mi}, limits: {memory: 128Mi}}
"""
SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}
"""
GADGETS = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Gadget, plural: gadgets, singular: gadget, shortNames: [gd]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    additionalPrinterColumns: [{name: Size, type: integer, jsonPath: .spec.size}]
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""


@pytest.fixture
def web(kubectl):
    kubectl.run("apply -f -", "deployment.apps/web created", stdin=DEPLOYMENT)
    kubectl.run("rollout status deploy/web --timeout=20s", "successfully rolled out")
    return kubectl


def check(kubectl, *steps):
    """Steps are (line, regex[, exit code[, stdin]])."""
    for line, expected, *rest in steps:
        kubectl.run(line, expected, code=rest[0] if rest else 0, stdin=rest[1] if len(rest) > 1 else "")


def test_discovery_and_documentation(kubectl):
    check(
        kubectl,
        ("version", r"Server Version: v1\.32"),
        ("api-versions", r"^apps/v1$.*^autoscaling/v1$.*^autoscaling/v2$.*^metrics.k8s.io/v1beta1$.*^v1$"),
        ("api-resources", r"^deployments +deploy +apps/v1 +true +Deployment$"),
        ("api-resources --verbs=create --namespaced=false", r"selfsubjectaccessreviews"),
        ("cluster-info", r"control plane.*is running at.*127\.0\.0\.1"),
        ("get --raw /readyz", r"ok"),
        ("explain pod.spec.containers.livenessProbe.httpGet", r"GROUP|KIND: +Pod.*port.*-required-"),
        ("explain deploy --recursive", r"revisionHistoryLimit"),
        ("explain hpa.spec.metrics", r"VERSION: +v2"),
        ("explain pod.spec.nonsense", r'field "nonsense" does not exist', 1),
        ("get gizmos", r"the server doesn't have a resource type \"gizmos\"", 1),
    )


def test_reading_pods_in_every_format(web):
    check(
        web,
        ("get pods", r"^NAME +READY +STATUS +RESTARTS +AGE\n(web-\S+ +1/1 +Running +0 +\d+\S*\n){2}\Z"),
        ("get pods -o wide", r"IP +NODE +NOMINATED NODE +READINESS GATES\n.*10\.244\.\d+\.\d+ +node-\d"),
        ("get po -l app=web --show-labels", r"LABELS\n.*app=web,pod-template-hash="),
        ("get pods -l app!=web", r"No resources found"),
        ("get pods --field-selector=status.phase=Running -o name", r"\A(pod/web-\S+\n){2}\Z"),
        ("get pods --field-selector=spec.foo=1", r"field label not supported: spec.foo", 1),
        ("get pods -o jsonpath='{.items[*].spec.containers[0].image}'", r"\Anginx:1.25 nginx:1.25\Z"),
        ("get pods -o custom-columns=N:.metadata.name,P:.status.phase --no-headers", r"\A(web-\S+ +Running\n){2}\Z"),
        ("get pods -o go-template='{{range .items}}{{.status.phase}} {{end}}'", r"\ARunning Running \Z"),
        ("get pods --sort-by=.metadata.name -o name", r"pod/web"),
        ("get pods -A --chunk-size=1", r"NAMESPACE"),
        (
            "get deploy,rs,svc -o wide",
            r"deployment.apps/web +2/2 +2 +2 .*nginx:1.25 +app=web.*replicaset.apps/web",
        ),
        ("get deploy web -o yaml", r"maxSurge: 25%.*terminationMessagePath: /dev/termination-log.*readyReplicas: 2"),
        ("get deploy web -o json", r'"kind": "Deployment"'),
        ("get all", r"pod/web.*deployment.apps/web.*replicaset.apps/web"),
        ("get pod none", r'Error from server \(NotFound\): pods "none" not found', 1),
        ("get events", r"LAST SEEN +TYPE +REASON +OBJECT +MESSAGE\n.*Scheduled"),
        ("events --for deploy/web", r"ScalingReplicaSet"),
        ("top pods", r"NAME +CPU\(cores\) +MEMORY\(bytes\)\s+web-\S+ +5m +24Mi"),
        ("top nodes", r"NAME +CPU\(cores\).*node-1"),
    )


def test_describing(web):
    pod = web.run("get pods -o name").split()[0]
    web.run("apply -f -", "created", stdin=SERVICE)
    check(
        web,
        ("describe deploy web", r"Replicas: +2 desired \| 2 updated \| 2 total \| 2 available.*NewReplicaSet: +web-"),
        ("describe pods -l app=web", r"Readiness: +http-get http://:http/.*QoS Class: +Burstable"),
        (f"describe {pod}", r"Status: +Running.*Events:.*Scheduled.*Started container web"),
        ("describe svc web", r"TargetPort: +http/TCP.*Endpoints: +10\.244\.\S+:80,10\.244\.\S+:80"),
        ("describe node node-1", r"Conditions:.*Ready +True.*KubeletReady.*Allocated resources"),
        ("describe rs", r"Controlled By: +Deployment/web"),
        ("describe ns " + web.namespace, r"Status: +Active"),
        ("describe endpointslices", r"AddressType: +IPv4"),
        ("get endpoints web", r"web +10\.244\.\S+:80,10\.244\.\S+:80"),
        ("get endpointslices", r"IPv4 +80 +10\.244\.\d+\.\d+,10\.244\.\d+\.\d+"),
    )


def test_creating_with_typed_clients(kubectl):
    """These bodies are protobuf."""
    check(
        kubectl,
        ("create deployment a --image=nginx:1 --replicas=0 --port=80", r"deployment.apps/a created"),
        ("get deploy a -o jsonpath={.spec.replicas}", r"\A0\Z"),
        ("get deploy a -o jsonpath={.spec.template.spec.containers[0].ports[0].containerPort}", r"\A80\Z"),
        ("create configmap c --from-literal=k=v", r"configmap/c created"),
        ("get cm c -o jsonpath={.data.k}", r"\Av\Z"),
        ("create secret generic s --from-literal=p=hidden", r"secret/s created"),
        ("get secret s -o jsonpath={.data.p}", r"\AaGlkZGVu\Z"),
        ("create job j --image=busybox -- true", r"job.batch/j created"),
        ("create cronjob cj --image=busybox --schedule='*/5 * * * *' -- true", r"cronjob.batch/cj created"),
        ("get cj", r"cj +\*/5 \* \* \* \* +<none> +False +0 +<none>"),
        ("create cronjob bad --image=b --schedule='nonsense'", r"spec.schedule: Invalid value", 1),
        ("create serviceaccount bot", r"created"),
        ("create token bot", r"\A[\w-]+\.[\w-]+\.[\w-]+\n?\Z"),
        ("create role r --verb=get,list --resource=pods,deployments.apps", r"created"),
        ("create rolebinding rb --role=r --serviceaccount=default:bot", r"created"),
        ("describe role r", r"deployments.apps +\[\] +\[\] +\[get list\]"),
        ("get rolebinding rb -o wide", r"Role/r.*default/bot"),
        ("create quota q --hard=pods=4,requests.cpu=2", r"created"),
        ("create pdb p --selector=app=a --min-available=1", r"created"),
        ("get pdb", r"p +1 +N/A +0"),
        ("create ingress i --rule=example.com/=a:80", r"created"),
        ("get ing", r"i +<none> +example.com +80"),
        ("create service clusterip cs --tcp=80:8080", r"created"),
        ("create service nodeport ns --tcp=80", r"created"),
        ("get svc cs ns", r"cs +ClusterIP +10\.\S+ +<none> +80/TCP.*ns +NodePort +10\.\S+ +<none> +80:3\d{4}/TCP"),
        ("autoscale deploy a --min=1 --max=3 --cpu-percent=70", r"autoscaled"),
        ("get hpa a", r"Deployment/a +cpu: <unknown>/70% +1 +3"),
        ("create priorityclass pc-" + kubectl.namespace[:20] + " --value=7", r"created"),
        ("create configmap c --from-literal=k=v", r'configmaps "c" already exists', 1),
    )  # fmt: skip


def test_changing_a_workload(web):
    check(
        web,
        ("scale deploy web --replicas=3", r"scaled"),
        ("scale deploy web --current-replicas=9 --replicas=1", r"Expected replicas to be 9, was 3", 1),
        ("set image deploy/web web=nginx:1.26", r"image updated"),
        ("rollout status deploy/web --timeout=20s", r"successfully rolled out"),
        ("rollout history deploy/web", r"REVISION +CHANGE-CAUSE\s+1 +<none>\s+2 +<none>"),
        ("rollout undo deploy/web", r"rolled back"),
        ("get deploy web -o jsonpath={.spec.template.spec.containers[0].image}", r"\Anginx:1.25\Z"),
        ("rollout restart deploy/web", r"restarted"),
        ("rollout pause deploy/web", r"paused"),
        ("rollout resume deploy/web", r"resumed"),
        ("set env deploy/web A=1", r"env updated"),
        ("set env deploy/web --list", r"A=1"),
        ("set resources deploy/web --limits=memory=256Mi", r"updated"),
        ("label deploy web tier=front", r"labeled"),
        ("annotate deploy web note=x", r"annotated"),
        ("label deploy web tier-", r"unlabeled"),
        ("patch deploy web -p '{\"spec\":{\"replicas\":1}}'", r"patched"),
        ("patch deploy web --type=merge -p '{\"spec\":{\"replicas\":2}}'", r"patched"),
        ('patch deploy web --type=json -p \'[{"op":"replace","path":"/spec/replicas","value":3}]\'', r"patched"),
        ("patch deploy web -p '{\"spec\":{\"replicas\":-1}}'", r"must be greater than or equal to 0", 1),
        ("edit deploy web", r"edited"),
        ("get deploy web -o jsonpath={.spec.replicas}", r"\A4\Z"),
        ("expose deploy web --port=80", r"exposed"),
        ("delete deploy web --wait=true --timeout=10s", r"deleted"),
        ("get deploy web", r"NotFound", 1),
    )  # fmt: skip
    web.run("get rs", "No resources found", within_s=5)


def test_apply_diff_and_replace(kubectl):
    changed = DEPLOYMENT.replace("replicas: 2", "replicas: 5")
    misspelt = DEPLOYMENT.replace("replicas", "replica")
    check(
        kubectl,
        ("apply --dry-run=server -f -", r"created \(server dry run\)", 0, DEPLOYMENT),
        ("get deploy", r"No resources found"),
        ("apply -f -", r"created", 0, DEPLOYMENT + "---" + SERVICE),
        ("apply -f -", r"deployment.apps/web unchanged.*service/web unchanged", 0, DEPLOYMENT + "---" + SERVICE),
        ("diff -f -", r"-  replicas: 2\n\+  replicas: 5", 1, changed),
        ("apply -f -", r"configured", 0, changed),
        ("apply view-last-applied deploy/web", r"replicas: 5"),
        ("apply --server-side -f -", r"conflict", 1, DEPLOYMENT),
        ("apply --server-side --force-conflicts -f -", r"serverside-applied", 0, DEPLOYMENT),
        ("get deploy web --show-managed-fields -o yaml", r"manager: kubectl\n    operation: Apply"),
        ("apply -f -", r"strict decoding error: unknown field \"spec.replica\"", 1, misspelt),
        ("replace -f -", r"replaced", 0, changed),
        ("delete -f -", r'deployment.apps "web" deleted', 0, DEPLOYMENT),
    )  # fmt: skip


def test_logs_and_exec(web):
    pod = web.run("get pods -o jsonpath={.items[0].metadata.name}")
    check(
        web,
        (f"logs {pod} --tail=2", r"\Aweb line 3\nweb line 4\n\Z"),
        ("logs deploy/web -c web --tail=1 --timestamps", r"^\d{4}-\d\d-\d\dT\S+Z web line 4$"),
        ("logs -l app=web --tail=1 --prefix", r"\[pod/web-\S+/web\] web line 4"),
        (f"logs {pod} --previous", r'previous terminated container "web" in pod "\S+" not found', 1),
        (f"logs {pod} -c none", r"container none is not valid for pod", 1),
        (f"exec {pod} -- echo hello there", r"\Ahello there\n"),
        (f"exec {pod} -c web -- false", r"no such command.*exit code 3", 3),
    )  # fmt: skip


def test_nodes_drain_and_evict(web):
    check(
        web,
        ("get nodes -o wide", r"node-1 +Ready +<none>.*containerd://"),
        ("cordon node-3", r"cordoned"),
        ("get node node-3", r"Ready,SchedulingDisabled"),
        ("drain node-3 --ignore-daemonsets --delete-emptydir-data --force --timeout=20s", r"node/node-3 drained"),
        ("uncordon node-3", r"uncordoned"),
        ("taint node node-3 a=b:NoSchedule", r"tainted"),
        ("taint node node-3 a-", r"untainted"),
    )


def test_applying_a_set_prunes_what_left_it(kubectl):
    one, two = (
        f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, labels: {{set: a}}}}\n" for name in ("one", "two")
    )
    check(
        kubectl,
        ("apply --prune -l set=a -f -", r"configmap/one created.*configmap/two created", 0, f"{one}---\n{two}"),
        ("apply --prune -l set=a -f -", r"configmap/one unchanged.*configmap/two pruned", 0, one),
    )


def test_draining_says_which_budget_stands_in_the_way_and_gives_up_in_time(web):
    node = web.run("get pods -l app=web -o jsonpath={.items[0].spec.nodeName}")
    check(
        web,
        ("create pdb web --selector=app=web --min-available=2", r"created"),
        (
            f"drain {node} --pod-selector=app=web --timeout=2s",
            r"violate the pod's disruption budget.*global timeout",
            1,
        ),
        (f"uncordon {node}", r"uncordoned"),
        ("delete pdb web", r"deleted"),
    )


def test_waiting_and_watching(web):
    check(
        web,
        ("wait deploy/web --for=condition=Available --timeout=10s", r"condition met"),
        ("wait pods -l app=web --for=jsonpath='{.status.phase}'=Running --timeout=10s", r"condition met"),
        ("get pods -w --request-timeout=1s", r"web-\S+ +1/1 +Running"),
        ("delete pods -l app=web --wait=false", r"deleted"),
        ("wait deploy/web --for=condition=Available --timeout=20s", r"condition met"),
        ("delete deploy web --cascade=orphan", r"deleted"),
        ("get rs -o name", r"replicaset.apps/web"),
        ("delete rs --all --cascade=foreground --timeout=10s", r"deleted"),
    )


def test_identities_see_what_rbac_gives_them(kubectl):
    check(
        kubectl,
        ("auth whoami", r"kubernetes-admin"),
        ("auth can-i '*' '*'", r"yes"),
        ("auth can-i create pods --as=nobody", r"no", 1),
        ("--context=probe auth whoami", r"system:serviceaccount:tools:probe"),
        ("--context=probe auth can-i list secrets", r"no", 1),
        ("--context=probe auth can-i --list", r"selfsubjectreviews.authentication.k8s.io"),
        ("--context=probe get secrets", r"Error from server \(Forbidden\): secrets is forbidden: User", 1),
        ("--context=probe create configmap x", r"cannot create resource \"configmaps\"", 1),
        ("--context=probe get pods --as=system:admin", r"cannot impersonate resource \"users\"", 1),
        ("--token=wrong get pods", r"You must be logged in to the server", 1),
        (f"create role reader --verb=get,list --resource=pods -n {kubectl.namespace}", r"created"),
        ("create rolebinding reader --role=reader --serviceaccount=tools:probe", r"created"),
        ("--context=probe get pods", r"No resources found"),
        ("--context=probe delete pod x", r"cannot delete resource", 1),
    )


def test_custom_resources(kubectl):
    gadget = "apiVersion: example.com/v1\nkind: Gadget\nmetadata: {name: one}\nspec: {size: 3}\n"
    chaos = (
        "apiVersion: chaos-mesh.org/v1alpha1\nkind: NetworkChaos\nmetadata: {name: loss}\n"
        "spec: {action: loss, mode: all, duration: 60s, selector: {labelSelectors: {app: web}}}\n"
    )
    kubectl.run("apply -f -", "created|unchanged", stdin=GADGETS)
    kubectl.run("apply -f -", "gadget.example.com/one created", stdin=gadget, within_s=5)
    check(
        kubectl,
        ("get crd gadgets.example.com", r"NAME +CREATED AT"),
        ("get gadgets", r"NAME +SIZE\s+one +3"),
        ("get gd one -o jsonpath={.spec.size}", r"\A3\Z"),
        ("apply -f -", r"configured", 0, gadget.replace("size: 3", "size: 4")),
        ("describe gadget one", r"Size: +4"),
        ('patch gadget one --type=merge -p \'{"spec":{"size":5}}\'', r"patched"),
        ("delete gadget one", r"deleted"),
        ("apply -f -", r"networkchaos.chaos-mesh.org/loss created", 0, chaos),
        ("get networkchaos", r"NAME +ACTION +DURATION\s+loss +loss +60s"),
        ("delete networkchaos loss", r"deleted"),
    )


STATEFUL = """
apiVersion: v1
kind: Service
metadata: {name: db}
spec: {clusterIP: None, selector: {app: db}, ports: [{port: 5432}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  replicas: 2
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      containers:
      - {name: db, image: "postgres:16", volumeMounts: [{name: data, mountPath: /data}]}
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], storageClassName: fast, resources: {requests: {storage: 1Gi}}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec: {containers: [{name: agent, image: "agent:1"}]}
"""
FAST = """
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: fast}
provisioner: example.com/fast
"""


def test_stateful_sets_daemon_sets_and_their_storage(kubectl):
    kubectl.run("apply -f -", "created|unchanged", stdin=FAST)
    kubectl.run("apply -f -", "statefulset.apps/db created.*daemonset.apps/agent created", stdin=STATEFUL)
    check(
        kubectl,
        ("rollout status sts/db --timeout=20s", r"roll out complete: 2 new pods"),
        ("rollout status ds/agent --timeout=20s", r"successfully rolled out"),
        ("get sts,ds", r"statefulset.apps/db +2/2.*daemonset.apps/agent +3 +3 +3 +3 +3 +<none>"),
        ("get pods -l app=db -o name", r"\Apod/db-0\npod/db-1\n\Z"),
        ("get pvc", r"data-db-0 +Bound +pvc-\S+ +1Gi +RWO +fast +<unset>"),
        ("get pv", r"pvc-\S+ +1Gi +RWO +Delete +Bound +\S+/data-db-\d +fast"),
        ("get sc", r"fast +example.com/fast +Delete +Immediate +false"),
        ("set image ds/agent agent=agent:2", r"image updated"),
        ("rollout status ds/agent --timeout=20s", r"successfully rolled out"),
        ("rollout history ds/agent", r"REVISION +CHANGE-CAUSE\s+1 +<none>\s+2 +<none>"),
        ("rollout undo ds/agent", r"rolled back"),
        ("get ds agent -o jsonpath={.spec.template.spec.containers[0].image}", r"\Aagent:1\Z"),
        ("describe sts db", r"Volume Claims:\s+Name: +data.*SuccessfulCreate"),
        ("describe ds agent", r"Desired Number of Nodes Scheduled: 3"),
        ("describe pvc data-db-0", r"Status: +Bound.*Used By: +db-0"),
        ("get controllerrevisions", r"agent-\S+ +daemonset.apps/agent +\d"),
        ("scale sts db --replicas=1", r"scaled"),
        ("patch sts db -p '{\"spec\":{\"serviceName\":\"x\"}}'", r"updates to statefulset spec for fields", 1),
    )  # fmt: skip


def test_jobs_run_to_the_end_and_limits_are_kept(kubectl):
    check(
        kubectl,
        ("create quota small --hard=pods=2,configmaps=2", r"created"),
        ("run one --image=nginx:1", r"pod/one created"),
        ("run two --image=nginx:1", r"pod/two created"),
        ("run three --image=nginx:1", r"exceeded quota: small, requested: pods=1, used: pods=2, limited: pods=2", 1),
        ("describe quota small", r"pods +2 +2"),
        ("get quota", r"pods: 2/2"),
        ("delete pod one two --now", r"deleted"),
        ("delete quota small", r"deleted"),
        ("create -f -", r"created", 0, LIMITS),
        ("describe limits bounds", r"Container +memory +- +256Mi"),
        ("run big --image=nginx:1 --overrides=" + BIG, r"usage per Container is 256Mi, but limit is 1Gi", 1),
        ("run small --image=nginx:1", r"created"),
        ("get pod small -o jsonpath={.spec.containers[0].resources.limits.memory}", r"\A128Mi\Z"),
        ("create -f -", r"networkpolicy.networking.k8s.io/deny created", 0, POLICY),
        ("describe netpol deny", r"PodSelector: +<none>.*Policy Types: Ingress"),
        ("create job once --image=busybox -- true", r"created"),
        ("describe job once", r"Parallelism: +1"),
        ("create serviceaccount bot", r"created"),
        ("describe sa bot", r"Name: +bot"),
        ("describe ns " + kubectl.namespace, r"Resource Limits"),
    )  # fmt: skip


LIMITS = """
apiVersion: v1
kind: LimitRange
metadata: {name: bounds}
spec: {limits: [{type: Container, max: {memory: 256Mi}, default: {memory: 128Mi}}]}
"""
POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny}
spec: {podSelector: {}}
"""
BIG = '\'{"spec":{"containers":[{"name":"big","image":"nginx:1","resources":{"limits":{"memory":"1Gi"}}}]}}\''


def test_a_namespace_goes_with_what_is_in_it(web):
    web.run(f"delete namespace {web.namespace} --timeout=20s", "deleted")
    web.run(f"get namespace {web.namespace}", "NotFound", code=1)
    web.run("get pods", "No resources found")
