"""Texts that are YAML, nearly YAML, or made of the characters that matter to it."""

from __future__ import annotations

from hypothesis import strategies as st

__all__ = ["manifests", "nearly_yaml", "soups", "yaml_texts"]

# Every kind of scalar, with what reads differently in YAML 1.1, 1.2, go-yaml and libyaml.
_PLAIN = (
    *("a", "b c", "x:y", "a#b", "-a", "?x", ":x", "http://x/?a=b&c", "1", "-1", "0", "00", "0o17", "017", "08", "0x1F"),
    *("0b101", "+12", "1_000", "_1", "1.5", ".5", "1.", "1e3", "1E+2", "-.5e-3", "1.10", "3.4e38", "1e39", "1e400"),
    *("9223372036854775807", "9223372036854775808", "-9223372036854775809", "18446744073709551616", "0x" + "f" * 17),
    *("1e20", "1e21", "123456789012345678901", "0.1", "16777217.0", "1e-5", "0.0001", "-0", "-0.0", "1:30", "1:30:45"),
    *(
        "yes",
        "No",
        "on",
        "OFF",
        "y",
        "N",
        "true",
        "False",
        "TRUE",
        "null",
        "~",
        "Null",
        ".inf",
        "-.INF",
        ".nan",
        "+.inf",
    ),
    *("2001-01-01", "2001-01-01T00:00:00Z", "<<", "=", "é", "日本 語", "\U0001f600 x", "a\ufeffb", "80%", "a, b", "a]"),
    *("{{ x }}", "@x", "`x`", "%x", "!x", "&x", "*x", "- x", "? x", "a: b", "a :b", "", "-", "--- a", "...", "kind"),
)
_QUOTED = (
    *("''", '""', "'a'", '"a b"', "'it''s'", '"a\\nb"', '"\\x41\\u00e9\\U0001f600"', '"\\ud800"', '"\\q"', '"a\\"b"'),
    *(
        "'a\n\n  b'",
        '"a\n  b\\\n    c"',
        '"a\\\n\n\n b"',
        "'a \t b'",
        "' a '",
        '" a  \n  b "',
        "'a\n--- b'",
        '"\\',
        "'x",
    ),
    *("'80'", '"on"', "'<<'", "'a\r\n b'", "'a\x85b\u2028c'", '"\\\t\\/\\_\\N\\L\\P\\0\\e"', '"\\x4"', '"a\\  b"'),
)
_BLOCK = (
    *("|\n  a\n  b\n", ">\n  a\n  b\n\n  c\n", "|-\n  a\n", "|+\n  a\n\n\n", ">-\n  a\n\n   b\n  c\n", "|2\n   a\n"),
    *(
        "|0\n  a",
        "|\n\n\n  a\n b\n",
        "| # comment\n  # text\n",
        "|x\n",
        ">+1\n a\n\n\n",
        "|\n\ta\n",
        "|1-\n  a\n  \n",
        "|",
    ),
    *("|\n  a\r\n  b\u2028  c\x85  d\n", ">\n a\n\n\n b\n  \n", "|9\n         a\n"),
)
_PROPERTIES = (
    *("", "", "", "&a ", "&b ", "!!str ", "!!int ", "!!float ", "!!bool ", "!!null ", "! ", "!x ", "!!map ", "!!seq "),
    *("!<tag:yaml.org,2002:str> ", "&a !!str ", "!!str &b ", "!e!x ", "&a &b ", "!!binary ", "!!merge ", "&", "!<x "),
)
_KEYS = (
    *("a: ", "b: ", "kind: ", "items: ", "object: ", "type: ", "metadata: ", "1: ", "1.10: ", "on: ", "~: ", "<<: "),
    *("'a': ", '"b" : ', "? a\n: ", "? ", "*a : ", "&b c: ", "!!int 1: ", "!!str 1: ", "[a]: ", "{a: b}: ", "a:", ": "),
    *("1e3: ", "0x10: ", "99999999999999999999: ", ".inf: ", "a b: ", "é: ", "items : "),
)
_BETWEEN = (
    *("\n", "\n", "\n", "\r\n", "\r", "\n\n", "\n# comment\n", " # comment\n", "\n---\n", "\n--- ", "\n...\n", "\x85"),
    *(
        "\u2028",
        "\n\ufeff---\n",
        "\n%YAML 1.1\n---\n",
        "\n%TAG !e! tag:x,1:\n---\n",
        "\n%YAML 2.0\n--- ",
        "\t\n",
        "\n\t",
    ),
)
_INDENTS = ("", "  ", "    ", " ", "- ", "  - ", "    - ", "- - ", "\t", "-\t", "      ")


@st.composite
def _flows(draw: st.DrawFn, depth: int = 3) -> str:
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return f"{draw(st.sampled_from(_PROPERTIES))}{draw(st.sampled_from(_PLAIN + _QUOTED))}"
    parts: list[str] = draw(st.lists(_flows(depth - 1), max_size=3))
    comma: str = draw(st.sampled_from((",", ", ", ",\n  ", " ,", ", # c\n ", " ")))
    if draw(st.booleans()):
        end: str = draw(st.sampled_from(("]", ",]", "\n]", "}", "")))
        return f"[{comma.join(parts)}{end}"
    keys = draw(st.lists(st.sampled_from(_KEYS), min_size=len(parts), max_size=len(parts)))
    return (
        "{" + comma.join(map("".join, zip(keys, parts, strict=True))) + draw(st.sampled_from(("}", ",}", "\n }", "]")))
    )


def _lines() -> st.SearchStrategy[str]:
    values = st.one_of(
        st.sampled_from(_PLAIN),
        st.sampled_from(_QUOTED),
        st.sampled_from(_BLOCK),
        st.sampled_from(("*a", "*b", "*c", "", "", "")),
        _flows(),
    )
    return st.tuples(
        st.sampled_from(_INDENTS),
        st.sampled_from(("", *_KEYS)),
        st.sampled_from(_PROPERTIES),
        values,
        st.sampled_from(_BETWEEN),
    ).map("".join)


def yaml_texts() -> st.SearchStrategy[str]:
    """Lines of keys, values and indicators whose indentation is anything, so that about a third of them is YAML."""
    return st.lists(_lines(), max_size=8).map("".join)


@st.composite
def manifests(draw: st.DrawFn, depth: int = 4, indent: str = "") -> str:
    """What people write and templates produce: well-formed blocks with comments, anchors and blank lines."""
    scalars = st.sampled_from(_PLAIN[:4] + _PLAIN[7:50] + _QUOTED[:7])
    pieces = []
    for name in draw(st.lists(st.sampled_from(_KEYS[:10]), min_size=1, max_size=4)):
        pieces.append(draw(st.sampled_from(("", "", "", "\n", f"{indent}# Source: x\n", f"{indent}  # y\n"))))
        kind = draw(st.integers(0, 5)) if depth else 0
        anchor = draw(st.sampled_from(("", "", "", "", " &a", " &b")))
        if kind == 1:
            pieces.append(f"{indent}{name.rstrip()}{anchor}\n{draw(manifests(depth - 1, indent + '  '))}")
        elif kind == 2:
            nested = indent + draw(st.sampled_from(("", "  ")))
            items = draw(st.lists(manifests(depth - 1, nested + "  "), min_size=1, max_size=3))
            items = [
                nested + "- " + item.lstrip("\n ") if "#" not in item[:9] else nested + "-\n" + item for item in items
            ]
            pieces.append(f"{indent}{name.rstrip()}{anchor}\n{''.join(items)}")
        elif kind == 3:
            style = draw(st.sampled_from(("|", ">", "|-", ">+")))
            pieces.append(f"{indent}{name}{style}\n{indent}    a\n\n{indent}    b\n")
        elif kind == 4:
            pieces.append(f"{indent}{name}{draw(st.sampled_from(('*a', '*b', '{}', '[]', '{a: 1, b: [x]}')))}\n")
        else:
            pieces.append(f"{indent}{name.rstrip()}{anchor} {draw(scalars)}\n")
    text = "".join(pieces)
    if not indent and draw(st.booleans()):
        text = f"---\n{text}---\n{draw(manifests(2))}"
    return text.replace("\n", "\r\n") if not indent and draw(st.integers(0, 9)) == 0 else text


@st.composite
def nearly_yaml(draw: st.DrawFn) -> str:
    """A manifest in which some characters were lost, doubled or replaced."""
    text = draw(manifests(3))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        lost = draw(st.integers(0, 3))
        text = text[:at] + draw(soups(3)) + text[at + lost :]
    return text


def soups(longest: int = 60) -> st.SearchStrategy[str]:
    """Any row of the characters that mean something, and of a few that do not."""
    characters = "-?:,[]{}#&*!|>'\"%@`\\ \n\n\n\t\r\x85\u2028\ufeffab10.~<=x\xe9\U0001f600\x07\x00+_/ "
    return st.text(st.sampled_from(characters), max_size=longest)
