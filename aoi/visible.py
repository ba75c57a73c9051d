"""Text of strangers on a terminal: whoever prints it makes every character visible first."""


def visible(text: str) -> str:
    """Text on one line in which nothing is hidden: what does not print, or reorders, is shown as its code."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
