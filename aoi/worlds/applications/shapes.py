"""What generated applications are made of beside Deployments of one container each: fixed by number, like their names.

Databases as StatefulSets, workers that take jobs from a queue and have no Service, sidecars and init containers,
ports that no manifest declares, a cache that a namespace of its own shares. Drawn apart from the application itself,
so that an application without any of it is what it was before.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

from aoi.worlds.applications.installation import Attendant, Resources, Style
from aoi.worlds.applications.spec import MIB, Application, Call, Component, Demand, Image, Operation, Setting
from aoi.worlds.applications.words import words_of

SIDECARS = (
    Attendant(
        "log-shipper",
        "fluent/fluent-bit",
        "3.1.9",
        port=2020,
        log=("[info] [fluent bit] version=3.1.9", "[info] [output] 42 records flushed", "[info] [engine] stopped"),
    ),
    Attendant(
        "proxy",
        "envoyproxy/envoy",
        "v1.31.2",
        port=15021,
        log=(
            "[info][main] initializing epoch 0",
            "[info][upstream] all clusters are initialized",
            "[info][main] exiting",
        ),
    ),
    Attendant(
        "config-reloader",
        "kiwigrid/k8s-sidecar",
        "1.28.0",
        log=("INFO starting collector", "INFO nothing new", "INFO stopped"),
    ),
)
WAITER = Attendant("wait-for-data", "busybox", "1.36", ("sh", "-c", "until nc -z $HOST $PORT; do sleep 1; done"))
MIGRATION = Attendant("migrate", "migrate/migrate", "v4.17.1", ("migrate", "up"))
SHARE: Mapping[Style, float] = {"plain": 0.35, "helm": 0.6, "suffix": 0.6, "team": 0.6}
"""Chance of each kind of shape, by style: who installs with bare manifests has the simplest ones."""
SHARED_NAMESPACES = ("data", "shared-data", "platform-data")


def shaped(application: Application, number: int) -> Application:
    """The application with what else it is made of. The same number gives the same shapes."""
    rng = random.Random(f"generated/{number}/shape")
    share = SHARE[application.style]
    if rng.random() < share:
        application = _with_worker(application, number, rng)
    components = list(application.components)
    if rng.random() < share:
        components = [_as_stateful_set(c) if c.kind == "database" else c for c in components]
    if rng.random() < share:
        components = _with_sidecars(components, rng)
    if rng.random() < share:
        components = [_with_init(c, components, rng) for c in components]
    caches = [c for c in components if c.kind == "cache"]
    if caches and rng.random() < share:
        silent = rng.choice(caches).name
        components = [_undeclared(c) if c.name == silent else c for c in components]
    application = replace(application, components=tuple(components))
    if len(caches) > 1 and rng.random() < share:
        return _shared(application, caches[-1].name, rng.choice(SHARED_NAMESPACES))
    return application


def _with_worker(application: Application, number: int, rng: random.Random) -> Application:
    """A consumer of jobs: it calls others and nobody calls it, so it has no Service and listens nowhere."""
    taken = " ".join(component.name for component in application.components)
    free = [word for word in words_of(number) if word not in taken]
    callees = [c for c in application.components if c.kind == "service" and c.name != application.workload.entry]
    model, callee = rng.choice(callees), rng.choice(callees)
    name = f"{rng.choice(free)}-{rng.choice(('worker', 'consumer', 'processor'))}"
    command = model.command[0].replace(model.name, name)
    command = command if command != model.command[0] else f"/app/{name}"
    steady = rng.randint(40, 110) * MIB
    jobs = round(rng.uniform(0.4, 3.0), 1)
    worker = Component(
        name=name,
        kind="service",
        protocol=model.protocol,
        dialect=model.dialect,
        container=rng.choice((name, "worker")),
        image=f"{model.image.rpartition('/')[0]}/{name}",
        tag=model.tag,
        command=(command,),
        args=(),
        port=model.port,
        declares_port=False,
        start_ms=model.start_ms,
        resources=Resources(50, 500, steady, steady * 3),
        demand=Demand(2.0, 4.0, steady, round(steady * 1.35)),
        operations=(Operation("consume", 4.0, (_call(callee, rng),)),),
        settings=_worker_settings(name, callee),
        chatter_s=4.0,
    )
    model_image = application.by_repository[model.image]
    image = Image(
        worker.image,
        model_image.tags,
        model_image.buggy,
        ((command, name),),
        ("sh", "ls", "cat"),
        slow=model_image.slow,
    )
    return replace(
        application,
        components=(*application.components, worker),
        images=(*application.images, image),
        workload=replace(application.workload, queued=((name, "consume", jobs),)),
    )


def _call(callee: Component, rng: random.Random) -> Call:
    return Call(callee.name, rng.choice(callee.operations).name, timeout_ms=6_000)


def _worker_settings(name: str, callee: Component) -> tuple[Setting, ...]:
    holder, address = f"{name}-config", f"{callee.name}:{callee.port}"
    return (
        Setting("LOG_LEVEL", "info", r"[a-z]+", essential=False, fallback="info"),
        Setting("QUEUE", "jobs", r"[a-z-]+", "config_env", holder, "QUEUE"),
        Setting("BATCH_SIZE", "20", r"\d{1,4}", "config_env", holder, "BATCH_SIZE"),
        Setting("TARGET_ADDR", address, r"[A-Za-z0-9.-]+:\d{2,5}", "config_env", holder, "TARGET_ADDR", callee.name),
    )


def _as_stateful_set(component: Component) -> Component:
    return replace(component, workload_kind="StatefulSet")


def _with_sidecars(components: Sequence[Component], rng: random.Random) -> list[Component]:
    """The same sidecar beside all programs, or beside some; sometimes it comes first."""
    sidecars = tuple(rng.sample(SIDECARS, rng.choice((1, 1, 2))))
    is_first, is_everywhere = rng.random() < 0.4, rng.random() < 0.4
    return [
        replace(component, sidecars=sidecars, sidecars_lead=is_first)
        if component.kind in ("gateway", "service")
        and component.declares_port
        and (is_everywhere or rng.random() < 0.4)
        else component
        for component in components
    ]


def _with_init(component: Component, components: Sequence[Component], rng: random.Random) -> Component:
    """Whoever has a database waits for it, and some bring its schema up to date."""
    databases = [c for c in components if c.kind == "database" and c.name in component.callees]
    if not databases or component.kind not in ("gateway", "service"):
        return component
    inits = [replace(WAITER, runs_ms=900)] if rng.random() < 0.7 else []
    if rng.random() < 0.4:
        inits.append(replace(MIGRATION, runs_ms=1_700))
    return replace(component, inits=tuple(inits))


def _undeclared(component: Component) -> Component:
    return replace(component, declares_port=False, probes=())


def _shared(application: Application, name: str, namespace: str) -> Application:
    """One cache stands in a namespace that others use too, and is called by its full name."""
    host = f"{name}.{namespace}.svc.cluster.local"

    def moved(component: Component) -> Component:
        settings = tuple(
            replace(s, value=f"{host}:{s.value.rpartition(':')[2]}") if s.callee == name else s
            for s in component.settings
        )
        return replace(component, settings=settings, namespace=namespace if component.name == name else "")

    return replace(application, components=tuple(map(moved, application.components)))
