"""Tests by claim. What a test claims does not depend on how fast a loaded machine draws its examples,
nor on whether a shell started them in the background."""

import signal

from hypothesis import HealthCheck, settings

settings.register_profile("aoi", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("aoi")

# What a shell starts in the background without job control ignores Ctrl-C, and so do its children. Tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
