"""What the program in a container is and does, decided from its pod spec and from the configuration it read.

Pure: (application, pod, configuration as of a time) -> `Launch`. The kubelet's plan, probes, traffic and logs all
ask here, so they cannot disagree about which program listens on which port.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from aoi.worlds.applications.delivery import place_of
from aoi.worlds.applications.installation import Attendant
from aoi.worlds.applications.spec import DATA_KINDS, Application, Component, Image, Setting
from aoi.worlds.behaviour import options
from aoi.worlds.behaviour.tuning import PLAIN, Flaw, Tuning, engine_tuned, tuned, unwrapped
from kubeworld.machine import quantities
from kubeworld.machine.store import Obj

Values = Mapping[str, Mapping[str, str]]
"""Data of the namespace's ConfigMaps and Secrets by `<kind>/<name>`: what a container that starts reads."""

ImageState = Literal["good", "buggy", "missing", "invalid", "foreign", "arm64"]
PAUSE = "pause"
"""Name of the image, of whatever registry, that keeps a sandbox open."""
_REFERENCE = re.compile(r"[a-z0-9]+(?:[._:/-]+[a-z0-9]+)*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?")


@dataclass(frozen=True, slots=True)
class Launch:
    """A container's program as started. `component` is None for a program that nobody described."""

    component: Component | None
    """Whose program this is: its identity, whatever the pod is called."""
    own: Component | None
    """Whose pod this is, by its label."""
    image: ImageState
    start_error: str = ""
    """Why the container runtime could not start it."""
    port: int = 0
    """Where it listens."""
    failure: Literal["", "missing", "invalid", "badargs"] = ""
    """Why it exits at start on account of its configuration or of its command line."""
    failed: Setting | None = None
    failed_value: str = ""
    """What the setting holds, or the option that it does not know."""
    addresses: tuple[tuple[str, str], ...] = ()
    """(callee, `host:port`) as its configuration says."""
    password: str | None = None
    """What it logs in to databases with; None if it has no setting for it and so uses what was compiled in."""
    tag: str = ""
    """Release of its image."""
    memory_limit_bytes: int = 0
    cpu_limit_m: int = 0
    tuning: Tuning = PLAIN
    """What it does otherwise than its specification says."""

    @property
    def runs(self) -> bool:
        """Starts and does not exit by itself on account of image, command or configuration."""
        return self.image in ("good", "foreign") and not self.start_error and not self.failure

    def address_of(self, callee: str, application: Application) -> str:
        """`host:port` at which it looks for a callee; compiled in unless configured."""
        for name, address in self.addresses:
            if name == callee:
                return address
        return f"{application.host_of(callee)}:{application.by_name[callee].port}"


def split_image(reference: str) -> tuple[str, str]:
    """(repository, tag); a digest counts as a tag, no tag means latest."""
    if "@" in reference:
        repository, _, digest = reference.partition("@")
        return repository, digest
    head, _, tail = reference.rpartition("/")
    name, _, tag = tail.partition(":")
    return (f"{head}/{name}" if head else name), tag or "latest"


def attendant_of(application: Application, container: Obj) -> Attendant | None:
    """The program beside the application's own that a container runs, if it is one."""
    attendant = application.attendants.get(split_image(container.get("image", ""))[0])
    if attendant is None or container["image"] != f"{attendant.image}:{attendant.tag}":
        return None
    # The same image with another command is another program.
    return attendant if list(attendant.command) == (container.get("command") or []) else None


def launch(application: Application, pod: Obj, container: Obj, values: Values) -> Launch:
    """What `container` of `pod` runs, having read `values`."""
    own = application.component_of(pod)
    reference = container.get("image", "")
    repository, tag = split_image(reference)
    image = _image_of(application, repository)
    if not _REFERENCE.fullmatch(reference.partition("@")[0]):
        return Launch(None, own, "invalid")
    if image is None and repository.rpartition("/")[2] == PAUSE:
        return _paused(own, unwrapped(container.get("command") or [])[0])
    if image is None:
        return Launch(None, own, "foreign")
    known = tag in image.tags or tag in image.buggy or tag in image.arm64 or tag in image.flaws
    if not known and not image.is_any_tag:
        return Launch(None, own, "missing")
    state: ImageState = "arm64" if tag in image.arm64 else "buggy" if tag in image.buggy else "good"
    command, open_files = unwrapped(container.get("command") or [], _shell_programs(image))
    component, error = _program(application, image, own, command, tag)
    if component is None or error:
        return Launch(component, own, state, start_error=error)
    program = _configured(application, pod, component, state, {**container, "command": command}, values)
    tuning = _tuning(application, pod, program, container, values, flaw=image.flaws.get(tag, ""), open_files=open_files)
    return program if tuning is PLAIN else replace(program, tuning=tuning)


def _paused(own: Component | None, command: list[str]) -> Launch:
    """In a pause image is one program, which does nothing."""
    program = command[0] if command else f"/{PAUSE}"
    return Launch(None, own, "good", start_error="" if program == f"/{PAUSE}" else _not_found(program))


def _shell_programs(image: Image) -> frozenset[str]:
    """What a shell of the image can run; nothing, if it has none."""
    has_shell = "sh" in image.tools or "bash" in image.tools
    return frozenset(program for program, _ in image.binaries) if has_shell else frozenset()


def _image_of(application: Application, repository: str) -> Image | None:
    """The image of a repository, whichever of the two ways either is written that name Docker Hub."""
    return application.by_repository.get(repository) or _by_place(application).get(place_of(repository))


@lru_cache(maxsize=64)
def _by_place(application: Application) -> dict[tuple[str, str], Image]:
    return {place_of(image.repository): image for image in application.images}


def _program(
    application: Application, image: Image, own: Component | None, command: list[str], tag: str
) -> tuple[Component | None, str]:
    """(whose program starts, or why none does). An image without a command runs its first program."""
    binaries = dict(image.binaries)
    if not command and image.by_tag:
        name = image.program_of(tag)
        return (application.by_name[name] if name else own), ""
    if not command:
        preferred = own.command[0] if own and own.command and own.command[0] in binaries else image.binaries[0][0]
        command = [preferred]
    program = command[0]
    if program in binaries:
        owner = binaries[program]
        return (application.by_name[owner] if owner else own), ""
    if program in image.tools:
        return None, ""
    return None, _not_found(program)


def _not_found(program: str) -> str:
    missing = "no such file or directory" if "/" in program else "executable file not found in $PATH"
    where = f'"{program}": stat {program}' if "/" in program else f'"{program}"'
    return (
        "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: "
        f"unable to start container process: error during container init: exec: {where}: {missing}: unknown"
    )


def _tuning(
    application: Application,
    pod: Obj,
    program: Launch,
    container: Obj,
    values: Values,
    *,
    flaw: Flaw,
    open_files: int,
) -> Tuning:
    component = program.component
    assert component is not None
    if component.kind in DATA_KINDS:
        words = [*(container.get("command") or ()), *(container.get("args") or ())]
        return engine_tuned(component, words, _mounted(pod, container, values))
    environment = environment_of(container, values)
    folders = _folders(application, pod, container, values)
    read = (
        (setting.name, text, setting.value)
        for setting in component.settings
        if (text := (folders if setting.source == "config_file" else environment).get(setting.name)) is not None
    )
    return tuned(component, flaw, environment, read, open_files)


def _mounted(pod: Obj, container: Obj, values: Values) -> Iterator[str]:
    """Texts of the ConfigMaps that a container mounts."""
    names = {mount["name"] for mount in container.get("volumeMounts") or ()}
    for volume in pod["spec"].get("volumes") or ():
        if volume["name"] in names and "configMap" in volume:
            yield from values.get(f"configmap/{volume['configMap'].get('name', '')}", {}).values()


def _configured(
    application: Application,
    pod: Obj,
    component: Component,
    state: ImageState,
    container: Obj,
    values: Values,
) -> Launch:
    """Read every setting as the program does: environment first, then files; the first bad essential one ends it."""
    own = application.component_of(pod)
    environment = environment_of(container, values)
    folders = _folders(application, pod, container, values)
    addresses: dict[str, str] = {}
    port = component.port
    password: str | None = None
    failure: Literal["", "missing", "invalid", "badargs"] = ""
    failed, failed_value = None, ""
    # The command line is read before anything else.
    line = [*(container.get("command") or ())[1:], *(container.get("args") or ())]
    if own is component and (unknown := options.unknown_option(component, line)):
        failure, failed_value = "badargs", unknown
    for setting in component.settings:
        text = (folders if setting.source == "config_file" else environment).get(setting.name)
        # A program of another component in this pod has defaults for what it is not told here.
        if text is None and own is not component:
            text = setting.value
        if text is None and not setting.essential:
            text = setting.fallback
        if text is None or not re.fullmatch(setting.pattern, text):
            if setting.essential and not failure:
                failure = "missing" if text is None else "invalid"
                failed, failed_value = setting, text or ""
            continue
        if setting.callee:
            addresses[setting.callee] = _address(
                text, addresses.get(setting.callee) or f":{application.by_name[setting.callee].port}"
            )
        elif setting.name == "PORT":
            port = int(text)
        elif setting.source == "secret_env":
            password = text
    limits = quantities.amounts((container.get("resources") or {}).get("limits"))
    return Launch(
        component,
        own,
        state,
        port=port,
        failure=failure,
        failed=failed,
        failed_value=failed_value,
        addresses=tuple(addresses.items()),
        password=password,
        tag=split_image(container.get("image", ""))[1],
        memory_limit_bytes=limits.get("memory", 0),
        cpu_limit_m=limits.get("cpu", 0),
    )


_HOST = re.compile(r"(?:^|;)\s*Host=([^;]+)", re.IGNORECASE)


def _address(text: str, known: str) -> str:
    """`host:port` of what a program is told: a URL, an address, a connection string, a host alone or a port alone.

    `known` is what it was told before, or `:port` with the usual port.
    """
    host, _, port = known.rpartition(":")
    if text.isdigit():
        return f"{host}:{text}"
    if named := _HOST.search(text):
        text = named[1]
    elif "://" in text:
        text = text.partition("://")[2].partition("/")[0]
    return text if ":" in text else f"{text}:{port}"


_EXPANDED = re.compile(r"\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)")


def environment_of(container: Obj, values: Values) -> dict[str, str]:
    """The container's environment as the kubelet would resolve it; unresolvable references stay unset.

    `$(NAME)` becomes the value of a variable that was set before, and stays as it is where there is none.
    """
    environment: dict[str, str] = {}
    for source in container.get("envFrom") or ():
        for kind, field in (("configmap", "configMapRef"), ("secret", "secretRef")):
            if field in source:
                data = values.get(f"{kind}/{source[field].get('name', '')}", {})
                environment.update({source.get("prefix", "") + key: value for key, value in data.items()})
    for entry in container.get("env") or ():
        if "value" in entry:
            value = entry["value"]
            if "$(" in value:
                value = _EXPANDED.sub(lambda found: environment.get(found[1], found[0]), value)
            environment[entry["name"]] = value
            continue
        chosen = entry.get("valueFrom") or {}
        for kind, field in (("configmap", "configMapKeyRef"), ("secret", "secretKeyRef")):
            if field in chosen:
                value = values.get(f"{kind}/{chosen[field]['name']}", {}).get(chosen[field]["key"])
                if value is not None:
                    environment[entry["name"]] = value
    return environment


def _folders(application: Application, pod: Obj, container: Obj, values: Values) -> Mapping[str, str]:
    """Files of the configuration folder, if a ConfigMap volume is mounted there."""
    for mount in container.get("volumeMounts") or ():
        if mount["mountPath"] != application.config_folder:
            continue
        for volume in pod["spec"].get("volumes") or ():
            if volume["name"] == mount["name"] and "configMap" in volume:
                return values.get(f"configmap/{volume['configMap'].get('name', '')}", {})
    return {}
