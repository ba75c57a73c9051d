"""The controllers of the embedded cluster: stateless, woken by changes and timers, each settling one kind of object.

What a controller must remember is in the store or, as immutable values, in `world.state`. Periodic work exists only
where something is wrong: a healthy, quiet world has no timers. `kubeworld.cluster` assembles them.
"""
