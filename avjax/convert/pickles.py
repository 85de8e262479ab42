"""Read pickles as data: tensors and containers. Nothing in a pickle is executed.

A pickle is a program for a stack machine. This machine knows the instructions with
which `torch.save` writes containers, strings, numbers, tensors and objects. It imports
and calls nothing. A tensor becomes a description of where its numbers are stored; any
other object becomes the dict of its attributes.

Source:
    Instructions: Python's pickletools. Names: files of PyTorch.
"""

import functools
import io
import pickletools
from collections.abc import Callable
from typing import Any, NamedTuple

from avjax.convert.pickle_names import GlobalName, check_name
from avjax.convert.storages import (
    OTHER_STORAGES,
    Storage,
    StorageView,
    make_view,
    storage_dtype,
)
from avjax.convert.tensors import MalformedFile, check_count, check_type

MAX_INSTRUCTIONS = 2**17  # Wav2Lip with its optimizer has 30,000
MAX_KEY = 2**60  # integer keys of dicts are smaller


class Opaque(dict):
    """An object of a class that is not looked at: its entries, if it is a dict.

    Attributes:
        state: Its attributes.
    """

    def __init__(self):
        super().__init__()
        self.state: dict = {}


class PickleContent(NamedTuple):
    """The content of a pickle.

    Attributes:
        value: Nested dicts, lists, tuples, strings, numbers, None, StorageView, and
            Opaque for everything else.
        storages: All storages that it refers to, by their keys.
        end: Offset of the byte after the pickle.
    """

    value: Any
    storages: dict[str, Storage]
    end: int


def read_pickle(data: bytes, start: int = 0) -> PickleContent:
    """Read one pickle.

    Args:
        data: The bytes.
        start: Offset of the first byte of the pickle.

    Returns:
        The content.

    Raises:
        MalformedFile: The pickle is damaged or too long, has an instruction that is not
            needed, or names a function that could do harm.
    """
    unpickler = Unpickler()
    stream = io.BytesIO(data)
    stream.seek(start)
    try:
        instructions = pickletools.genops(stream)
        for number, (instruction, argument, _) in enumerate(instructions):
            if number > MAX_INSTRUCTIONS:
                raise MalformedFile("its pickle has too many instructions")
            unpickler.execute(instruction.name, argument)
        value = unpickler.stack.pop()
    except (ValueError, LookupError, TypeError, OverflowError) as error:
        raise MalformedFile("its pickle is damaged") from error
    return PickleContent(value, unpickler.storages, stream.tell())


class Unpickler:
    """The stack machine: a stack, the stacks below each mark, and the memo.

    Each method executes one kind of instruction; its argument is that of the
    instruction.
    """

    def __init__(self):
        self.stack, self.marked, self.memo = [], [], {}
        self.storages: dict[str, Storage] = {}
        self.remaining_pairs = MAX_INSTRUCTIONS  # that dicts may be made from at once

    def execute(self, instruction: str, argument: Any) -> None:
        """Execute one instruction.

        Args:
            instruction: Name of the instruction, as in pickletools.
            argument: Argument of the instruction; None if it has none.

        Raises:
            MalformedFile: The instruction is not allowed.
        """
        if instruction in CONSTANTS:
            self.stack.append(CONSTANTS[instruction])
        elif instruction in LITERALS:
            self.stack.append(argument)
        elif instruction in INSTRUCTIONS:
            INSTRUCTIONS[instruction](self, argument)
        elif instruction not in ("PROTO", "FRAME", "STOP"):
            raise MalformedFile(f"its pickle has the instruction {instruction}")

    def put(self, argument: int) -> None:
        """Store the top of the stack in the memo under a number."""
        self.memo[argument] = self.stack[-1]

    def memoize(self, _) -> None:
        """Store the top of the stack in the memo under the next number."""
        self.memo[len(self.memo)] = self.stack[-1]

    def get(self, argument: int) -> None:
        """Push an entry of the memo."""
        self.stack.append(self.memo[argument])

    def mark(self, _) -> None:
        """Start a new stack above the present one."""
        self.marked.append(self.stack)
        self.stack = []

    def pop_mark(self) -> list:
        """Return the items since the last mark, and go back to the stack below."""
        items, self.stack = self.stack, self.marked.pop()
        return items

    def make_tuple(self, _) -> None:
        """Replace the items since the last mark by a tuple of them."""
        items = tuple(self.pop_mark())
        self.stack.append(items)

    def make_short_tuple(self, _, count: int) -> None:
        """Replace the top `count` items by a tuple of them."""
        items = tuple(self.stack[-count:])
        self.stack[-count:] = [items]

    def append(self, _) -> None:
        """Append the top item to the list below it."""
        item = self.stack.pop()
        if not isinstance(self.stack[-1], Opaque):
            check_type(self.stack[-1], list).append(item)

    def extend(self, _) -> None:
        """Append the items since the last mark to the list below them."""
        items = self.pop_mark()
        if not isinstance(self.stack[-1], Opaque):
            check_type(self.stack[-1], list).extend(items)

    def set_item(self, _) -> None:
        """Set one entry of the dict below its key and value."""
        value, key = self.stack.pop(), self.stack.pop()
        target = check_type(self.stack[-1], dict)
        if is_key(key):
            target[key] = value

    def set_items(self, _) -> None:
        """Set the entries since the last mark in the dict below them."""
        items = self.pop_mark()
        target = check_type(self.stack[-1], dict)
        pairs = zip(items[::2], items[1::2], strict=True)
        target.update((key, value) for key, value in pairs if is_key(key))

    def push_name(self, argument: str) -> None:
        """Push the name "module name" that the instruction holds."""
        self.stack.append(check_name(*argument.split(" ", 1)))

    def push_name_from_stack(self, _) -> None:
        """Replace two strings, module and name, by the name."""
        name, module = self.stack.pop(), self.stack.pop()
        self.stack.append(check_name(check_type(module, str), check_type(name, str)))

    def push_storage(self, _) -> None:
        """Resolve a persistent id ("storage", type, key, device, count)."""
        match self.stack.pop():
            case ("storage", GlobalName() as type_ref, str(key), _, int(count)) | (
                "storage",
                GlobalName() as type_ref,
                str(key),
                _,
                int(count),
                None,
            ):
                if type_ref.name in OTHER_STORAGES:
                    self.stack.append(Opaque())
                    return
                storage = Storage(key, storage_dtype(type_ref.name), check_count(count))
                if self.storages.setdefault(key, storage) != storage:
                    raise MalformedFile(f"its storage {key[:40]!r} has two types")
                self.stack.append(storage)
            case ("module", GlobalName() as class_name, *_):  # before PyTorch 1.6
                self.stack.append(class_name)
            case (str(type_name), *_):
                raise MalformedFile(f"it holds a {type_name[:40]!r}, not only tensors")
            case _:
                raise MalformedFile("it refers to an object that is not a storage")

    def build(self, _) -> None:
        """Set the state of an object; nothing but its attributes is of interest."""
        state = self.stack.pop()
        if isinstance(self.stack[-1], Opaque) and isinstance(state, dict):
            self.stack[-1].state = state

    def make_object(self, _, count: int) -> None:
        """Replace the top `count` items, a class and its arguments, by an object."""
        check_type(self.stack[-count], GlobalName)
        self.stack[-count:] = [Opaque()]

    def make_set(self, _) -> None:
        """Replace the items since the last mark by an object."""
        self.pop_mark()
        self.stack.append(Opaque())

    def reduce(self, _) -> None:
        """Make the object that a name and its arguments stand for; call nothing."""
        arguments, name = self.stack.pop(), self.stack.pop()
        check_type(arguments, tuple)
        match check_type(name, GlobalName):
            case ("collections", "OrderedDict"):
                self.stack.append(self.make_dict(*arguments))
            case ("collections", "defaultdict"):
                self.stack.append({})
            case ("torch", "Size"):
                (shape,) = arguments
                self.stack.append(check_type(shape, tuple))
            case ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2"):
                is_opaque = isinstance(arguments[0], Opaque)
                view = Opaque() if is_opaque else make_view(*arguments[:4])
                self.stack.append(view)
            case (
                "torch._utils",
                "_rebuild_parameter" | "_rebuild_parameter_with_state",
            ):
                self.stack.append(check_type(arguments[0], (StorageView, Opaque)))
            case _:
                self.stack.append(Opaque())

    def make_dict(self, pairs: list | tuple = ()) -> dict:
        """Return a dict of pairs [[key, value], ...], as Python 2 wrote it."""
        self.remaining_pairs -= len(pairs)
        if self.remaining_pairs < 0:
            raise MalformedFile("it makes too many dicts from the same pairs")
        return {key: value for key, value in pairs if is_key(key)}


CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
LITERALS = {"BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"}
LITERALS |= {"BINUNICODE", "SHORT_BINUNICODE", "BINSTRING", "SHORT_BINSTRING"}
LITERALS |= {"BINBYTES", "SHORT_BINBYTES"}
INSTRUCTIONS: dict[str, Callable[[Unpickler, Any], None]] = {
    "BINPUT": Unpickler.put,
    "LONG_BINPUT": Unpickler.put,
    "MEMOIZE": Unpickler.memoize,
    "BINGET": Unpickler.get,
    "LONG_BINGET": Unpickler.get,
    "MARK": Unpickler.mark,
    "EMPTY_DICT": lambda unpickler, _: unpickler.stack.append({}),
    "EMPTY_LIST": lambda unpickler, _: unpickler.stack.append([]),
    "EMPTY_SET": lambda unpickler, _: unpickler.stack.append(Opaque()),
    "ADDITEMS": Unpickler.extend,
    "FROZENSET": Unpickler.make_set,
    "TUPLE": Unpickler.make_tuple,
    "TUPLE1": functools.partial(Unpickler.make_short_tuple, count=1),
    "TUPLE2": functools.partial(Unpickler.make_short_tuple, count=2),
    "TUPLE3": functools.partial(Unpickler.make_short_tuple, count=3),
    "APPEND": Unpickler.append,
    "APPENDS": Unpickler.extend,
    "SETITEM": Unpickler.set_item,
    "SETITEMS": Unpickler.set_items,
    "GLOBAL": Unpickler.push_name,
    "STACK_GLOBAL": Unpickler.push_name_from_stack,
    "BINPERSID": Unpickler.push_storage,
    "REDUCE": Unpickler.reduce,
    "NEWOBJ": functools.partial(Unpickler.make_object, count=2),
    "NEWOBJ_EX": functools.partial(Unpickler.make_object, count=3),
    "BUILD": Unpickler.build,
}


def is_key(key: Any) -> bool:
    """Test whether a dict key is a string or an integer; others may hash slowly.

    No weights have other keys; their entries are skipped.
    """
    return isinstance(key, str) or (isinstance(key, int) and abs(key) < MAX_KEY)
