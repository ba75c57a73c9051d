"""Applications as data, and what they do when they run.

`hotel.hotel_reservation(seed)` and `generator.generate(number, seed)` describe an application; `environment.new_world`
makes a warmed-up cluster that runs one. From then on everything that can be observed (container life, logs, metrics,
traces, alerts) is computed from the state of the API objects, so any correct repair heals and no fault is scripted.

    spec -> manifests -> objects in the store
    launch    what a container's program is, given image, command and configuration
    network   who reaches whom: address, DNS, Service, endpoints, target port, policies, chaos, identity, accounts
    conditions -> traffic -> logs, telemetry (Prometheus), jaeger
    memory    conditions and configuration of the past
"""
