"""Who asks, and what they may: bearer tokens with roles."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.datastructures import Headers
from starlette.types import Scope

from aoi.database.tokens import Role, Token, TokenBook
from aoi.errors import RoleRefused, TokenRefused

_bearer = HTTPBearer(auto_error=False, description="Made by `aoi serve token add`.")
_MISSING = (
    "no token came in the header Authorization. Make one on the server's machine: aoi serve token add NAME "
    "--role operator"
)
_RANK: dict[Role, int] = {"viewer": 0, "operator": 1}


def caller(needed: Role) -> Callable[..., Token]:
    """A dependency: the caller's token, if its role is enough. Raises: TokenRefused, RoleRefused."""

    def check(request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> Token:
        if given is None:
            raise TokenRefused(_MISSING)
        book: TokenBook = request.app.state.tokens
        token = book.holder(given.credentials)
        if _RANK[token.role] < _RANK[needed]:
            raise RoleRefused(f"{token.name} is a {token.role}, and this needs the role {needed}")
        return token

    return check


def refuse_unknown(tokens: TokenBook, scope: Scope) -> None:
    """As `caller`, before the body of a request is read. Raises: TokenRefused, DatabaseUnavailable."""
    scheme, _, given = Headers(scope=scope).get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise TokenRefused(_MISSING)
    tokens.holder(given.strip())


Viewer = Annotated[Token, Depends(caller("viewer"))]
Operator = Annotated[Token, Depends(caller("operator"))]
