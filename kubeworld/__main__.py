"""`python -m kubeworld`: an empty cluster for kubectl, helm and client libraries until Ctrl-C."""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from kubeworld.behaviours import BadBehaviours, reason
from kubeworld.bootstrap import empty_world
from kubeworld.front import CLUSTER, Scaled
from kubeworld.machine.identity import ADMIN
from kubeworld.serve import Kubeconfigs, Tenant, ending_now, follow_behaviours, front_of, serve_until_interrupted


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m kubeworld", description=__doc__)
    parser.add_argument("--nodes", type=_between(1, 1000), default=1, metavar="N", help="nodes of the cluster")
    parser.add_argument(
        "--port", type=_between(0, 65535), default=0, metavar="N", help="port on 127.0.0.1; a free one by default"
    )
    parser.add_argument(
        "--behaviours", type=Path, metavar="FILE", help="what containers and kubelets do, followed when it changes"
    )
    options = parser.parse_args(arguments)
    tenant = Tenant(CLUSTER, ending_now(empty_world(options.nodes, seed=0)))
    front = front_of([tenant], Scaled())
    if options.behaviours is not None:
        try:
            follow_behaviours(front, options.behaviours)
        except (BadBehaviours, OSError) as error:
            print(f"error: {reason(error)}", file=sys.stderr)
            return 2
    with tempfile.TemporaryDirectory(prefix="kubeworld-") as folder:
        path = Path(folder) / "kubeconfig"

        def announce() -> None:
            print(f"Serving an empty cluster on {front.url}. Ctrl-C ends it and removes the kubeconfig.\n")
            print(f"  export KUBECONFIG={path}")
            # kubectl remembers discovery by host:port, also of clusters that are gone.
            print(f"  export KUBECACHEDIR={path.with_name('cache')}", flush=True)

        try:
            serve_until_interrupted(front, [tenant], Kubeconfigs({path: ADMIN}), options.port, announce)
        except OSError as error:
            print(f"error: cannot serve on 127.0.0.1:{options.port}: {error.strerror}", file=sys.stderr)
            return 1
    return 0


def _between(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        value = int(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{value} is not from {least} to {most}")
        return value

    return number


if __name__ == "__main__":
    sys.exit(main())
