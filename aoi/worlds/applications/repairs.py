"""Which of the scripts that an application's chart installs give something back, and take nothing away.

Whoever wrote the chart has read them; the Executor of a problem's world runs these by the digest of their exact text.
"""

from aoi.worlds.applications.spec import Application

_REPAIRS = ("remove-mitigate-admin-", "revoke-mitigate-admin-")
"""Beginnings of their names in HotelReservation, whose other scripts drop the user or revoke its role."""


def repair_scripts(application: Application) -> tuple[str, ...]:
    """Their texts, as installed."""
    return tuple(text for _, data in application.extra_config_maps for key, text in data if key.startswith(_REPAIRS))
