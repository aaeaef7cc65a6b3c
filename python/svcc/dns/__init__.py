"""The names of a cluster: the records of Kubernetes' DNS specification, zones of them, and how they answer."""
