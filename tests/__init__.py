"""Tests by claim. What a test claims does not depend on how fast a loaded machine draws its examples."""

from hypothesis import HealthCheck, settings

settings.register_profile("aoi", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("aoi")
