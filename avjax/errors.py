"""The one exception that is meant for the person at the keyboard."""


class InputError(ValueError):
    """Something that was given cannot be used; the message is one clear sentence.

    The front door prints it and exits with status 2.  Anything else that is raised is
    a defect of ours.
    """
