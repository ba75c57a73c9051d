"""Look once at a namespace of a live cluster and print what was found. Reads only; needs no model.

.venv/bin/python docs/howto/survey_cluster.py KUBECONFIG NAMESPACE
"""

import sys
from pathlib import Path

from aoi.agents.survey import LiveSituation, survey
from aoi.clusters.live import LiveReadTransport
from aoi.errors import AoiError
from aoi.records.episode import Answer


def look(kubeconfig: Path, namespace: str, *, context: str | None = None) -> Answer:
    """The findings, as inconclusive. Raises: SettingsError if the identity can do more than read."""
    transport = LiveReadTransport(kubeconfig, namespace=namespace, context=context)
    try:
        return survey(LiveSituation(transport, namespace))
    finally:
        transport.close()


def main() -> None:
    """Print one finding a line, the most telling first."""
    try:
        answer = look(Path(sys.argv[1]), sys.argv[2])
    except AoiError as error:
        sys.exit(f"error: {error}")
    print(f"{answer.verdict}: {answer.component or '-'} {answer.cause or '-'}")
    for signal in answer.evidence:
        print(f"  {signal.word} {signal.subject} {signal.other or ''}".rstrip())


if __name__ == "__main__":
    main()
