"""The STATEMB1 file: `b"STATEMB1" | u32 rows | u32 dimensions | f32 scale[rows] | i8 code[rows * dimensions]`,
little endian. Row `i` belongs to line `i` of `vocab.txt`."""

from pathlib import Path

import numpy as np

MAGIC = b"STATEMB1"
# The scale of a row of zeros: small, but no zero, so that nothing ever divides by it.
EMPTY_SCALE = 1e-9


def write(path: Path, rows: np.ndarray) -> None:
    """Quantises `rows` (pieces x dimensions) to int8, one scale a row, and writes the file."""
    scales = np.abs(rows).max(axis=1) / 127
    scales = np.where(scales > 0, scales, EMPTY_SCALE).astype("<f4")
    codes = np.clip(np.rint(rows / scales[:, None]), -127, 127).astype("i1")
    header = np.array(rows.shape, dtype="<u4")
    path.write_bytes(MAGIC + header.tobytes() + scales.tobytes() + codes.tobytes())


def read(path: Path) -> np.ndarray:
    """The rows of a file as float32 (pieces x dimensions)."""
    data = path.read_bytes()
    if data[:8] != MAGIC:
        raise ValueError(f"{path} does not begin with STATEMB1")
    pieces, dimensions = (int(n) for n in np.frombuffer(data, "<u4", 2, offset=8))
    if len(data) != 16 + pieces * (4 + dimensions):
        raise ValueError(f"{path} has {len(data)} bytes, its header asks for {16 + pieces * (4 + dimensions)}")
    scales = np.frombuffer(data, "<f4", pieces, offset=16)
    codes = np.frombuffer(data, "i1", pieces * dimensions, offset=16 + 4 * pieces)
    return scales[:, None] * codes.reshape(pieces, dimensions).astype("f4")
