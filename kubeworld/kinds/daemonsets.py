"""What DaemonSets carry beside their spec."""

TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"
"""Annotation of a DaemonSet and label of its pods: how often its template has changed."""
