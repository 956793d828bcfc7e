"""Errors that a user can do something about."""


class LabError(Exception):
    """A sentence that says what is wrong and what to do; the command ends with status 1."""


class FileError(LabError):
    """Lines that each begin with FILE:LINE:COLUMN."""


class Problems(Exception):
    """Faults of a file, each as (path, text).

    A path is a tuple of keys and indices from the root of the file to the value that is wrong. One
    that ends in ("#key",) means the key before it instead of the value.
    """

    def __init__(self, found):
        super().__init__("\n".join(text for _, text in found))
        self.found = list(found)


def problem(path, text):
    """The exception of one fault."""
    return Problems([(tuple(path), text)])
