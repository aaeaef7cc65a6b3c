"""Which objects a user asked for, by namespace and by labels of Services."""

from __future__ import annotations

from attrs import frozen

from svcc.manifest.label_selector import LabelSelector, parse_label_selector
from svcc.model.service import Service

__all__ = ["Selection"]


@frozen
class Selection:
    """As with kubectl, `namespace` leaves out Services of other namespaces, and `labels` those that do not match.

    EndpointSlices follow their Service where there are labels, else their namespace. Nodes and ServiceCIDRs are kept.
    """

    namespace: str | None = None
    labels: LabelSelector | None = None

    @classmethod
    def of(cls, namespace: str | None, selector: str | None) -> Selection:
        """The selection that options say.

        Raises:
            SettingsError: `selector` is no label selector.
        """
        return cls(namespace or None, parse_label_selector(selector) if selector else None)

    @property
    def is_everything(self) -> bool:
        """Whether nothing is left out."""
        return self.namespace is None and self.labels is None

    def has_namespace(self, namespace: str) -> bool:
        """Whether objects of a namespace are wanted."""
        return self.namespace in {None, namespace}

    def has_service(self, service: Service) -> bool:
        """Whether a Service is wanted."""
        return self.has_namespace(service.namespace) and (self.labels is None or self.labels(service.labels))
