"""Reads what answers beside the cluster: webhooks, the programs behind Services, the servers of aggregated APIs."""

import ipaddress

from kubeworld.behaviours.fields import LIST, TEXT, TRUTH, Check, Fields, whole
from kubeworld.machine.outside import ApiAvailability, HookAnswer, ServiceAddress
from kubeworld.machine.store import Obj

_REFUSED = 403
"""A webhook that refuses and does not say with which code means Forbidden."""


def hook(fields: Fields) -> HookAnswer:
    """`webhook`: what one says, or why it cannot be asked."""
    fields.only("webhook", "allowed", "message", "code", "reason", "warnings", "patch", "failure")
    name = fields.needs("webhook", TEXT)
    named = fields.titled(f"webhook {name}")
    failure = named.takes("failure", TEXT)
    if failure is not None:
        others = sorted(set(named.values) - {"webhook", "failure"})
        if others:
            raise named.refusal("failure", "nothing beside it, since nobody answers", others)
        return HookAnswer(name, failure)
    is_allowed = named.takes("allowed", TRUTH)
    response: Obj = {"allowed": is_allowed is not False}
    warnings = [_text(named, "warnings", at, line) for at, line in enumerate(named.takes("warnings", LIST) or (), 1)]
    if warnings:
        response["warnings"] = warnings
    if "patch" in named.values:
        operations = [_operation(named, at, item) for at, item in enumerate(named.needs("patch", LIST), 1)]
        response |= {"patch": operations, "patchType": "JSONPatch"}
    if not response["allowed"]:
        response["status"] = _status(named)
    elif {"message", "code", "reason"} & named.values.keys():
        raise named.refusal("allowed", "false, where there is a message, code or reason", named.values.get("allowed"))
    return HookAnswer(name, response=response)


def _status(fields: Fields) -> Obj:
    code = fields.takes("code", whole(400, 599))
    reason = fields.takes("reason", TEXT)
    status: Obj = {"code": _REFUSED if code is None else code, "message": fields.takes("message", TEXT) or ""}
    if reason or code is None:
        status["reason"] = reason or "Forbidden"
    return status


def _text(fields: Fields, name: str, at: int, value: object) -> str:
    if not isinstance(value, str):
        raise fields.refusal(f"{name}[{at}]", TEXT.expects, value)
    return value


def _operation(fields: Fields, at: int, value: object) -> Obj:
    if not isinstance(value, dict) or not isinstance(value.get("op"), str) or not isinstance(value.get("path"), str):
        raise fields.refusal(f"patch[{at}]", "an operation of a JSON patch with `op` and `path`", value)
    return value


def address(fields: Fields) -> ServiceAddress:
    """`service`: where on this machine the program listens that it stands for."""
    fields.only("service", "address")
    service = fields.part("service")
    service.only("namespace", "name")
    names = service.needs("namespace", TEXT), service.needs("name", TEXT)
    host, port = fields.titled(f"service {'/'.join(names)}").needs("address", _LOOPBACK)
    return ServiceAddress(*names, host, port)


def _loopback(value: object) -> tuple[str, int] | None:
    host, colon, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    if not colon or not port.isdecimal() or not 1 <= int(port) <= 65535:
        return None
    host = "127.0.0.1" if host == "localhost" else host.removeprefix("[").removesuffix("]")
    try:
        return (host, int(port)) if ipaddress.ip_address(host).is_loopback else None
    except ValueError:
        return None


_LOOPBACK = Check("a loopback address with a port, as 127.0.0.1:9443", _loopback)


def api(fields: Fields) -> ApiAvailability:
    """`api`: whether an aggregated API can be reached."""
    fields.only("api", "available", "message")
    name = fields.needs("api", TEXT)
    named = fields.titled(f"api {name}")
    is_available = named.needs("available", TRUTH)
    return ApiAvailability(name, is_available, named.takes("message", TEXT) or "")
