"""A small operator as people write them with kopf: a Site owns a Deployment, says how it is, and leaves a note."""

import kopf
import kubernetes


@kopf.on.startup()
def begin(settings, **_):
    kubernetes.config.load_kube_config()
    settings.persistence.finalizer = "example.com/site"
    settings.posting.loggers = True


@kopf.on.create("sites")
def create(spec, name, namespace, **_):
    labels = {"site": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": spec["image"]}]}}
    body = {
        "metadata": {"name": name, "labels": labels},
        "spec": {"replicas": spec["replicas"], "selector": {"matchLabels": labels}, "template": template},
    }
    kopf.adopt(body)
    made = kubernetes.client.AppsV1Api().create_namespaced_deployment(namespace, body)
    return {"deployment": made.metadata.uid}


@kopf.on.update("sites", field="spec.replicas")
def scale(old, new, name, namespace, patch, **_):
    kubernetes.client.AppsV1Api().patch_namespaced_deployment_scale(name, namespace, {"spec": {"replicas": new}})
    patch.status["scaled"] = f"{old} -> {new}"


@kopf.on.update("sites", field="spec.image")
def refuse(retry, **_):
    """Images of sites stay: the first try puts it off, the second refuses for good."""
    if retry == 0:
        raise kopf.TemporaryError("in a moment", delay=0.1)
    raise kopf.PermanentError("the image of a site cannot change")


@kopf.on.event("deployments", labels={"site": kopf.PRESENT})
def watch_child(status, meta, namespace, **_):
    """What the Deployment has ready is the Site's own status."""
    body = {"status": {"ready": status.get("readyReplicas", 0)}}
    sites = kubernetes.client.CustomObjectsApi()
    try:
        sites.patch_namespaced_custom_object_status("example.com", "v1", namespace, "sites", meta["name"], body)
    except kubernetes.client.ApiException as error:
        if error.status != 404:  # the Site is gone, and its Deployment on the way
            raise


@kopf.on.delete("sites")
def leave_a_note(name, namespace, spec, **_):
    data = {"replicas": str(spec["replicas"])}
    kubernetes.client.CoreV1Api().create_namespaced_config_map(
        namespace, {"metadata": {"name": f"{name}-was-here"}, "data": data}
    )
