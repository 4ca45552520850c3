"""The prose for people: every link leads somewhere, every command is one that the command line takes."""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from tests.cli.test_every_command import EVERY, LEAVES
from tests.units.machine import REPOSITORY

PAGES = sorted(
    path.relative_to(REPOSITORY)
    for pattern in (
        "*.md",
        "docs/*.md",
        "systemd/*.md",
        "firmware-config/**/*.md",
        "image-build/*.md",
        "appliance/**/*.md",
    )
    for path in REPOSITORY.glob(pattern)
)
_FENCE = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)


def text_of(page: Path) -> str:
    return (REPOSITORY / page).read_text()


def anchors(page: Path) -> set[str]:
    """Those that GitHub gives to headings: small, without punctuation, with hyphens for spaces."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ +(.+?) *$", _FENCE.sub("", text_of(page)), re.MULTILINE):
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = "".join(each for each in words if each in " -_" or unicodedata.category(each)[0] in "LN").replace(
            " ", "-"
        )
        number = next(n for n in range(100) if (f"{slug}-{n}" if n else slug) not in found)
        found.add(f"{slug}-{number}" if number else slug)
    return found


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_block_ends_before_the_next_heading(page: Path) -> None:
    inside = False
    for number, line in enumerate(text_of(page).splitlines(), 1):
        if line.lstrip().startswith("```"):
            inside = not inside
        assert not (inside and re.match(r"##+ [A-Z]", line)), f"{page}:{number}: {line}"
    assert not inside, f"{page} ends in a block"


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_leads_somewhere(page: Path) -> None:
    text = re.sub(r"`[^`\n]*`", "", _FENCE.sub("", text_of(page)))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        there = (page.parent / name) if name else page
        found = (REPOSITORY / there).resolve()
        assert found.exists(), f"{page} names {target}"
        if anchor:
            assert anchor in anchors(found.relative_to(REPOSITORY)), f"{page} names {target}"


def test_every_document_is_in_the_index() -> None:
    index = text_of(Path("docs/README.md"))
    named = set(re.findall(r"\]\(([a-z-]+\.md)(?:#[^)]*)?\)", index))
    assert {path.name for path in (REPOSITORY / "docs").glob("*.md")} - {"README.md"} <= named


def commands(page: Path) -> Iterator[str]:
    """The lines of code blocks that call us, whole, and what stands in the text between backticks."""
    text = text_of(page)
    for block in _FENCE.findall(text):
        for line in re.sub(r" *\\\n\s*", " ", block).splitlines():
            for part in re.split(r"\s+(?:\|\s|#\s|&&|>)", line.strip()):
                if part.startswith("appliance "):
                    yield part
    yield from re.findall(r"`(appliance [a-z][^`]*)`", _FENCE.sub("", text).replace("\n", " "))


READ = [page for page in PAGES if page.parts[0] not in ("appliance", "CHANGELOG.md") and list(commands(page))]


class _AnyPath(click.Path):
    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        return Path(value)


@pytest.mark.parametrize("page", READ, ids=str)
def test_every_command_is_one_that_there_is(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(click.Path, "convert", _AnyPath.convert)
    for line in commands(page):
        words = shlex.split(line)[1:]
        name = max((each for each in EVERY if words[: len(each.split())] == each.split()), key=len, default="")
        rest = words[len(name.split()) :]
        if name == "" and (not words or words[0].startswith("-") or words[0] == "program"):
            continue
        assert name in EVERY, f"{page}: {line}"
        if name in LEAVES:
            options = {each for known in LEAVES[name].params for each in (*known.opts, *known.secondary_opts)}
            named = {each.partition("=")[0] for each in rest if re.match(r"--?[a-z]", each)}
            assert named <= options | {"--help"}, f"{page}: {line}"
        else:
            assert not rest or rest[0].startswith("-") or EVERY[name].__dict__.get("invoke_without_command"), (
                f"{page}: {line}"
            )


def test_that_there_are_pages_and_commands_to_look_at() -> None:
    assert {Path("README.md"), Path("docs/operating.md"), Path("systemd/README.md")} <= set(READ)
    assert "appliance init --with-ca --name edge01.rad.example" in list(commands(Path("README.md")))
