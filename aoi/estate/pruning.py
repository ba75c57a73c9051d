"""What is kept of an object: a namespace of thousands of pods has to fit into memory.

Pods of one owner differ in names, node and status; their specs are kept once.
"""

from typing import Any

import orjson

from aoi.estate.objects import DEFAULT_CONTAINER, Obj

MAX_VALUE = 16_384
"""Characters of a ConfigMap entry that are kept: enough for any address, not for the archive that some keep there."""
_TOKEN_VOLUME = "kube-api-access-"
"""Prefix of the volume that every pod gets, under a name of its own."""


class Pruner:
    """Shrinks objects as they arrive. Not lossy for anything that a rule reads."""

    def __init__(self) -> None:
        self._specs: dict[bytes, Obj] = {}

    def prune(self, obj: Obj) -> Obj:
        """A smaller copy."""
        metadata = obj.get("metadata")
        kept = dict(metadata) if isinstance(metadata, dict) else {}
        kept.pop("managedFields", None)
        annotations = kept.get("annotations")
        if isinstance(annotations, dict):
            kept["annotations"] = {
                key: value
                for key, value in annotations.items()
                if key == DEFAULT_CONTAINER or (isinstance(value, str) and len(value) <= 256)
            }
        pruned = {**obj, "metadata": kept}
        if obj.get("kind") == "Pod":
            return self._pod(pruned)
        if obj.get("kind") == "ConfigMap":
            pruned["data"] = {key: _shortened(value) for key, value in _mapping(obj.get("data")).items()}
            pruned["binaryData"] = dict.fromkeys(_mapping(obj.get("binaryData")), "")
        return pruned

    def _pod(self, pod: Obj) -> Obj:
        spec = _mapping(pod.get("spec"))
        own = {key: spec[key] for key in ("nodeName", "hostname") if key in spec}
        shared = {key: value for key, value in spec.items() if key not in own}
        volumes = shared.get("volumes")
        if isinstance(volumes, list):
            named = [volume for volume in volumes if isinstance(volume, dict)]
            shared["volumes"] = [v for v in named if not str(v.get("name", "")).startswith(_TOKEN_VOLUME)]
        for place in ("containers", "initContainers"):
            if isinstance(shared.get(place), list):
                shared[place] = [_without_token(container) for container in shared[place]]
        key = orjson.dumps(shared, option=orjson.OPT_SORT_KEYS)
        common = self._specs.setdefault(key, shared)
        return {**pod, "spec": {**common, **own}}


def _without_token(container: Any) -> Any:
    mounts = container.get("volumeMounts") if isinstance(container, dict) else None
    if not isinstance(mounts, list):
        return container
    kept = [m for m in mounts if isinstance(m, dict) and not str(m.get("name", "")).startswith(_TOKEN_VOLUME)]
    return {**container, "volumeMounts": kept}


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _shortened(value: Any) -> Any:
    return value[:MAX_VALUE] if isinstance(value, str) else value
