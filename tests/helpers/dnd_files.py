"""Write a small copy of the DND benchmark as MATLAB would."""

import numpy as np
from denoisers import noisy

from avjax.media.pixels import to_float01

# For each photograph: top, left, bottom, right, counted from 1, ends included.
BOXES = [[[1, 1, 20, 24], [30, 41, 53, 75]], [[5, 6, 36, 60]]]


def write_dnd(folder, boxes=BOXES) -> list[np.ndarray]:
    """Write one photograph for each list of boxes; return the images [h w c=3]."""
    import h5py

    (folder / "images_srgb").mkdir(parents=True)
    images = [to_float01(noisy(seed=seed)) for seed in range(len(boxes))]
    for number, image in enumerate(images, 1):
        with h5py.File(folder / "images_srgb" / f"{number:04d}.mat", "w") as file:
            file["InoisySRGB"] = image.T.astype(np.float64)
    with h5py.File(folder / "info.mat", "w") as file:
        shape = 1, len(boxes)
        references = file.create_dataset("info/boundingboxes", shape, h5py.ref_dtype)
        for number, rows in enumerate(boxes):
            name = f"#refs#/{number}"
            file[name] = np.array(rows, float).T
            references[0, number] = file[name].ref
    return images
