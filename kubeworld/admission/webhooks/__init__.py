"""Admission webhooks: which of them a write concerns, where each leads, and what follows from its answer.

`dispatch` is the way in: `mutate` before an object is validated, `validate` after the policies. A webhook is called
over HTTPS where its configuration leads to this machine's loopback, and nowhere else.
"""
