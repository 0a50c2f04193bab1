"""The fifteen instruments and the voice: what each one sounds like."""

from __future__ import annotations

from typing import NamedTuple


class Instrument(NamedTuple):
    """A row names only what differs. Times in seconds, levels linear, pitches MIDI."""

    words: str  # comma separated, as a prompt may say them
    role: str  # where it plays unless that place is taken: chords, lead, pad, arp or bass
    centre: int  # where its tunes lie best
    ratios: tuple[float, ...] = ()  # partials as multiples of the pitch; none: harmonics
    tilt: float = 1.2  # partial k has level k ** -tilt
    even: float = 1.0  # level of even harmonics: 0 is a square wave's spectrum
    pick: float = 0.0  # where the string is plucked, as a fraction of it
    decay: float = 0.0  # time to -60 dB of the lowest partial at middle C; 0 sustains
    damp: float = 0.3  # how much faster each higher partial dies
    sweep: float = 0.0  # time in which a filter closes over the upper partials
    attack: float = 0.003
    release: float = 0.12
    detune: tuple[float, ...] = (0.0,)  # cents of each of several voices, spread left to right
    vibrato: float = 0.0  # cents
    breath: float = 0.0  # noise that lasts as long as the note
    drive: float = 0.0  # saturation
    top: float = 7000.0  # Hz above which there is nothing
    formants: tuple[tuple[float, float, float], ...] = ()  # Hz, level, width


# A woman's "a", as Hz, level and width. Peterson & Barney, JASA 24 (1952), table II.
VOWEL = ((850, 1.0, 110), (1220, 0.55, 140), (2810, 0.3, 220))

_PIANO = "piano, grand piano, pianist, harpsichord, keys, 钢琴, 羽管键琴"
_RHODES = "electric piano, rhodes, wurlitzer, e-piano, 电钢琴"
_GUITAR = "guitar, guitars, acoustic guitar, electric guitar, ukulele, banjo, mandolin, 吉他"
_LEAD_GUITAR = "distorted guitar, distortion, heavy guitar, power chords, 失真"
_HARP = "harp, lyre, guzheng, zither, pipa, koto, 竖琴, 古筝, 琵琶"
_BELLS = "bells, glockenspiel, celesta, music box, vibraphone, marimba, xylophone, kalimba, 八音盒"
_VIOLIN = "violin, fiddle, viola, erhu, 小提琴, 二胡"
_STRINGS = "strings, string section, string quartet, string ensemble, 弦乐"
_BRASS = "brass, horns, horn, trumpet, trombone, saxophone, sax, clarinet, harmonica, 小号, 萨克斯"
_FLUTE = "flute, recorder, oboe, whistle, pan flute, bagpipes, 长笛, 笛子, 口哨"
_PAD = "pad, pads, synth pad, organ, hammond, accordion, 管风琴, 手风琴"
_SYNTH = "synth, synths, synthesizer, synth lead, synth bass, arpeggio, arp, pluck, 合成器, 琶音"
_SQUARE = "square wave, chip lead, square"
_BASS = "bass guitar, electric bass, slap bass, upright bass, double bass, sub bass, 贝斯"
_VOICE = "voice, vocal, vocals, singer, choir, 人声, 女声, 男声, 合唱"

INSTRUMENTS: dict[str, Instrument] = {
    "piano": Instrument(_PIANO, "chords", 72, decay=7.0, detune=(-1.2, 1.2), release=0.25),
    "electric piano": Instrument(_RHODES, "chords", 72, tilt=2.4, decay=5.0, damp=0.7),
    "guitar": Instrument(_GUITAR, "chords", 69, tilt=0.9, pick=0.21, decay=3.6),
    "distorted guitar": Instrument(
        _LEAD_GUITAR, "chords", 67, tilt=0.8, decay=14.0, damp=0.04, drive=7.0, top=5000
    ),
    "harp": Instrument(_HARP, "arp", 74, tilt=1.6, pick=0.4, decay=4.5, damp=0.45, release=0.4),
    "bells": Instrument(
        _BELLS, "lead", 79, ratios=(1, 2, 2.74, 3.98, 5.4), decay=5.0, damp=0.6, release=0.6
    ),
    "violin": Instrument(_VIOLIN, "lead", 76, tilt=1.0, attack=0.07, vibrato=22),
    "cello": Instrument("cello, cellos, 大提琴", "lead", 55, attack=0.08, vibrato=16, top=4500),
    "strings": Instrument(_STRINGS, "pad", 72, attack=0.05, release=0.4, detune=(-9, -3, 3, 9)),
    "brass": Instrument(_BRASS, "lead", 66, tilt=0.9, attack=0.04, vibrato=9, detune=(-5, 5)),
    "flute": Instrument(_FLUTE, "lead", 79, tilt=2.2, attack=0.06, vibrato=14, breath=0.03),
    "pad": Instrument(_PAD, "pad", 72, attack=0.1, release=0.7, sweep=6.0, detune=(-11, 4, 12)),
    "synth": Instrument(_SYNTH, "lead", 74, tilt=0.95, sweep=0.7, release=0.08, detune=(-8, 7)),
    "square": Instrument(_SQUARE, "lead", 76, tilt=1.0, even=0.0, release=0.02, top=12000),
    "bass": Instrument(_BASS, "bass", 36, pick=0.22, decay=4.5, damp=0.4, release=0.06, top=3000),
    "voice": Instrument(
        _VOICE, "lead", 67, tilt=0.75, attack=0.045, vibrato=24, breath=0.008, formants=VOWEL
    ),
}
