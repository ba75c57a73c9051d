"""How installations name their objects, since every company does it in its own way: styles, by application number.

- `plain`: Deployment, Service, label and often the container are called as the component.
- `helm`: a release name before everything, `app.kubernetes.io/*` labels, containers called after the chart.
- `suffix`: the kind is part of the name (`storefront-deployment`, `storefront-svc`).
- `team`: versioned workloads with labels of the company's own domain, Services called after what they are for. Never
  trained on: it occurs only in applications of development and test, as the slice `unseen_style`.

An application is drawn with plain names first, so its calls and programs do not depend on the style. Renaming keeps
what is the program's own (commands, images, operations, ConfigMap keys) and changes what the cluster sees.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace

from aoi.worlds.applications.installation import Installed, Pairs, ServiceSpec, Style
from aoi.worlds.applications.spec import DATA_KINDS, Application, Component, Image, Operation, Setting

TRAINED: tuple[Style, ...] = ("plain", "helm", "suffix", "plain", "helm", "suffix", "helm", "suffix")
"""By number, over and over. Beside the two AIOpsLab applications, four of the ten that are trained on are plain."""
HELD_OUT: frozenset[Style] = frozenset(("team",))
HELD_OUT_NUMBERS = range(90, 100)
"""Last two digits of the numbers of development and test that stand in a style that nothing is trained on."""
ROLES = ("first-line", "primary", "core", "ledger-of-record", "backend", "lookup", "intake", "delivery-side")


def style_of(number: int) -> Style:
    """How application `number` names its objects."""
    if number >= 100 and number % 100 in HELD_OUT_NUMBERS:
        return "team"
    return TRAINED[number % 100 % len(TRAINED)]


@dataclass(frozen=True, slots=True)
class Names:
    """What one component is called in the cluster."""

    service: str
    installed: Installed
    container: str


def restyled(application: Application, number: int) -> Application:
    """The application under the names of its style. The same number gives the same names."""
    style = application.style
    if style == "plain":
        return application
    rng = random.Random(f"generated/{number}/style")
    names = {
        "helm": _helm,
        "suffix": _suffix,
        "team": _team,
    }[style](application, rng)
    served = {service.component for service in application.services}
    names = {n: own if n in served else replace(own, service=own.installed.workload) for n, own in names.items()}
    return _renamed(application, names)


def _helm(application: Application, rng: random.Random) -> dict[str, Names]:
    """One umbrella chart: `shop-storefront`, or a Service that dropped the release name."""
    product = _product(application)
    release = rng.choice((product, f"{product}-prod", f"{product}-live", f"my-{product}"))
    service_style = rng.choice(("{release}-{role}", "{release}-{role}", "{role}"))
    by_chart = rng.random() < 0.5
    container = rng.choice(("{role}", "app", "{chart}"))
    named = {}
    for component in application.components:
        role = component.name.removeprefix(f"{product}-")
        role = component.name if role in application.by_name else role
        # An umbrella chart tells its parts by component, separate charts by name.
        parts: Pairs = (
            (("app.kubernetes.io/name", product), ("app.kubernetes.io/instance", release)) if by_chart else ()
        )
        own: Pairs = (
            (*parts, ("app.kubernetes.io/component", role))
            if by_chart
            else (("app.kubernetes.io/name", role), ("app.kubernetes.io/instance", release))
        )
        extra: Pairs = (("app.kubernetes.io/managed-by", "Helm"), ("helm.sh/chart", f"{product}-1.{len(role)}.0"))
        full = f"{release}-{role}"
        bare = component.name if component.kind == "gateway" else role
        named[component.name] = Names(
            service_style.format(release=release, role=role) if "release" in service_style else bare,
            Installed(role, full, (*own, *extra), own),
            component.container if component.kind in DATA_KINDS else container.format(role=role, chart=product),
        )
    return named


def _suffix(application: Application, rng: random.Random) -> dict[str, Names]:
    """`storefront-deployment` behind `storefront-svc`."""
    workload = rng.choice(("{}-deployment", "{}-deploy", "{}-app"))
    service = rng.choice(("{}-svc", "{}-service", "{}"))
    label = rng.choice(("app", "tier", "name"))
    container = rng.choice(("{}-container", "{}", "main"))
    named = {}
    for component in application.components:
        role = component.name
        own: Pairs = {
            "app": (("app", f"{role}-app"),),
            "tier": (("tier", _tier(component)), ("component", role)),
            "name": (("name", role),),
        }[label]
        workload_name = workload.format(role)
        if component.kind in ("database", "cache"):
            workload_name = role if rng.random() < 0.5 else workload_name
        base = role.removesuffix("-service").removesuffix("-svc")
        service_name = service.format(base)
        named[role] = Names(service_name, Installed(role, workload_name, own, own), container.format(role))
    return named


def _team(application: Application, rng: random.Random) -> dict[str, Names]:
    """Versioned workloads of a team; Services are called by a role or by a plain word."""
    product = _product(application)
    domain = rng.choice((f"{product}.example.com", f"apps.{product}.example.org", "platform.example.net"))
    key = rng.choice((f"{domain}/workload", f"{domain}/part", "k8s-app"))
    version = rng.choice(("v2", "v3", "2026", "blue"))
    prefix = rng.choice((product[:4], "team1", f"x{len(product)}"))
    roles = list(ROLES)
    rng.shuffle(roles)
    named = {}
    for component in application.components:
        role = component.name
        workload = f"{prefix}-{_first_word(role, product)}-{version}"
        if any(workload == other.installed.workload for other in named.values()):
            workload = f"{prefix}-{role}-{version}"
        service = roles.pop() if roles and component.kind != "gateway" and rng.random() < 0.4 else role
        if component.kind in ("database", "cache"):
            service = rng.choice((f"{role}-rw", f"{role}-main"))
        own: Pairs = ((key, role), (f"{domain}/track", version))
        named[role] = Names(service, Installed(role, workload, own, own), rng.choice(("main", "c0", "workload")))
    return named


def _product(application: Application) -> str:
    return application.namespace.removesuffix("-prod").removeprefix("prod-")


def _tier(component: Component) -> str:
    return {"gateway": "frontend", "service": "backend"}.get(component.kind, "data")


def _first_word(role: str, product: str) -> str:
    return role.removeprefix(f"{product}-").partition("-")[0]


def _renamed(application: Application, names: Mapping[str, Names]) -> Application:
    """Every mention of a component by another, from addresses to calls, with its new name."""

    def new(name: str) -> str:
        return names[name].service if name in names else name

    workload = application.workload
    return replace(
        application,
        components=tuple(_component(component, names) for component in application.components),
        services=tuple(_service(service, names) for service in application.services),
        images=tuple(_image(image, names) for image in application.images),
        workload=replace(
            workload,
            entry=new(workload.entry),
            queued=tuple((new(worker), operation, jobs) for worker, operation, jobs in workload.queued),
        ),
        registry_component=new(application.registry_component),
    )


def _component(component: Component, names: Mapping[str, Names]) -> Component:
    own = names[component.name]
    return replace(
        component,
        name=own.service,
        container=own.container,
        installed=own.installed,
        operations=tuple(_operation(operation, names) for operation in component.operations),
        settings=tuple(_setting(setting, names) for setting in component.settings),
        logins=tuple(
            replace(login, database_component=names[login.database_component].service) for login in component.logins
        ),
    )


def _operation(operation: Operation, names: Mapping[str, Names]) -> Operation:
    return replace(operation, calls=tuple(replace(call, callee=names[call.callee].service) for call in operation.calls))


def _setting(setting: Setting, names: Mapping[str, Names]) -> Setting:
    if setting.callee is None:
        return setting
    host, _, port = setting.value.rpartition(":")
    _, dot, domain = host.partition(".")
    service = names[setting.callee].service
    return replace(setting, callee=service, value=f"{service}{dot}{domain}:{port}")


def _service(service: ServiceSpec, names: Mapping[str, Names]) -> ServiceSpec:
    renamed = names[service.component].service
    return replace(service, name=renamed, component=renamed)


def _image(image: Image, names: Mapping[str, Names]) -> Image:
    binaries = tuple((command, names[owner].service if owner else "") for command, owner in image.binaries)
    return replace(image, binaries=binaries)
