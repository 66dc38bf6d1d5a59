"""Checks a table and shows what it makes of texts; shares no code with the service's reader.

    python check_table.py TABLE VOCAB < texts.txt > golden.json

Reads one text a line, writes a JSON list of `{"text", "pieces", "first", "length"}`: the numbers of its pieces,
the first 8 numbers of its unit vector, and the length of the sum before it was normalised.
"""

import json
import sys
from pathlib import Path

import numpy as np

import table
from wordpiece import WordPiece, read_vocabulary


def embed(rows: np.ndarray, pieces: list[int]) -> tuple[np.ndarray, float]:
    """The unit vector (zero if there is nothing to sum) and the length of the sum."""
    total = rows[pieces].astype("f8").sum(axis=0)
    length = float(np.linalg.norm(total))
    return (total / length if length > 1e-12 else total), length


def main() -> None:
    rows, vocabulary = table.read(Path(sys.argv[1])), read_vocabulary(Path(sys.argv[2]))
    problems = []
    if len(rows) != len(vocabulary):
        problems.append(f"{len(rows)} rows for {len(vocabulary)} pieces")
    if not np.isfinite(rows).all():
        problems.append("numbers that are not finite")
    if rows[vocabulary.index("[UNK]")].any():
        problems.append("a row for [UNK] that is not zero")
    if problems:
        sys.exit("this table has " + ", ".join(problems))
    wordpiece, cases = WordPiece(vocabulary), []
    for text in sys.stdin.read().splitlines():
        pieces = wordpiece.pieces(text)
        vector, length = embed(rows, pieces)
        first = [round(float(x), 6) for x in vector[:8]]
        cases.append({"text": text, "pieces": pieces, "first": first, "length": round(length, 5)})
    print("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]")


if __name__ == "__main__":
    main()
