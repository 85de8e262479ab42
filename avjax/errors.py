"""Exceptions that the command line prints for the user."""


class InputError(ValueError):
    """Invalid input; the message is one clear sentence that says what to do.

    The command line prints the message and exits with status 2.  Any other exception is
    a defect of the library.
    """


class Interrupted(KeyboardInterrupt):
    """A signal stopped the program after its work was saved.

    Args:
        message: Where the work was saved, and how it continues.
        signal_number: Number of the signal.
    """

    def __init__(self, message: str, signal_number: int):
        super().__init__(message)
        self.signal_number = signal_number


class FaceNotFoundError(InputError):
    """No face was found; the user can give the face's box instead."""
