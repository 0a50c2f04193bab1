"""Cue Sheet: tables of many dialects, and bad rows that are named before anything is bought."""

# ruff: noqa: RUF001

from __future__ import annotations

import csv
import importlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ...api.base.errors import InputError
from ...api.base.plain_text import shortened
from ...sandbox.server import Sandbox
from .test_nodes import Node

TABLE = """name,seconds,prompt,lyrics,take,loop
forest,40,calm flute and harp,,1,yes
boss,62.5,"fast strings, drums, 160 bpm",,2,no
credits,30,choir,"[verse]
Thank you
[chorus]
Good night",,
"""
ROWS = [
    ("forest", 40.0, "calm flute and harp", "", 1, True),
    ("boss", 62.5, "fast strings, drums, 160 bpm", "", 2, False),
    ("credits", 30.0, "choir", "[verse]\nThank you\n[chorus]\nGood night", 1, False),
]


@pytest.fixture
def read(nodes: ModuleType) -> Callable[[str], list[tuple[Any, ...]]]:
    table = importlib.import_module(f"{nodes.__name__}.cue_table")

    def rows(text: str) -> list[tuple[Any, ...]]:
        return [
            (
                cue.name,
                cue.request.duration,
                cue.request.prompt,
                cue.request.lyrics,
                cue.request.take,
                cue.loop,
            )
            for cue in table.read_cues(text)
        ]

    return rows


def with_delimiter(delimiter: str) -> str:
    quoted = TABLE.replace('"fast strings, drums, 160 bpm"', "fast strings@ drums@ 160 bpm")
    return quoted.replace(",", delimiter).replace("@", ",")


DIALECTS = {
    "commas": TABLE,
    "CRLF": TABLE.replace("\n", "\r\n"),
    "CR": TABLE.replace("\n", "\r"),
    "blank lines": "\n\n" + TABLE.replace("\nboss", "\n\n,,,,,\nboss") + "\n\n",
    "semicolons of Excel": "sep=;\n" + with_delimiter(";").replace("62.5", "62,5"),
    "semicolons": with_delimiter(";"),
    "tabs": with_delimiter("\t"),
    "other order": "loop;prompt;take;name;lyrics;duration\n"
    "x;calm flute and harp;;forest;;40\n;fast strings, drums, 160 bpm;2;boss;;62.5 s\n"
    ";choir;;credits;[verse]\\nThank you\\n[chorus]\\nGood night;30\n",
    "Markdown": "| name | seconds | prompt | lyrics | take | loop |\n"
    "|---|---:|:--|---|---|---|\n| forest | 40 | calm flute and harp | | 1 | yes |\n"
    "| boss | 62.5 | fast strings, drums, 160 bpm | | 2 | no |\n"
    "| credits | 30 | choir | [verse]\\nThank you\\n[chorus]\\nGood night | | |",
    "capitals and quotes": TABLE.replace(
        "name,seconds,prompt,lyrics,take,loop", '"Name", "Seconds", "PROMPT", Lyrics, take,Loop'
    ),
    "Chinese": TABLE.replace(
        "name,seconds,prompt,lyrics,take,loop", "名称,秒,提示词,歌词,版本,循环"
    ).replace("yes", "是"),
    "empty cells at the end": TABLE.replace("yes\n", "yes,,\n"),
    "a BOM that was pasted": "\ufeff" + TABLE,
}


@pytest.mark.parametrize("name", DIALECTS)
def test_a_table_is_read_in_every_dialect(name: str, read: Any) -> None:
    assert read(DIALECTS[name]) == ROWS


def test_only_a_prompt_is_needed(read: Any) -> None:
    expected = [
        ("warm piano, slow", 30.0, "warm piano, slow", "", 1, False),
        ('the "blue" hour', 30.0, 'the "blue" hour', "", 1, False),
    ]
    assert read('prompt\nwarm piano, slow\nthe "blue" hour\n') == expected


def test_a_row_without_a_name_is_called_by_its_first_words(read: Any) -> None:
    (row,) = read("prompt,name\n" + "word " * 30 + ",")
    assert row[0] == "word word word word word word word word"


@pytest.mark.parametrize("column", ["name", "seconds", "prompt", "lyrics", "take", "loop"])
@pytest.mark.parametrize(
    "fault",
    [
        "#NAME?",
        "#REF!",
        "#N/A",
        "#VALUE!",
        "#DIV/0!",
        "#SPILL!",
        "#ERROR!",
        "#¿NOMBRE?",
        "#¡REF!",
        "#NOM?",
        "#VALEUR!",
        "#ИМЯ?",
        "#Н/Д",
        "#N/D",
        "#NV",
        "#BEZUG!",
        "Err:502",
        "########",
    ],
)
def test_a_formula_that_failed_is_no_cell(column: str, fault: str, read: Any) -> None:
    table = f"prompt,{column}\na,{fault}" if column != "prompt" else f"prompt\n{fault}"
    with pytest.raises(InputError, match=f"Line 2 of the cue sheet: {column} is “{fault[:3]}"):
        read(table.replace("??", "?"))


@pytest.mark.parametrize("prompt", ["# heading", "#lofi", "#1 hit, loud!", "Err, 502 things", "#"])
def test_a_prompt_may_begin_with_a_hash(prompt: str, read: Any) -> None:
    assert read(f'prompt\n"{prompt}"')[0][2] == prompt


YES = "yes,sí,SI,Verdadero,oui,VRAI,はい,真,예,네,참,да,Истина,是,對,ＹＥＳ,✓,☑,TRUE"
NO = "no,falso,Non,FAUX,いいえ,偽,아니요,거짓,нет,ЛОЖЬ,否,假,ｎｏ,✗,☐,FALSE,0"


def test_yes_and_no_are_read_in_every_language(read: Any) -> None:
    for words, is_yes in ((YES, True), (NO, False)):
        rows = "".join(f"a,{word}\n" for word in words.split(","))
        looped = [row[-1] for row in read(f"prompt,loop\n{rows}")]
        assert looped == [is_yes] * len(looped)


LENGTHS = {
    30.0: [
        "30",
        "30.0",
        "30,0",
        "30s",
        "30 s",
        "30 secs",
        "30 sec.",
        "30 Seconds",
        "30''",
        "30″",
        "0:30",
        "00:30",
        "0:00:30",
        "00:00:30",
        "0m 30s",
        "30 segundos",
        "30 seg",
        "30 secondes",
        "30 сек",
        "30 секунд",
        "30с",
        "30秒",
        "30 초",
        "３０",
        "0：30",
        "\u200e30",
        "0.5 min",
    ],
    90.0: [
        "1m 30s",
        "1m30s",
        "1m30",
        "1:30",
        "1 min 30 sec",
        "1 minute 30 seconds",
        "1'30''",
        "1.5 min",
        "1,5 minutes",
        "1 минута 30 секунд",
        "1分30秒",
        "1분 30초",
        "1分鐘30秒",
        "90",
    ],
    12.5: ["12.5", "12,5", "12.5 secs", "0:12.5", "0:12,5", "12,5 s"],
}


@pytest.mark.parametrize("seconds", LENGTHS)
def test_a_length_is_read_as_people_write_it(seconds: float, read: Any) -> None:
    rows = "".join(f"a{number}\t{text}\n" for number, text in enumerate(LENGTHS[seconds]))
    assert {row[1] for row in read(f"prompt\tseconds\n{rows}")} == {seconds}


HEADINGS = [
    "Track name,Duration (s),Description",
    'Title,Length [sec],"Music prompt:"',
    "FILE_NAME,duration_seconds,PROMPT",
    "\u200ename,\u200eseconds,\u200fprompt",
    "nombre,duración,descripción",
    "nom,durée,description",
    "名前,秒,プロンプト",
    "이름,초,설명",
    "название,длительность,описание",
    "名稱,時長,提示詞",
]


@pytest.mark.parametrize("heading", HEADINGS)
@pytest.mark.parametrize(
    "first", ["", "sep=,\n", "sep=,,,\n", '"sep=,"\r\n', "\ufeff\u200esep=,\n"]
)
def test_headings_are_read_as_people_write_them(heading: str, first: str, read: Any) -> None:
    assert read(f"{first}{heading}\nforest,0:40,flute")[0][:3] == ("forest", 40.0, "flute")


async def test_a_heading_that_is_read_as_another_is_said_once(node: Node) -> None:
    table = "Track name;Duration (s);Prompt\na;30;x\nb;30;y\n"
    report = await reported(node, table=f"sep=;;;\n{table}")
    assert report.splitlines()[3:] == ["Read “Track name” as name, “Duration (s)” as seconds."]
    report = await reported(node, table="name,prompt\na,x")
    assert "Read" not in report


ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]


async def cue_sheet(node: Node, **inputs: Any) -> Any:
    clone = node["AIGatewayCueSheet"].PREPARE_CLASS_CLONE({"hidden_inputs": {}})
    return (await clone.EXECUTE_NORMALIZED_ASYNC(**inputs)).result


async def reported(node: Node, **inputs: Any) -> str:
    return (await cue_sheet(node, **inputs))[6]


@pytest.fixture
def folder(nodes: ModuleType) -> Path:
    return Path(importlib.import_module("folder_paths").get_input_directory())


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
async def test_a_file_is_read_in_every_encoding(
    encoding: str, line_end: str, node: Node, folder: Path
) -> None:
    text = TABLE.replace("choir", "chœur 合唱").replace("\n", line_end)
    (folder / "cues.csv").write_bytes(text.encode(encoding))
    prompt, duration, lyrics, take, name, loop, report, *_ = await cue_sheet(node, file="cues.csv")
    assert prompt == ["calm flute and harp", "fast strings, drums, 160 bpm", "chœur 合唱"]
    assert (duration, take, name) == ([40.0, 62.5, 30.0], [1, 2, 1], ["forest", "boss", "credits"])
    assert loop == [True, False, False]
    assert lyrics[2].count("\n") == 3
    assert len(report.splitlines()) == 4


FAMILY = """name,family,intensity,seconds,prompt,loop
,forest,calm,,"flute and harp, 90 bpm, D minor",yes
,Forest,tense,40,strings,yes
,forest,battle,,drums,yes
,sea,1,,waves of piano,yes
,sea,2,,waves of piano,yes
victory,,,12,brass,no
"""


async def test_a_family_has_one_tempo_one_key_and_one_length(node: Node) -> None:
    made = await cue_sheet(node, table=FAMILY)
    prompt, duration, _, _, name, loop, report, family, intensity = made
    assert prompt == [
        "flute and harp, 90 bpm, D minor, calm",
        "strings, tense, 90 bpm, D minor",
        "drums, battle, 90 bpm, D minor",
        "waves of piano, intensity 1, 100 bpm",
        "waves of piano, intensity 2, 100 bpm",
        "brass",
    ]
    assert duration == [40, 40, 40, 30, 30, 12]
    assert name == ["forest calm", "Forest tense", "forest battle", "sea 1", "sea 2", "victory"]
    assert family == ["forest", "Forest", "forest", "sea", "sea", ""]
    assert intensity == ["calm", "tense", "battle", "1", "2", ""]
    assert loop == [True] * 5 + [False]
    assert "forest calm: 40 s" in report
    assert report.splitlines()[-2:] == [
        "Family forest: 90 bpm, all in D minor.",
        "Family sea: 100 bpm, no key is given, so the model chooses one for each track.",
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("flute, 90 bpm", "drums at 92 BPM"),
        ("flute in D minor", "drums in D major"),
        ("笛子 D小调", "鼓 A小调"),
    ],
)
def test_a_row_that_contradicts_its_family_is_named(first: str, second: str, read: Any) -> None:
    with pytest.raises(InputError, match=r"Line 4 .* line 2 of the family “a” has"):
        read(f"prompt;family\n{first};a\ntrumpet;a\n{second};a\n{second};b\n")
    with pytest.raises(InputError, match=r"Line 3 .*its length is 30 s, and line 2 .* has 40 s"):
        read("prompt,family,seconds\nflute,a,0:40\ndrums,a,30 s\n")


def test_words_that_stand_in_the_prompt_are_not_added_again(read: Any) -> None:
    table = "prompt,family,intensity\nCalm flute in F# minor at 90.5 bpm,a,calm\nharp,a,\n"
    prompts = [row[2] for row in read(table)]
    assert prompts == ["Calm flute in F# minor at 90.5 bpm", "harp, 90.5 bpm, F# minor"]


BAD = {
    "": "cue sheet is empty",
    " \n\n": "cue sheet is empty",
    "name,seconds\na,30\n": "Line 1 of the cue sheet has no column “prompt”",
    "forest,40,calm flute\n": "Line 1 of the cue sheet has no column “prompt”",
    "prompt,tempo\na,120\n": "Line 1 of the cue sheet has the column “tempo”",
    "prompt,name,prompt\na,b,c\n": "the column “prompt” twice",
    "prompt,seconds,duration\na,5,6\n": "the column “seconds” twice",
    "prompt,seconds\n": "has no row below its columns",
    "prompt,seconds\na,30\n,30\n": "Line 3 of the cue sheet: The prompt is empty",
    "prompt,seconds\na,300\n": "Line 2 of the cue sheet: The duration is 300 s",
    "prompt,seconds\na,0:30:00\n": "Line 2 of the cue sheet: The duration is “0:30:00”",
    "prompt,seconds\na,2 hours\n": "Line 2 of the cue sheet: The duration is “2 hours”",
    "prompt,seconds\na,9 mins\n": "Line 2 of the cue sheet: The duration is “9 mins”",
    "prompt,seconds\na,4 secs\n": "Line 2 of the cue sheet: The duration is “4 secs”",
    "prompt,seconds\na,1:75\n": "The duration is “1:75”",
    "prompt,Duration (min)\na,1\n": "the column “Duration \\(min\\)”",
    "prompt,Description\na,b\n": "the column “prompt” twice",
    "prompt,name\na,..\n": "Line 2 of the cue sheet: the name “..” cannot be a file's",
    "prompt,name\na, . \n": "the name “.” cannot be a file's",
    "prompt,name\na,???\n": "the name “\\?\\?\\?” cannot be a file's",
    "prompt,name\na,\u202e..\u202c\n": "cannot be a file's",
    "prompt,seconds\na,-5\n": "The duration is -5 s",
    "prompt,seconds\na,nan\n": "Line 2 of the cue sheet: The duration is “nan”",
    "prompt,seconds\na,half a minute\n": "The duration is “half a minute”",
    "prompt,take\na,first\n": "Line 2 of the cue sheet: The take is “first”",
    "prompt,take\na,-1\n": "The take is “-1”",
    "prompt,take\na,1.5\n": "The take is “1.5”",
    "prompt,loop\na,maybe\n": "Line 2 of the cue sheet: loop is “maybe”",
    "prompt,name\na,x\nb,y\nc,X\n": "Line 4 of the cue sheet: line 2 has the name “X” too",
    "prompt,name\npiano, slow,x\n": "Line 2 of the cue sheet: it has the cell “x” below no column",
    'prompt,name\n"a "b" c",x\n': "Line 2 of the cue sheet cannot be divided into cells",
    'prompt,name\na,x\n"b,y\nc,z\n': r"Line 3 of the cue sheet .*\(a quote is never closed\)",
    'prompt,lyrics\na,"one\ntwo"\n,"three\nfour"\nb,\n': "Line 4 of the cue sheet: The prompt is",
    "prompt,seconds\na,1\nb,30\nc,2\nd,3\n": "Line 2 .* Also wrong: line 4, 5. Nothing was bought",
    "prompt\n" + "a\n" * 1001: "more than 1000 rows",
    "prompt\n" + "x" * 200_000: "cannot be divided into cells",
    "prompt,seconds\n" + "a,1\n" * 150_000: "more than 1000 rows",
    "prompt,seconds\n" + "a,1\n" * 500 + "a,9\n" * 501: "more than 1000 rows",
    "\n" * 150_000 + "prompt\na": "more than 10000 rows with the blank ones",
    "prompt,take\n" + ",\n" * 150_000: "more than 10000 rows with the blank ones",
    "|prompt|\n" + "|---|\n" * 150_000: "more than 10000 rows with the blank ones",
    "prompt,name\na" + "," * 1000 + "b": "Line 2 of the cue sheet has more than 100 cells",
    "prompt,seconds\na," + "1" * 130_000: "Line 2 of the cue sheet: seconds has 130000 characters",
    "prompt,name\na," + "b " * 50_000: "Line 2 of the cue sheet: name has 99999 characters",
    "prompt," + "," * 9_900_000 + "\na,b": "the cell “b” below no column",
    f"prompt,{'p' * 100_000}\na,b": "Line 1 of the cue sheet has the column “ppp",
    "prompt\n" + "a" * 10_000_000: "has 10000007 characters, and at most 10000000",
}


@pytest.mark.slow
@pytest.mark.parametrize("table", BAD, ids=lambda table: shortened(table, 30))
async def test_a_bad_table_is_named_before_anything_is_bought(
    table: str, node: Node, sandbox: Sandbox
) -> None:
    with pytest.raises(InputError, match=BAD[table]):
        await cue_sheet(node, table=table)
    assert not sandbox.bill()["jobs"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("prompt\nnaïve\n".encode("latin-1"), "Line 2 of the file “cues.csv” is not in the enc"),
        ("prompt\n钢琴\n".encode("gbk"), "Line 2 of the file “cues.csv” is not in the encoding"),
        (b"PK\x03\x04...", "is a workbook"),
        (b"\xd0\xcf\x11\xe0...", "is a workbook"),
        (b"", "cue sheet is empty"),
        (b"prompt\n" + b"x" * 10_000_000, "has 10000007 bytes"),
        (b"\x89PNG\r\n\x1a\n\0\0", "is not in the encoding UTF-8"),
        (b"prompt\0\0\n", "no column “prompt”"),
    ],
)
async def test_a_file_that_is_no_table_is_named(
    content: bytes, says: str, node: Node, folder: Path
) -> None:
    (folder / "cues.csv").write_bytes(content)
    with pytest.raises(InputError, match=says):
        await cue_sheet(node, file="cues.csv")


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ({"file": "missing.csv"}, "“missing.csv” is no CSV file in ComfyUI's input folder"),
        ({"file": "../secret.csv"}, "is no CSV file in ComfyUI's input folder"),
        ({"file": "picture.png"}, "is no CSV file"),
        ({"file": "cues.csv", "table": "prompt\na"}, "A table and the file “cues.csv” are given"),
        ({"table": 5}, "The table is of the type int"),
    ],
)
async def test_an_input_that_cannot_be_is_named(
    inputs: dict[str, Any], says: str, node: Node, folder: Path
) -> None:
    (folder / "picture.png").write_bytes(b"prompt\na")
    (folder.parent / "secret.csv").write_text("prompt\na")
    with pytest.raises(InputError, match=says):
        await cue_sheet(node, **inputs)


async def test_the_price_of_all_tracks_comes_first(node: Node, sandbox: Sandbox) -> None:
    report = await reported(node, table=TABLE)
    assert report.splitlines()[0] == "3 tracks, 132.5 s: $0.0265 with ACE-Step"
    assert report.splitlines()[1] == "forest: 40 s, take 1, loop, “calm flute and harp”"
    assert not sandbox.bill()["jobs"]


async def test_a_price_over_the_limit_is_said(
    node: Node, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIGATEWAY_SPEND_LIMIT_PER_RUN", "0.01")
    report = await reported(node, table=TABLE)
    assert report.splitlines()[0].endswith("over your limit")


async def test_a_file_is_judged_by_its_size_before_it_is_read(node: Node, folder: Path) -> None:
    with (folder / "cues.csv").open("wb") as file:
        # No memory holds it.
        file.truncate(1 << 40)
    with pytest.raises(InputError, match="has 1099511627776 bytes, and a cue sheet at most"):
        await cue_sheet(node, file="cues.csv")
    assert "1099511627776" in node["AIGatewayCueSheet"].fingerprint_inputs(file="cues.csv")


def graph_of(sheets: int, **inputs: Any) -> dict[str, Any]:
    """A graph in which four inputs of each of ten nodes that buy come from each of some sheets."""
    links = {"prompt": 0, "duration": 1, "lyrics": 2, "take": 3}
    graph: dict[str, Any] = {}
    for sheet in map(str, range(sheets)):
        graph[sheet] = {"class_type": "AIGatewayCueSheet", "inputs": {"file": "none", **inputs}}
        for number in range(10):
            music = f"{sheet}.{number}"
            given = {name: [sheet, slot] for name, slot in links.items()}
            graph[music] = {"class_type": "AIGatewayPromptToMusic", "inputs": given}
            graph[f"end {music}"] = {"class_type": "TestEnd", "inputs": {"any": [music, 0]}}
    return graph


@pytest.fixture
def queue(
    nodes: ModuleType, node: Node, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[dict[str, Any]], Awaitable[str]]:
    """Queues a graph as ComfyUI does: the first sentence of a refusal, "" where it may run."""
    known = importlib.import_module("nodes").NODE_CLASS_MAPPINGS
    monkeypatch.setitem(known, "TestEnd", type("TestEnd", (), {"OUTPUT_NODE": True}))
    for name, kind in node.items():
        monkeypatch.setitem(known, name, kind)
    handlers: list[Any] = []
    server = importlib.import_module("server").PromptServer.instance
    monkeypatch.setattr(server, "add_on_prompt_handler", handlers.append, raising=False)
    nodes.host.watch_queue()

    async def queued(graph: dict[str, Any]) -> str:
        for handler in handlers:
            handler({"prompt": graph})
        validate = node["AIGatewayPromptToMusic"].validate_inputs
        answers = [
            await validate() for each in graph.values() if each["class_type"].endswith("Music")
        ]
        assert len(set(answers)) == 1
        return "" if answers[0] is True else answers[0]

    return queued


@pytest.fixture
def parses(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One item for each table that is parsed."""
    counted: list[int] = []
    reader = csv.reader

    def counting(*values: Any, **options: Any) -> Any:
        counted.append(1)
        return reader(*values, **options)

    monkeypatch.setattr(csv, "reader", counting)
    return counted


async def test_a_table_is_parsed_once_for_the_queue_the_price_and_the_run(
    queue: Any, parses: list[int], nodes: ModuleType, node: Node, folder: Path
) -> None:
    (folder / "cues.csv").write_text("prompt,name\nonce only,parsed\n")
    assert await queue(graph_of(5, file="cues.csv")) == ""
    pricing = importlib.import_module(f"{nodes.__name__}.pricing")
    ask = {"prompt": {"table": "", "file": "cues.csv", "output": 0}, "duration": 30}
    assert len(pricing.requests_of_nodes([ask] * 20)) == 20
    await cue_sheet(node, file="cues.csv")
    assert len(parses) == 1


WRONG = {
    "wrong rows": ("prompt,seconds\n" + "b,1\n" * 150_000, "more than 1000 rows"),
    "one wrong row": ("prompt,seconds\nb,30\nc,1", "Line 3 of the cue sheet: The duration is 1 s"),
    "rows of blanks": ("prompt\n" + " \n" * 300_000, "rows with the blank ones"),
    "no table": ("", "The cue sheet is empty"),
    "too many tracks": ("prompt\n" + "p\n" * 1000, "The run has more than 10000 tracks: divide"),
    "too much text": ("prompt,lyrics\n" + f"q,{'w' * 5000}\n" * 999, "more than 20000000 char"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_a_sheet_that_cannot_run_is_refused_in_the_queue_after_one_look(
    name: str, queue: Any, parses: list[int]
) -> None:
    table, says = WRONG[name]
    sentence = await queue(graph_of(3, table=table))
    assert says in sentence
    assert len(sentence) < 300
    assert len(parses) <= 1


async def test_many_sheets_have_one_bound(queue: Any, folder: Path, parses: list[int]) -> None:
    # One row, and many blanks behind it.
    for name in "abcdef":
        (folder / f"{name}.csv").write_text(f"prompt\n{name}\n" + " " * 2_000_000)
    graph = {
        f"{name} {key}": each
        for name in "abcdef"
        for key, each in graph_of(1, file=f"{name}.csv").items()
    }
    for key, each in graph.items():
        for link in each["inputs"].values():
            if isinstance(link, list):
                link[0] = f"{key[0]} {link[0]}"
    assert "cue sheets have more than 10000000 characters together" in await queue(graph)
    assert len(parses) == 4


async def test_lists_that_double_in_each_node_end(queue: Any) -> None:
    graph = graph_of(1, table="prompt\ndoubled")
    graph["list 0"] = {"class_type": "CreateList", "inputs": {"a": ["0", 0], "b": ["0", 0]}}
    for number in range(1, 60):
        before = [f"list {number - 1}", 0]
        inputs = {"a": before, "b": before}
        graph[f"list {number}"] = {"class_type": "CreateList", "inputs": inputs}
    graph["0.0"]["inputs"]["prompt"] = ["list 59", 0]
    assert "more than 10000 tracks" in await queue(graph)


async def test_a_changed_file_is_read_again(node: Node, folder: Path) -> None:
    kind = node["AIGatewayCueSheet"]
    prints = []
    for content in ("prompt\na", "prompt\nb"):
        (folder / "cues.csv").write_text(content)
        prints.append(kind.fingerprint_inputs(file="cues.csv"))
    assert len({*prints, kind.fingerprint_inputs(file="gone.csv")}) == 3


async def test_files_of_the_input_folder_can_be_chosen(node: Node, folder: Path) -> None:
    for name in ("b.csv", "a.TSV", "picture.png"):
        (folder / name).touch()
    info = node["AIGatewayCueSheet"].GET_NODE_INFO_V1()
    assert info["input"]["optional"]["file"][1]["options"] == ["none", "a.TSV", "b.csv"]
