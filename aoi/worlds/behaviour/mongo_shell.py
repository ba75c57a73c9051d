"""What MongoDB's shells print: the `mongo` of 4.4 with its banner and its stack, `mongosh` in a word."""

from collections.abc import Sequence

from aoi.worlds.behaviour.noise import digest

EVAL_FAILED = 252
"""What `mongo --eval` ends with if the script throws (-4)."""
_BANNER = """\
MongoDB shell version v{version}
connecting to: mongodb://127.0.0.1:27017/{database}?{source}compressors=disabled&gssapiServiceName=mongodb
"""
_REFUSED = """\
Error: Authentication failed. :
connect@src/mongo/shell/mongo.js:374:17
@(connect):2:6
exception: connect failed
exiting with code 1
"""
_SESSION = 'Implicit session: session {{ "id" : UUID("{id}") }}\nMongoDB server version: {version}\n'


class Terminal:
    """What one run of a shell writes, in the words of that shell."""

    def __init__(self, words: Sequence[str], version: str, seed: int, moment_ms: int) -> None:
        self.is_mongo = words[0] == "mongo"
        """The one of 4.4, and not `mongosh`."""
        self._greets = self.is_mongo and "--quiet" not in words
        self._version = version
        source = _after(words, "--authenticationDatabase")
        named = words[1] if len(words) > 1 and not words[1].startswith("-") else "test"
        self._banner = _BANNER.format(version=version, database=named, source=f"authSource={source}&" if source else "")
        mixed = digest(seed, moment_ms, *words).hex()
        self._id = f"{mixed[:8]}-{mixed[8:12]}-4{mixed[13:16]}-a{mixed[17:20]}-{mixed[20:32]}"

    def refused(self) -> tuple[int, bytes, bytes]:
        """The login failed."""
        if not self.is_mongo:
            return 1, b"", b"MongoServerError: Authentication failed.\n"
        return 1, ((self._banner if self._greets else "") + _REFUSED).encode(), b""

    def threw(self, error: str) -> tuple[int, bytes, bytes]:
        """A statement failed."""
        if not self.is_mongo:
            return 1, b"", f"{error}\n".encode()
        said = error.replace("MongoServerError: ", "Error: ", 1)
        text = f"{self._greeting()}uncaught exception: {said} :\n@(shell eval):1:1\nexiting with code -4\n"
        return EVAL_FAILED, text.encode(), b""

    def answered(self, value: str) -> tuple[int, bytes, bytes]:
        """The value of the last statement."""
        return 0, (self._greeting() + (f"{value}\n" if value else "")).encode(), b""

    def _greeting(self) -> str:
        return self._banner + _SESSION.format(id=self._id, version=self._version) if self._greets else ""


def added(user: str, roles: Sequence[Sequence[str]]) -> str:
    """What `mongo` says of a user that it made."""
    parts = [f'\t\t{{\n\t\t\t"role" : "{role}",\n\t\t\t"db" : "{database}"\n\t\t}}' for database, role in roles]
    listed = "[\n" + ",\n".join(parts) + "\n\t]" if parts else "[ ]"
    return f'Successfully added user: {{\n\t"user" : "{user}",\n\t"roles" : {listed}\n}}'


def _after(words: Sequence[str], option: str) -> str:
    return words[words.index(option) + 1] if option in words[:-1] else ""
