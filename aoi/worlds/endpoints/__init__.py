"""The HTTP faces of Prometheus, Jaeger and Alertmanager over a world: pure functions from a request to a response.

`prometheus`, `jaeger` and `alertmanager` take (world, path, query, method); form fields of a POST count as query. They
are only read: what would write is 405. Errors answer as the real servers do. `programs` says which containers of a
cluster answer with one of them.
"""

from aoi.worlds.endpoints.alertmanager_api import alertmanager
from aoi.worlds.endpoints.jaeger_api import jaeger
from aoi.worlds.endpoints.programs import answer
from aoi.worlds.endpoints.prometheus_api import prometheus

__all__ = ["alertmanager", "answer", "jaeger", "prometheus"]
