"""Interface to eSpeak NG: text and a voice in, samples and phoneme events out.

The C library keeps noise and phase in static variables, so that a second call gives
other samples than the first. Therefore a helper process loads the library once and
synthesises each request in a fork of itself: the answer depends on the request alone.
The helper imports the standard library only; it runs this file as its main program.
eSpeak NG is GPL-3 and is loaded at run time from the wheel `espeakng-loader`.
"""

import array
import atexit
import contextlib
import ctypes
import json
import os
import signal
import struct
import subprocess
import sys
import threading

_PHONEME, _WORD = 7, 1
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4
_SYNCHRONOUS, _UTF8 = 2, 1
_VARIANTS = os.path.join("voices", "!v")  # folder of voice variants
_OPTIONS = 0x0001 | 0x0002 | 0x8000  # phoneme events, in IPA, never call exit()


class _Name(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Name),
    ]


class _Voice(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_char_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("reserved", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    ]


_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.POINTER(ctypes.c_short),
    ctypes.c_int,
    ctypes.POINTER(_Event),
)


class _Library:
    """eSpeak NG through ctypes; good for one request, see the module docstring."""

    def __init__(self, library: str, folder: str):
        self._lib = ctypes.CDLL(library)
        self.rate_hz = self._lib.espeak_Initialize(
            _SYNCHRONOUS, 0, folder.encode(), _OPTIONS
        )
        self._callback = _CALLBACK(self._collect)  # a reference, or it is freed
        self._lib.espeak_SetSynthCallback(self._callback)
        self._samples, self._phones, self._words = array.array("h"), [], []

    def _collect(self, samples, count, events) -> int:
        if samples and count > 0:
            self._samples.frombytes(ctypes.string_at(samples, 2 * count))
        index = 0
        while events[index].type:
            event = events[index]
            if event.type == _PHONEME:
                name = ctypes.string_at(ctypes.addressof(event.id), 8)
                symbol = name.split(b"\0")[0].decode("utf-8", "ignore")
                self._phones.append([symbol, event.sample])
            elif event.type == _WORD:
                position = event.text_position - 1
                self._words.append([position, event.length, event.sample])
            index += 1
        return 0

    def synthesize(
        self, text: str, voice: str, rate: int, pitch: int, range: int, seed: int
    ) -> dict:
        """Synthesise: -> samples (int16 as hex), phones, words, rate_hz."""
        self._set_voice(voice)
        for name, value in ((_RATE, rate), (_PITCH, pitch), (_RANGE, range)):
            self._lib.espeak_SetParameter(name, value, 0)
        self._lib.espeak_SetParameter(_VOLUME, 90, 0)
        self._lib.espeak_ng_SetRandSeed(ctypes.c_long(seed))
        data = text.encode()
        self._lib.espeak_Synth(
            data, ctypes.c_size_t(len(data) + 1), 0, 1, 0, _UTF8, None, None
        )
        self._lib.espeak_Synchronize()
        return {
            "rate_hz": self.rate_hz,
            "phones": self._phones,
            "words": self._words,
            "samples": self._samples.tobytes().hex(),
        }

    def _set_voice(self, voice: str) -> None:
        """Select a voice by its name or its language."""
        self._voice = _Voice(languages=voice.encode())  # a reference, or it is freed
        if self._lib.espeak_SetVoiceByName(
            voice.encode()
        ) and self._lib.espeak_SetVoiceByProperties(ctypes.byref(self._voice)):
            raise ValueError(f"eSpeak has no voice {voice!r}")


def _read_block(stream) -> bytes:
    """Read one length-prefixed block; empty at the end of the stream."""
    head = stream.read(4)
    return stream.read(struct.unpack("<I", head)[0]) if len(head) == 4 else b""


def _pack(result) -> bytes:
    """Encode an object as a length-prefixed block of JSON."""
    data = json.dumps(result).encode()
    return struct.pack("<I", len(data)) + data


def _answer(library: _Library, request: bytes) -> bytes:
    try:
        return _pack(library.synthesize(**json.loads(request)))
    except Exception as error:
        return _pack({"error": str(error)})


def _serve(library_path: str, folder: str):
    """Answer requests from stdin until it is closed, each in a forked child."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # only the end of stdin stops it
    library = _Library(library_path, folder)
    while request := _read_block(sys.stdin.buffer):
        read_end, write_end = os.pipe()
        child = os.fork()
        if not child:
            with os.fdopen(write_end, "wb") as pipe:
                pipe.write(_answer(library, request))
            os._exit(0)
        os.close(write_end)
        with os.fdopen(read_end, "rb") as pipe:
            answer = pipe.read()
        os.waitpid(child, 0)
        answer = answer or _pack({"error": "eSpeak stopped without an answer"})
        sys.stdout.buffer.write(answer)
        sys.stdout.buffer.flush()


class EspeakProcess:
    """The helper process; starts at the first request. There is one per process."""

    def __init__(self):
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def synthesize(
        self, *, text: str, voice: str, rate: int, pitch: int, range: int, seed: int
    ) -> dict:
        """Synthesise speech.

        Args:
            text: The text.
            voice: Name of a voice or a language, such as `en-us+f3`.
            rate: Words per minute.
            pitch: Base pitch, 0 to 99.
            range: Pitch range, 0 to 100.
            seed: Seed of the noise.

        Returns:
            `samples` (bytes, int16 little-endian), `rate_hz`, `phones` (symbol, first
            sample) and `words` (text position, length, first sample).

        Raises:
            RuntimeError: The voice is unknown or the helper has died.
        """
        request = {"text": text, "voice": voice, "rate": rate}
        request |= {"pitch": pitch, "range": range, "seed": seed}
        with self._lock:
            process = self._process
            if process is None or process.poll() is not None:
                process = self._process = self._start()
            assert process.stdin and process.stdout
            process.stdin.write(_pack(request))
            process.stdin.flush()
            answer = json.loads(_read_block(process.stdout) or b"{}")
        if "samples" not in answer:
            raise RuntimeError(answer.get("error", "the eSpeak process has ended"))
        return answer | {"samples": bytes.fromhex(answer["samples"])}

    def _start(self) -> subprocess.Popen[bytes]:
        import espeakng_loader

        paths = [espeakng_loader.get_library_path(), espeakng_loader.get_data_path()]
        return subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, *map(str, paths)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def close(self) -> None:
        """Stop the helper; the next request starts another."""
        with self._lock:
            process, self._process = self._process, None
            if process is not None:
                assert process.stdin and process.stdout
                process.stdin.close()
                process.wait()
                process.stdout.close()

    def detach(self) -> None:
        """Forget the helper in a forked child, because it belongs to the parent."""
        process = self._process
        if process is not None:
            assert process.stdin and process.stdout
            for pipe in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):
                    os.close(pipe.fileno())
            process.returncode = 0  # the parent waits for it
            _detached.append(process)  # its pipes must never be flushed
        self._lock, self._process = threading.Lock(), None


def list_variants() -> list[str]:
    """List the voice variants that fit any language, such as f3 and whisper.

    Returns:
        Names in alphabetical order.
    """
    import espeakng_loader

    return sorted(os.listdir(os.path.join(espeakng_loader.get_data_path(), _VARIANTS)))


def list_languages() -> dict[str, str]:
    """List the languages that eSpeak speaks.

    Returns:
        {code: name in English}, such as {"en-us": "English (America)"}, sorted.
    """
    import espeakng_loader

    languages = {}
    folder = os.path.join(espeakng_loader.get_data_path(), "lang")
    for parent, _, files in os.walk(folder):
        for file in files:
            with open(os.path.join(parent, file), encoding="utf-8") as lines:
                fields = [line.split() for line in lines if len(line.split()) > 1]
            names = [" ".join(rest) for key, *rest in fields if key == "name"]
            codes = [rest[0] for key, *rest in fields if key == "language"]
            if names and codes:
                languages[codes[0]] = names[0]
    return dict(sorted(languages.items()))


_detached: list[subprocess.Popen[bytes]] = []
_process = EspeakProcess()
synthesize = _process.synthesize
close = _process.close

if __name__ == "__main__":
    _serve(*sys.argv[1:])
else:
    atexit.register(close)
    os.register_at_fork(after_in_child=_process.detach)
