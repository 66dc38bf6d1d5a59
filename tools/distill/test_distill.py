"""Tests the distillation on a model small enough to know its answer (numpy alone): `python test_distill.py`.

    python test_distill.py --write FOLDER    also writes the small table that the service's own tests read
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

import distill
import models
import table
from wordpiece import WordPiece

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "cat", "dog", "pur", "##rs", "bark", "##s", "car", "drive", ".", "é", "猫"]
SENTENCES = ["The cat purrs.", "the dog barks .", "The car drives.", "Drive the car", "a 猫 purrs", "", "cat dog cat"]
WIDTH, DIMENSIONS = 12, 8


def fake_encoder():
    """A model whose hidden state of a piece is always the same random vector."""
    states = np.random.default_rng(1).standard_normal((len(VOCABULARY), WIDTH)).astype("f4")
    return models.batched(lambda ids, mask: states[ids], VOCABULARY)


def test_words_are_cut_as_bert_cuts_them():
    pieces = [VOCABULARY[p] for p in WordPiece(VOCABULARY).pieces("THE  Cat\u0301 purrs, 猫barks.\0")]
    assert pieces == ["the", "cat", "pur", "##rs", "[UNK]", "猫", "bark", "##s", "."], pieces


def test_a_bag_is_the_matrix_it_stands_for():
    sequences = [[0, 1, 1], [2], [1, 2, 3, 3]]
    dense = np.array([[1 / 3, 2 / 3, 0, 0], [0, 0, 1, 0], [0, 0.25, 0.25, 0.5]])
    values = np.random.default_rng(2).standard_normal((4, 5)).astype("f4")
    bag = distill.Bag(sequences, 4)
    assert np.allclose(bag.means(values), dense @ values, atol=1e-6)
    assert np.allclose(bag.spread(values[:3]), dense.T @ values[:3], atol=1e-6)
    assert bag.counts().tolist() == [1, 3, 2, 2]
    before, distill.GATHERED_FLOATS_MAX = distill.GATHERED_FLOATS_MAX, 10
    assert np.allclose(bag.spread(values[:3]), dense.T @ values[:3], atol=1e-6), "in chunks"
    distill.GATHERED_FLOATS_MAX = before


def test_the_fit_solves_the_ridge_equations():
    random = np.random.default_rng(3)
    bag = distill.Bag([[0, 1], [1, 2, 2], [3], [0, 3, 1]], 5)
    alone, targets = random.standard_normal((5, 4)).astype("f4"), random.standard_normal((4, 4)).astype("f4")
    dense = np.array([[0.5, 0.5, 0, 0, 0], [0, 1 / 3, 2 / 3, 0, 0], [0, 0, 0, 1, 0], [1 / 3, 1 / 3, 0, 1 / 3, 0]])
    pooled = dense @ alone
    start = alone * (pooled * targets).sum() / (pooled * pooled).sum()
    left = dense.T @ dense + distill.RIDGE_LAMBDA * np.eye(5)
    exact = np.linalg.solve(left, dense.T @ targets + distill.RIDGE_LAMBDA * start)
    assert np.allclose(distill.fit(bag, targets, alone), exact, atol=1e-3)


def test_a_rotation_changes_no_cosine():
    rows = np.random.default_rng(4).standard_normal((6, 5)).astype("f4")
    turned = distill.rotate(rows)
    assert np.allclose(turned @ turned.T, rows @ rows.T, atol=1e-4)
    assert np.array_equal(turned, distill.rotate(rows))


def test_rows_survive_the_file():
    rows = distill.distil(fake_encoder(), VOCABULARY, SENTENCES, DIMENSIONS)
    assert rows.shape == (len(VOCABULARY), DIMENSIONS)
    assert not rows[:4].any(), "special pieces have no meaning"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.bin"
        table.write(path, rows)
        error = np.abs(table.read(path) - rows)
    assert (error <= np.abs(rows).max(axis=1, keepdims=True) / 254 + 1e-7).all()


def main() -> None:
    for name, test in list(globals().items()):
        if name.startswith("test_"):
            test()
            print("ok", name)
    if sys.argv[1:2] == ["--write"]:
        folder = Path(sys.argv[2])
        rows = distill.distil(fake_encoder(), VOCABULARY, SENTENCES, DIMENSIONS)
        table.write(folder / "tiny-table.bin", rows)
        (folder / "tiny-vocab.txt").write_text("".join(piece + "\n" for piece in VOCABULARY), encoding="utf-8")


if __name__ == "__main__":
    main()
