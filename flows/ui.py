"""Both UIs on the state of this home, on loopback only, until Ctrl-C."""

import subprocess
import sys
import time

from aoi.errors import Permanent
from aoi.settings import Settings
from flows.console import out
from flows.server import HOST, prefect_server, prepare_environment

POLL_S = 0.5


def serve(settings: Settings, prefect_port: int, mlflow_port: int) -> None:
    """Start the MLflow UI beside the home's Prefect server and name both. Raises: Permanent if one dies."""
    import models  # noqa: F401 - switches MLflow's telemetry off

    prepare_environment(settings.home)
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", settings.mlflow_uri]
    command += ["--host", HOST, "--port", str(mlflow_port), "--workers", "1"]
    with prefect_server(settings.home, port=prefect_port) as url:
        mlflow = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            out.print(f"Prefect  {url.removesuffix('/api')}")
            out.print(f"MLflow   http://{HOST}:{mlflow_port}")
            out.print("Ctrl-C ends both.")
            while mlflow.poll() is None:
                time.sleep(POLL_S)
            raise Permanent(
                f"the MLflow UI ended by itself: is port {mlflow_port} taken? Choose another: --mlflow-port"
            )
        finally:
            mlflow.terminate()
            mlflow.wait(timeout=10)
