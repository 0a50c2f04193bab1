"""Every pitched instrument by name. A row changes only what differs from a plain note."""

from .synth import Patch

PATCHES: dict[str, Patch] = {
    # struck and plucked
    "piano": Patch(
        centre=74,
        tilt=1.15,
        stretch=0.0004,
        decay=7.0,
        damp=0.28,
        release=0.25,
        detune=(-1.2, 1.2),
        knock=0.05,
        top=7000,
    ),
    "electric piano": Patch(
        centre=74,
        ratios=(1, 2, 3, 4, 5, 7.1),
        amps=(1, 0.22, 0.12, 0.07, 0.04, 0.1),
        decay=5.0,
        damp=0.7,
        release=0.2,
        detune=(-2.0, 2.0),
        knock=0.03,
    ),
    "harpsichord": Patch(centre=74, tilt=0.7, pick=0.13, decay=3.5, damp=0.08, knock=0.06),
    "acoustic guitar": Patch(
        centre=69, tilt=0.9, pick=0.21, decay=3.6, damp=0.3, release=0.15, knock=0.05
    ),
    "electric guitar": Patch(
        centre=69, tilt=1.1, pick=0.27, decay=5.0, damp=0.22, detune=(-3.0, 3.0), drive=1.2
    ),
    "distorted guitar": Patch(
        centre=67, tilt=0.8, pick=0.3, decay=14.0, damp=0.04, detune=(-6, 6), drive=7.0, top=5000
    ),
    "ukulele": Patch(centre=72, tilt=1.1, pick=0.3, decay=1.7, damp=0.4, knock=0.05),
    "banjo": Patch(centre=72, tilt=0.6, pick=0.11, decay=1.4, damp=0.16, knock=0.08),
    "mandolin": Patch(
        centre=76, tilt=0.8, pick=0.14, decay=1.8, damp=0.2, detune=(-4, 4), knock=0.05
    ),
    "sitar": Patch(centre=67, tilt=0.5, pick=0.1, decay=4.5, damp=0.06, detune=(-5, 5)),
    "harp": Patch(centre=74, tilt=1.6, pick=0.4, decay=4.5, damp=0.45, release=0.4),
    "guzheng": Patch(
        centre=74, tilt=0.9, pick=0.17, decay=4.0, damp=0.22, vibrato=14, release=0.3, knock=0.04
    ),
    "pipa": Patch(centre=74, tilt=0.7, pick=0.12, decay=1.8, damp=0.2, knock=0.08),
    "koto": Patch(centre=72, tilt=0.8, pick=0.15, decay=3.2, damp=0.25, knock=0.05),
    "bells": Patch(
        centre=81,
        ratios=(0.5, 1, 1.19, 1.5, 2, 2.74, 3.76, 5.4),
        amps=(0.25, 1, 0.35, 0.2, 0.5, 0.25, 0.15, 0.08),
        decay=6.0,
        damp=0.3,
        release=0.6,
    ),
    "music box": Patch(
        centre=86, ratios=(1, 2.0, 3.01, 6.3), amps=(1, 0.25, 0.3, 0.12), decay=3.0, damp=0.8
    ),
    "vibraphone": Patch(
        centre=74,
        ratios=(1, 3.98, 9.6),
        amps=(1, 0.22, 0.05),
        decay=5.5,
        damp=1.0,
        release=0.35,
        vibrato=6,
    ),
    "marimba": Patch(
        centre=70, ratios=(1, 3.93, 9.2), amps=(1, 0.3, 0.06), decay=1.6, damp=1.5, knock=0.05
    ),
    "xylophone": Patch(
        centre=81, ratios=(1, 3.0, 6.1), amps=(1, 0.4, 0.15), decay=0.9, damp=0.9, knock=0.08
    ),
    "kalimba": Patch(
        centre=74, ratios=(1, 5.4, 8.9), amps=(1, 0.14, 0.05), decay=2.2, damp=1.5, knock=0.06
    ),
    "steel drum": Patch(
        centre=72, ratios=(1, 2.0, 3.02, 4.1), amps=(1, 0.7, 0.25, 0.1), decay=1.8, damp=0.6
    ),
    # bowed and blown
    "violin": Patch(
        centre=76, tilt=1.15, attack=0.07, release=0.15, bloom=0.12, vibrato=22, breath=0.004
    ),
    "cello": Patch(centre=57, tilt=1.25, attack=0.09, release=0.2, bloom=0.14, vibrato=18),
    "erhu": Patch(centre=72, tilt=0.95, even=0.7, attack=0.06, release=0.14, vibrato=30),
    "strings": Patch(
        centre=74, tilt=1.25, attack=0.22, release=0.5, detune=(-9, 7, -3, 10), top=6500
    ),
    "brass": Patch(
        centre=65, tilt=0.95, attack=0.05, release=0.14, bloom=0.16, detune=(-5, 6), top=6000
    ),
    "trumpet": Patch(
        centre=70, tilt=0.85, attack=0.03, release=0.1, bloom=0.09, vibrato=9, top=7000
    ),
    "trombone": Patch(centre=58, tilt=1.0, attack=0.05, release=0.12, bloom=0.12, vibrato=7),
    "french horn": Patch(
        centre=62, tilt=1.6, attack=0.08, release=0.2, bloom=0.2, detune=(-4, 4), top=3500
    ),
    "saxophone": Patch(
        centre=66, tilt=0.95, attack=0.035, release=0.1, bloom=0.06, vibrato=16, breath=0.012
    ),
    "clarinet": Patch(centre=69, tilt=1.05, even=0.12, attack=0.04, release=0.1, vibrato=5),
    "oboe": Patch(
        centre=73, amps=(0.5, 0.8, 1, 0.6, 0.4, 0.25, 0.15, 0.1, 0.05), attack=0.04, vibrato=12
    ),
    "flute": Patch(
        centre=79, tilt=2.2, attack=0.06, release=0.14, vibrato=14, breath=0.02, top=6000
    ),
    "whistle": Patch(centre=84, tilt=2.8, attack=0.04, vibrato=18, breath=0.015, top=5000),
    "pan flute": Patch(centre=76, tilt=2.0, even=0.4, attack=0.05, vibrato=10, breath=0.05),
    "harmonica": Patch(
        centre=74, tilt=0.8, even=0.8, attack=0.03, vibrato=12, detune=(-5, 4), top=6000
    ),
    "accordion": Patch(centre=72, tilt=0.8, attack=0.04, detune=(-8, 0, 8), top=6500),
    "organ": Patch(
        centre=72,
        ratios=(0.5, 1, 1.5, 2, 3, 4, 5, 6, 8),
        amps=(0.7, 1, 0.5, 0.7, 0.4, 0.35, 0.1, 0.12, 0.15),
        attack=0.012,
        release=0.08,
        detune=(-3, 3),
    ),
    "bagpipes": Patch(centre=72, tilt=0.5, attack=0.03, release=0.06, detune=(-5, 5), top=6000),
    # voices
    "voice": Patch(
        centre=67,
        tilt=0.75,
        attack=0.045,
        release=0.11,
        vibrato=24,
        breath=0.008,
        detune=(-5, 5),
        sung=True,
        top=5200,
    ),
    "choir": Patch(
        centre=69,
        tilt=0.85,
        attack=0.2,
        release=0.5,
        detune=(-12, -4, 5, 13),
        sung=True,
        top=5000,
    ),
    # electronic
    "pad": Patch(
        centre=72, tilt=1.1, attack=0.35, release=0.8, sweep=6.0, floor=0.65, detune=(-11, 4, 12)
    ),
    "synth lead": Patch(
        centre=74, tilt=0.95, attack=0.01, sweep=1.2, floor=0.6, detune=(-8, 7), vibrato=10
    ),
    "square lead": Patch(centre=76, tilt=1.0, even=0.0, attack=0.002, release=0.02, top=12000),
    "pulse lead": Patch(centre=72, tilt=1.0, pick=0.25, attack=0.002, release=0.02, top=12000),
    "synth pluck": Patch(
        centre=74, tilt=0.9, decay=2.0, damp=0.22, detune=(-7, 7), release=0.1, top=8000
    ),
    "glass pad": Patch(
        centre=79,
        ratios=(1, 2.0, 3.0, 4.02, 5.97),
        amps=(1, 0.4, 0.25, 0.1, 0.08),
        attack=0.5,
        release=1.2,
        detune=(-7, 7),
    ),
    # basses
    "bass guitar": Patch(
        centre=36, tilt=1.25, pick=0.18, decay=5.0, damp=0.35, release=0.06, knock=0.05, top=3500
    ),
    "upright bass": Patch(
        centre=36, tilt=1.7, pick=0.3, decay=3.0, damp=0.5, release=0.1, knock=0.08, top=2500
    ),
    "synth bass": Patch(
        centre=36, tilt=1.0, attack=0.003, release=0.05, sweep=0.5, floor=0.35, top=5000
    ),
    "sub bass": Patch(centre=36, tilt=2.6, decay=9.0, damp=0.3, release=0.08, drive=1.6, top=900),
    "chip bass": Patch(centre=38, tilt=1.9, even=0.0, release=0.02, attack=0.002, top=8000),
    "low strings": Patch(centre=40, tilt=1.3, attack=0.1, release=0.35, detune=(-6, 6), top=3500),
    "drone": Patch(
        centre=33, tilt=1.3, attack=1.2, release=1.5, sweep=9.0, floor=0.4, detune=(-6, 5, 9)
    ),
}
