"""BERT's uncased WordPiece tokenizer in plain Python; the service's own reader (Rust) does the same."""

import unicodedata
from pathlib import Path

WORD_CHARS_MAX = 100
CJK = [
    (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F),
    (0x2B920, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F),
]


def read_vocabulary(path: Path) -> list[str]:
    """The pieces of a `vocab.txt`, in the order of their numbers."""
    return path.read_bytes().decode().removesuffix("\n").split("\n")


class WordPiece:
    def __init__(self, vocabulary: list[str]):
        self.numbers = {piece: number for number, piece in enumerate(vocabulary)}
        self.unknown = self.numbers["[UNK]"]

    def pieces(self, text: str) -> list[int]:
        """Numbers of the pieces of `text`, without [CLS] and [SEP]."""
        return [number for word in words(text) for number in self._pieces_of_word(word)]

    def _pieces_of_word(self, word: str) -> list[int]:
        if len(word) > WORD_CHARS_MAX:
            return [self.unknown]
        found, start = [], 0
        while start < len(word):
            mark = "##" if start else ""
            for end in range(len(word), start, -1):
                if (number := self.numbers.get(mark + word[start:end])) is not None:
                    found.append(number)
                    start = end
                    break
            else:
                return [self.unknown]
        return found


def words(text: str) -> list[str]:
    clean = "".join(_clean(c) for c in text)
    plain = (c for c in unicodedata.normalize("NFD", clean) if unicodedata.category(c) != "Mn")
    lower = "".join(c.lower() for c in plain)
    return "".join(f" {c} " if _is_punctuation(c) else c for c in lower).split()


def _clean(c: str) -> str:
    if c in "\t\n\r":
        return " "
    if c in "\0\ufffd" or unicodedata.category(c) in ("Cc", "Cf", "Co", "Cs"):
        return ""
    if any(first <= ord(c) <= last for first, last in CJK):
        return f" {c} "
    return c


def _is_punctuation(c: str) -> bool:
    return (c.isascii() and c.isprintable() and not c.isalnum() and c != " ") or unicodedata.category(c)[0] == "P"
