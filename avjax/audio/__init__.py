"""Audio features: log-mel spectrograms, level normalisation and streaming.

MFCCs are in `avjax.audio.mfcc`.
"""

from avjax.audio.loudness import (
    check_waveform,
    find_pauses,
    is_speech_like,
    normalize_speech,
    speech_span,
)
from avjax.audio.mel import (
    log_mel,
    log_mel_range,
    mel_window_starts,
    mel_windows,
    standardized_log_mel,
)
from avjax.audio.resampling import quantize_16_bit, resample
from avjax.audio.speech_mel import encoder_mel, prepare_vocoder_audio, vocoder_mel
from avjax.audio.streaming import (
    StreamingMelWindows,
    StreamingNormalizer,
    normalize_speech_causal,
)

__all__ = [
    "StreamingMelWindows",
    "StreamingNormalizer",
    "check_waveform",
    "encoder_mel",
    "find_pauses",
    "is_speech_like",
    "log_mel",
    "log_mel_range",
    "mel_window_starts",
    "mel_windows",
    "normalize_speech",
    "normalize_speech_causal",
    "prepare_vocoder_audio",
    "quantize_16_bit",
    "resample",
    "speech_span",
    "standardized_log_mel",
    "vocoder_mel",
]
