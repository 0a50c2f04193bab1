"""The words on the screen: complete in every language, and true to the nodes' schemas."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ...api.base import errors
from ...scripts.lib import headless, pack

ERRORS = [
    name
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.GatewayError)
    if kind not in (errors.GatewayError, errors.StatusError, errors.DeadJobError)
] + ["MissingPackageError"]
LANGUAGES = sorted(path.name for path in (pack.ROOT / "locales").iterdir() if path.is_dir())
TRANSLATIONS = [language for language in LANGUAGES if language != "en"]
# The codes that ComfyUI's frontend asks the packs for.
CODES = {"ar", "en", "es", "fa", "fr", "he", "ja", "ko", "pt-BR", "ru", "tr", "zh", "zh-TW"}
HELP = ("en", "zh")
# A single word, such as “format”, may be spelt in them as in English.
LIKE_ENGLISH = ("es", "fr")
UNITS = ("bpm",)
FILES = ("nodeDefs", "settings", "main")
# Vue I18n reads these as syntax; only the pack's own words have places in braces.
SYNTAX = re.compile(r"[{}@|]")
PLACE = re.compile(r"\{\w+\}")


def read(language: str, name: str) -> Any:
    path = pack.ROOT / "locales" / language / f"{name}.json"
    return json.loads(path.read_text("utf-8"))


def flat(words: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(words, Mapping):
        for name, inner in words.items():
            yield from flat(inner, f"{path}/{name}")
    else:
        yield path, words


def scripts() -> dict[str, str]:
    return {path.name: path.read_text("utf-8") for path in (pack.ROOT / "web/js").glob("*.js")}


def words_of(name: str, tooltip: str | None) -> dict[str, str]:
    return {"name": name, "tooltip": tooltip} if tooltip else {"name": name}


def inputs_of(node: Mapping[str, Any]) -> dict[str, Any]:
    words: dict[str, Any] = {}
    for section in ("required", "optional"):
        for name, (kind, options) in node["input"].get(section, {}).items():
            words[name] = words_of(name, options.get("tooltip"))
            if kind != "COMFY_DYNAMICCOMBO_V3":
                continue
            # The frontend names what an option adds `parent.child`, with _ for the dot.
            for option in options["options"]:
                for child in option["inputs"].get("required", {}):
                    words[f"{name}_{child}"] = words_of(child, None)
    return words


def expected(node: Mapping[str, Any]) -> dict[str, Any]:
    outputs = zip(node["output_name"], node["output_tooltips"], strict=True)
    return {
        "display_name": node["display_name"],
        "description": node["description"],
        "inputs": inputs_of(node),
        "outputs": {str(place): words_of(*output) for place, output in enumerate(outputs)},
    }


@pytest.fixture
async def nodes(tmp_path: Path) -> Mapping[str, Any]:
    headless.configure(tmp_path / "output", tmp_path / "data")
    return headless.describe(await headless.load_nodes())


def test_english_is_what_the_schemas_say(nodes: Mapping[str, Any]):
    assert read("en", "nodeDefs") == {name: expected(node) for name, node in nodes.items()}


def test_comfyui_asks_for_every_language():
    assert {"en", "zh"} <= set(LANGUAGES) <= CODES


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("language", TRANSLATIONS)
def test_a_translation_has_the_same_words(language: str, name: str):
    assert {path for path, _ in flat(read(language, name))} == {
        path for path, _ in flat(read("en", name))
    }


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("language", TRANSLATIONS)
def test_nothing_is_left_in_english(language: str, name: str):
    english, chinese = dict(flat(read("en", name))), dict(flat(read("zh", name)))
    for path, text in flat(read(language, name)):
        words = PLACE.sub("", text).split()
        if text not in UNITS and (len(words) > 1 or language not in LIKE_ENGLISH):
            assert text != english[path] or text == chinese[path], path


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("language", TRANSLATIONS)
def test_a_node_is_called_by_its_name_on_the_canvas(language: str, name: str):
    titles = {title(node): key for key, node in read("en", "nodeDefs").items()}
    nodes, english = read(language, "nodeDefs"), dict(flat(read("en", name)))
    for path, text in flat(read(language, name)):
        # A title of one word, such as “Beats”, is also a word of a sentence.
        called = [key for name, key in titles.items() if " " in name and name in english[path]]
        assert [title(nodes[key]) for key in called if title(nodes[key]) not in text] == [], path


def title(node: Mapping[str, Any]) -> str:
    return node["display_name"].removesuffix(" (AIgateway)")


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_empty_and_nothing_is_read_as_syntax(language: str):
    for name in FILES:
        for path, text in flat(read(language, name)):
            assert text.strip(), path
            assert path.startswith("/aigateway/") or not SYNTAX.search(text), path


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_a_translation_fills_in_the_same_values(language: str):
    english = dict(flat(read("en", "main")))
    for path, text in flat(read(language, "main")):
        assert sorted(PLACE.findall(text)) == sorted(PLACE.findall(english[path])), path


def test_the_pack_says_what_is_in_the_files_and_all_of_it():
    sources = [path.read_text("utf-8") for path in (pack.ROOT / "nodes").rglob("*.py")]
    statuses = {f"status_{key}" for key in re.findall(r'said\(\s*"(\w+)"', "\n".join(sources))}
    failures = {f"error_{name}" for name in ERRORS}
    words = set(read("en", "main")["aigateway"])
    assert (statuses | failures) - words == set()
    words -= statuses | failures
    text = "\n".join(scripts().values())
    literals = set(re.findall(r'"(\w+)"', text))
    patterns = re.findall(r"say\(`([^`]+)`", text)
    composed = {word for word in words for pattern in patterns if matches(pattern, word)}
    named = set(words_of_examples())
    assert named - words == set()
    assert words - literals - composed - named == set()
    assert set(re.findall(r'say\("(\w+)"', text)) - words == set()


def words_of_examples() -> Iterator[str]:
    """By which the examples name the fields of their Apps."""
    for path in (pack.ROOT / "example_workflows").glob("*.json"):
        app = json.loads(path.read_text("utf-8"))["extra"]["linearData"]
        yield from (
            shown["say"] for _, _, *rest in app["inputs"] for shown in rest if "say" in shown
        )


def matches(pattern: str, word: str) -> bool:
    return bool(re.fullmatch(re.sub(r"\$\{[^}]*\}", r"\\w+", pattern), word))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_setting_of_the_panel_has_its_words(language: str):
    text = scripts()["settings.js"]
    ids = re.findall(r'setting\("(\w+)"', text)
    assert {f"AIgateway_{id}" for id in ids} == set(read(language, "settings"))


@pytest.mark.parametrize("language", HELP)
def test_every_node_has_a_help_page_that_names_each_input(language: str, nodes: Mapping[str, Any]):
    for name, node in nodes.items():
        text = (pack.ROOT / "web/docs" / name / f"{language}.md").read_text("utf-8")
        inputs = {**node["input"].get("required", {}), **node["input"].get("optional", {})}
        for slot in (*inputs, *node["output_name"]):
            assert f"`{slot}`" in text, (name, slot)
