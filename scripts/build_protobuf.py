"""Extract the protobuf field numbers of the kinds that kubectl creates typed, from Kubernetes' Go types.

Usage, with checkouts of github.com/kubernetes/api and github.com/kubernetes/apimachinery:

    python scripts/build_protobuf.py path/to/api path/to/apimachinery

Writes `kubeworld/machine/schema/protobuf.json.gz`: message -> field number -> [JSON name, type, flags]. Flags:
`r` repeated, `m` map (the type is the value's), `i` inlined into its parent, `z` a zero value is kept (the Go field
is a pointer or always written). Field numbers never change, so the revision of the checkouts does not matter.
"""

import gzip
import json
import re
import sys
from pathlib import Path

TARGET = Path(__file__).parent.parent / "kubeworld/machine/schema/protobuf.json.gz"
PACKAGES = {
    "core/v1": "core/v1",
    "apps/v1": "apps/v1",
    "batch/v1": "batch/v1",
    "autoscaling/v1": "autoscaling/v1",
    "autoscaling/v2": "autoscaling/v2",
    "policy/v1": "policy/v1",
    "networking/v1": "networking.k8s.io/v1",
    "discovery/v1": "discovery.k8s.io/v1",
    "events/v1": "events.k8s.io/v1",
    "storage/v1": "storage.k8s.io/v1",
    "coordination/v1": "coordination.k8s.io/v1",
    "scheduling/v1": "scheduling.k8s.io/v1",
    "rbac/v1": "rbac.authorization.k8s.io/v1",
    "authentication/v1": "authentication.k8s.io/v1",
    "authorization/v1": "authorization.k8s.io/v1",
}
META = "meta/v1"
SCALARS = {"string", "bool", "int32", "int64", "int", "uint32", "uint64", "uint8", "byte", "float64", "float32"}
SPECIAL = {
    "Time": "time",
    "MicroTime": "microtime",
    "Quantity": "quantity",
    "IntOrString": "intstr",
    "RawExtension": "raw",
    "FieldsV1": "fields",
    "Duration": "duration",
}
_STRUCT = re.compile(r"^type (\w+) struct \{\n(.*?)^\}", re.M | re.S)
_ALIAS = re.compile(r"^type (\w+) (\[\]|map\[\w+\])?([\w.]+)$", re.M)
_FIELD = re.compile(r'^\s+(?:(\w+)\s+)?([\[\]*\w.]+)\s+`[^`]*json:"([^"]*)"[^`]*protobuf:"(\w+),(\d+),(\w+)[^"]*"')


def main(api: Path, machinery: Path) -> None:
    """Parse the types, write the table."""
    sources = {package: api / folder / "types.go" for folder, package in PACKAGES.items()}
    sources[META] = machinery / "pkg/apis/meta/v1/types.go"
    texts = {package: path.read_text() for package, path in sources.items()}
    aliases = {
        f"{package}.{name}": (shape, base)
        for package, text in texts.items()
        for name, shape, base in _ALIAS.findall(text)
    }
    table: dict[str, dict[str, list[str]]] = {}
    for package, text in texts.items():
        for name, body in _STRUCT.findall(text):
            fields = dict(filter(None, (_field(package, line, aliases) for line in body.splitlines())))
            if fields:
                table[f"{package}.{name}"] = fields
    payload = json.dumps(dict(sorted(table.items())), sort_keys=True, separators=(",", ":")).encode()
    TARGET.write_bytes(gzip.compress(payload, 9, mtime=0))
    print(f"{TARGET.name}: {len(table)} messages, {TARGET.stat().st_size} bytes compressed")


def _field(package: str, line: str, aliases: dict[str, tuple[str, str]]) -> tuple[str, list[str]] | None:
    match = _FIELD.match(line)
    if match is None:
        return None
    name, go_type, tag, _, number, _ = match.groups()
    json_name, *options = tag.split(",")
    pointer = go_type.startswith("*")
    base, flags = _resolve(package, go_type.lstrip("*"), aliases)
    if "inline" in options or (not json_name and name is None):
        flags += "i"
    if (pointer or "omitempty" not in options) and "r" not in flags and "m" not in flags:
        flags += "z"
    return number, [json_name, base, flags]


def _resolve(  # noqa: PLR0911 - one answer per kind of Go type
    package: str, go_type: str, aliases: dict[str, tuple[str, str]]
) -> tuple[str, str]:
    """(type, flags) of a Go type: scalars and special types by name, messages as `package.Name`."""
    if go_type == "[]byte":
        return "bytes", ""
    if go_type.startswith("[]"):
        return _resolve(package, go_type[2:].lstrip("*"), aliases)[0], "r"
    if go_type.startswith("map["):
        return _resolve(package, go_type.partition("]")[2], aliases)[0], "m"
    prefix, _, name = go_type.rpartition(".")
    if name in SCALARS:
        return name, ""
    if name in SPECIAL:
        return SPECIAL[name], ""
    home = {"": package, "metav1": META, "v1": "core/v1" if package != META else META, "types": "", "intstr": ""}
    home |= {"corev1": "core/v1", "api": "core/v1", "batchv1": "batch/v1", "autoscalingv1": "autoscaling/v1"}
    where = home.get(prefix, package)
    if where == "":
        return "string", ""
    shape, base = aliases.get(f"{where}.{name}", ("", ""))
    if shape == "[]":  # Verbs and ExtraValue are messages of one repeated field on the wire
        return ("items", "") if base == "string" else (_resolve(where, base, aliases)[0], "r")
    if shape.startswith("map"):
        return _resolve(where, base, aliases)[0], "m"
    return _resolve(where, base, aliases) if base else (f"{where}.{name}", "")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
