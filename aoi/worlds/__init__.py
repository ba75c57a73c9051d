"""Applications as data, and what they do when they run.

`hotel.hotel_reservation(seed)` and `generator.generate(number, seed)` describe an application; `environment.new_world`
makes a warmed-up cluster that runs one. From then on everything that can be observed (container life, logs, metrics,
traces, alerts) is computed from the state of the API objects, so any correct repair heals and no fault is scripted.

    applications/   spec -> manifests -> objects in the store; systems: what a cluster has without them
    behaviour/      launch    what a container's program is, given image, command and configuration; tuning: how it runs
                    network   who reaches whom: address, DNS, Service, endpoints, target port, policies, chaos, accounts
                    strains: how the programs of a component run; clients: load generators
                    conditions -> traffic: evaluation, one pass up and down; saturation: queues, retries, caches
                    exits: how a program ends; memory: conditions and configuration of the past
    telemetry/      what that looks like: logs in many dialects, series and PromQL, traces, alerts
    runtime         the kubelet's questions about containers, answered from behaviour and telemetry
    identities      the Probe and the Executor, with the roles of `deploy/rbac`; fence: what RBAC cannot say of them
    endpoints       Prometheus and Jaeger over HTTP paths; transport: how an agent reaches all of it
    recognition     applications that other people installed, known by their images
    environment     a world ready for use

Each layer of this list knows those above it only; import-linter proves it (pyproject.toml).
"""
