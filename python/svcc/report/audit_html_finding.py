"""One finding on the page: what is wrong, what was expected next to what was found, and the packet's way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

from svcc.auditing.catalogue import CATALOGUE
from svcc.auditing.finding import Finding, Suppressed, Witness
from svcc.report.audit_elements import Element, element
from svcc.report.audit_way import Chain, Hook, Passage, telling, way
from svcc.report.audit_words import Fate, arrival, counted, extent, fates, hint_of, rule_lines, title_of
from svcc.report.trace import outcome_text, packet_text, percentage
from svcc.trace.evaluator import Outcome

__all__ = ["finding_article"]

_SEVERITIES = {"error": "Error", "warning": "Warning", "info": "Worth knowing"}
_HOOKS = {
    "ingress": "at the interface",
    "prerouting": "on arrival",
    "input": "for the node itself",
    "forward": "passing through",
    "output": "sent by the node",
    "postrouting": "on leaving",
}
_FEW = 6


def finding_article(finding: Finding, anchor: str, *, suppressed: Suppressed | None = None) -> Element:
    """The finding as an article that links can name by `anchor`."""
    severity = finding.severity.value
    witness = finding.witness
    return element(
        "article",
        element(
            "p",
            element("span", _SEVERITIES[severity], class_=f"badge {severity}"),
            " ",
            element("span", title_of(finding.kind), class_="kind"),
            element("a", finding.fingerprint, href=f"#{anchor}", class_="anchor", title="Link to this finding"),
            class_="kicker",
        ),
        element("h3", finding.message),
        element("p", extent(finding), class_="extent") if extent(finding) else None,
        _accepted(suppressed) if suppressed else None,
        _told(finding, witness) if witness else None,
        _facts(finding),
        id=anchor,
        class_=f"finding {severity}",
        data_severity=severity,
        data_kind=finding.kind.value,
        data_fingerprint=finding.fingerprint,
    )


def _accepted(suppressed: Suppressed) -> Element:
    until = f" until {suppressed.expires}" if suppressed.expires else ""
    return element("p", element("strong", f"Accepted{until}: "), suppressed.reason, class_="accepted")


def _told(finding: Finding, witness: Witness) -> list[Element]:
    shown = [
        element(
            "p",
            element("span", "Packet", class_="label"),
            " ",
            element("code", packet_text(witness.packet)),
            arrival(witness.packet).removeprefix(packet_text(witness.packet)),
            class_="packet",
        ),
        element(
            "div",
            _side("Expected", "nothing in particular", witness, lambda fate: fate.expected),
            _side("Found", "nothing", witness, lambda fate: fate.found),
            class_="sides",
        ),
    ]
    expected = next((item for item in witness.expected if item.steps), None)
    if expected is not None:
        shown.append(_way("The expected way", finding, witness, expected))
    outcome = telling(finding)
    if outcome is not None and outcome.steps:
        shown.append(_way("The way of the packet", finding, witness, outcome))
    return shown


def _side(heading: str, nothing: str, witness: Witness, chance: Callable[[Fate], Fraction]) -> Element:
    listed = [fate for fate in fates(witness) if chance(fate)]
    few, rest = listed[:_FEW], listed[_FEW:]
    more = None
    if rest:
        share = percentage(sum((chance(fate) for fate in rest), Fraction(0)))
        summary = f"{counted(len(rest), 'more outcome')}, {share} together"
        more = element("details", element("summary", summary), _fates(rest, chance))
    return element(
        "section",
        element("h4", heading),
        _fates(few, chance) if few else element("p", nothing, class_="quiet"),
        more,
        class_=f"side {heading.lower()}",
    )


def _fates(listed: Sequence[Fate], chance: Callable[[Fate], Fraction]) -> Element:
    return element("ul", (_fate(fate, chance(fate)) for fate in listed), class_="fates")


def _fate(fate: Fate, chance: Fraction) -> Element:
    difference = fate.difference
    tag = element("span", difference, class_="difference") if difference != "as expected" else None
    width = f"{float(chance * 100):.2f}"
    bar = element(
        "svg",
        element("rect", class_="track", width="100", height="4"),
        element("rect", class_="share", width=width, height="4"),
        class_="bar",
        viewBox="0 0 100 4",
        preserveAspectRatio="none",
        aria_hidden="true",
    )
    return element(
        "li",
        element("span", percentage(chance), class_="chance"),
        " ",
        element("span", fate.text, class_="fate"),
        " ",
        tag,
        bar,
        element("span", "; ".join(fate.reasons), class_="reasons") if fate.reasons else None,
        class_=difference.replace(" ", "-"),
    )


def _way(heading: str, finding: Finding, witness: Witness, outcome: Outcome) -> Element:
    hooks = list(way(finding, witness, outcome))
    count = sum(len(chain.passages) for hook in hooks for chain in hook.chains)
    start = element(
        "li",
        element("span", "Packet", class_="hook-name"),
        element("span", "sent by the node" if witness.packet.hook == "output" else "arrives", class_="hook-where"),
        class_="stop start",
    )
    ending = outcome_text(outcome, witness.packet)
    wrong = any(fate.text == ending and fate.difference != "as expected" for fate in fates(witness))
    end = element(
        "li",
        element("span", "Found", class_="hook-name"),
        element("strong", ending),
        *_instead(witness, wrong=wrong),
        class_=f"stop end {'wrong' if wrong else 'right'}",
    )
    rules = element(
        "details",
        element("summary", f"Every rule on the way ({count})"),
        element("ol", (_rules(hook) for hook in hooks), class_="rules"),
    )
    return element(
        "section",
        element("h4", heading),
        element("ol", start, (_stop(hook) for hook in hooks), end, class_="stops"),
        _decision(hooks),
        rules,
        class_="way",
    )


def _instead(witness: Witness, *, wrong: bool) -> Iterator[Element]:
    """What was expected in place of an outcome, beside it."""
    missing = [fate for fate in fates(witness) if fate.expected > fate.found]
    if wrong and missing:
        more = f", or {counted(len(missing) - 1, 'other outcome')}" if len(missing) > 1 else ""
        yield element("span", f"instead of: {missing[0].text}{more}", class_="instead")


def _stop(hook: Hook) -> Element:
    chains = []
    for chain in hook.chains:
        decided = any(passage.decided for passage in chain.passages)
        chains.append(
            element(
                "li",
                element("span", chain.name, class_="chain-name"),
                element("span", f"{chain.family} {chain.table}", class_="chain-table"),
                element("strong", "decided here", class_="decided-here") if decided else None,
                class_="decided" if decided else None,
            )
        )
    return element(
        "li",
        element("span", hook.name, class_="hook-name"),
        element("span", _HOOKS.get(hook.name, ""), class_="hook-where"),
        element("ol", chains, class_="chains"),
        class_="stop",
    )


def _decision(hooks: Sequence[Hook]) -> Element | None:
    for hook in hooks:
        for chain in hook.chains:
            for passage in chain.passages:
                if passage.decided:
                    return element(
                        "p",
                        element("span", "The rule that decided", class_="label"),
                        " ",
                        element("code", _rule(passage)),
                        f" in {_chain(chain)}",
                        class_="decision",
                    )
    return None


def _rules(hook: Hook) -> Element:
    return element(
        "li",
        element("span", hook.name, class_="hook-name"),
        (
            element(
                "div",
                element("span", _chain(chain), class_="chain-table"),
                element(
                    "ol",
                    (
                        element(
                            "li",
                            element("code", _rule(passage)),
                            (element("span", note, class_="note") for note in passage.notes),
                            element("strong", "decided here", class_="decided-here") if passage.decided else None,
                            class_="decided" if passage.decided else None,
                        )
                        for passage in chain.passages
                    ),
                ),
            )
            for chain in hook.chains
        ),
    )


def _rule(passage: Passage) -> str:
    return passage.rule or f"policy of the chain: {'; '.join(passage.notes)}"


def _chain(chain: Chain) -> str:
    return f"table {chain.family} {chain.table}, chain {chain.name}"


def _facts(finding: Finding) -> Element:
    facts: list[tuple[str, Sequence[str], str]] = [
        ("Details", finding.details, "span"),
        ("If local", finding.witness.local_addresses if finding.witness else (), "code"),
        ("To blame", rule_lines(finding.rules), "code"),
        ("Manifest", [str(finding.source)] if finding.source else [], "code"),
        ("What it means", [CATALOGUE[finding.kind].explanation], "span"),
        ("What to do", [hint_of(finding)], "span"),
    ]
    rows = [
        item
        for label, values, tag in facts
        if values
        for item in (element("dt", label), *(element("dd", element(tag, value)) for value in values))
    ]
    return element("dl", rows, class_="facts")
