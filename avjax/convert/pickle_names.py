"""Names of classes and functions in pickles; nothing that they name is ever used."""

import sys
from typing import NamedTuple

from avjax.convert.tensors import MalformedFile

PYTHON_2_MODULES = {"__builtin__", "commands", "copy_reg", "exceptions", "popen2"}
BUILTIN_TYPES = "dict set frozenset list tuple bytes bytearray str int float bool"
DATA_NAMES = {  # names of Python that stand for data
    *((m, t) for m in ("builtins", "__builtin__") for t in BUILTIN_TYPES.split()),
    *((m, t) for m in ("builtins", "__builtin__") for t in ("complex", "slice")),
    *((m, t) for m in ("builtins", "__builtin__") for t in ("object", "range")),
    *(("collections", t) for t in ("OrderedDict", "defaultdict", "Counter", "deque")),
    *((m, "_reconstructor") for m in ("copyreg", "copy_reg")),
    *(("datetime", t) for t in ("date", "datetime", "time", "timedelta", "timezone")),
    *(("pathlib", f"{kind}Path") for kind in ("", "Posix", "Windows")),
    *(("pathlib", f"Pure{kind}Path") for kind in ("", "Posix", "Windows")),
    ("_codecs", "encode"),
    ("argparse", "Namespace"),
    ("decimal", "Decimal"),
    ("fractions", "Fraction"),
    ("functools", "partial"),
    ("types", "SimpleNamespace"),
    ("typing", "Any"),
    ("uuid", "UUID"),
}


class GlobalName(NamedTuple):
    """The name of an object in a Python module; the object is never imported."""

    module: str
    name: str

    def __str__(self) -> str:
        return repr(f"{self.module}.{self.name}"[:80])


def check_name(module: str, name: str) -> GlobalName:
    """Check that a name is not one with which a pickle does harm.

    Nothing is imported in any case. But a file that names a function of Python itself,
    such as os.system, was made to execute it, and its weights deserve no trust. Names
    of other packages belong to objects that are saved beside the weights.

    Args:
        module: The Python module.
        name: Name of the object in the module.

    Returns:
        The name.

    Raises:
        MalformedFile: The name is one of Python's standard library that does not stand
            for data.
    """
    result = GlobalName(module, name)
    package = module.partition(".")[0]
    is_python = package in sys.stdlib_module_names or package in PYTHON_2_MODULES
    if is_python and result not in DATA_NAMES:
        raise MalformedFile(f"it names {result}, which no weights need")
    return result
