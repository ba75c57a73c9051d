"""Jobs that make certificates for webhooks, known by what their arguments say: `create --host ... --secret-name ...`.

That is the command line of kube-webhook-certgen, which many charts run before and after they install their webhooks.
Source: https://github.com/kubernetes/ingress-nginx/tree/main/images/kube-webhook-certgen
"""

from collections.abc import Sequence

from kubeworld.machine.runtime import SORTS, CreateCertificate, TrustCertificate, Work

_NO = ("false", "0", "f")


def certificate_work(words: Sequence[str]) -> list[Work]:
    """What a container with this command line has done when it ends; nothing if it is no such Job."""
    options = _options(words)
    secret = options.get("secret-name", "")
    if not secret:
        return []
    namespace = options.get("namespace", "")
    if "create" in words and "host" in options:
        names = tuple(name.strip() for name in options["host"].split(","))
        keys = options.get("cert-name", "cert"), options.get("key-name", "key")
        return [CreateCertificate(secret, namespace, names, "ca", *keys, type=options.get("secret-type", "Opaque"))]
    if "patch" in words and options.keys() & {"webhook-name", "apiservice-name"}:
        wanted = [sort for sort in SORTS if options.get(f"patch-{sort}", "true") not in _NO]
        return [
            TrustCertificate(
                secret,
                namespace,
                webhooks=options.get("webhook-name", ""),
                sorts=tuple(wanted),
                failure_policy=options.get("patch-failure-policy", ""),
                api_service=options.get("apiservice-name", ""),
            )
        ]
    return []


def _options(words: Sequence[str]) -> dict[str, str]:
    """`--name=value`, `--name value` and bare `--name` alike."""
    options: dict[str, str] = {}
    for at, word in enumerate(words):
        if not word.startswith("--"):
            continue
        name, equals, value = word.removeprefix("--").partition("=")
        following = words[at + 1] if at + 1 < len(words) else "--"
        options[name] = value if equals else "true" if following.startswith("--") else following
    return options
