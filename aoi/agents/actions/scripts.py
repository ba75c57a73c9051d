"""The list of scripts that `repair_database` may run, by the digests of their exact texts: a person has read them."""

import re
from pathlib import Path

from aoi.errors import SettingsError
from aoi.records.base import Sha256

_LINE = re.compile(r"([0-9a-f]{64})(?:[ \t].*)?")


def read_list(path: Path) -> frozenset[Sha256]:
    """Digests of a file as `sha256sum` writes it: a digest, then whatever names the script. `#` begins a comment.

    Raises: SettingsError if it cannot be read, or a line is something else.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"AOI_EXECUTOR__SCRIPTS: {path} cannot be read as text: {error}. Name a file of lines that "
            "`aoi access script` prints"
        ) from error
    digests: set[Sha256] = set()
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise SettingsError(
                f"AOI_EXECUTOR__SCRIPTS: line {number} of {path} does not begin with a SHA-256. Write it as "
                "`aoi access script` prints it"
            )
        digests.add(match[1])
    return frozenset(digests)
