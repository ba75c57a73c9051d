"""What paged the operator, as an alerting system told it: the part that a diagnosis starts from."""

from aoi.records.base import Record

STRONG = (
    "pod",
    "deployment",
    "statefulset",
    "daemonset",
    "replicaset",
    "replicationcontroller",
    "job_name",
    "cronjob",
    "horizontalpodautoscaler",
    "persistentvolumeclaim",
    "ingress",
    "poddisruptionbudget",
    "resourcequota",
)
"""Labels that say which object an alert is about."""
WEAK = ("service", "container", "node", "job")
"""Labels that may as well say who was scraped, or where: they count where no other label names an object."""


class AlertSubject(Record):
    """One label of an alert that may name an object."""

    label: str
    """Name of the label, without the `exported_` that Prometheus puts before one that the scrape already had."""
    name: str


class Alert(Record):
    """One firing alert, redacted and bounded."""

    name: str
    """Label `alertname`."""
    severity: str = ""
    namespace: str = ""
    """Empty if it names none."""
    subjects: tuple[AlertSubject, ...] = ()
    """What it may be about, the labels of objects before those of scrapes."""
    text: str = ""
    """What its annotations say, in the words of whoever wrote the rule."""

    @property
    def about(self) -> tuple[str, ...]:
        """Names of what it is about; of what was scraped only if it names nothing else."""
        strong = [subject.name for subject in self.subjects if subject.label in STRONG]
        return tuple(dict.fromkeys(strong or [subject.name for subject in self.subjects]))

    @property
    def symptom(self) -> str:
        """In one line, for a survey that looks for names in it."""
        said = self.name + (f" ({self.severity})" if self.severity else "")
        names = f" {' '.join(self.about)}" if self.about else ""
        return f"{said}:{names}" + (f". {self.text}" if self.text else "")
