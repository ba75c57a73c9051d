"""JSON merge patch (RFC 7386) and bounded JSON patch (RFC 6902)."""

from typing import Any

import jsonpatch
import jsonpointer
import orjson

from kubeworld.machine.patch.strategic import PatchError

OPERATIONS_LIMIT = 10_000
"""kube-apiserver's limit on the operations of one JSON patch."""
COPY_LIMIT_BYTES = 3 * 1024 * 1024
"""kube-apiserver's limit on what `copy` operations may grow an object to."""


class PatchTooLarge(PatchError):
    """More operations than the server accepts."""


class PatchTestFailed(PatchError):
    """A `test` operation did not hold, or a path does not exist."""


def merge_patch(original: Any, patch: Any) -> Any:
    """`original` with an RFC 7386 patch merged into it; the original is not mutated."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(original) if isinstance(original, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def _first_misfit(document: Any, operations: list[Any]) -> str:
    """The operation that does not apply, in the words of the Go library. Called when one does not."""
    for operation in operations:
        try:
            document = jsonpatch.apply_patch(document, [operation])
        except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException):
            return f'{operation["op"]} operation does not apply: doc is missing path: "{operation["path"]}"'
    return "operation does not apply"


def json_patch(original: Any, operations: Any) -> Any:
    """`original` after RFC 6902 operations. Raises: PatchError and its kin."""
    if not isinstance(operations, list):
        raise PatchError("json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    if len(operations) > OPERATIONS_LIMIT:
        raise PatchTooLarge(
            f"The allowed maximum operations in a JSON patch is {OPERATIONS_LIMIT}, got {len(operations)}"
        )
    document = original
    try:
        # Only copies make an object grow faster than the patch is long.
        if not any(isinstance(operation, dict) and operation.get("op") == "copy" for operation in operations):
            return jsonpatch.apply_patch(document, operations)
        # One by one, so that repeated doubling stops at the limit and not at the machine's memory.
        for operation in operations:
            document = jsonpatch.apply_patch(document, [operation])
            if len(orjson.dumps(document)) > COPY_LIMIT_BYTES:
                raise PatchTooLarge(f"JSON patch copies grow the object past {COPY_LIMIT_BYTES} bytes")
    except jsonpatch.JsonPatchTestFailed as error:
        raise PatchTestFailed(str(error)) from error
    except (jsonpatch.JsonPatchConflict, jsonpointer.JsonPointerException) as error:
        # The library's text holds the whole document; Go's names the path.
        raise PatchTestFailed(f"jsonpatch {_first_misfit(original, operations)}: missing value") from error
    except (jsonpatch.JsonPatchException, TypeError, KeyError) as error:
        raise PatchError(str(error)) from error
    return document
