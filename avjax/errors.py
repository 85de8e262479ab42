"""The exception for invalid input."""


class InputError(ValueError):
    """Invalid input; the message is one clear sentence that says what to do.

    The command line prints the message and exits with status 2.  Any other exception is
    a defect of the library.
    """


class FaceNotFoundError(InputError):
    """No face was found; the user can give the face's box instead."""
