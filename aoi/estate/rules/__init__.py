"""What is wrong in an estate: one module an area, each a function from the estate to findings.

A rule knows Kubernetes and nothing of anybody's conventions. It says `failing` for a state that pages by itself, and
`suspect` for what may be on purpose; past is told apart from present here, cause from symptom in `aoi.estate.ranking`.
"""
