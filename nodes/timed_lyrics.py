"""TimedLyrics: the times of the words that a track sings, as LRC, SRT and JSON."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from ..api.base.errors import InputError
from ..api.base.plain_text import dollars
from ..api.base.question import Transcription
from ..music.ctc_models import MODELS, CtcModel
from ..music.lyric_words import LANGUAGES, LyricWord, line_texts, sung_words
from . import host, session
from .conversions import samples_of
from .lists import running_item, shows_errors
from .shared_inputs import checked_choice, checked_text, choice_input

if TYPE_CHECKING:
    from ..audio.arrays import Samples
    from ..music.word_times import Sung

METHODS = ("align", "ask")
"""align: a network on this machine hears the words. ask: the gateway transcribes the sound."""


class TimedLyrics(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return host.schema(
            "AIGatewayTimedLyrics",
            search_aliases=["lyrics alignment", "lrc", "subtitles", "karaoke", "forced alignment"],
            inputs=[
                io.Audio.Input("audio"),
                io.String.Input("lyrics", multiline=True, default=""),
                choice_input("method", METHODS),
                choice_input("language", LANGUAGES),
                choice_input("model", MODELS),
                io.Boolean.Input("download", default=False, optional=True),
            ],
            outputs=[
                io.String.Output("lrc"),
                io.String.Output("srt"),
                io.String.Output("words"),
                io.String.Output("report"),
            ],
        )

    @classmethod
    @shows_errors
    async def execute(
        cls,
        audio: Any,
        lyrics: str = "",
        method: str = METHODS[0],
        language: str = LANGUAGES[0],
        model: str = next(iter(MODELS)),
        download: bool = False,
    ) -> io.NodeOutput:
        from ..music.timed_words import lrc, srt, words_json

        running_item().costs_nothing = True
        checked_choice("method", method, METHODS)
        checked_choice("language", language, LANGUAGES)
        chosen = MODELS[checked_choice("model", model, MODELS)]
        is_auto = language == LANGUAGES[0]
        is_asked = method == METHODS[1]
        spoken = language if not is_auto else "en" if is_asked else chosen.language
        words = sung_words(checked_text("lyrics", lyrics), spoken)
        mono = await host.in_thread(_voice, audio)
        if is_asked:
            sung, bill = await _asked(mono, words, "" if is_auto else language)
            report = f"{report_of(sung, words)}\n{bill}"
        else:
            path = await _file_of(chosen, download=bool(download))
            sung = await host.in_thread(_aligned, mono, words, chosen, path)
            report = report_of(sung, words)
        host.show_status(report.splitlines()[0])
        return io.NodeOutput(lrc(sung.words), srt(sung.words), words_json(sung.words), report)


def report_of(sung: Sung, words: list[LyricWord]) -> str:
    """The share of found words, the lines missing in whole or in part, and the unsure words."""
    from ..music.word_times import LEAST_CONFIDENCE

    texts = line_texts(words)
    lines = [
        f"{100 * sung.share:.0f} % of the words were found, in {len(texts) - len(sung.missing)} of "
        f"{len(texts)} lines"
    ]
    lines += [f"not sung: {texts[line]}" for line in sung.missing]
    lines += [
        f"sung in part, {found} of {count} words found: {texts[line]}"
        for line, found, count in sung.parts
    ]
    unsure = [word.word for word in sung.words if word.confidence < LEAST_CONFIDENCE]
    if unsure:
        lines.append(f"unsure: {', '.join(unsure)}")
    if sung.unknown:
        lines.append(f"the model has no letters for: {' '.join(sung.unknown)}")
    return "\n".join(lines)


async def _file_of(model: CtcModel, *, download: bool) -> Path:
    """The model's file, which is downloaded if the person allows it.

    Raises:
        InputError: there is no file, and the person does not allow a download.
        DownloadError: the file did not arrive whole.
    """
    path = host.model_file(model.file)
    if path is not None:
        return path
    target = host.model_target(model.file)
    if not download:
        raise InputError(
            f"The model file {model.file} ({model.size / 1e6:.0f} MB) is not in {target.parent}: "
            f"turn on download, or load {model.url} and put it there under that name."
        )
    from ..api.media.model_files import download_model

    display = host.Display()

    def progress(received: int) -> None:
        share = received / model.size
        display.show(f"{model.file}: {received / 1e6:.0f} of {model.size / 1e6:.0f} MB", share)

    fetch = download_model(
        model.url, target, model.size, model.sha256, session.settings(), progress
    )
    await host.interruptible(fetch)
    return target


def _voice(audio: Any) -> Samples:
    from ..music.word_times import voice_samples

    return voice_samples(*samples_of(audio))


def _aligned(mono: Samples, words: list[LyricWord], model: CtcModel, path: Path) -> Sung:
    from ..music.ctc_models import load_network
    from ..music.word_times import align, hear

    display = host.Display()
    display.show(f"{model.file} is read", 0.0)

    def progress(share: float) -> None:
        display.show("The words are heard", 0.9 * share)

    with host.torch_device(2 * model.size) as device:
        network, labels = load_network(model, path, device)
        hearing = hear(mono, network, labels, device, progress)
        del network
    sung = align(hearing, words)
    display.show("The words have their times", 1.0)
    return sung


async def _asked(mono: Samples, words: list[LyricWord], language: str) -> tuple[Sung, str]:
    """The words by a transcription of the gateway, and what it cost."""
    from ..music.lyric_matching import Heard, match

    settings = session.settings_to_ask("the sound", METHODS[0])
    account = await session.account(settings)
    question = await host.in_thread(_question, mono, language)
    most = "free" if account.is_free else f"at most {dollars(question.price)}"
    host.show_status(f"The sound goes to {question.model}: {most}")
    job = await host.interruptible(account.ask(question, settings, run=host.run_id()))
    heard = [Heard(*word) for word in json.loads(job.answer or "[]")]
    sung = await host.in_thread(match, words, heard, language or "en")
    paid = "free" if job.is_free else job.bill
    return sung, f"{len(heard)} words by {question.model}: {paid}"


def _question(mono: Samples, language: str) -> Transcription:
    """The question about the sound, as Ogg Vorbis. Equal samples have equal digests."""
    from ..audio.encode import encode
    from ..audio.formats import Encoding, Format
    from ..music.word_times import RATE

    path = host.temporary_path(Format.OGG.extension)
    encode(mono[None], RATE, path, Encoding(Format.OGG, "quality 6"))
    sound = path.read_bytes()
    path.unlink()
    digest = hashlib.sha256((mono * 32767).round().astype("<i2").tobytes()).hexdigest()
    return Transcription(sound, digest, len(mono) / RATE, language)
