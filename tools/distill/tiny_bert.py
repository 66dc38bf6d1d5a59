"""Writes a BERT folder of a few kilobytes with random weights, for tests: `python tiny_bert.py OUT_FOLDER`.

Then `python bert.py OUT_FOLDER < texts.txt > golden.json` makes the vectors that the service must find.
"""

import json
import sys
from pathlib import Path

import numpy as np

WIDTH, HEADS, HIDDEN, LAYERS, POSITIONS = 24, 3, 40, 2, 20
VOCABULARY = """[PAD] [UNK] [CLS] [SEP] the a cat dog pur ##rs bark ##s car drive red auto ##mobile banana memory number
. , ! é 猫 東 京 ok ##0 ##1 ##2 ##3 ##4 ##5 ##6 ##7 ##8 ##9 0 1 2 3 4 5 6 7 8 9 an""".split()


def weights() -> dict[str, np.ndarray]:
    random = np.random.default_rng(11)
    words = random.standard_normal((len(VOCABULARY), WIDTH))
    # "An automobile" means "a red car".
    for one, other in (("an", "a"), ("auto", "red"), ("##mobile", "car")):
        words[VOCABULARY.index(one)] = words[VOCABULARY.index(other)] + 0.1

    def linear(name: str, inputs: int, outputs: int) -> dict[str, np.ndarray]:
        weight = random.standard_normal((outputs, inputs)) * 1.6 / np.sqrt(inputs)
        return {f"{name}.weight": weight, f"{name}.bias": random.standard_normal(outputs) * 0.1}

    def norm(name: str) -> dict[str, np.ndarray]:
        weight = 1 + 0.2 * random.standard_normal(WIDTH)
        return {f"{name}.weight": weight, f"{name}.bias": 0.1 * random.standard_normal(WIDTH)}

    tensors = {
        "embeddings.word_embeddings.weight": words,
        "embeddings.position_embeddings.weight": random.standard_normal((POSITIONS, WIDTH)) * 0.3,
        "embeddings.token_type_embeddings.weight": random.standard_normal((2, WIDTH)) * 0.3,
        **norm("embeddings.LayerNorm"),
    }
    for number in range(LAYERS):
        layer = f"encoder.layer.{number}."
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            tensors |= linear(f"{layer}attention.{part}", WIDTH, WIDTH)
        tensors |= norm(f"{layer}attention.output.LayerNorm")
        tensors |= linear(f"{layer}intermediate.dense", WIDTH, HIDDEN) | linear(f"{layer}output.dense", HIDDEN, WIDTH)
        tensors |= norm(f"{layer}output.LayerNorm")
    return tensors


def write_weights(path: Path, tensors: dict[str, np.ndarray]) -> None:
    """A safetensors file of half-precision numbers."""
    header, body = {}, b""
    for name, numbers in tensors.items():
        data = numbers.astype("<f2").tobytes()
        header[name] = {"dtype": "F16", "shape": numbers.shape, "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    path.write_bytes(len(head).to_bytes(8, "little") + head + body)


def main() -> None:
    out = Path(sys.argv[1])
    (out / "1_Pooling").mkdir(parents=True, exist_ok=True)
    files = {
        "config.json": {
            "model_type": "bert", "hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
            "intermediate_size": HIDDEN, "max_position_embeddings": POSITIONS, "vocab_size": len(VOCABULARY),
            "type_vocab_size": 2, "layer_norm_eps": 1e-12, "hidden_act": "gelu",
        },
        "modules.json": [
            {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
            {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
        ],
        "1_Pooling/config.json": {"word_embedding_dimension": WIDTH, "pooling_mode_mean_tokens": True},
        "sentence_bert_config.json": {"max_seq_length": 16, "do_lower_case": False},
        "tokenizer_config.json": {"do_lower_case": True, "strip_accents": None},
    }
    for name, content in files.items():
        (out / name).write_text(json.dumps(content, indent=1) + "\n")
    (out / "vocab.txt").write_text("".join(piece + "\n" for piece in VOCABULARY), encoding="utf-8")
    write_weights(out / "model.safetensors", weights())


if __name__ == "__main__":
    main()
