"""A query's vector as the cache keeps it: JSON, checked when it is read."""

from __future__ import annotations

import base64
import binascii

import numpy as np
from pydantic import BaseModel, ConfigDict, TypeAdapter

from rag.models.protocols import Vectors


class CachedVector(BaseModel):
    """``data`` is base64 of little-endian float32."""

    model_config = ConfigDict(extra="forbid", strict=True)
    data: str


CACHED_VECTOR: TypeAdapter[CachedVector] = TypeAdapter(CachedVector)


def encode_vector(vector: Vectors) -> CachedVector:
    return CachedVector(data=base64.b64encode(vector.astype("<f4").tobytes()).decode("ascii"))


def decode_vector(cached: CachedVector, dimension: int) -> Vectors | None:
    """float32 (dimension,); None when it is not a unit vector of that size."""
    try:
        raw = base64.b64decode(cached.data, validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(raw) != 4 * dimension:
        return None
    vector = np.frombuffer(raw, dtype="<f4").astype(np.float32)
    norm = float(np.linalg.norm(vector))
    return vector if np.isfinite(norm) and abs(norm - 1.0) < 0.01 else None
