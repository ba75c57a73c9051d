"""The Kubernetes API of one embedded world: `server.Api.handle`, a pure function of the world and the request.

`resources` says what is served; `reads`, `writes`, `deletes`, `pods`, `scale`, `metrics`, `reviews` and `watch` serve
it; `defaults*`, `validation*`, `strict` and `structural` decide what an object may look like; `rbac` decides who may.
Admission and deletion rules are the controllers', so that both create and delete alike.

Not served, on purpose, and answered with 404 or 405, never with a false success: attach, port-forward, proxy and cp,
ephemeral containers, pod resize, the legacy /watch/ paths, admission webhooks and policies, CSRs, API services,
conversion webhooks and the scale subresource of custom resources. Lists are always of the current revision.
"""
