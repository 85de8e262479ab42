"""Interface of corpus sources: where the clips of a corpus come from."""

import abc
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds
from rich.progress import Progress

from avjax.data.schema import record_features
from avjax.faces.tracking import FaceTrack
from avjax.text.intervals import Intervals

Tracker = Callable[[Iterable[np.ndarray]], FaceTrack]  # of frames u8 [h w 3]
PeopleTracker = Callable[[Iterable[np.ndarray]], list[FaceTrack]]  # all faces
Aligner = Callable[[np.ndarray, Intervals], Intervals]  # wave f32 [n], words -> phones
# (wave f32 [n], text, language) -> words; InputError if the text does not fit
TextAligner = Callable[..., Intervals]


class CorpusSource(abc.ABC):
    """Lists and reads the clips of a corpus.

    A source is a frozen dataclass of plain values: it is sent to other processes.

    Attributes:
        name: Name of the corpus, as in `avjax data build NAME`.
        records_per_shard: Clips in one file. A file is written by one process, and
            what is lost if a build is killed are files that were not complete.
        face_size: Side of a face crop in pixels.
        num_articulators: Number of known articulators; 0: unknown.
        aligner: Finds the phones of a clip; None: phones are not searched for.
        text_aligner: Finds the times of a transcript; None: they stay unknown.
    """

    name: ClassVar[str]
    records_per_shard: ClassVar[int] = 16
    num_articulators: ClassVar[int] = 0
    face_size = 96
    aligner: Aligner | None = None
    text_aligner: TextAligner | None = None

    def features(self) -> tfds.features.FeaturesDict:
        """Describe a record for TFDS; by default, a record of `avjax.data.schema`.

        Returns:
            The features of a record.
        """
        return record_features(self.face_size, self.num_articulators)

    def prepare(
        self, folder: pathlib.Path, map_clips: Callable, progress: Progress
    ) -> "CorpusSource":
        """Do what must be done before the clips can be listed; by default, nothing.

        Args:
            folder: A folder that is removed after the build. It may hold what this
                function wrote there before a build was interrupted.
            map_clips: A function like `map` that works in several processes.
            progress: Display of the progress.

        Returns:
            The source whose clips are listed and read.

        Raises:
            InputError: If there are no clips.
        """
        return self

    def release_clips(self, clips: Sequence[Any]) -> None:
        """Remove what `prepare` wrote for these clips; by default, nothing.

        Args:
            clips: Clips that are in a complete file of the corpus.
        """
        return

    def write_report(self, corpus: pathlib.Path) -> list[str]:
        """Write further files into the finished corpus; by default, none.

        Args:
            corpus: Folder of the corpus.

        Returns:
            Lines to print after the summary.
        """
        return []

    @abc.abstractmethod
    def list_clips(self) -> Mapping[str, Sequence[Any]]:
        """List the clips of each split, in order.

        Returns:
            {split: clips}. `str(clip)` names a clip in reports.

        Raises:
            InputError: There are no clips.
        """

    @abc.abstractmethod
    def read_clip(self, clip: Any, /) -> dict[str, Any]:
        """Read one clip.

        Args:
            clip: One of the clips that `list_clips` returned.

        Returns:
            Its record.

        Raises:
            InputError: The clip cannot be used; the build leaves it out and reports
                the reason.
        """
