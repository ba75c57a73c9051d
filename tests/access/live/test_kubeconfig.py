"""Which kubeconfigs are read, how what they name is found, and what is told about those that are refused."""

import base64
import os
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aoi.access.live import LiveReadTransport, kubeconfig
from aoi.access.live.kubeconfig import Kubeconfig, load
from aoi.errors import SettingsError
from tests.access.live.servers import CERTIFICATES, NAMESPACE, TOKEN, reviewing, scripted

AUTHORITY = CERTIFICATES.authority_pem
REMEDY = "aoi access print --namespace shop | kubectl apply -f -"


def document(**changes: Any) -> dict[str, Any]:
    return {
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:6443", **changes.pop("cluster", {})}}],
        "users": [{"name": "u", "user": changes.pop("user", {"token": TOKEN})}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": NAMESPACE}}],
        "current-context": "x",
        **changes,
    }


def written(folder: Path, **changes: Any) -> Path:
    path = folder / "config"
    path.write_text(yaml.safe_dump(document(**changes), allow_unicode=True))
    return path


def client_pair() -> tuple[bytes, bytes]:
    """A certificate of its own, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ana")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    plain = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM), plain


def refusal(path: Path, context: str | None = None) -> str:
    with pytest.raises(SettingsError) as refused:
        load(path, context)
    assert TOKEN not in str(refused.value)
    return str(refused.value)


def test_files_that_it_names_lie_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, key = client_pair()
    (tmp_path / "pki").mkdir()
    for name, data in (("ca.pem", AUTHORITY), ("me.crt", certificate), ("me.key", key)):
        (tmp_path / "pki" / name).write_bytes(data)
    user = {"client-certificate": "pki/me.crt", "client-key": str(tmp_path / "pki" / "me.key")}
    monkeypatch.chdir("/")
    config = load(written(tmp_path, cluster={"certificate-authority": "pki/ca.pem"}, user=user))
    assert (config.authority, config.certificate, config.key, config.token) == (AUTHORITY, certificate, key, None)


@pytest.mark.parametrize("way", ["absolute", "relative", "link"])
def test_no_file_elsewhere_is_read_as_a_certificate(tmp_path: Path, way: str) -> None:
    for folder in ("mine", "other"):
        (tmp_path / folder).mkdir()
    (tmp_path / "other" / "ca.pem").write_bytes(AUTHORITY)
    (tmp_path / "mine" / "link.pem").symlink_to(tmp_path / "other" / "ca.pem")
    names = {"absolute": str(tmp_path / "other" / "ca.pem"), "relative": "../other/ca.pem", "link": "link.pem"}
    text = refusal(written(tmp_path / "mine", cluster={"certificate-authority": names[way]}))
    assert "only files beside the kubeconfig" in text
    assert "kubectl config view --flatten" in text


def test_a_pipe_is_no_certificate_and_nobody_waits_for_one(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "ca.pem")
    assert "is no file" in refusal(written(tmp_path, cluster={"certificate-authority": "ca.pem"}))


@pytest.mark.parametrize("folder", [".kube", ".minikube/profiles/minikube"])
def test_certificates_may_lie_where_clients_keep_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home" / folder).mkdir(parents=True)
    (tmp_path / "mine").mkdir()
    file = tmp_path / "home" / folder / "ca.pem"
    file.write_bytes(AUTHORITY)
    assert load(written(tmp_path / "mine", cluster={"certificate-authority": str(file)})).authority == AUTHORITY


def test_a_kubeconfig_without_a_kind_is_read_as_kubectl_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump({key: value for key, value in document().items() if key != "kind"}))
    assert load(path).token == TOKEN


ALIASES = b"a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + b"".join(
    b"a%d: &a%d [%s]\n" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 9)) for n in range(1, 12)
)
"""Nothing of it is large before somebody writes it out: then it has 9^12 items."""
BOMBS = {
    "current-context": ALIASES + b"current-context: *a11\n",
    "a name": ALIASES + b"contexts: [{name: *a11, context: {}}]\ncurrent-context: x\n",
    "server": ALIASES + b"contexts: [{name: x, context: {cluster: c, user: c}}]\ncurrent-context: x\n"
    b"clusters: [{name: c, cluster: {server: *a11}}]\nusers: [{name: c, user: {token: *a11}}]\n",
    "authority": ALIASES + b"contexts: [{name: x, context: {cluster: c, user: c}}]\ncurrent-context: x\n"
    b"clusters: [{name: c, cluster: {server: 'https://a:1', certificate-authority-data: *a11}}]\n"
    b"users: [{name: c, user: {token: t}}]\n",
    "a million items": b"a: [" + b"1," * 500_000 + b"]",
    "deep": b"{a: " * 9_000,
    "a tag": b"a: !!int ''",
    "a truth": b"a: !!bool perhaps",
    "a time": b"a: !!timestamp soon",
    "a number": b"a: " + b"9" * 10_000,
    "its own item": b"current-context: &a [*a]",
}


@pytest.mark.parametrize("data", BOMBS.values(), ids=BOMBS.keys())
def test_a_kubeconfig_that_is_a_bomb_is_refused_at_once(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "config").write_bytes(data)
    assert len(refusal(tmp_path / "config")) < 500


_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=20)
_ODD = st.recursive(_LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_LEAVES, inner, max_size=3))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), odd=_ODD)
def test_whatever_stands_in_a_kubeconfig_it_is_read_or_refused(tmp_path: Path, data: st.DataObject, odd: Any) -> None:
    whole = document(cluster={"certificate-authority": "ca.pem", "tls-server-name": "a"}, user={"tokenFile": "t"})
    places: list[tuple[Any, Any]] = []
    left: list[Any] = [whole]
    while left:
        held = left.pop()
        keys = held.keys() if isinstance(held, dict) else range(len(held))
        places += [(held, key) for key in keys]
        left += [held[key] for key in keys if isinstance(held[key], dict | list)]
    held, key = data.draw(st.sampled_from(places))
    held[key] = odd
    (tmp_path / "config").write_text(yaml.safe_dump(whole, allow_unicode=True), "utf-8", "surrogateescape")
    with suppress(SettingsError):
        load(tmp_path / "config").bearer()


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace")))
def test_whatever_bytes_a_kubeconfig_has_it_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "config").write_bytes(data)
    with pytest.raises(SettingsError):
        load(tmp_path / "config")


def test_data_stand_before_a_file_that_is_named_too(tmp_path: Path) -> None:
    data = {"certificate-authority-data": base64.b64encode(AUTHORITY).decode(), "certificate-authority": "gone.pem"}
    assert load(written(tmp_path, cluster=data)).authority == AUTHORITY


@pytest.mark.parametrize(
    ("part", "entry"),
    [
        ("cluster", {"certificate-authority": "gone.pem"}),
        ("cluster", {"certificate-authority": "."}),
        ("cluster", {"certificate-authority": "a\0b"}),
        ("cluster", {"certificate-authority": 5}),
        ("cluster", {"certificate-authority-data": "%%%"}),
        ("user", {"client-certificate": "gone.crt", "client-key": "gone.key"}),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, part: str, entry: Any) -> None:
    assert next(iter(entry)).removesuffix("-data") in refusal(written(tmp_path, **{part: entry}))


@pytest.mark.parametrize("wrong", ["authority", "certificate", "encrypted"])
def test_material_that_is_no_pem_is_refused_without_asking_at_the_terminal(tmp_path: Path, wrong: str) -> None:
    certificate, key = client_pair()
    if wrong == "encrypted":
        private: Any = serialization.load_pem_private_key(key, None)
        kept = serialization.BestAvailableEncryption(b"word")
        key = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, kept)
    (tmp_path / "ca.pem").write_bytes(b"no pem" if wrong == "authority" else AUTHORITY)
    (tmp_path / "me.crt").write_bytes(b"no pem" if wrong == "certificate" else certificate)
    (tmp_path / "me.key").write_bytes(key)
    user = {"client-certificate": "me.crt", "client-key": "me.key"}
    with pytest.raises(SettingsError, match="no PEM that fits together"):
        LiveReadTransport(written(tmp_path, cluster={"certificate-authority": "ca.pem"}, user=user))


def test_a_client_certificate_is_an_identity(tmp_path: Path) -> None:
    certificate, key = client_pair()
    (tmp_path / "me.crt").write_bytes(certificate)
    (tmp_path / "me.key").write_bytes(key)
    with scripted(reviewing) as server:
        user = {"client-certificate": "me.crt", "client-key": "me.key"}
        LiveReadTransport(server.kubeconfig(tmp_path / "config", user=user)).close()
    assert "Authorization" not in server.requests[0].headers
    assert not list(tmp_path.glob("client.pem"))


def test_the_namespace_of_the_context_is_the_default(tmp_path: Path) -> None:
    assert load(written(tmp_path)).namespace == NAMESPACE
    contexts = [{"name": "x", "context": {"cluster": "c", "user": "u"}}]
    assert load(written(tmp_path, contexts=contexts)).namespace == "default"
    contexts[0]["context"]["namespace"] = "a/../b"  # type: ignore[index]
    assert "which is no namespace" in refusal(written(tmp_path, contexts=contexts))


def test_the_identity_is_checked_in_the_namespace_of_the_context(tmp_path: Path) -> None:
    with scripted(reviewing) as server:
        transport = LiveReadTransport(server.kubeconfig(tmp_path / "config", namespace="bank"))
        transport.check(("pay", "sell"))
        transport.close()
    assert transport.config.namespace == "bank"
    asked = [yaml.safe_load(received.body)["spec"]["namespace"] for received in server.requests]
    assert asked[0] == "bank"
    assert {"pay", "sell"} <= set(asked)
    assert set(asked) - {"bank", "pay", "sell"} == {"default", "kube-system"}


def test_the_file_of_the_environment_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", f"{os.pathsep}{written(tmp_path)}")
    assert load().server == "https://127.0.0.1:6443"


def test_the_usual_file_is_read_where_the_environment_names_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(SettingsError, match="--kubeconfig"):
        load()
    (tmp_path / ".kube").mkdir()
    written(tmp_path / ".kube")
    assert load().context == "x"


@pytest.mark.parametrize(
    "user",
    [
        {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "aws"}},
        {"exec": {}},
        {"auth-provider": {"name": "gcp"}},
        {"username": "admin", "password": "x"},
        {},
        {"token": ""},
        {"client-certificate": "me.crt"},
    ],
)
def test_who_is_refused_is_told_the_commands_that_make_another_identity(tmp_path: Path, user: Any) -> None:
    text = refusal(written(tmp_path, user=user))
    assert REMEDY in text
    assert "kubectl -n aoi create token probe" in text
    assert "--kubeconfig probe.kubeconfig" in text


def test_no_file_of_this_machine_is_sent_as_a_token(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("private")
    for name in (str(secret), "secret", "/var/run/secrets/kubernetes.io/serviceaccount/../../../../etc/passwd"):
        text = refusal(written(tmp_path, user={"tokenFile": name}))
        assert "would send a file of this machine" in text
        assert REMEDY in text


@pytest.mark.parametrize(
    "token",
    ["a\r\nX: y", "a\n", "a\u2028b", "t\u00f6ken", "a b", "\x00", 5, ["a"], {"a": 1}, True, "a" * 70_000, "a\x7f"],
    ids=range(12),
)
def test_a_token_that_is_no_header_is_refused_and_not_shown(tmp_path: Path, token: Any) -> None:
    text = refusal(written(tmp_path, user={"token": token}))
    assert "the token is not one line of visible ASCII" in text
    assert len(text) < 400


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "# nothing\n",
        "[" * 2_000,
        "a: " + "{b: " * 2_000,
        "- " * 2_000,
        "kind: Config\ncurrent-context: " + "[" * 2_000 + "]" * 2_000,
        "kind: Config\nx: 2026-99-99",
        "kind: Config\n? [a]\n: b",
        "kind: Config\n<<: 5",
        "kind: Config\n--- \nkind: Config",
        "kind: Config\nclusters: 3\ncontexts: {}\nusers: x",
        "kind: Config\ncontexts: [5, {name: x, context: 7}]\ncurrent-context: x",
        "!!python/object/apply:os.system [id]",
        "\ufffe",
    ],
    ids=range(15),
)
def test_what_is_no_kubeconfig_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    assert str(path) in refusal(path)


def test_what_cannot_be_read_is_refused_by_name(tmp_path: Path) -> None:
    assert "Is a directory" in refusal(tmp_path)
    assert "No such file" in refusal(tmp_path / "gone")
    assert "cannot be read" in refusal(Path("a\0b"))
    big = tmp_path / "big"
    big.write_bytes(b"a" * 1_048_577)
    assert "more than" in refusal(big)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_of_somebody_else_is_refused_by_name(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.chmod(0)
    assert "Permission denied" in refusal(path)


def test_contexts_are_listed_where_none_is_chosen(tmp_path: Path) -> None:
    contexts = [{"name": name, "context": {"cluster": "c", "user": "u"}} for name in ("dev", "prod\n\x1b[31m")]
    path = written(tmp_path, contexts=contexts, **{"current-context": ""})
    text = refusal(path)
    assert "has no current-context: it has 'dev', 'prod\\n\\x1b[31m'. Name one with --context" in text
    assert "has 0 contexts named 'test', expected one: it has 'dev'" in refusal(path, "test")
    assert load(path, "dev").context == "dev"
    many = [{"name": f"c{number}", "context": {}} for number in range(500)]
    assert "and 490 more" in refusal(written(tmp_path, contexts=many, **{"current-context": "gone"}))


@pytest.mark.parametrize(
    "server",
    [
        "https://127.0.0.1:6443/k8s/clusters/c-1",
        "https://[::1]:6443",
        "https://api.example.com",
        "https://api_1.example.com:443/",
    ],
)
def test_servers_with_paths_and_addresses_are_servers(tmp_path: Path, server: str) -> None:
    assert load(written(tmp_path, cluster={"server": server})).server == server.rstrip("/")


@pytest.mark.parametrize(
    "server",
    [
        "", "http://127.0.0.1:9", "https://", "https://a:0", "https://a:99999", "https://a:x", "https://me@a", "https://a?x",
        "https://a#x", "https://a/../b", "https://a/%2e%2e", "https://a b", "https://a\\b", "https://a\n", "file:///x",
        "unix:///x", 5, None,
    ],
)  # fmt: skip
def test_what_is_no_https_url_of_a_server_is_refused(tmp_path: Path, server: Any) -> None:
    assert "is not an https:// URL" in refusal(written(tmp_path, cluster={"server": server}))


@pytest.mark.parametrize("name", ["a b", "a\r\nb", 5, ["a"]])
def test_a_tls_server_name_is_a_host_name(tmp_path: Path, name: Any) -> None:
    assert "tls-server-name" in refusal(written(tmp_path, cluster={"tls-server-name": name}))


def test_a_kubeconfig_shows_no_credential_when_it_is_printed(tmp_path: Path) -> None:
    config = Kubeconfig("x", "shop", "https://a", key=b"private", token=TOKEN)
    assert "private" not in repr(config)
    assert TOKEN not in repr(load(written(tmp_path)))


# In a pod ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of a pod's service account, and no kubeconfig."""
    folder = tmp_path / "serviceaccount"
    folder.mkdir()
    (folder / "token").write_text(f"{TOKEN}\n")
    (folder / "namespace").write_text("watch")
    (folder / "ca.crt").write_bytes(AUTHORITY)
    monkeypatch.setattr(kubeconfig, "SERVICE_ACCOUNT", folder)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    return folder


def test_a_pod_uses_its_service_account_and_follows_its_token(account: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted(reviewing) as server:
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(server.port))
        transport = LiveReadTransport()
        (account / "token").write_text("rotated")
        transport.check(("other",))
        transport.close()
    assert transport.config.namespace == "watch"
    tokens = [received.headers["Authorization"] for received in server.requests]
    assert list(dict.fromkeys(tokens)) == [f"Bearer {TOKEN}", "Bearer rotated"]


def test_a_pods_token_may_be_named_in_a_kubeconfig(account: Path, tmp_path: Path) -> None:
    config = load(written(tmp_path, user={"tokenFile": str(account / "token")}))
    assert config.bearer() == TOKEN
    (account / "token").write_text("two\nlines")
    with pytest.raises(SettingsError, match="visible ASCII"):
        config.bearer()


def test_what_is_no_namespace_of_a_pod_is_refused(account: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    (account / "namespace").write_text("a/b")
    with pytest.raises(SettingsError, match="no namespace"):
        load()


def test_a_kubeconfig_stands_before_the_account_of_a_pod(
    account: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "::1")
    assert load().server == "https://[::1]:443"
    monkeypatch.setenv("KUBECONFIG", str(written(tmp_path)))
    assert load().server == "https://127.0.0.1:6443"
    assert account.exists()
