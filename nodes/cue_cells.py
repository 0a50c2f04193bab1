"""The cells of a cue sheet, as people and spreadsheets write them in the pack's eight languages."""

# ruff: noqa: RUF001

from __future__ import annotations

import re
import unicodedata
from typing import Any

from ..api.base.errors import InputError
from ..api.base.plain_text import shortened
from ..api.base.request import MAX_DURATION, MIN_DURATION

COLUMNS = ("name", "seconds", "prompt", "lyrics", "take", "loop", "family", "intensity")
DEFAULT_SECONDS = 30.0
MOST_CHARACTERS = 1000
"""Limit on a heading, and on a cell that is neither prompt nor lyrics."""

_HEADINGS = {
    "name": "file, filename, file name, title, track, track name, track title, song, song name, "
    "song title, cue, cue name, nombre, nombre de la pista, título, nom, nom de la piste, titre, "
    "名前, 名称, 名稱, 曲名, 标题, 標題, 이름, 제목, название, имя",
    "seconds": "sec, secs, second, duration, length, duration seconds, length seconds, "
    "duration in seconds, length in seconds, segundos, duración, secondes, durée, 秒, 秒数, 秒數, "
    "长度, 長度, 长さ, 長さ, 时长, 時長, 초, 길이, секунды, длительность, длина",
    "prompt": "description, track description, music description, music prompt, text prompt, "
    "style, descripción, indicación, invite, プロンプト, 説明, 描述, 提示词, 提示詞, 프롬프트, "
    "설명, промпт, описание",
    "lyrics": "lyric, song text, letra, paroles, 歌詞, 歌词, 가사, слова, текст песни",
    "take": "take number, version, toma, prise, テイク, 版本, 테이크, 버전, дубль, версия",
    "loop": "loops, looped, looping, is loop, loop?, bucle, boucle, ループ, 循环, 循環, 루프, "
    "반복, цикл, петля",
    "family": "families, family name, cue family, familia, famille, ファミリー, 家族, 同族, "
    "패밀리, семейство",
    "intensity": "intensities, tension, intensity level, intensidad, intensité, 強さ, 強度, 强度, "
    "강도, интенсивность",
}
_COLUMN_OF = {
    heading: column for column, headings in _HEADINGS.items() for heading in headings.split(", ")
}
# A heading may name the unit of its cells. Seconds are the only known unit.
_UNIT = re.compile(r"\s*(?:[(\[]\s*(?:s|secs?|seconds?|m+:ss|秒|초|с|сек)\.?\s*[)\]])$")

_YES = (
    "1, yes, y, true, t, on, x, loop, ✓, ✔, ☑, ✅, sí, si, verdadero, oui, vrai, はい, 真, あり, "
    "ループ, 예, 네, 참, да, д, истина, 是, 对, 對, 有, wahr"
)
_NO = (
    ", 0, no, n, false, f, off, none, -, ✗, ✘, ☐, ❌, falso, non, faux, いいえ, 偽, 無, なし, "
    "아니요, 아니오, 거짓, нет, н, ложь, 否, 假, 不, 无, falsch"
)
_IS_YES = {word: text is _YES for text in (_YES, _NO) for word in text.split(", ")}

_NUMBER = r"(\d+(?:[.,]\d+)?)"
_MINUTES = r"(?:m(?:in(?:ut[eo])?s?)?|мин(?:ут[аы]?)?|分(?:钟|鐘|間)?|분|['′’])\.?"
_SECONDS = (
    r"(?:s(?:ec(?:onde?)?s?|eg(?:undo)?s?)?|с(?:ек(?:унд[аы]?)?)?|秒(?:钟|鐘|間)?|초|"
    r"[\"″”]|''|′′|’’)\.?"
)
_IN_UNITS = re.compile(rf"(?:{_NUMBER}\s*{_MINUTES})?\s*(?:{_NUMBER}\s*(?:{_SECONDS})?)?")
_CLOCK = re.compile(r"(?:(\d+):)?(\d+):([0-5]?\d(?:[.,]\d+)?)")

# Excel, LibreOffice and Google Sheets write these values for a formula that failed.
_FAULT = re.compile(r"#[^\s#a-zа-я]+[!?]|#N/[AD]|#Н/Д|#NV|#GETTING_DATA|##+|Err:\d{3}")


def column_of(heading: str) -> str:
    """The column that a heading names, or the heading in small letters if it is unknown."""
    if len(heading) > MOST_CHARACTERS:
        return heading
    words = " ".join(_folded(heading).strip("\"'“”*: ").replace("_", " ").split())
    words = _UNIT.sub("", words)
    return _COLUMN_OF.get(words, words)


def is_yes(cell: str) -> bool:
    """Whether the cell says yes. Raises InputError: it says neither yes nor no."""
    found = _IS_YES.get(_folded(cell))
    if found is None:
        raise InputError(f"loop is “{shortened(cell, 40)}”: write yes or no.")
    return found


def seconds_of(cell: str) -> Any:
    """A length as people write it: `30`, `6,5 s`, `30 secs`, `1m 30s`, `0:20`, `1分30秒`.

    A cell that is not a length is returned unchanged, for the text of the error.
    """
    text = _folded(cell)
    if not text:
        return DEFAULT_SECONDS
    found = _CLOCK.fullmatch(text) or _IN_UNITS.fullmatch(text)
    if found is None:
        return cell
    seconds = 0.0
    for number in found.groups("0"):
        seconds = seconds * 60 + float(number.replace(",", "."))
    return seconds if MIN_DURATION <= seconds <= MAX_DURATION else cell


def check_cell(column: str, cell: str) -> None:
    """
    Raises:
        InputError: the cell is a spreadsheet's error value for a formula, or the cell is too long
            for its column.
    """
    if len(cell) > MOST_CHARACTERS and column not in ("prompt", "lyrics"):
        raise InputError(
            f"{column} has {len(cell)} characters, and at most {MOST_CHARACTERS} are read: shorten "
            "it."
        )
    if _FAULT.fullmatch(cell):
        raise InputError(
            f"{column} is “{shortened(cell, 40)}”, which a spreadsheet writes where a formula "
            "fails: correct the cell there. Text that begins with =, +, - or @ needs an apostrophe "
            "before it."
        )


def _folded(cell: str) -> str:
    """The cell in small letters of ordinary width, without invisible marks."""
    text = unicodedata.normalize("NFKC", cell)
    return "".join(each for each in text if unicodedata.category(each) != "Cf").strip().casefold()
