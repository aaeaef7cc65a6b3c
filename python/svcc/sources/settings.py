"""KubeProxyConfiguration in a source: it is read with the list, and later only compared."""

from __future__ import annotations

from svcc.fields import FieldPath, Problem, ProblemKind, Severity
from svcc.manifest.kube_proxy import KubeProxySettings

__all__ = ["settings_problems"]


def settings_problems(at_start: KubeProxySettings | None, now: KubeProxySettings | None) -> tuple[Problem, ...]:
    """That a configuration says something else than the one that was read with the list, if it does."""
    if _said(at_start) == _said(now):
        return ()
    said = "is gone" if now is None else "has changed" if at_start is not None else "was not there at the start"
    return (
        Problem(
            "source/settings-changed",
            ProblemKind.NOTICE,
            FieldPath(),
            f"the KubeProxyConfiguration {said}; it is read at the start only",
            source=now.source if now is not None else None,
            severity=Severity.WARNING,
            hint="start svcc again to use it",
        ),
    )


def _said(settings: KubeProxySettings | None) -> object:
    return None if settings is None else (settings.cluster_settings(), settings.hostname_override)
