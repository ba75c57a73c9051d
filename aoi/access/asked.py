"""What somebody asked for, cleaned as what a cluster says is: it is kept, and shown to others."""

from aoi.access.alerts import MAX_NAME, MAX_TEXT, clean
from aoi.records.alert import Alert
from aoi.records.request import DiagnosisRequest


def redacted(request: DiagnosisRequest) -> DiagnosisRequest:
    """The request with the words of strangers cleaned, as it is kept: on one line, bounded, without credentials."""
    said = tuple(filter(None, (clean(text, MAX_TEXT) for text in request.symptoms)))
    return request.model_copy(update={"symptoms": said, "alerts": tuple(map(_cleaned, request.alerts))})


def _cleaned(alert: Alert) -> Alert:
    subjects = tuple(
        subject.model_copy(update={"label": clean(subject.label, MAX_NAME), "name": clean(subject.name, MAX_NAME)})
        for subject in alert.subjects
    )
    words = {name: clean(getattr(alert, name), MAX_NAME) for name in ("name", "severity", "namespace")}
    return alert.model_copy(update={**words, "subjects": subjects, "text": clean(alert.text, MAX_TEXT)})
