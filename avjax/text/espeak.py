"""The one door to espeak-ng: text and a voice in, samples and phoneme events out.

The library keeps noise and phase in C statics, so that a second call gives other
samples than the first.  Therefore a small process loads it once and speaks each
utterance in a fresh copy of itself (fork): the answer depends on the request alone.
That process imports the standard library only; it is this very file, run as a script.
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
_VARIANTS = os.path.join("voices", "!v")  # a folder of theirs
_OPTIONS = 0x0001 | 0x0002 | 0x8000  # phoneme events, in IPA, and never call exit()


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
    """espeak-ng through ctypes; good for one utterance, see the head of this file."""

    def __init__(self, library: str, folder: str):
        self._lib = ctypes.CDLL(library)
        self.rate_hz = self._lib.espeak_Initialize(
            _SYNCHRONOUS, 0, folder.encode(), _OPTIONS
        )
        self._callback = _CALLBACK(self._collect)  # kept, or it would be freed
        self._lib.espeak_SetSynthCallback(self._callback)
        self._samples, self._phones, self._words = array.array("h"), [], []

    def _collect(self, samples, count, events) -> int:
        if samples and count > 0:
            self._samples.frombytes(ctypes.string_at(samples, 2 * count))
        place = 0
        while events[place].type:
            event = events[place]
            if event.type == _PHONEME:
                name = ctypes.string_at(ctypes.addressof(event.id), 8)
                symbol = name.split(b"\0")[0].decode("utf-8", "ignore")
                self._phones.append([symbol, event.sample])
            elif event.type == _WORD:
                span = [event.text_position - 1, event.length]
                self._words.append([*span, event.sample])
            place += 1
        return 0

    def say(self, text: str, voice: str, rate: int, pitch: int, range: int, seed: int):
        """-> dict of samples (hex of int16), phones, words, rate_hz."""
        asked = _Voice(languages=voice.encode())
        if self._lib.espeak_SetVoiceByName(
            voice.encode()
        ) and self._lib.espeak_SetVoiceByProperties(ctypes.byref(asked)):
            raise ValueError(f"espeak knows no voice {voice!r}")
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


def _read_block(stream) -> bytes:
    head = stream.read(4)
    return stream.read(struct.unpack("<I", head)[0]) if len(head) == 4 else b""


def _pack(answer) -> bytes:
    data = json.dumps(answer).encode()
    return struct.pack("<I", len(data)) + data


def _answer(library: _Library, request: bytes) -> bytes:
    try:
        return _pack(library.say(**json.loads(request)))
    except Exception as problem:
        return _pack({"problem": str(problem)})


def _serve(library_path: str, folder: str):
    """Answers requests from stdin until it is closed, each in a forked child."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the end of stdin is its end
    library = _Library(library_path, folder)
    while request := _read_block(sys.stdin.buffer):
        ours, childs = os.pipe()
        child = os.fork()
        if not child:
            with os.fdopen(childs, "wb") as pipe:
                pipe.write(_answer(library, request))
            os._exit(0)
        os.close(childs)
        with os.fdopen(ours, "rb") as pipe:
            answer = pipe.read()
        os.waitpid(child, 0)
        answer = answer or _pack({"problem": "espeak stopped without an answer"})
        sys.stdout.buffer.write(answer)
        sys.stdout.buffer.flush()


class Speaker:
    """A helper process that speaks; started at the first request, one a process."""

    def __init__(self):
        self._lock = threading.Lock()
        self._process = None

    def say(self, **request) -> dict:
        """text, voice, rate, pitch, range, seed -> samples i16, phones, words."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._start()
            self._process.stdin.write(_pack(request))
            self._process.stdin.flush()
            answer = json.loads(_read_block(self._process.stdout) or b"{}")
        if "samples" not in answer:
            raise RuntimeError(answer.get("problem", "the espeak helper has ended"))
        return answer | {"samples": bytes.fromhex(answer["samples"])}

    def _start(self):
        import espeakng_loader

        paths = [espeakng_loader.get_library_path(), espeakng_loader.get_data_path()]
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, *map(str, paths)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def close(self):
        """Ends the helper; the next request would start another."""
        with self._lock:
            if self._process is not None:
                self._process.stdin.close()
                self._process.wait()
                self._process.stdout.close()
                self._process = None

    def forget(self):
        """In a forked child: the helper on these pipes belongs to the parent."""
        if self._process is not None:
            for pipe in (self._process.stdin, self._process.stdout):
                with contextlib.suppress(OSError):
                    os.close(pipe.fileno())
            self._process.returncode = 0  # not ours to wait for
            _orphans.append(self._process)  # its pipes must never be flushed
        self.__init__()


def variants() -> list[str]:
    """Names of voices that any language can be said in, such as f3 and whisper."""
    import espeakng_loader

    return sorted(os.listdir(os.path.join(espeakng_loader.get_data_path(), _VARIANTS)))


_orphans = []
_speaker = Speaker()
say = _speaker.say
close = _speaker.close

if __name__ == "__main__":
    _serve(*sys.argv[1:])
else:
    atexit.register(close)
    os.register_at_fork(after_in_child=_speaker.forget)
