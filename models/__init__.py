"""Everything that touches weights: the seed model, the engine, training, bundles, serving. Never weights themselves.

Importing this package switches vendor telemetry off, before any vendor is imported. Every switch is a default:
a variable that is already set wins, so `HF_HUB_OFFLINE=0` lets a production base model be fetched from the hub.
"""

import os

OPT_OUTS = {
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",  # it reads DO_NOT_TRACK only when literally "true"
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "GX_ANALYTICS_ENABLED": "false",
    "VLLM_NO_USAGE_STATS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TRL_EXPERIMENTAL_SILENCE": "1",  # rollout_func is experimental: known, pinned and tested
}

for _name, _value in OPT_OUTS.items():
    os.environ.setdefault(_name, _value)
