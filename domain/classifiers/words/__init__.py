"""Lists of words: countries and currencies (from Unicode's CLDR), given names of many languages (from the
lists of Faker, MIT), and short ones of our own. Read as resources: the agent may travel as one file."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


def _lines(name: str) -> list[str]:
    return files(__name__).joinpath(name).read_text(encoding="utf-8").split("\n")


@cache
def listed(name: str) -> frozenset[str]:
    """The words of a file: `genders`, `states`, `given_names` …"""
    return frozenset(line for line in _lines(f"{name}.txt") if line)


@cache
def countries() -> frozenset[str]:
    """Names of countries in seven languages, folded."""
    names = {
        name.casefold()
        for line in _lines("countries.txt")
        if line
        for name in line.split(" ", 2)[2].split("|")
    }
    return frozenset(names) | listed("country_words")


@cache
def country_codes() -> frozenset[str]:
    """ISO 3166 in two and three letters."""
    pairs = (line.split(" ", 2)[:2] for line in _lines("countries.txt") if line)
    return frozenset(code for pair in pairs for code in pair if code != "-")
