"""The Kubernetes API of one embedded world: `server.Api.handle`, a function of the world and the request.

The world alone decides the answer, unless a webhook is asked that listens on this machine's loopback.

`discovery` and `openapi` say what is served; `reads`, `writes`, `deletes`, `pods`, `scale`, `metrics`, `reviews` and
`watch` serve it; `strict` decides how a body is read; policies and webhooks are met in `policies`. Admission and
deletion rules are shared with the controllers, so that both create and delete alike.

Not served, on purpose, and answered with 404 or 405, never with a false success: docs/cluster.md has the list. Lists
are always of the current revision.
"""
