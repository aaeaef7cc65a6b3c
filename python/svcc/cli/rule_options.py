"""Options that name rules: which are left out, and which there are."""

from __future__ import annotations

import difflib
from typing import Any

import click

from svcc.cli.output import write_data
from svcc.report.problems import rule_table
from svcc.validate.cluster_rules import ALL_RULES

__all__ = ["RuleId", "list_rules_option"]


class RuleId(click.ParamType[str]):
    """The id of a rule; one that there is not is a usage error, with those that look like it."""

    name = "rule"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The id as it was given."""
        if value in ALL_RULES:
            return str(value)
        endings = {rule.partition("/")[2]: rule for rule in ALL_RULES}
        near = difflib.get_close_matches(value, ALL_RULES, n=3) or [
            endings[name] for name in difflib.get_close_matches(value, endings, n=3)
        ]
        said = f"; similar are {', '.join(near)}" if near else ""
        raise click.BadParameter(f"there is no rule {value!r}{said}; --list-rules lists all", ctx, param)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        """The rules that begin so."""
        del ctx, param
        return [
            click.shell_completion.CompletionItem(rule, help=ALL_RULES[rule].meaning)
            for rule in sorted(ALL_RULES)
            if rule.startswith(incomplete)
        ]


def _list_rules(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        write_data(f"{line}\n" for line in rule_table())
        context.exit(0)


list_rules_option = click.option(
    "--list-rules",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_list_rules,
    help="Print all rules, with their severities, and exit.",
)
