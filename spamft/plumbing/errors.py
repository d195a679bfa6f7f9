"""The one kind of error that a user can correct."""

__all__ = ["NotFiniteError", "SpamftError"]


class SpamftError(ValueError):
    """What is wrong, where, and what to do about it, in words.

    The command line prints it as one line. Any other exception is a bug of spamft's
    and shows its traceback.
    """


class NotFiniteError(SpamftError):
    """A loss or a logit is infinite or not a number: the learning rate is too high."""
