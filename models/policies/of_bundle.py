"""What a bundle is served by: one door for every stage and command.

Collection, evaluation, guided runs, rewards, plans, diagnosis and the identity probe all open their policy here, so
whatever answers the operator is what was measured. A server is used where one is set; otherwise the engine of this
process answers.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Literal

from aoi.errors import IdentityMismatch, SettingsError
from aoi.language.codec import Codec, WordCodec
from aoi.language.layouts import layout_of
from aoi.language.prompting import Prompter
from aoi.language.schema import Schema
from aoi.records.base import Record, Sha256
from aoi.records.episode import RoleName
from aoi.settings import Decoding, Dtype, ServerSettings, Settings
from models import files, loading
from models.bundle import Bundle
from models.codec import TokenizerCodec
from models.policies import server as servers
from models.policies.grammar import WordsGrammar
from models.policies.in_process import Grammar, InProcessPolicy
from models.policies.server import ModelServer, Served, ServedPolicy


class Serving(Record):
    """How bundles are served: what of the settings decides who answers. Travels to worker processes."""

    server: ServerSettings = ServerSettings()
    decoding: Decoding = "free"

    @classmethod
    def of(cls, settings: Settings) -> "Serving":
        """As the settings say."""
        return cls(server=settings.server, decoding=settings.decoding)

    @property
    def engine(self) -> Literal["in process", "server"]:
        """What computes."""
        return "server" if self.server.url else "in process"

    @property
    def dtype(self) -> Dtype:
        """What it computes in: the engine of this process always in 32-bit floats."""
        return self.server.dtype if self.server.url else "float32"


@contextmanager
def policy_of(
    bundle: Bundle, serving: Serving, adapters: Mapping[RoleName, Path] | None = None
) -> Iterator[InProcessPolicy | ServedPolicy]:
    """What answers for `bundle` while the block runs; a role without an adapter is answered by the base.

    `adapters` stands in place of the bundle's own, for one that is in training on the same base. On a server each is
    loaded under a name that holds its digest. Raises: ServerUnavailable; IdentityMismatch if the server stands on
    another base; Permanent if it cannot load an adapter; SettingsError if nothing there can constrain the layout.
    """
    folders = bundle.adapters if adapters is None else adapters
    is_constrained = serving.decoding == "constrained"
    if not serving.server.url:
        yield InProcessPolicy(bundle.base, folders, grammar=_grammar(bundle) if is_constrained else None)
        return
    with server_of(bundle, serving, _constraints(bundle) if is_constrained else {}) as (server, base):
        roles = {role: server.load(folder, files.adapter_digest(folder)) for role, folder in folders.items()}
        yield ServedPolicy(server, roles, base)


@contextmanager
def server_of(
    bundle: Bundle, serving: Serving, constraints: Mapping[RoleName, Schema], *, budget_s: float = servers.BUDGET_S
) -> Iterator[tuple[ModelServer, Served]]:
    """The server that is set, and the bundle's base on it. `budget_s` is for all that is asked at once.

    Raises: ServerUnavailable; IdentityMismatch if it stands on another base.
    """
    how = servers.ServerSettings(
        serving.server.url,
        serving.server.api_key.get_secret_value() or None,
        timeout_s=serving.server.timeout_s,
        budget_s=budget_s,
        schemas=constraints,
        ends=sorted(loading.eos_ids(bundle.base)),
    )
    with ModelServer(how) as server:
        yield server, _served_base(server, bundle)


def codec_of(bundle: Bundle) -> Codec:
    """Text to ids as the bundle's tokenizer does it; the seed layout has a codec without vendors."""
    if layout_of(bundle.profile).schemas is None:
        return WordCodec()
    return TokenizerCodec(bundle.base, thinks=bundle.profile.thinks)


def prompter_of(bundle: Bundle) -> Prompter:
    """States to prompts as the bundle's profile and tokenizer do it."""
    return Prompter(bundle.profile, codec_of(bundle))


def _grammar(bundle: Bundle) -> Grammar:
    schemas = _schemas(bundle)
    if schemas is None:
        return WordsGrammar()
    from models.policies.json_grammar import JsonGrammar  # its library is needed by nobody else

    return JsonGrammar(bundle.base, schemas, loading.eos_ids(bundle.base))


def _constraints(bundle: Bundle) -> Mapping[RoleName, Schema]:
    """A schema is text, so only a tokenizer that can spell every text always gets to its end: one of whole words would
    begin a word that it cannot finish, and the server answers 500."""
    schemas = _schemas(bundle)
    if schemas is None:
        raise SettingsError(
            f"a server constrains by JSON schemas, and bundle {bundle.digest[:12]} speaks {bundle.profile.layout}, "
            "each a token. Unset AOI_SERVER__URL: in process it has a grammar of tokens. Or unset AOI_DECODING"
        )
    return schemas


def _schemas(bundle: Bundle) -> Mapping[RoleName, Schema] | None:
    """What each role may say; None where words are tokens. Raises: SettingsError for a model that thinks first."""
    of_layout = layout_of(bundle.profile).schemas
    if bundle.profile.thinks:
        raise SettingsError(
            f"bundle {bundle.digest[:12]} thinks before it answers, and a constrained completion has no room for "
            "thoughts. Unset AOI_DECODING, or install its base without AOI_MODEL__THINKS"
        )
    return of_layout() if of_layout else None


def _served_base(server: ModelServer, bundle: Bundle) -> Served:
    """The server's base model. Where its folder can be read here, its digest must be that of the bundle's base."""
    listed = server.base()
    root = Path(listed.root)
    if listed.root and root.is_dir() and root != bundle.base and _weights(root) != bundle.manifest.base:
        raise IdentityMismatch(
            f"the model server at {server.settings.url} serves {root}, whose weights are {_weights(root)[:12]}, and "
            f"bundle {bundle.digest[:12]} stands on {bundle.manifest.base[:12]}. Serve the champion's base, or unset "
            "AOI_SERVER__URL"
        )
    return Served(listed.name, f"base:{bundle.manifest.base}")


@cache
def _weights(folder: Path) -> Sha256:
    return files.weights_digest(folder)
