"""Griffe extension: turns what our docstrings have and Markdown lacks into Markdown.

A role such as ``:func:`read_rankings``` becomes a link to that function's entry, wherever it is
imported from; a doctest becomes a code block; ``width, height: pixels`` in a list of arguments
becomes two arguments. A role that names nothing is reported, which fails a strict build.
"""

from __future__ import annotations

import re

from griffe import Extension, GriffeError, GriffeLoader, Module, Object, logger

ROLE = re.compile(r":(?:mod|class|func|meth|attr|data|exc):`(~?)([\w.]+)`")
SHARED = re.compile(r"^( +)(\w+(?:, \w+)+)(: .*(?:\n\1 +.*)*)", re.M)
DOCTEST = re.compile(r"^( *)>>> .*(?:\n\1(?! *$).+)*", re.M)


class SphinxRoles(Extension):
    """Rewrites every docstring of a package once all of it has been loaded."""

    def on_package(self, *, pkg: Module, loader: GriffeLoader, **kwargs: object) -> None:
        """Walk through the package."""
        rewrite_all(pkg, pkg)


def rewrite_all(found: Object, package: Module) -> None:
    """Rewrite the docstrings of an object and of all that is defined in it."""
    if found.docstring is not None:
        found.docstring.value = as_markdown(found.docstring.value, found, package)
    for member in found.members.values():
        if not member.is_alias:
            rewrite_all(member, package)


def as_markdown(text: str, scope: Object, package: Module) -> str:
    """A docstring in Markdown; ``scope`` is what it documents."""

    def link(match: re.Match[str]) -> str:
        found = meant_by(match[2], scope, package)
        if found is None:
            logger.warning(f"{scope.path}: {match[0]} names nothing that can be found")
        shown = match[2].rpartition(".")[2] if match[1] else match[2]
        return f"[`{shown}`][{found.path}]" if found and has_entry(found) else f"`{shown}`"

    def split(match: re.Match[str]) -> str:
        names = match[2].split(", ")
        if not all(name in scope.all_members or name in parameters_of(scope) for name in names):
            return match[0]
        return "\n".join(f"{match[1]}{name}{match[3]}" for name in names)

    def fence(match: re.Match[str]) -> str:
        return f"{match[1]}```pycon\n{match[0]}\n{match[1]}```"

    return DOCTEST.sub(fence, SHARED.sub(split, ROLE.sub(link, text)))


def parameters_of(scope: Object) -> set[str]:
    """The names of a function's or a class's parameters."""
    return {parameter.name for parameter in getattr(scope, "parameters", ())}


def meant_by(name: str, scope: Object, package: Module) -> Object | None:
    """What a name in a docstring means: by its full path, or as Python finds it from there."""
    first, dot, rest = name.partition(".")
    try:
        paths = [name, scope.resolve(first) + dot + rest]
    except GriffeError:
        paths = [name]
    for path in paths:
        inside = path.removeprefix(f"{package.name}.")
        try:
            found = package[inside] if inside != path else None
        except (KeyError, GriffeError):
            continue
        if found is not None:
            return found.final_target if found.is_alias else found
    return None


def has_entry(found: Object) -> bool:
    """Whether the reference has an entry of it."""
    is_public = not any(part.startswith("_") for part in found.path.split("."))
    return is_public and found.has_docstring
