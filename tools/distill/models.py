"""Sentence encoders over a model folder: lists of piece numbers in, unit vectors (numpy, n x width) out."""

from pathlib import Path
from typing import Callable

import numpy as np

Encoder = Callable[[list[list[int]]], np.ndarray]

# Sequences encoded at once; more only costs memory.
BATCH = 64
# Pieces of a sequence that a BERT model of the usual size sees, [CLS] and [SEP] included.
SEQUENCE_MAX = 256


def load(folder: Path, vocabulary: list[str]) -> Encoder:
    """Opens `model.onnx` with onnxruntime if the folder has one, else its weights with transformers."""
    for name in ("model.onnx", "onnx/model.onnx"):
        if (folder / name).exists():
            return batched(_onnx(folder / name), vocabulary)
    return batched(_transformers(folder), vocabulary)


def batched(hidden_states: Callable, vocabulary: list[str]) -> Encoder:
    """Adds [CLS] and [SEP], pads, pools by the mean and normalises, as sentence-transformers does.

    `hidden_states(ids, mask)` maps two int64 arrays (n x length) to floats (n x length x width).
    """
    first, last = vocabulary.index("[CLS]"), vocabulary.index("[SEP]")

    def encode(sequences: list[list[int]]) -> np.ndarray:
        vectors = []
        for start in range(0, len(sequences), BATCH):
            batch = [[first, *s[: SEQUENCE_MAX - 2], last] for s in sequences[start : start + BATCH]]
            length = max(map(len, batch))
            mask = np.array([[1] * len(s) + [0] * (length - len(s)) for s in batch], dtype="i8")
            ids = np.array([s + [0] * (length - len(s)) for s in batch], dtype="i8")
            hidden = hidden_states(ids, mask) * mask[:, :, None]
            vectors.append(hidden.sum(axis=1) / mask.sum(axis=1, keepdims=True))
        return unit(np.concatenate(vectors).astype("f4"))

    return encode


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def _onnx(path: Path) -> Callable:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    wanted = {i.name for i in session.get_inputs()}

    def hidden_states(ids, mask):
        feeds = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        return session.run(None, {name: value for name, value in feeds.items() if name in wanted})[0]

    return hidden_states


def _transformers(folder: Path) -> Callable:
    import torch
    from transformers import AutoModel

    model = AutoModel.from_pretrained(folder).eval()

    def hidden_states(ids, mask):
        with torch.inference_mode():
            out = model(input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(mask))
        return out.last_hidden_state.numpy()

    return hidden_states
