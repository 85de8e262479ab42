"""Malicious files are rejected quickly and in little memory; no code is executed."""

import functools
import io
import os
import pickle
import struct
import subprocess
import sys
import zipfile

import pytest
from torch_files import MAGIC, archive, plain

from avjax.__main__ import main
from avjax.convert.open_file import open_tensors
from avjax.errors import InputError

BOMB = 2**25  # bytes; they compress to a thousandth
PYTHON_2 = plain("a") + b"c__builtin__\neval\n" + plain(("1",)) + b"R"
NESTED = plain("a") + b"cposix\nsystem.__call__\n" + plain(("1",)) + b"R"
TENSOR = b"ctorch._utils\n_rebuild_tensor_v2\n("


class Command:
    """An object whose pickle executes a shell command when it is loaded."""

    def __init__(self, text):
        self.text = text

    def __reduce__(self):
        return os.system, (self.text,)


def tensor(count=6, offset=0, shape=(6,), strides=(1,), kind="FloatStorage") -> bytes:
    """A file with one tensor; its storage has six numbers."""
    names = b"ctorch\n" + kind.encode() + b"\n" + plain("0") + plain("cpu")
    storage = b"(" + plain("storage") + names + plain(count) + b"tQ"
    view = storage + plain(offset) + plain(shape) + plain(strides) + b"\x89}tR"
    return archive(b"\x80\x02}" + plain("a") + TENSOR + view + b"s.")


def symlink() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive_file:
        entry = zipfile.ZipInfo("archive/data.pkl")
        entry.external_attr = 0o120777 << 16
        archive_file.writestr(entry, "/etc/passwd")
    return out.getvalue()


def npy(descr: str, shape: str, content=b"") -> bytes:
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text.encode() + content


def npz(content: bytes, name="a.npy") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive_file:
        archive_file.writestr(name, content)
    return out.getvalue()


def safetensors(header: bytes, content=bytes(24)) -> bytes:
    return struct.pack("<Q", len(header)) + header + content


def one_tensor(shape="[6]", offsets="[0, 24]", dtype="F32") -> bytes:
    description = f'"dtype": "{dtype}", "shape": {shape}, "data_offsets": {offsets}'
    return safetensors(f'{{"a": {{{description}}}}}'.encode())


def code_files(marker) -> dict[str, bytes]:
    """Files that create the marker if pickle.load or torch.load reads them."""
    command_object = Command(f"touch {marker}")
    return {
        f"protocol {protocol}": pickle.dumps(command_object, protocol)
        for protocol in range(2, 6)
    } | {
        "in a zip": archive(pickle.dumps(command_object, 2)),
        "as a tensor": archive(pickle.dumps({"state_dict": {"a": command_object}}, 2)),
        "after the magic number": pickle.dumps(MAGIC, 2)
        + pickle.dumps(command_object, 2),
        "as a state": archive(b"\x80\x02cbuiltins\neval\nN}b."),
        "as a new object": archive(b"\x80\x02cbuiltins\neval\n)\x81."),
        "beside tensors": archive(
            b"\x80\x02}(" + plain("b") + pickle.dumps(command_object, 2)[2:-1] + b"u."
        ),
        "as a class of a script": archive(
            b"\x80\x02cposix\nsystem\n)\x81}(" + plain("a") + plain(1) + b"ub."
        ),
        "as a name of Python 2": archive(b"\x80\x02}(" + PYTHON_2 + b"u."),
        "as a nested name": archive(b"\x80\x02}(" + NESTED + b"u."),
        "old instructions": archive(b"(S'touch x'\nios\nsystem\n."),
        "as a kind of storage": tensor(kind="__reduce__"),
        "an extension": archive(b"\x80\x02\x82\x01."),
    }


def nested_dicts(levels: int, width: int) -> bytes:
    """Dicts in dicts, width ** levels in all, from a few instructions."""
    pickled = b"}q\0"
    for level in range(levels):
        entries = (b"U\1" + bytes([65 + n, *b"h", level]) + b"s" for n in range(width))
        pickled += b"}" + b"".join(entries) + bytes([*b"q", level + 1])
    return archive(b"\x80\x02" + pickled + b".")


@functools.cache
def implausible_files() -> dict[str, bytes]:
    """Files that declare more than they hold, or impossible values."""
    pairs = b"](" + 30 * b"](K\x01K\x02e" + b"e"
    dicts = b"ccollections\nOrderedDict\n" + pairs + b"\x85q\0" + b"R0"
    return {
        "a storage larger than the file": tensor(count=2**40),
        "a view of more than its storage": tensor(shape=(7,)),
        "a view beyond its storage": tensor(offset=1),
        "a view far beyond its storage": tensor(offset=2**70),
        "one number a million times": tensor(shape=(1000, 1000), strides=(0, 0)),
        "negative strides": tensor(offset=5, strides=(-1,)),
        "negative sides": tensor(shape=(-6,)),
        "negative count": tensor(count=-1),
        "negative offset": tensor(offset=-1),
        "no archive_file number": tensor(shape=(6.0,)),
        "too many axes": tensor(shape=(1,) * 40, strides=(1,) * 40),
        "fewer strides than axes": tensor(strides=()),
        "sides that overflow": tensor(shape=(2**62, 2**62), strides=(0, 0)),
        "no such storage": tensor().replace(b"data/0", b"data/1"),
        "a million lists": archive(
            b"\x80\x02" + b"]" * 10**6 + b"a" * (10**6 - 1) + b"."
        ),
        "a million tuples": archive(b"\x80\x02)" + b"\x85" * 10**6 + b"."),
        "a deep key": archive(b"\x80\x02})" + b"\x85" * 10**5 + b"Ns."),
        "a million marks": archive(b"\x80\x02" + b"(" * 10**6 + b"."),
        "dicts of the same pairs": archive(b"\x80\x02" + dicts),
        "dicts of the same dicts": nested_dicts(levels=30, width=9),
        "a deep dict": nested_dicts(levels=200, width=1),
        "a dict in itself": archive(b"\x80\x02}q\0U\1ah\0s."),
        "an object in itself": archive(b"\x80\x02cnet\nNet\n)\x81q\0}U\1ah\0sb."),
        "a million objects": archive(b"\x80\x02" + b"cnet\nNet\n)\x81" * 10**5 + b"."),
        "a long name": tensor().replace(plain("a"), b"X\0\2\0\0" + b"a" * 512, 1),
        "a long text": archive(b"\x80\x02X\xff\xff\xff\x7fabc."),
        "a large memo index": archive(b"\x80\x02Nr\xff\xff\xff\x7fh\x01."),
        "a huge number": archive(b"\x80\x02\x8b\xff\xff\xff\x7f\x01."),
        "nothing on the stack": archive(b"\x80\x02RRRR."),
        "no end": archive(b"\x80\x02}"),
        "no dict": archive(b"\x80\x02]."),
        "a packed bomb": archive(bytes(BOMB), compression=zipfile.ZIP_DEFLATED),
        "a packed storage": archive(
            b"\x80\x02}.", storage=bytes(BOMB), compression=zipfile.ZIP_DEFLATED
        ),
        "an array that is a bomb": npz(bytes(BOMB)),
        "an array larger than it is": npz(npy("<f4", "(10, 10)", bytes(8))),
        "an array of objects": npz(npy("|O", "(1,)", pickle.dumps(Command("true")))),
        "an array of code": npz(npy("<f4", "(__import__('os').getpid(),)", bytes(8))),
        "a header without end": npz(npy("<f4", "(" * 3000)),
        "a path upwards": archive(b"\x80\x02}.", "../data.pkl"),
        "a path from the root": archive(b"\x80\x02}.", "/root/data.pkl"),
        "an array with a path upwards": npz(
            npy("<f4", "(2,)", bytes(8)), "../../a.npy"
        ),
        "a link": symlink(),
        "a directory elsewhere": archive(b"\x80\x02}.")[:-6] + b"\xff" * 6,
        "another pickle": pickle.dumps([1, 2, 3], 2),
        "another magic": b"RIFF" + bytes(100),
        "a few bytes": b"PK",
        "tensors that overlap the end": one_tensor("[7]", "[0, 28]"),
        "a tensor that ends before it begins": one_tensor("[6]", "[24, 0]"),
        "a tensor of another size": one_tensor("[7]", "[0, 24]"),
        "a negative offset of a tensor": one_tensor("[6]", "[-24, 0]"),
        "an unknown type": one_tensor(dtype="F32; import os"),
        "sides that are strings": one_tensor('["6"]'),
        "a long header": struct.pack("<Q", 2**62) + b"{" + bytes(100),
        "a header of lists": safetensors(b'{"a":' + b"[" * 10**6),
        "a header of numbers": safetensors(b'{"a":' + b"1" * 10**6 + b"}"),
        "a header without tensors": safetensors(b'{"a": 3}'),
    }


def rejection(path) -> str:
    with pytest.raises(InputError) as caught:
        open_tensors(path)
    message = str(caught.value)
    assert len(message) < 400 and "\n" not in message
    return message


@pytest.mark.parametrize("kind", code_files(""))
def test_code_is_rejected_by_name_and_not_executed(kind, tmp_path):
    marker = tmp_path / "marker"
    (tmp_path / "file").write_bytes(code_files(marker)[kind])
    message = rejection(tmp_path / "file")
    names = ("posix.system", "builtin", "instruction", "__reduce__")
    assert any(name in message for name in names)
    assert not marker.exists()


@pytest.mark.parametrize("kind", implausible_files())
def test_implausible_files_are_rejected(kind, tmp_path):
    (tmp_path / "file").write_bytes(implausible_files()[kind])
    rejection(tmp_path / "file")


def test_the_valid_file_behind_the_implausible_ones_is_read(tmp_path):
    (tmp_path / "file").write_bytes(tensor())
    assert open_tensors(tmp_path / "file")["a"].read().shape == (6,)
    (tmp_path / "file").write_bytes(one_tensor())
    assert open_tensors(tmp_path / "file")["a"].read().shape == (6,)
    (tmp_path / "file").write_bytes(npz(npy("<f4", "(2,)", bytes(8))))
    assert open_tensors(tmp_path / "file")["a"].read().shape == (2,)


PROGRAM = """
import pathlib, re, sys, time
from avjax.convert import open_tensors
from avjax.errors import InputError
slowest = 0
for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    begin = time.process_time()
    try:
        open_tensors(path)
        sys.exit(f"{path} was read")
    except InputError:
        slowest = max(slowest, time.process_time() - begin)
status = pathlib.Path("/proc/self/status").read_text()
print(slowest, int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]) / 1024)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_malicious_files_are_rejected_within_one_second_and_200_mib(tmp_path):
    """The second is processor time, because the machine may be busy."""
    for number, content in enumerate(
        [*code_files("x").values(), *implausible_files().values()]
    ):
        (tmp_path / f"{number}").write_bytes(content)
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    process = subprocess.run(command, capture_output=True, text=True, check=True)
    slowest, memory = map(float, process.stdout.split())
    assert slowest < 1 and memory < 200


def test_the_command_prints_one_sentence_and_writes_nothing(tmp_path, capfd):
    (tmp_path / "file").write_bytes(tensor(offset=1))
    assert main(["convert", str(tmp_path / "file"), str(tmp_path / "out")]) == 2
    lines = capfd.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and "reaches beyond its storage" in lines[0]
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
