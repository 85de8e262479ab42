"""Text that people bring: read it from files, and bring it into one form of Unicode.

Source  Unicode Standard Annex 15 (composed forms), and the property
        Default_Ignorable_Code_Point (characters without a shape)
"""

import codecs
import pathlib
import unicodedata

from avjax.errors import InputError
from avjax.media.files import check_readable, wrap_os_errors
from avjax.typing import PathLike

# Other shapes of letters and digits, by their kind of decomposition: ligatures, wide
# and mathematical letters, positional forms of Arabic.  Not ², ½ and ①: they are spoken
# differently from 2, 1/2 and 1.
_SHAPES = {"<compat>", "<wide>", "<narrow>", "<font>"}
_SHAPES |= {"<initial>", "<medial>", "<final>", "<isolated>"}
_JOINERS = "\u200b\u200c\u200d"  # zero width: space, non-joiner, joiner
_WITHOUT_JOINERS = {"LATIN", "GREEK", "CYRILLIC", "COMBINING"}  # scripts, by name
_SELECTORS = {*map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))}
_FILLERS = {*"\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0"}
_VISIBLE_FORMATS = {*"\u06dd\u070f\u08e2", *map(chr, range(0x600, 0x606))}
_BOMS = {  # the longer one first: that of UTF-32 begins like that of UTF-16
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def read_text(path: PathLike) -> str:
    """Read a text file, in one form of Unicode.

    Args:
        path: A file in UTF-8, or in UTF-16 or UTF-32 with a byte order mark.

    Returns:
        The text; see `normalize_text`. Lines end in a line feed.

    Raises:
        InputError: The file cannot be read, is empty, or is not such a text.
    """
    check_readable(path)
    with wrap_os_errors(path, "read"):
        raw = pathlib.Path(path).read_bytes()
    encodings = (name for mark, name in _BOMS.items() if raw.startswith(mark))
    try:
        text = raw.decode(next(encodings, "utf-8-sig"))
    except UnicodeDecodeError as error:
        message = f"cannot read {path}: it is not UTF-8 or UTF-16 text"
        raise InputError(message) from error
    return normalize_text("\n".join(text.splitlines()))


def normalize_text(text: str) -> str:
    """Bring a text into one form of Unicode.

    Letters and their accents are composed (NFC). Ligatures and other shapes of letters
    and digits become the letters and digits. Characters without a shape, such as soft
    hyphens and marks of direction, are dropped, except where they change what is said:
    joiners in scripts that have them, and the parts of an emoji.

    Args:
        text: Any text.

    Returns:
        The same text for a reader.
    """
    if text.isascii():
        return text
    kept: list[str] = []
    for character in unicodedata.normalize("NFC", text):
        if not _is_dropped(character, kept[-1] if kept else " "):
            kept.append(character)
    return unicodedata.normalize("NFC", "".join(map(_plain_shape, kept)))


def _is_dropped(character: str, previous: str) -> bool:
    """Test whether a character has no shape, and no meaning after the previous one."""
    is_format = unicodedata.category(character) == "Cf"
    if character in _SELECTORS or "\U000e0020" <= character <= "\U000e007f":
        # After a symbol they choose an emoji.
        return unicodedata.category(previous) not in ("So", "Sk", "Cf")
    if character in _JOINERS:
        script = unicodedata.name(previous, "").partition(" ")[0]
        kind = unicodedata.category(previous)[0]
        return script in _WITHOUT_JOINERS or kind in "NPZC"
    return character in _FILLERS or (is_format and character not in _VISIBLE_FORMATS)


def _plain_shape(character: str) -> str:
    """Return the letters or digits that a character is another shape of."""
    kind = unicodedata.decomposition(character).partition(" ")[0]
    if kind not in _SHAPES or unicodedata.category(character)[0] not in "LN":
        return character
    plain = unicodedata.normalize("NFKC", character)
    categories = {unicodedata.category(part)[0] for part in plain}
    if kind != "<compat>":
        return plain if categories <= set("LNMZ") else character
    is_ligature = len(plain) > 1 or plain.isascii()  # not the micro sign
    return plain if is_ligature and categories <= set("LN") else character
