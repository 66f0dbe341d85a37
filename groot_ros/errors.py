"""The one exception for mistakes that a user can mend, and which sentences tell of the same."""


class UserError(ValueError):
    """A user's mistake in one sentence: the thing, what was expected, how to mend it."""


def kind_of_sentence(sentence: str) -> str:
    """What sentences have in common that differ in numbers alone."""
    return " ".join("".join(" " if c.isdigit() or c in ".-" else c for c in sentence).split())
