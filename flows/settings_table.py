"""Every setting as a row: for `aoi settings` and for the reference in the docs."""

import ast
import inspect
from typing import NamedTuple

from pydantic import BaseModel, SecretStr

from aoi.settings import DELIMITER, PREFIX, Settings


class Row(NamedTuple):
    """One setting."""

    variable: str
    value: str
    default: str
    meaning: str


def rows(settings: Settings) -> list[Row]:
    """All settings in the order of the fields."""
    return _rows(settings, PREFIX)


def _rows(group: BaseModel, prefix: str) -> list[Row]:
    rows: list[Row] = []
    meanings = _meanings(type(group))
    for name, field in type(group).model_fields.items():
        value = getattr(group, name)
        variable = f"{prefix}{name.upper()}"
        if isinstance(value, BaseModel):
            rows += _rows(value, f"{variable}{DELIMITER}")
            continue
        shown = "(hidden)" if isinstance(value, SecretStr) and value.get_secret_value() else str(value)
        default = "(derived)" if field.default_factory else str(field.default)
        rows.append(Row(variable, shown, default, meanings.get(name, "")))
    return rows


def _meanings(type_: type[BaseModel]) -> dict[str, str]:
    """The string under each field, which Python itself forgets."""
    body = ast.parse(inspect.getsource(type_)).body[0]
    assert isinstance(body, ast.ClassDef)
    meanings: dict[str, str] = {}
    for before, after in zip(body.body, body.body[1:], strict=False):
        if not (isinstance(before, ast.AnnAssign) and isinstance(before.target, ast.Name)):
            continue
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            meanings[before.target.id] = " ".join(str(after.value.value).split())
    return meanings
