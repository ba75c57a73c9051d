import os
import subprocess
import sys

import models


def test_vendors_are_told_not_to_phone_home() -> None:
    assert all(os.environ[name] for name in models.OPT_OUTS)


def test_opt_outs_are_set_before_any_vendor_is_imported_and_a_set_variable_wins() -> None:
    names = "os.environ['DO_NOT_TRACK'], os.environ['HF_HUB_OFFLINE'], 'torch' in sys.modules"
    code = f"import os, sys, models; print({names})"
    environment = {**{k: v for k, v in os.environ.items() if k not in models.OPT_OUTS}, "HF_HUB_OFFLINE": "0"}
    shown = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert shown.stdout.split() == ["1", "0", "False"]
