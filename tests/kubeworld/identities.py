"""Two service accounts that the tests ask as, with whatever rights a test gives them."""

from kubeworld.machine.identity import service_account

PROBE = service_account("tools", "probe")
EXECUTOR = service_account("tools", "executor")
