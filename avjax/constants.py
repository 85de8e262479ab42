"""Rates and sizes that every package shares."""

FPS = 25  # video frames per second that every network works at
SAMPLE_RATE = 16_000  # audio samples per second that every network works at
SAMPLES_PER_FRAME = SAMPLE_RATE // FPS
HOP_LENGTH = 200  # samples from one frame of the log-mel spectrogram to the next
NUM_MELS = 80  # bands of a log-mel spectrogram
MELS_PER_SECOND = SAMPLE_RATE // HOP_LENGTH
MEL_WINDOW = 16  # mel frames in the 0.2 s window that belongs to one video frame
SYNC_FRAMES = 5  # consecutive video frames that one synchronisation embedding covers
NUM_LIP_POINTS = 20  # lip landmarks: points 48 to 67 of the 68-point scheme
NEG_INF = -1e9  # logit or log-probability of what is not allowed
