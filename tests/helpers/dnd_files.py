"""The benchmark DND in small, as MATLAB would have written it."""

import numpy as np
from denoisers import noisy

from avjax.media.photo_io import as_shares

# Rows of top, left, bottom, right, counted from 1, the ends included.
BOXES = [[[1, 1, 20, 24], [30, 41, 53, 75]], [[5, 6, 36, 60]]]


def write_dnd(folder, boxes=BOXES) -> list[np.ndarray]:
    """Writes a folder with a photograph for each list of boxes -> [h w 3] of each."""
    import h5py

    (folder / "images_srgb").mkdir(parents=True)
    pictures = [as_shares(noisy(seed=seed)) for seed in range(len(boxes))]
    for number, picture in enumerate(pictures, 1):
        with h5py.File(folder / "images_srgb" / f"{number:04d}.mat", "w") as file:
            file["InoisySRGB"] = picture.T.astype(np.float64)
    with h5py.File(folder / "info.mat", "w") as file:
        shape = 1, len(boxes)
        places = file.create_dataset("info/boundingboxes", shape, h5py.ref_dtype)
        for number, rows in enumerate(boxes):
            name = f"#refs#/{number}"
            file[name] = np.array(rows, float).T
            places[0, number] = file[name].ref
    return pictures
