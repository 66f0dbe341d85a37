"""The one exception type for mistakes that a user can mend."""


class UserError(ValueError):
    """A mistake of the user, told in one sentence: the thing, what was expected, how to mend it."""
