"""Run a command of avjax, and print the seconds that each of its stages was busy.

    python tests/helpers/stage_times.py COMMAND ARGUMENT...

The last line is JSON, {stage: seconds}. The stages are calls of functions that the
package has had under the same names for long, so that older versions can be measured.
Of other commands than those below, only what programs take is measured.
"""

import dataclasses
import functools
import importlib
import json
import sys
import time
import types
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

BEGAN, BEGAN_CPU = time.perf_counter(), time.process_time()
EVENTS = {  # of JAX: stage
    "/jax/core/compile/jaxpr_trace_duration": "trace programs",
    "/jax/core/compile/jaxpr_to_mlir_module_duration": "trace programs",
    "/jax/core/compile/backend_compile_duration": "compile or load programs",
}


class Stages:
    """Seconds that stages were busy, from calls of functions that are replaced."""

    def __init__(self):
        self.busy: defaultdict[str, float] = defaultdict(float)

    def add(self, stage: str, owner: Any, *names: str) -> None:
        """Measure the calls of functions."""
        for name in names:
            function = getattr(owner, name)

            @functools.wraps(function)
            def measured(*args, function=function, **kwargs):
                start = time.perf_counter()
                try:
                    return function(*args, **kwargs)
                finally:
                    self.busy[stage] += time.perf_counter() - start

            setattr(owner, name, measured)

    def add_compiled(self, stage: str, owner: Any, *names: str) -> None:
        """Measure compiled functions, until their results are there."""
        import jax

        for name in names:
            make = getattr(owner, name)
            program = types.SimpleNamespace(
                run=lambda config, *args, make=make: jax.block_until_ready(
                    make(config)(*args)
                )
            )
            self.add(stage, program, "run")
            setattr(
                owner,
                name,
                lambda config, program=program: functools.partial(program.run, config),
            )

    def iterate(self, stage: str, items: Iterator) -> Iterator:
        """Measure how long an iterator takes for its items."""
        while True:
            start = time.perf_counter()
            item = next(items, None)
            self.busy[stage] += time.perf_counter() - start
            if item is None:
                return
            yield item

    def add_iterator(self, stage: str, owner: Any, name: str) -> None:
        """Measure the iterators that a method returns."""
        method = getattr(owner, name)
        setattr(owner, name, lambda *args: self.iterate(stage, method(*args)))


def measure_talk(stages: Stages) -> None:
    """Measure the stages of talk."""
    from avjax.media.video_writer import VideoWriter
    from avjax.pipelines import talk
    from avjax.pipelines.talking import (
        audio_talkers,
        compositor,
        editing_compositor,
        talking_video,
    )

    def measure_play(source):
        play = source.play
        measured = lambda count: stages.iterate("decode", play(count))  # noqa: E731
        return dataclasses.replace(source, play=measured)

    stages.add("weights", talk, "load_any_talker")
    stages.add("find the face", talk, "open_face_source")
    found = talk.open_face_source
    talk.open_face_source = lambda *args: measure_play(found(*args))
    stages.add("audio", talk, "read_waveform")
    stages.add("audio", talking_video, "read_audio", "log_mel")
    stages.add("crop", compositor, "crop_box")
    editing = "crop_lower_face_aligned", "crop_encoder_mouth"
    stages.add("crop", editing_compositor, *editing)
    stages.add("network", audio_talkers, "decode_padded")
    networks = "jit_encode_mouths", "jit_predict_edit"
    stages.add_compiled("network", editing_compositor, *networks)
    stages.add("composite", compositor, "paste_face")
    stages.add("composite", editing_compositor, "apply_edit")
    stages.add("encode", VideoWriter, "write", "_finish")


def measure_mouths(stages: Stages) -> None:
    """Measure how mouths are read from a video."""
    from avjax.faces import mouth_video

    stages.add_iterator("decode", mouth_video.MouthVideo, "frames")
    stages.add("crop", mouth_video, "center_crop_mouths")
    stages.add("crop", mouth_video.crop, "crop_mouth", "crop_lower_face")


def measure_lipread(stages: Stages) -> None:
    """Measure the stages of lipread."""
    from avjax.pipelines import lipread

    measure_mouths(stages)
    stages.add("weights", lipread, "load_network")
    stages.add("find the face", lipread, "open_mouth_video")
    stages.add_compiled("network", lipread, "jit_read")
    stages.add("search", lipread.LipReader, "decode_sentences")


def measure_speak(stages: Stages) -> None:
    """Measure the stages of speak."""
    speak: Any = importlib.import_module("avjax.pipelines.speak")
    measure_mouths(stages)
    stages.add("weights", speak, "load_network")
    stages.add("find the face", speak, "open_mouth_video")
    stages.add_compiled("network", speak, "jit_read")
    stages.add("vocoder", speak, "vocode")
    stages.add("write", speak.GeneratedSpeech, "save")


def measure_sync(stages: Stages) -> None:
    """Measure the stages of sync."""
    from avjax.pipelines import sync_people

    sync: Any = importlib.import_module("avjax.pipelines.sync")
    measure_mouths(stages)
    stages.add("weights", sync, "load_sync_model")
    stages.add("find the face", sync, "open_all_faces")
    stages.add("audio", sync, "load_audio")
    stages.add("audio", sync_people, "log_mel")
    stages.add("crop", sync_people, "crop_lower_face_aligned", "crop_encoder_mouth")
    networks = "jit_encode_mouths", "jit_embed_lips", "jit_embed_audio"
    stages.add_compiled("network", sync_people, *networks)


def measure_denoise(stages: Stages) -> None:
    """Measure the stages of denoise."""
    import jax

    from avjax.pipelines.denoising import denoiser, files, result

    denoise: Any = importlib.import_module("avjax.pipelines.denoise")
    adapt: Callable = denoiser.Denoiser.adapt
    measured: Any = lambda *args: jax.block_until_ready(adapt(*args))  # noqa: E731
    denoiser.Denoiser.adapt = measured
    stages.add("weights", denoise, "load_network")
    stages.add("decode", files.photo_io, "read_photo")
    stages.add("adaptation", denoiser.Denoiser, "adapt")
    stages.add("network", denoiser.Denoiser, "denoise_tiles")
    stages.add("write", result.DenoiseResult, "save")


def measure_align(stages: Stages) -> None:
    """Measure the stages of align."""
    align: Any = importlib.import_module("avjax.pipelines.align")
    stages.add("weights", align, "load_system")
    stages.add("audio", align, "read_waveform", "standardized_log_mel")
    stages.add_compiled("network", align, "jit_log_probs")
    stages.add("search", align, "viterbi_padded")


def measure_adapt(stages: Stages) -> None:
    """Measure the stages of adapt."""
    adapt: Any = importlib.import_module("avjax.pipelines.adapt")
    stages.add("weights", adapt, "load_system")
    stages.add("find the face", adapt, "open_face_source")
    stages.add("audio", adapt, "read_audio")
    stages.add("crop", adapt, "read_person")
    stages.add("adaptation", adapt, "fit_audio", "fit_editor")
    stages.add("write", adapt.AdaptedTalker, "save")


COMMANDS = {
    "adapt": measure_adapt,
    "align": measure_align,
    "talk": measure_talk,
    "lipread": measure_lipread,
    "speak": measure_speak,
    "sync": measure_sync,
    "denoise": measure_denoise,
}


def main(command: str, *arguments: str) -> None:
    """Run a command and print how long its stages were busy."""
    import jax
    from jax.experimental import serialize_executable

    from avjax.__main__ import main as run

    stages = Stages()
    busy = stages.busy
    COMMANDS.get(command, lambda _: None)(stages)
    stages.add("compile or load programs", serialize_executable, "deserialize_and_load")

    def measured(event: str, duration_secs: float, **_: str | int) -> None:
        if stage := EVENTS.get(event):
            busy[stage] += duration_secs
            if stage != "trace programs":
                busy["largest program"] = max(busy["largest program"], duration_secs)

    jax.monitoring.register_event_duration_secs_listener(measured)
    busy["start"] = time.perf_counter() - BEGAN
    status = run([command, *arguments])
    busy["all"] = time.perf_counter() - BEGAN
    busy["all, CPU"] = time.process_time() - BEGAN_CPU
    if status:
        sys.exit(status)
    print(json.dumps(busy))


if __name__ == "__main__":
    main(*sys.argv[1:])
