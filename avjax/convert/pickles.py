"""Pickles read as data: tensors and containers, and nothing that could be executed.

A pickle is a program for a small machine.  This is another such machine: it knows the
instructions by which `torch.save` writes dicts, lists, tuples, texts, numbers and
tensors, calls nothing, and refuses any other instruction or name.  A tensor stays a
claim: which numbers of which storage it is made of.

Source   the instructions: Python's pickletools;  the names: the files of PyTorch
"""

import functools
import io
import pickletools
from collections.abc import Callable
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from avjax.convert.tensors import Refused, counted, shaped

OPERATIONS = 2**17  # of one pickle; that of Wav2Lip and its optimizer takes 30,000
LARGEST_KEY = 2**60  # of whole numbers

NAMES = {
    ("collections", "OrderedDict"),
    ("collections", "defaultdict"),
    ("builtins", "dict"),
    ("__builtin__", "dict"),
    ("torch", "Size"),
    ("torch._utils", "_rebuild_tensor"),
    ("torch._utils", "_rebuild_tensor_v2"),
    ("torch._utils", "_rebuild_parameter"),
}

STORAGES = {
    "DoubleStorage": np.float64,
    "FloatStorage": np.float32,
    "HalfStorage": np.float16,
    "BFloat16Storage": ml_dtypes.bfloat16,
    "LongStorage": np.int64,
    "IntStorage": np.int32,
    "ShortStorage": np.int16,
    "CharStorage": np.int8,
    "ByteStorage": np.uint8,
    "BoolStorage": np.bool_,
}


class Storage(NamedTuple):
    """Numbers in a row, somewhere else in the file."""

    key: str
    dtype: np.dtype
    count: int

    @property
    def size(self) -> int:
        """In bytes."""
        return self.count * self.dtype.itemsize


class View(NamedTuple):
    """A tensor: a storage, looked at from `offset` on in steps of `strides`."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def reach(self) -> int:
        """From its first number to its last, in numbers."""
        steps = zip(self.shape, self.strides, strict=True)
        return sum((sides - 1) * step for sides, step in steps)


class Name(NamedTuple):
    """Something in a Python module, of which nothing but the name is known."""

    module: str
    name: str

    def __str__(self) -> str:
        return repr(f"{self.module}.{self.name}"[:80])


class Pickled(NamedTuple):
    """What a pickle holds: dicts, lists, tuples, texts, numbers, None, Storage, View.

    storages  all that it refers to, by their keys
    end       where it ends
    """

    value: Any
    storages: dict[str, Storage]
    end: int


def read(data: bytes, start: int = 0) -> Pickled:
    """The pickle that begins at `start`; raises Refused."""
    machine = Machine()
    stream = io.BytesIO(data)
    stream.seek(start)
    try:
        for done, (instruction, argument, _) in enumerate(pickletools.genops(stream)):
            if done > OPERATIONS:
                raise Refused(f"it takes more than {OPERATIONS} steps to read")
            machine.obey(instruction.name, argument)
        value = machine.stack.pop()
    except (ValueError, LookupError, TypeError, OverflowError) as error:
        raise Refused("its pickle is damaged") from error
    return Pickled(value, machine.storages, stream.tell())


class Machine:
    """A stack, the marks on it, and values to come back to."""

    def __init__(self):
        self.stack, self.marked, self.memo = [], [], {}
        self.storages: dict[str, Storage] = {}
        self.allowance = OPERATIONS  # of pairs that dicts are made of at once

    def obey(self, instruction: str, argument: Any) -> None:
        if instruction in CONSTANTS:
            self.stack.append(CONSTANTS[instruction])
        elif instruction in LITERALS:
            self.stack.append(argument)
        elif instruction in DEEDS:
            DEEDS[instruction](self, argument)
        elif instruction not in ("PROTO", "FRAME", "STOP"):
            raise Refused(f"its pickle holds the instruction {instruction}")

    def put(self, argument: int) -> None:
        self.memo[argument] = self.stack[-1]

    def memoize(self, _) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def get(self, argument: int) -> None:
        self.stack.append(self.memo[argument])

    def mark(self, _) -> None:
        self.marked.append(self.stack)
        self.stack = []

    def since_mark(self) -> list:
        items, self.stack = self.stack, self.marked.pop()
        return items

    def make_tuple(self, _) -> None:
        items = tuple(self.since_mark())
        self.stack.append(items)

    def make_tuple_of(self, _, count: int) -> None:
        items = tuple(self.stack[-count:])
        self.stack[-count:] = [items]

    def append(self, _) -> None:
        item = self.stack.pop()
        wanted(self.stack[-1], list).append(item)

    def extend(self, _) -> None:
        items = self.since_mark()
        wanted(self.stack[-1], list).extend(items)

    def set_item(self, _) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        wanted(self.stack[-1], dict)[checked_key(key)] = value

    def set_items(self, _) -> None:
        items = self.since_mark()
        target = wanted(self.stack[-1], dict)
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[checked_key(key)] = value

    def name(self, argument: str) -> None:
        self.stack.append(checked_name(*argument.split(" ", 1)))

    def name_from_stack(self, _) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self.stack.append(checked_name(wanted(module, str), wanted(name, str)))

    def storage(self, _) -> None:
        """What lies outside of the pickle: ("storage", kind, key, place, count)."""
        match self.stack.pop():
            case ("storage", Name() as kind, str(key), _, int(count)) | (
                "storage",
                Name() as kind,
                str(key),
                _,
                int(count),
                None,
            ):
                storage = Storage(key, dtype_of(kind), counted(count))
                if self.storages.setdefault(key, storage) != storage:
                    raise Refused(f"its storage {key[:40]!r} is of two kinds")
                self.stack.append(storage)
            case (str(kind), *_):
                raise Refused(f"it holds a {kind[:40]!r}, not only tensors")
            case _:
                raise Refused("it refers to something that is no storage")

    def build(self, _) -> None:
        """The state of an object: dicts have one that matters to nobody here."""
        self.stack.pop()
        wanted(self.stack[-1], dict)

    def make(self, _) -> None:
        """What a name and its arguments stand for; nothing is called."""
        arguments, name = self.stack.pop(), self.stack.pop()
        wanted(arguments, tuple)
        match wanted(name, Name):
            case ("collections", "OrderedDict"):
                self.stack.append(self.pairs(*arguments))
            case ("collections", "defaultdict"):
                self.stack.append({})
            case ("torch", "Size"):
                self.stack.append(wanted(*arguments, tuple))
            case ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2"):
                self.stack.append(view(*arguments[:4]))
            case ("torch._utils", "_rebuild_parameter"):
                self.stack.append(wanted(arguments[0], View))
            case _:
                raise Refused(f"it makes something of {name}")

    def pairs(self, pairs: list | tuple = ()) -> dict:
        """A dict of [[key, value], …], as Python 2 wrote it."""
        self.allowance -= len(pairs)
        if self.allowance < 0:
            raise Refused("it makes too many dicts of the same pairs")
        return {checked_key(key): value for key, value in pairs}


CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
LITERALS = {"BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"}
LITERALS |= {"BINUNICODE", "SHORT_BINUNICODE", "BINSTRING", "SHORT_BINSTRING"}
DEEDS: dict[str, Callable[[Machine, Any], None]] = {
    "BINPUT": Machine.put,
    "LONG_BINPUT": Machine.put,
    "MEMOIZE": Machine.memoize,
    "BINGET": Machine.get,
    "LONG_BINGET": Machine.get,
    "MARK": Machine.mark,
    "EMPTY_DICT": lambda machine, _: machine.stack.append({}),
    "EMPTY_LIST": lambda machine, _: machine.stack.append([]),
    "TUPLE": Machine.make_tuple,
    "TUPLE1": functools.partial(Machine.make_tuple_of, count=1),
    "TUPLE2": functools.partial(Machine.make_tuple_of, count=2),
    "TUPLE3": functools.partial(Machine.make_tuple_of, count=3),
    "APPEND": Machine.append,
    "APPENDS": Machine.extend,
    "SETITEM": Machine.set_item,
    "SETITEMS": Machine.set_items,
    "GLOBAL": Machine.name,
    "STACK_GLOBAL": Machine.name_from_stack,
    "BINPERSID": Machine.storage,
    "REDUCE": Machine.make,
    "BUILD": Machine.build,
}


def wanted(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise Refused("its pickle is damaged")
    return value


def checked_key(key: Any) -> str | int:
    """Texts and numbers: the hash of anything else may take for ever."""
    if isinstance(key, str) or (isinstance(key, int) and abs(key) < LARGEST_KEY):
        return key
    raise Refused("a dict in it has keys that are no text and no number")


def checked_name(module: str, name: str) -> Name:
    """A name that a file of tensors has to do with."""
    found = Name(module, name)
    numbers = module in ("torch", "torch.cuda") and name in STORAGES
    if found not in NAMES and not numbers:
        raise Refused(f"it names {found}, which is no tensor and no container")
    return found


def dtype_of(kind: Name) -> np.dtype:
    if kind.name not in STORAGES:
        raise Refused(f"it holds a storage of {kind}")
    return np.dtype(STORAGES[kind.name]).newbyteorder("<")


def view(storage: Any, offset: Any, shape: Any, strides: Any) -> View:
    """A tensor that lies within its storage, and is no larger than it."""
    room = wanted(storage, Storage).count
    shape = shaped(wanted(shape, tuple), room)
    if len(wanted(strides, tuple)) != len(shape):
        raise Refused("a tensor in it has more axes than strides, or fewer")
    made = View(storage, counted(offset), shape, tuple(map(counted, strides)))
    if 0 not in shape and offset + made.reach >= room:
        raise Refused("a tensor in it lies outside of where it is stored")
    return made
