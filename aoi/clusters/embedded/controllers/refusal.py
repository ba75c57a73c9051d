"""The exception with which admission refuses an object."""


class Refused(Exception):
    """An admission plugin said no. `str()` is the API's message; `code` and `reason` are those of its Status."""

    def __init__(self, message: str, code: int = 403, reason: str = "Forbidden") -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
