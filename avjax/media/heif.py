"""Let Pillow read HEIF images, the photos of iPhones."""

from avjax.media.files import wrap_os_errors
from avjax.typing import PathLike

BRANDS = {b"heic", b"heix", b"heim", b"heis", b"mif1"}  # still images, ISO/IEC 23008-12


def register(path: PathLike) -> bool:
    """Register the HEIF reader with Pillow if a file is a HEIF image.

    The reader is imported for such files only, because it takes time to load.

    Args:
        path: The file.

    Returns:
        True if the file is a HEIF image.

    Raises:
        InputError: The file cannot be read.
    """
    with wrap_os_errors(path, "read"), open(path, "rb") as file:
        header = file.read(12)
    if header[4:8] != b"ftyp" or header[8:] not in BRANDS:
        return False
    import pillow_heif

    pillow_heif.register_heif_opener()
    return True
