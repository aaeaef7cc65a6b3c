"""Rules for the metadata of a Service."""

from __future__ import annotations

from tests.unit.rule_rows.row import REMOVED, Row
from tests.unit.rule_rows.words import LABEL, LABEL_VALUE, NAME_PART, OLD_LABEL

METADATA_ROWS = [
    Row(
        "a Service without a name is refused",
        {("metadata", "name"): REMOVED},
        [("metadata/name-required", "metadata.name: Required value: name or generateName is required")],
    ),
    Row(
        "a generated name is not enough without a server",
        {("metadata", "name"): REMOVED, ("metadata", "generateName"): "web-"},
        [
            (
                "metadata/name-required",
                "metadata.name: Required value: the server would generate one; svcc needs it in the manifest",
            )
        ],
    ),
    Row(
        "a name in upper case is refused",
        {("metadata", "name"): "Web"},
        [("metadata/name-invalid", f'metadata.name: Invalid value: "Web": {LABEL}')],
    ),
    Row(
        "a Service name with dots is refused in the words for dots",
        {("metadata", "name"): "web.shop"},
        [("metadata/name-invalid", 'metadata.name: Invalid value: "web.shop": must not contain dots')],
    ),
    Row(
        "a name of 64 characters is too long",
        {("metadata", "name"): "w" * 64},
        [
            (
                "metadata/name-invalid",
                f'metadata.name: Invalid value: "{"w" * 64}": must be no more than 63 characters',
            )
        ],
    ),
    Row(
        "a name that starts with a digit needs a server of 1.37",
        {("metadata", "name"): "3scale"},
        [
            (
                "service/name-needs-newer-server",
                f'metadata.name: servers before 1.37 refuse the name "3scale": {OLD_LABEL}',
            )
        ],
    ),
    Row(
        "a namespace with an underscore is refused",
        {("metadata", "namespace"): "my_shop"},
        [("metadata/namespace-invalid", f'metadata.namespace: Invalid value: "my_shop": {LABEL}')],
    ),
    Row(
        "a creation time that is none is refused",
        {("metadata", "creationTimestamp"): "yesterday"},
        [
            (
                "metadata/creation-timestamp-invalid",
                'metadata.creationTimestamp: Invalid value: "yesterday": must be a time such as 2006-01-02T15:04:05Z',
            )
        ],
    ),
    Row(
        "a creation time without a time zone is refused",
        {("metadata", "creationTimestamp"): "2024-05-01T10:00:00"},
        [
            (
                "metadata/creation-timestamp-invalid",
                (
                    'metadata.creationTimestamp: Invalid value: "2024-05-01T10:00:00": '
                    "must be a time such as 2006-01-02T15:04:05Z"
                ),
            )
        ],
    ),
    Row(
        "a label key with a space is refused",
        {("metadata", "labels"): {"my app": "web"}},
        [("metadata/label-key-invalid", f'metadata.labels: Invalid value: "my app": {NAME_PART}')],
    ),
    Row(
        "a label key with two slashes is refused",
        {("metadata", "labels"): {"a/b/c": "web"}},
        [
            (
                "metadata/label-key-invalid",
                (
                    'metadata.labels: Invalid value: "a/b/c": a qualified name must consist of alphanumeric '
                    "characters, '-', '_' or '.', and must start and end with an alphanumeric character "
                    "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
                    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an "
                    "optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
                ),
            )
        ],
    ),
    Row(
        "a label key needs a prefix before its slash and a name after it",
        {("metadata", "labels"): {"/": "web"}},
        [
            ("metadata/label-key-invalid", 'metadata.labels: Invalid value: "/": prefix part must be non-empty'),
            ("metadata/label-key-invalid", 'metadata.labels: Invalid value: "/": name part must be non-empty'),
            ("metadata/label-key-invalid", f'metadata.labels: Invalid value: "/": {NAME_PART}'),
        ],
    ),
    Row(
        "a label value with a space is refused",
        {("metadata", "labels"): {"app": "my web"}},
        [("metadata/label-value-invalid", f'metadata.labels[app]: Invalid value: "my web": {LABEL_VALUE}')],
    ),
    Row(
        "an annotation key with a space is refused",
        {("metadata", "annotations"): {"my note": "x"}},
        [("metadata/annotation-key-invalid", f'metadata.annotations: Invalid value: "my note": {NAME_PART}')],
    ),
    Row(
        "upper case in the prefix of an annotation key is fine",
        {("metadata", "annotations"): {"Example.com/x": ""}},
        [],
    ),
    Row(
        "annotations of more than 256 KiB are too long",
        {("metadata", "annotations"): {"note": "x" * 262144}},
        [
            (
                "metadata/annotations-too-long",
                "metadata.annotations: Too long: may not be more than 262144 bytes",
            )
        ],
    ),
    Row(
        "the old and the new topology annotation must agree",
        {
            ("metadata", "annotations"): {
                "service.kubernetes.io/topology-mode": "Auto",
                "service.kubernetes.io/topology-aware-hints": "Disabled",
            }
        },
        [
            (
                "service/topology-annotations-differ",
                (
                    'metadata.annotations[service.kubernetes.io/topology-mode]: Invalid value: "Auto": must match '
                    "annotations[service.kubernetes.io/topology-aware-hints] when both are specified"
                ),
            ),
            (
                "service/topology-hints-annotation-deprecated",
                (
                    "annotation service.kubernetes.io/topology-aware-hints is deprecated, "
                    "please use service.kubernetes.io/topology-mode instead"
                ),
            ),
        ],
    ),
]
