"""A look at a document's text before it is parsed: what is far too much is refused for what reading it costs.

It counts tokens, braces, aliases and directives as they stand there, one definition at a time. What it lets
through is weighed properly once it is parsed; what it refuses would not have passed that.
"""

from __future__ import annotations

import re

from datawave.transports.errors import rejection
from datawave.transports.limits import TOO_COSTLY, Limits

TOKEN = re.compile(
    # A string that does not end takes the rest: so each character is looked at once, whatever is sent.
    r'"""(?:[^"\\]|\\.|"(?!""))*+(?:""")?'
    r'|"(?:[^"\\\r\n]|\\.)*+"?'
    r"|#[^\r\n]*|\.\.\.|[{}()\[\]@:$!&|=]|[\w.+-]+",
    re.DOTALL,
)

BRACES_A_LEVEL = 4
"""An inline fragment has braces of its own; more than three at each level are nobody's."""


def scan(text: str, limits: Limits) -> None:
    """`Rejected` where the text alone shows that it asks too much."""
    tokens = braces = brackets = aliases = directives = 0
    deepest = limits.introspection_depth * BRACES_A_LEVEL
    for found in TOKEN.finditer(text):
        token = found[0]
        if token[0] == "#":
            continue
        tokens += 1
        if tokens > limits.tokens:
            _refuse(f"has more than {limits.tokens:,} tokens")
        if token == "{" and not brackets:
            braces += 1
            if braces > deepest:
                _refuse(f"is nested deeper than {deepest} braces")
        elif token == "}" and not brackets:
            braces -= 1
            if braces <= 0:
                braces = aliases = directives = 0
        elif token in ("(", "["):
            brackets += 1
            if brackets > limits.json_depth:
                _refuse(f"has values nested deeper than {limits.json_depth} levels")
        elif token in (")", "]"):
            brackets = max(0, brackets - 1)
        elif token == ":" and not brackets:
            aliases += 1
            if aliases > limits.aliases:
                _refuse(f"has more than {limits.aliases} aliases")
        elif token == "@":
            directives += 1
            if directives > limits.directives:
                _refuse(f"has more than {limits.directives} directives")


def _refuse(what: str) -> None:
    raise rejection(TOO_COSTLY, f"The document {what}; ask for less at once.")
