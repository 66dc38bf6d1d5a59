"""Makes a static embedding table of any BERT-family sentence encoder and a plain text.

    python distill.py MODEL_FOLDER --text SENTENCES.txt --out OUT_FOLDER [--dimensions 256]

MODEL_FOLDER holds `vocab.txt` (uncased WordPiece) and the model; SENTENCES.txt has one sentence a line.
OUT_FOLDER gets `table.bin` and `vocab.txt`, which the service reads together.
"""

import argparse
import shutil
from pathlib import Path

import numpy as np

import models
import table
from wordpiece import WordPiece, read_vocabulary

# Smooth inverse frequency (Arora et al., "A simple but tough-to-beat baseline", 2017).
SIF_A = 1e-4
# How strongly a fitted row is held to the row that the model alone gives; a piece seen rarely stays there.
RIDGE_LAMBDA = 0.2
# Conjugate gradients are within int8's rounding after this many steps.
SOLVER_STEPS = 40
# The strongest directions say how common a word is, not what it means (Mu and Viswanath, "All-but-the-top", 2018).
DIRECTIONS_DROPPED = 3
# A random rotation spreads the meaning evenly, so that the signs alone (1 bit a dimension) can be searched.
ROTATION_SEED = 7
# Floats gathered at once while fitting: 256 MB.
GATHERED_FLOATS_MAX = 64 * 1024 * 1024


def distil(encode: models.Encoder, vocabulary: list[str], sentences: list[str], dimensions: int) -> np.ndarray:
    """The table's rows (pieces x dimensions), not yet quantised."""
    wordpiece = WordPiece(vocabulary)
    sequences = [pieces for sentence in sentences if (pieces := wordpiece.pieces(sentence))]
    bag = Bag(sequences, len(vocabulary))
    alone = encode([[piece] for piece in range(len(vocabulary))]) * sif_weights(bag.counts())[:, None]
    special = np.array([piece.startswith("[") and piece.endswith("]") and len(piece) > 2 for piece in vocabulary])
    alone[special] = 0
    fitted = fit(bag, encode(sequences), alone)
    fitted[special] = 0
    return rotate(keep_directions(fitted, dimensions))


def sif_weights(counts: np.ndarray) -> np.ndarray:
    """Weight per piece: `a / (a + p)`, with its share `p` of the text; a piece never seen counts as seen once."""
    counts = np.maximum(counts, 1)
    return (SIF_A / (SIF_A + counts / counts.sum())).astype("f4")


def fit(bag: "Bag", targets: np.ndarray, alone: np.ndarray) -> np.ndarray:
    """Rows `W` that minimise `|mean(W over each sentence) - target|^2 + lambda |W - c * alone|^2`.

    `c` brings the model's own rows to the targets' length. Solved by conjugate gradients, all columns at once.
    """
    pooled = bag.means(alone)
    start = alone * ((pooled * targets).sum() / max((pooled * pooled).sum(), 1e-12))
    # With W = start + X the normal equations are (A'A + lambda) X = A'(targets - A start).
    residual = bag.spread(targets - bag.means(start))
    answer, direction = np.zeros_like(start), residual.copy()
    power = (residual * residual).sum(axis=0)
    for _ in range(SOLVER_STEPS):
        image = bag.spread(bag.means(direction)) + RIDGE_LAMBDA * direction
        step = power / np.maximum((direction * image).sum(axis=0), 1e-20)
        answer += step * direction
        residual -= step * image
        power, before = (residual * residual).sum(axis=0), power
        direction = residual + (power / np.maximum(before, 1e-20)) * direction
    return start + answer


def keep_directions(rows: np.ndarray, dimensions: int) -> np.ndarray:
    """Coordinates along the principal directions after the first few."""
    _, directions = np.linalg.eigh(rows.T.astype("f8") @ rows.astype("f8"))
    kept = directions[:, ::-1][:, DIRECTIONS_DROPPED : DIRECTIONS_DROPPED + dimensions]
    if kept.shape[1] < dimensions:
        raise ValueError(f"a model of width {rows.shape[1]} gives at most {rows.shape[1] - DIRECTIONS_DROPPED} dimensions")
    return rows @ kept.astype("f4")


def rotate(rows: np.ndarray) -> np.ndarray:
    dimensions = rows.shape[1]
    random = np.random.default_rng(ROTATION_SEED).standard_normal((dimensions, dimensions))
    rotation, upper = np.linalg.qr(random)
    return rows @ (rotation * np.sign(np.diag(upper))).astype("f4")


class Bag:
    """The sparse matrix `A` of a text: a row per sentence, a column per piece, `A[s, t] = count / length`."""

    def __init__(self, sequences: list[list[int]], pieces: int):
        lengths = np.array([len(s) for s in sequences])
        self.pieces = pieces
        self.piece_of = np.concatenate([np.array(s) for s in sequences])
        self.sentence_of = np.repeat(np.arange(len(sequences)), lengths)
        self.share_of = np.repeat(1 / lengths, lengths).astype("f4")
        self.by_piece = np.argsort(self.piece_of, kind="stable")

    def counts(self) -> np.ndarray:
        return np.bincount(self.piece_of, minlength=self.pieces)

    def means(self, rows: np.ndarray) -> np.ndarray:
        """`A @ rows`: the mean of the rows of each sentence."""
        order = np.arange(len(self.piece_of))
        return self._sum(rows, self.piece_of, self.sentence_of, order, int(self.sentence_of[-1]) + 1)

    def spread(self, vectors: np.ndarray) -> np.ndarray:
        """`A.T @ vectors`: each piece gets its share of the vectors of its sentences."""
        return self._sum(vectors, self.sentence_of, self.piece_of, self.by_piece, self.pieces)

    def _sum(self, values, source, target, order, size):
        total = np.zeros((size, values.shape[1]), dtype="f4")
        chunk = max(GATHERED_FLOATS_MAX // values.shape[1], 1)
        for start in range(0, len(order), chunk):
            part = order[start : start + chunk]
            gathered = values[source[part]] * self.share_of[part, None]
            targets, firsts = np.unique(target[part], return_index=True)
            total[targets] += np.add.reduceat(gathered, firsts, axis=0)
        return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="folder with vocab.txt and the model")
    parser.add_argument("--text", type=Path, required=True, help="plain text, one sentence a line")
    parser.add_argument("--out", type=Path, required=True, help="folder for table.bin and vocab.txt")
    parser.add_argument("--dimensions", type=int, default=256)
    arguments = parser.parse_args()
    vocabulary = read_vocabulary(arguments.model / "vocab.txt")
    sentences = arguments.text.read_text(encoding="utf-8").splitlines()
    rows = distil(models.load(arguments.model, vocabulary), vocabulary, sentences, arguments.dimensions)
    arguments.out.mkdir(parents=True, exist_ok=True)
    table.write(arguments.out / "table.bin", rows)
    shutil.copyfile(arguments.model / "vocab.txt", arguments.out / "vocab.txt")
    print(f"{rows.shape[0]} pieces of {rows.shape[1]} dimensions from {len(sentences)} sentences in {arguments.out}")


if __name__ == "__main__":
    main()
