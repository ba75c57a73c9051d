"""Bearer tokens of service accounts: made by TokenRequest, checked by the HTTPS front and by TokenReview."""

import base64
import hashlib
import hmac
import secrets

import orjson

from kubeworld.machine.identity import Identity, service_account
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

AUDIENCE = "https://kubernetes.default.svc.cluster.local"
# MinTokenAgeSec and the maximum of authentication/v1 TokenRequest validation; an hour is its default.
LIFETIME_S = (600, 3600, 2**32)
"""Least, default and most."""


class Tokens:
    """Issues and checks tokens of one world. Expiry is counted in simulated time."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._key = secrets.token_bytes(32)  # never stored: a token means nothing to another process
        self._static: dict[str, Identity] = {}

    def add(self, identity: Identity) -> str:
        """A new random token for any identity, valid as long as the server runs."""
        token = secrets.token_urlsafe(32)
        self._static[token] = identity
        return token

    def issue(self, account: Obj, lifetime_s: int, audiences: list[str]) -> tuple[str, int]:
        """A signed token for a ServiceAccount object and its expiry in seconds since the epoch."""
        meta, now = account["metadata"], self._now_s()
        claims = {
            "aud": audiences or [AUDIENCE],
            "exp": now + lifetime_s,
            "iat": now,
            "iss": AUDIENCE,
            "kubernetes.io": {
                "namespace": meta["namespace"],
                "serviceaccount": {"name": meta["name"], "uid": meta["uid"]},
            },
            "nbf": now,
            "sub": f"system:serviceaccount:{meta['namespace']}:{meta['name']}",
        }
        head = _encode(orjson.dumps({"alg": "HS256", "typ": "JWT"})) + "." + _encode(orjson.dumps(claims))
        return f"{head}.{self._sign(head)}", now + lifetime_s

    def authenticate(self, token: str) -> Identity | None:
        """Whose token it is, or None if it is unknown, forged, expired, or its account is gone."""
        # compare_digest, not a dict: how long it takes must not tell how much of a token was right.
        for known, identity in self._static.items():
            if hmac.compare_digest(known.encode(), token.encode()):
                return identity
        head, _, signature = token.rpartition(".")
        if not head or not hmac.compare_digest(self._sign(head).encode(), signature.encode()):
            return None
        claims = orjson.loads(_decode(head.partition(".")[2]))
        bound = claims["kubernetes.io"]
        account = self._world.store.get("serviceaccounts", bound["namespace"], bound["serviceaccount"]["name"])
        # A token ends with its account, and does not come back with another of the same name.
        if account is None or account["metadata"]["uid"] != bound["serviceaccount"]["uid"]:
            return None
        if claims["exp"] <= self._now_s() or AUDIENCE not in claims["aud"]:
            return None
        return service_account(bound["namespace"], bound["serviceaccount"]["name"])

    def _sign(self, head: str) -> str:
        return _encode(hmac.new(self._key, head.encode(), hashlib.sha256).digest())

    def _now_s(self) -> int:
        clock = self._world.clock
        return (clock.epoch_ms + clock.now_ms) // 1000


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
