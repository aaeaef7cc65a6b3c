"""`metadata` as manifests write it."""

from __future__ import annotations

from svcc.wire.structure import Fields, Scalar

__all__ = ["METADATA", "TYPE_META"]

METADATA = Fields(
    {
        "name": Scalar.STRING,
        "generateName": Scalar.STRING,
        "namespace": Scalar.STRING,
        "labels": Scalar.STRING_MAP,
        "annotations": Scalar.STRING_MAP,
        "creationTimestamp": Scalar.STRING,
    },
    unread=frozenset(
        {
            "deletionGracePeriodSeconds",
            "deletionTimestamp",
            "finalizers",
            "generation",
            "managedFields",
            "ownerReferences",
            "resourceVersion",
            "selfLink",
            "uid",
        }
    ),
)
"""The fields of `metav1.ObjectMeta`."""

TYPE_META = frozenset({"apiVersion", "kind"})
"""The fields that say what an object is; whoever reads them has done so before its shape counts."""
