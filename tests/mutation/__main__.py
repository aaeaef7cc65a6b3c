"""Print how an audit does on mutants: ``python -m tests.mutation --per-kind 20 exposed here``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from tests.mutation.audits import AUDITS
from tests.mutation.bases import NAMES, bases
from tests.mutation.every import some_mutations
from tests.mutation.figures import Figures
from tests.mutation.truth import Effect, Judge


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(NAMES), metavar="[CLUSTER]...")
@click.option("--shape", "shapes", multiple=True, help="svcc, or a release of Kubernetes; else all.")
@click.option("--audit", "audit_name", type=click.Choice(tuple(AUDITS)), default="exhaustive", show_default=True)
@click.option("--per-kind", type=int, help="Mutants of each kind and base; else all.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--mistakes", type=click.Path(path_type=Path), help="Write each wrong answer to this file.")
def main(
    names: tuple[str, ...],
    shapes: tuple[str, ...],
    audit_name: str,
    per_kind: int | None,
    seed: int,
    mistakes: Path | None,
) -> None:
    """Mutate the named clusters (all of them), ask an audit about each mutant, and print the figures."""
    figures = Figures()
    for base in bases(names or NAMES, shapes or None):
        judge = Judge(base)
        if judge.truth(base.document).effect is not Effect.EQUIVALENT:
            raise click.ClickException(f"{base.name} {base.shape} does not do what was declared before any mutation")
        for mutation in some_mutations(base.document, per_kind, seed):
            figures.judge(judge, mutation, AUDITS[audit_name])
        total = figures.total
        click.echo(f"{base.name} {base.shape}: {total.mutants} mutants so far, {total.missed} missed", err=True)
    click.echo("\n".join(figures.lines()))
    if mistakes is not None:
        mistakes.write_text("\n\n".join(map(str, figures.mistakes)))
    sys.exit(1 if figures.mistakes else 0)


if __name__ == "__main__":
    main()
