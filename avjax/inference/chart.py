"""Numbers as plain pictures: maps, bars, lines and strips, their axes named."""

import dataclasses
from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

INK, FAINT, PAPER = (30, 30, 30), (190, 190, 190), (255, 255, 255)
BLUE, ORANGE = (31, 95, 175), (214, 108, 22)  # of lips, and of sound, everywhere
SIZE = 14  # of letters, in pixels
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500)
TICKS = 6  # of an axis, at most

Point = tuple[float, float]


class Page:
    """A white page to draw on; x to the right, y down, in pixels."""

    def __init__(self, width: int, height: int):
        self._image = Image.new("RGB", (width, height), PAPER)
        self._draw = ImageDraw.Draw(self._image)
        self._font = ImageFont.load_default(SIZE)

    @property
    def pixels(self) -> np.ndarray:
        """u8 [h w 3]"""
        return np.array(self._image)

    def text(self, at: Point, text: str, anchor: str = "la", ink=INK) -> None:
        """anchor  l, m or r: which part of the text is at x; then a, m or d for y."""
        self._draw.text(at, text, ink, self._font, anchor)

    def upright(self, at: Point, text: str) -> None:
        """A text that runs upwards, its middle at this point."""
        width = int(self.width(text)) + 2
        label = Image.new("RGB", (width, SIZE + 6), PAPER)
        middle = width / 2, SIZE / 2 + 3
        ImageDraw.Draw(label).text(middle, text, INK, self._font, "mm")
        corner = int(at[0] - SIZE / 2 - 3), int(at[1] - width / 2)
        self._image.paste(label.transpose(Image.Transpose.ROTATE_90), corner)

    def width(self, text: str) -> float:
        return self._font.getlength(text)

    def line(self, points: Sequence[Point], ink=INK, thick: int = 1) -> None:
        self._draw.line(list(points), ink, thick)

    def box(self, corners: Sequence[float], ink=None, rim=None) -> None:
        """corners  x0, y0, x1, y1"""
        self._draw.rectangle(list(corners), ink, rim)

    def paste(self, picture: np.ndarray, left: int, top: int) -> None:
        """picture  u8 [h w 3], or grey [h w]"""
        self._image.paste(Image.fromarray(picture).convert("RGB"), (left, top))


@dataclasses.dataclass(frozen=True)
class Panel:
    """A place on a page, in which numbers have places of their own.

    across, up  the numbers at its left and right, and at its bottom and top
    """

    page: Page
    left: int
    top: int
    width: int
    height: int
    across: Point
    up: Point

    def x(self, number: float) -> float:
        low, high = self.across
        return self.left + self.width * (number - low) / (high - low)

    def y(self, number: float) -> float:
        low, high = self.up
        return self.top + self.height * (high - number) / (high - low)

    def title(self, text: str, ink=INK) -> None:
        self.page.text((self.left, self.top - 6), text, "ld", ink)

    def axes(self, across: str = "", up: str = "") -> None:
        """A rim, ticks with their numbers, and the names of the two axes."""
        right, bottom = self.left + self.width, self.top + self.height
        self.page.box((self.left - 1, self.top - 1, right, bottom), rim=INK)
        if across:
            for number in ticks(*self.across):
                x = self.x(number)
                self.page.line([(x, bottom), (x, bottom + 4)])
                self.page.text((x, bottom + 6), f"{number:g}", "ma")
            self.page.text((right, bottom + 24), across, "ra")
        if up:
            for number in ticks(*self.up):
                y = self.y(number)
                self.page.line([(self.left - 5, y), (self.left - 1, y)])
                self.page.text((self.left - 8, y), f"{number:g}", "rm")
            self.page.upright((self.left - 56, self.top + self.height / 2), up)

    def rows(self, labels: Sequence, name: str) -> None:
        """As many rows as labels, from the top; some are named at the left."""
        each = -(-len(labels) * (SIZE + 2) // self.height)
        for number in range(0, len(labels), each):
            y = self.top + self.height * (number + 0.5) / len(labels)
            self.page.line([(self.left - 5, y), (self.left - 1, y)])
            self.page.text((self.left - 8, y), f"{labels[number]}", "rm")
        self.page.upright((self.left - 56, self.top + self.height / 2), name)

    def curve(self, across: np.ndarray, up: np.ndarray, ink) -> None:
        points = zip(map(self.x, across), map(self.y, up), strict=True)
        self.page.line(list(points), ink, 2)

    def bars(self, heights: np.ndarray, ink) -> None:
        """Bar n stands from n to n + 1."""
        for number, height in enumerate(heights):
            left, right = self.x(number), self.x(number + 1)
            top, bottom = self.y(height), self.y(0)
            self.page.box((left, top, max(left, right - 2), bottom), ink)

    def map(self, numbers: np.ndarray, most: float) -> None:
        """numbers [row column], 0 dark and `most` bright, the first row on top."""
        how = {"interpolation": cv2.INTER_NEAREST}
        if numbers.shape[1] > self.width or numbers.shape[0] > self.height:
            how = {"interpolation": cv2.INTER_AREA}
        share = np.clip(numbers / max(most, 1e-12), 0, 1).astype(np.float32)
        large = cv2.resize(share, (self.width, self.height), **how)
        self.page.paste(colours(large), self.left, self.top)

    def spans(self, words: Sequence[tuple[str, float, float]], ink=FAINT) -> None:
        """Marks what lasts from here to there, and names it above, in two rows."""
        for number, (word, start, end) in enumerate(words):
            above = self.top - 8 - (SIZE + 2) * (number % 2)
            middle = self.x((start + end) / 2)
            self.page.text((middle, above), word, "md")
            for x in map(self.x, (start, end)):
                if self.left <= x <= self.left + self.width:
                    foot = x, self.top + self.height
                    self.page.line([(x, self.top - 6), foot], ink)


def colours(share: np.ndarray) -> np.ndarray:
    """[...] 0 to 1 -> u8 [h w 3]: from dark blue by green to yellow."""
    levels = np.round(255 * share).astype(np.uint8)
    return cv2.applyColorMap(levels, cv2.COLORMAP_VIRIDIS)[..., ::-1]


def ticks(low: float, high: float) -> np.ndarray:
    """Round numbers between two, TICKS of them at most."""
    fits = (step for step in STEPS if (high - low) / step < TICKS)
    step = next(fits, (high - low) / TICKS)
    first, last = np.ceil(low / step - 1e-6), np.floor(high / step + 1e-6)
    return np.arange(first, last + 1) * step + 0.0  # -0 becomes 0
