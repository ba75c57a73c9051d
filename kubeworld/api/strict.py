"""Request bodies: decode, bound, check types against the schema, and drop (or refuse) unknown fields."""

from typing import Any

import orjson
import yaml

from kubeworld.admission.cel.rules import has_rules
from kubeworld.admission.definitions import UNCHECKED
from kubeworld.admission.structural import schema_errors, with_defaults
from kubeworld.api.results import Call
from kubeworld.kinds.errors import bad_request, too_large, unprocessable, unsupported_media
from kubeworld.kinds.kind import Kind
from kubeworld.machine.schema.conform import conformed

BODY_LIMIT_BYTES = 3 * 1024 * 1024
"""kube-apiserver's default limit on a request body."""
JSON_TYPES = ("application/json", "application/yaml", "application/vnd.kubernetes.protobuf")


class _PlainLoader(yaml.SafeLoader):
    """A date in a manifest is a string, as in JSON."""


_PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _load_yaml(body: bytes) -> Any:
    """A handful of aliases can stand for gigabytes, so none is accepted. Raises: YAMLError."""
    if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(body)):
        raise yaml.YAMLError("aliases are not accepted")
    return yaml.load(body, Loader=_PlainLoader)  # a SafeLoader, narrowed


def load(body: bytes, content_type: str) -> Any:
    """Decode JSON or YAML. An absent content type means JSON. Raises: ApiError 400, 413, 415."""
    if len(body) > BODY_LIMIT_BYTES:
        raise too_large(f"Request entity too large: limit is {BODY_LIMIT_BYTES}")
    media = content_type.partition(";")[0].strip().lower()
    try:
        if media.endswith("yaml"):
            return _shallow(_load_yaml(body))
        if media in ("", "application/json") or media.endswith("+json"):
            return _shallow(orjson.loads(body))
    except (orjson.JSONDecodeError, yaml.YAMLError) as error:
        raise bad_request(f"the object provided is unrecognized: {error}") from error
    raise unsupported_media(JSON_TYPES)


def _shallow(value: Any) -> Any:
    """`value`, unless it is nested so deeply that it, or a list of it, could not be written again."""
    try:
        orjson.dumps([[[[[[[[value]]]]]]]], default=str)
    except TypeError as error:
        raise bad_request("the object provided is unrecognized: it is nested too deeply") from error
    return value


def read_object(call: Call) -> dict[str, Any]:
    """The body as an object of the call's kind: version and kind checked, unknown fields dealt with."""
    media = call.headers.get("content-type", "")
    if "protobuf" in media:
        from kubeworld.api.protobuf import decode  # only typed clients send it

        value = decode(call.body)
    else:
        value = load(call.body, media)
    if not isinstance(value, dict):
        raise bad_request("couldn't get version/kind; json parse error: json: cannot unmarshal value into Go object")
    return value


def check_kind(value: dict[str, Any], kind: str, api_version: str) -> dict[str, Any]:
    """Fill in an absent kind and version; refuse others. Raises: ApiError 400."""
    if value.get("kind", kind) != kind:
        raise bad_request(f"the kind in the data ({value['kind']}) does not match the expected kind ({kind})")
    if value.get("apiVersion", api_version) != api_version:
        raise bad_request(
            f"the API version in the data ({value['apiVersion']}) does not match the expected API version "
            f"({api_version})"
        )
    return {"apiVersion": api_version, "kind": kind, **value}


def conform(call: Call, value: dict[str, Any], kind: Kind) -> dict[str, Any]:
    """`value` without nulls and unknown fields, types checked. Raises: ApiError 400."""
    if kind.structure is not None:
        value = with_defaults(value, kind.structure)
        problems = list(schema_errors(value, kind.structure))
        if problems:
            if has_rules(kind.structure):
                problems.append(UNCHECKED)
            raise unprocessable(kind, (value.get("metadata") or {}).get("name", ""), problems)
    try:
        clean, unknown = conformed(value, kind.schema)
    except TypeError as error:
        raise bad_request(f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: {error}') from (
            error
        )
    # Warn is the server's default; kubectl asks for Strict.
    mode = call.query.get("fieldValidation") or "Warn"
    if unknown and mode == "Strict":
        listed = ", ".join(f'unknown field "{path}"' for path in unknown)
        prefix = f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: '
        raise bad_request(f"{prefix}strict decoding error: {listed}")
    if mode == "Warn":
        call.warnings += [f'unknown field "{path}"' for path in unknown]
    return clean
