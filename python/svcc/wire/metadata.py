"""`metadata` as manifests write it."""

from __future__ import annotations

from svcc.wire.structure import Fields, Scalar

__all__ = ["METADATA"]

METADATA = Fields(
    {
        "name": Scalar.STRING,
        "generateName": Scalar.STRING,
        "namespace": Scalar.STRING,
        "labels": Scalar.STRING_MAP,
        "annotations": Scalar.STRING_MAP,
        "creationTimestamp": Scalar.STRING,
    }
)
