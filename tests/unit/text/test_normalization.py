"""Text that people bring is decoded, and brought into one form of Unicode."""

import unicodedata

import pytest

from avjax.errors import InputError
from avjax.text.grammar import Grammar, parse_grammar
from avjax.text.normalization import normalize_text, read_text
from avjax.text.tts import pronounce_text, synthesize

SAME = {
    "a decomposed umlaut": ("u\u0308ber scho\u0308n", "über schön"),
    "ligatures": ("\ufb01ne \ufb02ight o\ufb03ce \u0133s", "fine flight office ijs"),
    "wide letters and digits": ("\uff28\uff49 \uff15", "Hi 5"),
    "mathematical letters": ("\U0001d407\U0001d41e\U0001d432", "Hey"),
    "a zero width space": ("in\u200bvisible", "invisible"),
    "a non-joiner between Latin letters": ("Auf\u200clage", "Auflage"),
    "a soft hyphen": ("in\u00advisible", "invisible"),
    "a byte order mark inside": ("a\ufeffb", "ab"),
    "marks of direction": ("\u2066a\u2069 \u200eb\u200f", "a b"),
    "a word joiner": ("a\u2060b", "ab"),
    "positional forms of Arabic": ("\ufee3\ufeae\ufea3\ufe92\ufe8e", "مرحبا"),
    "narrow kana with a voice mark": ("\uff76\uff9e", "ガ"),
}


@pytest.mark.parametrize("kind", SAME)
def test_other_forms_of_a_text_become_the_ordinary_one(kind):
    other, ordinary = SAME[kind]
    assert other != ordinary
    assert normalize_text(other) == ordinary == normalize_text(ordinary)


@pytest.mark.parametrize(
    "text",
    [
        "m² ½ № … ① 5 µm",  # spoken differently from m2, 1/2, No, ... and 1
        "می\u200cخواهم",  # the non-joiner is part of Persian spelling
        "ක්\u200dර",  # the joiner makes a conjunct of Sinhala
        "\u2764\ufe0f \U0001f469\u200d\U0001f4bb",  # emoji of several characters
        "กำ ㅋㅋ 안녕",
        "a\0b\n\tc",
    ],
)
def test_what_changes_the_speech_is_kept(text):
    assert normalize_text(text) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize(
    ("other", "ordinary"),
    [
        ("u\u0308ber scho\u0308n", "über schön"),
        ("der \ufb02ei\u00adßige", "der fleißige"),
    ],
)
def test_other_forms_of_a_text_are_pronounced_alike(other, ordinary):
    assert pronounce_text(other, "de") == pronounce_text(ordinary, "de")
    assert synthesize(other, "de").words == synthesize(ordinary, "de").words


def test_grammar_takes_ligatures_and_typographic_apostrophes():
    grammar = Grammar(parse_grammar("\ufb01ve don’t\nnow\u200b"))
    assert grammar.accepts("five now") and grammar.accepts("don't now")


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-be with mark"]
)
def test_encodings_of_unicode_are_read(encoding, tmp_path):
    path, text = tmp_path / "a.txt", "größer\r\n你好\rok"
    content = text.encode(encoding.removesuffix(" with mark"))
    path.write_bytes(b"\xfe\xff" * encoding.endswith("mark") + content)
    assert read_text(path) == "größer\n你好\nok"


@pytest.mark.parametrize("content", ["größer".encode("latin-1"), b"\xff\xfea"])
def test_another_encoding_is_refused(content, tmp_path):
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.txt: it is not UTF-8 or UTF-16 text"):
        read_text(tmp_path / "a.txt")
