"""A BERT encoder in numpy, double precision: slow, short, and it shares no code with the service's own.

    python bert.py MODEL_FOLDER < texts.txt > golden.json

Reads one text a line; writes a JSON list of `{"text", "pieces", "vector"}` (at most 512 pieces, mean or cls pooled).
"""

import json
import math
import sys
from pathlib import Path

import numpy as np

from wordpiece import WordPiece, read_vocabulary

TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8"}
erf = np.vectorize(math.erf)


def read_weights(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a safetensors file: a length, JSON that says where each lies, and the bytes."""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    tensors = {}
    for name, entry in json.loads(data[8:start]).items():
        if name != "__metadata__":
            first, end = (start + at for at in entry["data_offsets"])
            numbers = np.frombuffer(data[first:end], TYPES[entry["dtype"]])
            tensors[name.removeprefix("bert.")] = numbers.reshape(entry["shape"]).astype("f8")
    return tensors


class Bert:
    def __init__(self, folder: Path):
        self.config = json.loads((folder / "config.json").read_text())
        self.weights = read_weights(folder / "model.safetensors")

    def hidden_states(self, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """n x length piece numbers to n x length x width."""
        w, heads = self.weights, self.config["num_attention_heads"]
        embeddings = w["embeddings.word_embeddings.weight"][ids]
        embeddings = embeddings + w["embeddings.position_embeddings.weight"][: ids.shape[1]]
        x = self.norm(embeddings + w["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
        n, length, width = x.shape
        hide = np.where(mask[:, None, None, :] > 0, 0, -1e30)
        for number in range(self.config["num_hidden_layers"]):
            layer = f"encoder.layer.{number}."
            q, k, v = (
                self.linear(x, f"{layer}attention.self.{part}").reshape(n, length, heads, width // heads).swapaxes(1, 2)
                for part in ("query", "key", "value")
            )
            scores = q @ k.swapaxes(2, 3) / math.sqrt(width // heads) + hide
            shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
            shares /= shares.sum(axis=-1, keepdims=True)
            context = (shares @ v).swapaxes(1, 2).reshape(n, length, width)
            x = self.norm(x + self.linear(context, f"{layer}attention.output.dense"), f"{layer}attention.output.LayerNorm")
            wide = self.linear(x, f"{layer}intermediate.dense")
            wide = wide * 0.5 * (1 + erf(wide / math.sqrt(2)))
            x = self.norm(x + self.linear(wide, f"{layer}output.dense"), f"{layer}output.LayerNorm")
        return x

    def linear(self, x: np.ndarray, name: str) -> np.ndarray:
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def norm(self, x: np.ndarray, name: str) -> np.ndarray:
        mean, variance = x.mean(axis=-1, keepdims=True), x.var(axis=-1, keepdims=True)
        scaled = (x - mean) / np.sqrt(variance + self.config["layer_norm_eps"])
        return scaled * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]


def main() -> None:
    folder = Path(sys.argv[1])
    vocabulary, bert, cases = read_vocabulary(folder / "vocab.txt"), Bert(folder), []
    pooling = json.loads((folder / "1_Pooling" / "config.json").read_text())
    for text in sys.stdin.read().splitlines():
        pieces = WordPiece(vocabulary).pieces(text)
        ids = np.array([[vocabulary.index("[CLS]"), *pieces[:510], vocabulary.index("[SEP]")]])
        states = bert.hidden_states(ids, np.ones_like(ids))[0]
        vector = states[0] if pooling.get("pooling_mode_cls_token") else states.mean(axis=0)
        vector = vector / np.linalg.norm(vector)
        cases.append({"text": text, "pieces": pieces, "vector": [round(float(x), 6) for x in vector]})
    print("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]")


if __name__ == "__main__":
    main()
