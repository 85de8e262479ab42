"""Comparison of denoisers: adaptation after different trainings, and other methods.

    python -m avjax.train.ablations.noise photographs PAIRS PEER WORDS [NAME=WEIGHTS...]
    python -m avjax.train.ablations.noise white PICTURES PEER SIDE [NAME=WEIGHTS...]

photographs  photos of PAIRS (NAME_real, NAME_mean). Those with one of WORDS (one
             argument, separated by spaces) in their names are tested; settings are
             chosen on others. Rows: the noisy photo; non-local means of OpenCV and
             scikit-image, total variation, BM3D (if `pip install bm3d` was run) and
             FFDNet (with --ffdnet), each with its best setting; PEER
white        clean PICTURES with white noise of deviation 15, 25 and 50 (of 255). Rows:
             the noisy picture; PEER. The noise is neither clipped nor rounded, as in
             published tables; our networks get it clipped, as they were trained

PEER is a PyTorch file with a DnCNN of grey images, trained on white noise of deviation
25; it denoises the channels of an image one by one. --ffdnet is a PyTorch file with an
FFDNet of colour images. WEIGHTS is weights of a denoiser;
those with the same NAME differ by their seed. They give rows for K adaptation steps,
and for up to K steps down the true error that end where it is lowest (oracle). The
factor of the learned rates is chosen on the other photos (white: 1, few steps, no
oracle).

The centre of each image is taken: a square of 192 pixels, or SIDE. A row has mean PSNR
and ssim2d over images, for several seeds with their standard deviation, and the gain by
adaptation.
"""

import argparse
import pathlib
import time
from collections.abc import Sequence

import numpy as np

from avjax.media.photo_io import read_photo
from avjax.media.pixels import to_float01
from avjax.train.ablations.results import ResultTable, add_json_option
from avjax.train.ablations.studies.noise_adaptation import Scores, score_weights
from avjax.train.ablations.studies.noise_baselines import (
    CLASSICAL_METHODS,
    NoisyPair,
    best_setting,
    load_dncnn,
    load_ffdnet,
    scores_of,
)

PHOTO_SIDE = 192  # side in pixels of the centre crop
NUM_CHOICE_PHOTOS = 8  # number of photos on which settings are chosen
NOISE_STDS = 15, 25, 50  # in pixel values of 8 bits
COLUMNS = "method", "PSNR, dB", "ssim2d", "gain, dB", "gain in ssim2d"


def crop_center(image: np.ndarray, side: int) -> np.ndarray:
    """Crop the central square; of a smaller image, sides that 8 divides."""
    sides = [min(side, length) // 8 * 8 for length in image.shape[:2]]
    top, left = ((x - y) // 2 for x, y in zip(image.shape, sides, strict=False))
    return image[top : top + sides[0], left : left + sides[1]]


def load_pairs(
    folder: str, words: Sequence[str]
) -> tuple[list[NoisyPair], list[NoisyPair]]:
    """Load photos.

    Args:
        folder: Folder of the photos.
        words: The photos with one of them in their names are tested.

    Returns:
        Photos to choose settings on, and photos to test.
    """
    others, tested = [], []
    for file in sorted(pathlib.Path(folder).glob("*_real.*")):
        files = file, file.with_name(file.name.replace("_real", "_mean"))
        images = [to_float01(read_photo(path).image) for path in files]
        pair = NoisyPair(*(crop_center(image, PHOTO_SIDE) for image in images))
        is_tested = any(word in file.name for word in words)
        (tested if is_tested else others).append(pair)
    places = np.linspace(0, len(others) - 1, NUM_CHOICE_PHOTOS).round().astype(int)
    return [others[place] for place in places], tested


def format_scores(seeds: Sequence[np.ndarray], sign: str = "") -> list[str]:
    """Format mean PSNR and ssim2d over images, and the deviation over seeds."""
    means = np.array([scores.mean(0) for scores in seeds])
    cells = []
    for column, digits in zip(means.T, (2, 4), strict=True):
        cell = f"{column.mean():{sign}.{digits}f}"
        if len(column) > 1:
            cell += f" ± {column.std(ddof=1):.{digits}f}"
        cells.append(cell)
    return cells


def add_weights(
    table: ResultTable,
    prefix: str,
    choice: Sequence[NoisyPair],
    tested: Sequence[NoisyPair],
    named_weights: Sequence[str],
) -> None:
    """Add the rows of our weights to a table.

    Args:
        table: The table.
        prefix: Beginning of the rows' names.
        choice: Images to choose settings on.
        tested: Images to test.
        named_weights: NAME=WEIGHTS of each.
    """
    by_name: dict[str, list[Scores]] = {}
    for argument in named_weights:
        name, _, weights = argument.partition("=")
        by_name.setdefault(name, []).append(score_weights(weights, choice, tested))
    for name, seeds in by_name.items():
        for row in seeds[0]:
            gain = ["", ""]
            if row != "K 0":
                gain = format_scores([x[row] - x["K 0"] for x in seeds], "+")
            scores = format_scores([x[row] for x in seeds])
            table.add(f"{prefix}{name}, {row}", *scores, *gain)


def compare_on_photos(options: argparse.Namespace) -> str:
    """Compare denoisers on photos with real noise."""
    choice, tested = load_pairs(options.pairs, options.words.split())
    table = ResultTable("Denoising of photos", *COLUMNS)
    noisy = scores_of(lambda noisy: noisy, tested)
    table.add("noisy", *format_scores([noisy]), "", "")
    methods = dict(CLASSICAL_METHODS)
    if options.ffdnet:
        methods["FFDNet"] = load_ffdnet(options.ffdnet)
    for name, method in methods.items():
        setting = best_setting(method, choice)
        scores = scores_of(lambda x, m=method, s=setting: m.run(x, s), tested)
        table.add(f"{name}, {setting}", *format_scores([scores]), "", "")
    peer = scores_of(load_dncnn(options.peer), tested)
    table.add("peer", *format_scores([peer]), "", "")
    add_weights(table, "", choice, tested, options.weights)
    data = f"{len(tested)} photos, squares of {PHOTO_SIDE} pixels"
    table.write(options.json, data=data)
    return data


def compare_on_white_noise(options: argparse.Namespace) -> str:
    """Compare denoisers on clean pictures with white noise."""
    peer = load_dncnn(options.peer)
    paths = sorted(pathlib.Path(options.pictures).glob("*.png"))
    images = [to_float01(read_photo(path).image) for path in paths]
    images = [crop_center(image, options.side) for image in images]
    table = ResultTable("Denoising of white noise", *COLUMNS)
    for std in NOISE_STDS:
        rng = np.random.default_rng(std)
        noise = [rng.standard_normal(x.shape, np.float32) for x in images]
        tested = [
            NoisyPair(image + np.float32(std / 255) * added, image)
            for image, added in zip(images, noise, strict=True)
        ]
        # Not clipped, as the noise is not: `image_scores` would clip it.
        errors = [np.mean((pair.noisy - pair.clean) ** 2) for pair in tested]
        mean = np.mean(-10 * np.log10(errors))
        table.add(f"{std}: noisy", f"{mean:.2f}", "", "", "")
        scores = scores_of(peer, tested)
        table.add(f"{std}: peer", *format_scores([scores]), "", "")
        add_weights(table, f"{std}: ", [], tested, options.weights)
    data = f"{len(images)} pictures, squares of {options.side} pixels"
    table.write(options.json, data=data)
    return data


def main() -> None:
    """Run one of the comparisons."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="NOISE")
    photos, white = commands.add_parser("photographs"), commands.add_parser("white")
    photos.add_argument("pairs", metavar="PAIRS")
    white.add_argument("pictures", metavar="PICTURES")
    for command in (photos, white):
        command.add_argument("peer", metavar="PEER")
    photos.add_argument("words", metavar="WORDS")
    photos.add_argument("--ffdnet", metavar="FILE", help="weights of FFDNet")
    white.add_argument("side", metavar="SIDE", type=int)
    photos.set_defaults(run=compare_on_photos)
    white.set_defaults(run=compare_on_white_noise)
    for command in (photos, white):
        command.add_argument("weights", metavar="NAME=WEIGHTS", nargs="*")
        add_json_option(command)
    options = parser.parse_args()
    start = time.perf_counter()
    data = options.run(options)
    print(f"{data}; {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
