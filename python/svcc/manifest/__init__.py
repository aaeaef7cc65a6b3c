"""Manifests as people have them (JSON, YAML, lists, watch streams, directories) become documents, documents a model."""
