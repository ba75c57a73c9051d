"""AdmissionReviews: what a webhook is asked, and whether what it says is an answer.

Source: k8s.io/apiserver/pkg/admission/plugin/webhook/request/admissionreview.go
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

from kubeworld.admission.cel.inputs import admission_request, as_seen
from kubeworld.admission.cel.matching import Request
from kubeworld.kinds.kind import Kind
from kubeworld.kinds.webhook_configuration import REVIEW_VERSIONS
from kubeworld.machine.store import Obj


class BadAnswer(Exception):
    """What came back is no answer to what was asked; `str()` says why."""


def question(request: Request, kind: Kind, hook: Obj) -> Obj:
    """The AdmissionReview of a request for one webhook. Equal requests have equal uids."""
    version = next(v for v in hook["admissionReviewVersions"] if v in REVIEW_VERSIONS)
    objects = {"object": as_seen(kind, request, request.new), "oldObject": as_seen(kind, request, request.old)}
    asked: Obj = {**admission_request(request, kind), **objects}
    digest = hashlib.sha256(orjson.dumps([hook["name"], asked], option=orjson.OPT_SORT_KEYS)).hexdigest()
    uid = f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-a{digest[17:20]}-{digest[20:32]}"
    return {
        "kind": "AdmissionReview",
        "apiVersion": f"admission.k8s.io/{version}",
        "request": {"uid": uid, **asked},
    }


def response_of(asked: Obj, answer: Any, *, is_mutating: bool) -> Obj:
    """The response in an answer. Raises: BadAnswer, in the words of kube-apiserver."""
    if not isinstance(answer, Mapping):
        raise BadAnswer("couldn't get version/kind; json parse error: json: cannot unmarshal value into Go object")
    response, uid = answer.get("response"), asked["request"]["uid"]
    if not isinstance(response, Mapping):
        raise BadAnswer("webhook response was absent")
    if asked["apiVersion"] == "admission.k8s.io/v1":
        if response.get("uid", "") != uid:
            raise BadAnswer(f'expected response.uid="{uid}", got "{response.get("uid", "")}"')
        given = f"{answer.get('apiVersion', '')}, Kind={answer.get('kind', '')}"
        wanted = f"{asked['apiVersion']}, Kind=AdmissionReview"
        if given != wanted:
            raise BadAnswer(f"expected webhook response of {wanted}, got {given}")
    _check_patch(response, is_mutating=is_mutating)
    return dict(response)


def _check_patch(response: Mapping[str, Any], *, is_mutating: bool) -> None:
    patch, type_ = response.get("patch"), response.get("patchType")
    if not is_mutating:
        for field in ("patch", "patchType"):
            if response.get(field):
                raise BadAnswer(f"validating webhook may not return response.{field}")
    elif patch and not type_:
        raise BadAnswer("webhook returned response.patch but not response.patchType")
    elif type_ and not patch:
        raise BadAnswer("webhook returned response.patchType but not response.patch")
    elif type_ not in (None, "", "JSONPatch"):
        raise BadAnswer(f'unsupported patch type "{type_}"')


def operations(response: Obj) -> Any:
    """The JSON patch of a response; nothing without one. Raises: ValueError."""
    patch = response.get("patch")
    if not patch:
        return None
    # Described answers have the operations as they are.
    if isinstance(patch, list):
        return patch
    try:
        return orjson.loads(base64.b64decode(patch, validate=True))
    except (binascii.Error, TypeError) as error:
        raise ValueError(f"illegal base64 data in response.patch: {error}") from error
