"""The one exception type for mistakes that a user can mend."""


class UserError(ValueError):
    """A user's mistake in one sentence: the thing, what was expected, how to mend it."""
