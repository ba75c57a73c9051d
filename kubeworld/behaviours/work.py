"""Reads what containers create: objects as manifests have them, and Secrets with certificates."""

from kubeworld.behaviours.fields import LIST, TEXT, Fields
from kubeworld.machine.runtime import CreateCertificate, CreateObject, TrustCertificate, Work
from kubeworld.machine.store import Obj


def works(fields: Fields) -> tuple[Work, ...]:
    """`creates`: manifests, certificates, and who is to trust them."""
    listed = fields.takes("creates", LIST) or ()
    return tuple(_work(fields, f"creates[{at}]", item) for at, item in enumerate(listed, 1))


def _work(fields: Fields, place: str, item: object) -> Work:
    if not isinstance(item, dict):
        raise fields.refusal(place, "a manifest, a `certificate` or a `trust`", item)
    if "certificate" in item:
        return _certificate(Fields(f"{fields.place}: {place}", item).part("certificate"))
    if "trust" in item:
        return _trust(Fields(f"{fields.place}: {place}", item).part("trust"))
    meta = item.get("metadata")
    is_named = isinstance(meta, dict) and isinstance(meta.get("name"), str)
    if not is_named or not isinstance(item.get("kind"), str) or not isinstance(item.get("apiVersion"), str):
        raise fields.refusal(place, "a manifest with apiVersion, kind and metadata.name", item)
    return CreateObject(_with_data(item))


def _with_data(manifest: Obj) -> Obj:
    """Values as YAML reads them; those of `data` and `stringData` are texts."""
    texts = {
        field: {key: str(value) for key, value in manifest[field].items()}
        for field in ("data", "stringData")
        if isinstance(manifest.get(field), dict)
    }
    return {**manifest, **texts}


def _certificate(fields: Fields) -> CreateCertificate:
    fields.only("secret", "namespace", "hosts", "keys", "type")
    hosts = fields.needs("hosts", LIST)
    for at, host in enumerate(hosts, 1):
        if not isinstance(host, str):
            raise fields.refusal(f"hosts[{at}]", TEXT.expects, host)
    keys = fields.part("keys")
    keys.only("authority", "certificate", "key")
    type_ = fields.takes("type", TEXT) or "kubernetes.io/tls"
    return CreateCertificate(
        fields.needs("secret", TEXT),
        fields.takes("namespace", TEXT) or "",
        tuple(str(host) for host in hosts),
        keys.takes("authority", TEXT) or "ca.crt",
        keys.takes("certificate", TEXT) or "tls.crt",
        keys.takes("key", TEXT) or "tls.key",
        type_,
    )


def _trust(fields: Fields) -> TrustCertificate:
    fields.only("secret", "namespace", "key", "webhooks", "api")
    return TrustCertificate(
        fields.needs("secret", TEXT),
        fields.takes("namespace", TEXT) or "",
        fields.takes("key", TEXT) or "ca.crt",
        webhooks=fields.takes("webhooks", TEXT) or "",
        api_service=fields.takes("api", TEXT) or "",
    )
