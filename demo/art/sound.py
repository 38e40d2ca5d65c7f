"""What the clips sound like: small instruments and the noises of the work, all computed, all seeded.

Every clip's score is a list of layers mixed, put into one room, and brought to one level. Nothing is recorded.
"""

import wave

import numpy as np

RATE = 48_000


# -- building blocks -----------------------------------------------------------------------------------------------------------------


def seconds(n):
    return np.arange(int(n * RATE)) / RATE


def band(signal, low, high, edge=0.35):
    """Keep what lies between two frequencies, with soft shoulders."""
    spectrum = np.fft.rfft(signal)
    f = np.maximum(np.fft.rfftfreq(len(signal), 1 / RATE), 1.0)
    keep = 1 / (1 + np.exp(-np.log2(f / low) / edge * 3)) / (1 + np.exp(np.log2(f / high) / edge * 3))
    return np.fft.irfft(spectrum * keep, len(signal))


def hiss(n, seed, low, high):
    noise = np.random.default_rng(seed).normal(0, 1, int(n * RATE))
    out = band(noise, low, high)
    return out / (np.std(out) + 1e-9) * 0.25


def follow(length, points):
    """An envelope through (second, level) points, rounded."""
    t = seconds(length)
    level = np.interp(t, [p[0] for p in points], [p[1] for p in points])
    size = int(0.03 * RATE)
    return np.convolve(level, np.hanning(size) / np.hanning(size).sum(), "same")


def pitch(name):
    steps = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
    number = steps[name[0]] + (1 if "#" in name else -1 if "b" in name[1:] else 0) + 12 * (int(name[-1]) + 1)
    return 440.0 * 2 ** ((number - 69) / 12)


# -- instruments ---------------------------------------------------------------------------------------------------------------------


def felt(freq, length=3.2, force=0.7, seed=0):
    """A felted upright: soft attack, slightly stretched partials, a little hammer."""
    t = seconds(length)
    out = np.zeros_like(t)
    for n in range(1, 9):
        stretch = n * np.sqrt(1 + 0.00035 * n * n)
        level = force ** (n * 0.75) / n**1.15
        decay = np.exp(-t * (0.75 + 0.42 * n) * (freq / 260) ** 0.45)
        beat = 1 + 0.05 * np.sin(2 * np.pi * (0.5 + 0.2 * n) * t + n)
        out += level * np.sin(2 * np.pi * freq * stretch * t + n * 0.7) * decay * beat
    knock = np.random.default_rng(seed).normal(0, 1, len(t)) * np.exp(-t * 90)
    out += band(knock, 120, 900) * 0.10 * force
    return out * (1 - np.exp(-t * 190)) * np.minimum(1, (length - t) / 0.25)


def wood(freq, length=1.4, force=0.8):
    """A small wooden bar with a round tone."""
    t = seconds(length)
    out = np.sin(2 * np.pi * freq * t) * np.exp(-t * 4.6)
    out += 0.28 * force * np.sin(2 * np.pi * freq * 3.93 * t) * np.exp(-t * 17)
    out += 0.09 * force * np.sin(2 * np.pi * freq * 9.3 * t) * np.exp(-t * 42)
    return out * (1 - np.exp(-t * 420)) * np.minimum(1, (length - t) / 0.2)


def pad(freqs, length, seed=0):
    """Held voices, each a few slow sines that drift against one another."""
    t = seconds(length)
    rng = np.random.default_rng(seed)
    out = np.zeros_like(t)
    for freq in freqs:
        for _ in range(4):
            tune = freq * 2 ** (rng.normal(0, 5) / 1200)
            phase = rng.uniform(0, 6.28)
            move = 0.75 + 0.25 * np.sin(2 * np.pi * rng.uniform(0.08, 0.22) * t + phase)
            out += move * (np.sin(2 * np.pi * tune * t + phase) + 0.22 * np.sin(4 * np.pi * tune * t + phase * 2) + 0.06 * np.sin(6 * np.pi * tune * t))
    rise = np.minimum(1, t / (length * 0.35)) * np.minimum(1, (length - t) / (length * 0.35))
    return out / (len(freqs) * 4) * np.sin(rise * np.pi / 2)


def bubbles(length, rate, low, high, seed):
    """Water: many tiny rising chirps."""
    t = seconds(length)
    out = np.zeros_like(t)
    rng = np.random.default_rng(seed)
    for _ in range(int(length * rate)):
        start, f, d = rng.uniform(0, length - 0.1), rng.uniform(low, high), rng.uniform(0.018, 0.06)
        n = seconds(d)
        chirp = np.sin(2 * np.pi * f * n * (1 + 0.9 * n / d)) * np.exp(-n / d * 4) * (1 - np.exp(-n * 900))
        at = int(start * RATE)
        out[at : at + len(n)] += chirp * rng.uniform(0.2, 1.0)
    return out


# -- mixing --------------------------------------------------------------------------------------------------------------------------


class Mix:
    def __init__(self, length, seed):
        self.length = length
        self.dry = np.zeros((int(length * RATE), 2))
        self.wet = np.zeros_like(self.dry)
        self.rng = np.random.default_rng(seed)

    def add(self, signal, at=0.0, level=1.0, side=0.0, room=0.3):
        """`side` -1 left to 1 right; `room` is how much of it goes into the reverb."""
        start = int(at * RATE)
        signal = signal[: max(0, len(self.dry) - start)]
        left, right = np.cos((side + 1) * np.pi / 4), np.sin((side + 1) * np.pi / 4)
        placed = np.stack([signal * left, signal * right], axis=1) * level
        self.dry[start : start + len(signal)] += placed * (1 - room * 0.5)
        self.wet[start : start + len(signal)] += placed * room

    def wide(self, make, at=0.0, level=1.0, room=0.2):
        """Two different takes of the same noise, left and right."""
        self.add(make(1), at, level, -0.75, room)
        self.add(make(2), at, level, 0.75, room)

    def master(self, path, tail=2.4, dark=4200, loud=0.16):
        n = int(tail * RATE)
        t = np.arange(n) / RATE
        for channel in range(2):
            room = self.rng.normal(0, 1, n) * np.exp(-t * 3.6 / tail * 1.6) * (1 - np.exp(-t * 120))
            room = band(room, 160, dark)
            room /= np.sqrt(np.sum(room**2))
            size = len(self.wet) + n
            echo = np.fft.irfft(np.fft.rfft(self.wet[:, channel], size) * np.fft.rfft(room, size), size)[: len(self.wet)]
            self.dry[:, channel] += echo * 0.9
            self.dry[:, channel] = band(self.dry[:, channel], 38, 12500)
        frames = self.dry
        level = np.sqrt(np.mean(frames**2))
        frames = np.tanh(frames * (loud / level) * 1.0)
        ends = np.minimum(1, np.minimum(seconds(self.length) / 0.25, (self.length - seconds(self.length)) / 0.9))
        frames = frames[: len(ends)] * (np.sin(np.clip(ends, 0, 1) * np.pi / 2) ** 2)[:, None]
        frames *= min(1.0, 0.89 / np.max(np.abs(frames)))
        with wave.open(str(path), "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes((frames * 32767).astype("<i2").tobytes())


# -- scores --------------------------------------------------------------------------------------------------------------------------


def mug(path):
    """D major, unhurried. The wheel hums underneath until the glaze; the kiln takes the music away and the morning brings it back."""
    m = Mix(20, 1)
    hum = hiss(7.4, 3, 70, 260) * (1 + 0.35 * np.sin(2 * np.pi * 1.46 * seconds(7.4))) + 0.25 * np.sin(2 * np.pi * 73.4 * seconds(7.4))
    m.add(hum * follow(7.4, [(0, 0), (0.8, 0.8), (5.8, 0.8), (7.0, 0)]), 0, 0.30, 0, 0.1)
    m.wide(
        lambda s: hiss(6.0, 40 + s, 900, 2600) * follow(6.0, [(0, 0), (0.6, 0.5), (1.2, 0.25), (2.4, 0.5), (3.6, 0.25), (4.4, 0.55), (5.6, 0.1), (6, 0)]),
        0.7,
        0.10,
    )
    m.add(bubbles(2.4, 70, 420, 1150, 8) * follow(2.4, [(0, 0), (0.3, 1), (1.9, 1), (2.4, 0)]), 7.7, 0.16, -0.2, 0.35)
    m.wide(lambda s: hiss(2.6, 50 + s, 700, 3200) * follow(2.6, [(0, 0), (0.25, 0.8), (1.9, 0.8), (2.5, 0)]), 7.65, 0.16)
    for at, f in ((9.95, 1250), (10.35, 980), (10.8, 1420)):
        m.add(bubbles(0.12, 9, f * 0.9, f * 1.1, int(at * 100)), at, 0.35, 0.2, 0.7)
    m.wide(lambda s: hiss(2.4, 60 + s, 45, 190) * follow(2.4, [(0, 0), (0.5, 1), (1.4, 0.9), (2.4, 0)]), 10.9, 0.75)
    rng = np.random.default_rng(9)
    for _ in range(26):
        at = rng.uniform(11.2, 12.9)
        m.add(hiss(0.02, int(at * 1e4), 1500, 6000) * np.exp(-seconds(0.02) * 260), at, rng.uniform(0.2, 0.8), rng.uniform(-0.6, 0.6), 0.4)
    pour = bubbles(2.2, 110, 520, 900, 12) * np.linspace(0.8, 1.1, int(2.2 * RATE)) + 0.5 * bubbles(2.2, 60, 900, 1500, 13) * np.linspace(
        0.1, 1, int(2.2 * RATE)
    )
    m.add(pour * follow(2.2, [(0, 0), (0.2, 1), (1.8, 1), (2.1, 0)]), 13.85, 0.20, 0.0, 0.25)
    m.wide(lambda s: hiss(2.2, 70 + s, 500, 2400) * follow(2.2, [(0, 0), (0.2, 0.7), (1.8, 0.7), (2.1, 0)]), 13.85, 0.12)
    m.wide(lambda s: hiss(7, 80 + s, 300, 1400) * follow(7, [(0, 0), (2, 0.3), (7, 0.3)]), 13, 0.04)
    chords = (
        (0.2, ("d3", "a3", "c#4", "e4")),
        (3.6, ("b2", "f#3", "a3", "d4")),
        (7.0, ("g2", "d3", "f#3", "b3")),
        (13.0, ("d3", "a3", "c#4", "f#4")),
        (16.4, ("g2", "d3", "a3", "b3")),
    )
    for at, notes in chords:
        m.add(pad([pitch(n) for n in notes], 4.6, int(at * 10)), at, 0.26, 0, 0.6)
    m.add(pad([pitch("a2"), pitch("e3"), pitch("g3")], 3.0, 77), 10.6, 0.22, 0, 0.6)
    tune = (
        (0.6, "f#4"),
        (1.2, "a4"),
        (1.8, "e5"),
        (2.7, "d5"),
        (3.6, "c#5"),
        (4.2, "a4"),
        (4.8, "f#4"),
        (5.7, "b4"),
        (6.6, "a4"),
        (7.2, "d5"),
        (7.8, "b4"),
        (8.4, "f#5"),
        (9.3, "e5"),
        (10.2, "d5"),
        (10.8, "a4"),
        (13.1, "d5"),
        (13.4, "f#5"),
        (13.7, "a5"),
        (14.6, "e5"),
        (15.2, "c#5"),
        (15.8, "a4"),
        (16.4, "b4"),
        (17.0, "d5"),
        (17.6, "g5"),
        (18.2, "f#5"),
        (18.9, "d5"),
    )
    for i, (at, note) in enumerate(tune):
        m.add(felt(pitch(note), 3.0, 0.55 + 0.12 * ((i * 7) % 3) / 2, i), at, 0.34, 0.25 * np.sin(i * 1.7), 0.55)
    for at, note in ((0.2, "d3"), (3.6, "b2"), (7.0, "g2"), (13.0, "d3"), (16.4, "g2"), (18.2, "d3")):
        m.add(felt(pitch(note), 3.2, 0.6, 99), at, 0.36, -0.1, 0.45)
    m.master(path)


def print_(path):
    """C major, light on its feet. The pulls are the breath of the piece: everything leans into them."""
    m = Mix(21, 2)
    m.wide(lambda s: hiss(1.2, 10 + s, 1200, 5200) * follow(1.2, [(0, 0), (0.3, 0.9), (0.9, 0.3), (1.2, 0)]), 0.1, 0.14)
    for start in (1.3, 5.6):
        m.add(np.sin(2 * np.pi * 92 * seconds(0.3) * np.exp(-seconds(0.3) * 1.5)) * np.exp(-seconds(0.3) * 18), start + 0.68, 0.7, 0, 0.3)
        m.add(hiss(0.2, int(start * 10), 300, 1800) * np.exp(-seconds(0.2) * 40), start + 0.68, 0.6, 0, 0.35)
        m.wide(
            lambda s: (
                hiss(1.9, int(start * 100) + s, 650, 3400)
                * (1 + 0.2 * np.sin(2 * np.pi * 31 * seconds(1.9)))
                * follow(1.9, [(0, 0), (0.35, 0.9), (1.4, 1.0), (1.75, 0)])
            ),
            start + 1.05,
            0.24,
        )
        m.add(hiss(0.5, int(start * 10) + 5, 250, 900) * follow(0.5, [(0, 0), (0.1, 0.8), (0.4, 0)]), start + 3.2, 0.22, 0.2, 0.4)
    m.wide(lambda s: hiss(1.1, 200 + s, 900, 4600) * follow(1.1, [(0, 0), (0.25, 0.8), (0.5, 0.3), (0.7, 0.7), (1.1, 0)]), 9.8, 0.16)
    for at in (11.0, 11.25):
        m.add(wood(1300, 0.12, 1.0), at, 0.16, 0.3, 0.5)
    m.wide(
        lambda s: hiss(10.4, 220 + s, 260, 1500) * (0.7 + 0.3 * np.sin(2 * np.pi * 0.15 * seconds(10.4) + s)) * follow(10.4, [(0, 0), (1.5, 0.6), (10.4, 0.6)]),
        10.6,
        0.07,
    )
    rng = np.random.default_rng(15)
    for at in (12.1, 12.35, 14.9, 15.1, 15.3, 18.0, 18.2):
        n = seconds(0.11)
        f = rng.uniform(2600, 3400)
        m.add(np.sin(2 * np.pi * (f * n + 900 * np.sin(np.pi * n / 0.11) * 0.012)) * np.sin(np.pi * n / 0.11) ** 2, at, 0.035, rng.uniform(-0.8, 0.8), 0.8)
    beat = 0.6
    chords = (("c3", "g3", "e4", "b4"), ("a2", "e3", "c4", "g4"), ("f2", "c3", "a3", "e4"), ("g2", "d3", "b3", "e4"))
    figure = (0, 2, 1, 3, 2, 1, 3, 2)
    for bar in range(8):
        notes = chords[bar % 4]
        start = bar * beat * 4 + 0.2
        m.add(pad([pitch(n) for n in notes[:3]], beat * 4 + 1.2, bar), start, 0.20, 0, 0.5)
        m.add(felt(pitch(notes[0]), 2.6, 0.6, bar), start, 0.34, -0.1, 0.35)
        for i, which in enumerate(figure):
            if bar == 0 and i < 2:
                continue
            up = 2 if which else 4
            soft = 0.75 if i % 2 else 1.0
            m.add(wood(pitch(notes[which]) * up / 2, 1.3, 0.7), start + i * beat / 2 + (0.014 if i % 2 else 0), 0.20 * soft, 0.45 * np.sin(i * 1.3 + bar), 0.4)
        for i in range(8):
            m.add(hiss(0.05, 500 + bar * 8 + i, 4500, 9500) * np.exp(-seconds(0.05) * 90), start + i * beat / 2, 0.10 if i % 2 else 0.05, 0.3, 0.2)
    for i, (at, note) in enumerate(
        ((9.2, "g5"), (9.8, "e5"), (10.9, "c6"), (11.5, "b5"), (12.7, "g5"), (13.9, "a5"), (15.1, "e5"), (16.3, "g5"), (17.5, "c6"), (18.1, "b5"), (19.0, "g5"))
    ):
        m.add(felt(pitch(note), 2.6, 0.5, i + 40), at, 0.26, 0.2, 0.6)
    m.add(felt(pitch("c4"), 2.0, 0.6, 3), 19.4, 0.3, 0, 0.5)
    m.add(felt(pitch("e5"), 2.0, 0.5, 4), 19.4, 0.24, 0.2, 0.6)
    m.master(path, tail=1.8, dark=5200, loud=0.14)


def candle(path):
    """Rain, a few low notes far apart. When the flame stands there is more room around them."""
    m = Mix(21, 3)
    m.wide(lambda s: hiss(21, 300 + s, 500, 5200) * (0.85 + 0.15 * np.sin(2 * np.pi * 0.11 * seconds(21) + s * 2)), 0, 0.16, 0.1)
    m.wide(lambda s: bubbles(21, 26, 1500, 4200, 320 + s), 0, 0.05, 0.3)
    m.add(bubbles(2.9, 60, 320, 720, 330) * follow(2.9, [(0, 0), (0.25, 1), (2.4, 0.9), (2.8, 0)]), 0.85, 0.17, -0.1, 0.3)
    m.wide(lambda s: hiss(2.9, 340 + s, 350, 1500) * follow(2.9, [(0, 0), (0.25, 0.8), (2.4, 0.7), (2.8, 0)]), 0.85, 0.10)
    m.add(hiss(0.34, 350, 1800, 7800) * follow(0.34, [(0, 0), (0.04, 0.5), (0.16, 1.0), (0.3, 0)]), 6.4, 0.42, 0.5, 0.35)
    m.add(hiss(1.3, 351, 500, 5200) * np.exp(-seconds(1.3) * 3.0) * (1 + 0.4 * np.sin(2 * np.pi * 13 * seconds(1.3))), 6.64, 0.42, 0.4, 0.35)
    rng = np.random.default_rng(16)
    for _ in range(44):
        at = rng.uniform(7.8, 20.5)
        m.add(hiss(0.014, int(at * 1e4), 1800, 6500) * np.exp(-seconds(0.014) * 380), at, rng.uniform(0.08, 0.35), rng.uniform(-0.2, 0.2), 0.4)
    m.wide(lambda s: hiss(3.2, 360 + s, 40, 120) * follow(3.2, [(0, 0), (0.6, 0.8), (1.4, 0.4), (1.8, 0.6), (3.2, 0)]), 3.9, 0.5, 0.5)
    chords = (
        (0.0, ("f2", "c3", "ab3", "eb4")),
        (4.2, ("db3", "ab3", "c4", "f4")),
        (8.3, ("ab2", "eb3", "c4", "g4")),
        (12.4, ("f2", "c3", "ab3", "eb4")),
        (16.4, ("db3", "ab3", "c4", "eb4")),
    )
    for at, notes in chords:
        m.add(pad([pitch(n) for n in notes], 5.6, int(at * 10) + 1), at, 0.34, 0, 0.7)
    tune = (
        (0.8, "c5"),
        (2.0, "ab4"),
        (3.2, "eb5"),
        (4.4, "f5"),
        (5.6, "c5"),
        (8.4, "c5"),
        (8.7, "eb5"),
        (9.0, "g5"),
        (10.4, "ab5"),
        (11.4, "eb5"),
        (12.5, "c5"),
        (13.4, "ab4"),
        (14.4, "eb5"),
        (15.6, "g5"),
        (16.5, "f5"),
        (17.5, "c5"),
        (18.6, "ab5"),
    )
    for i, (at, note) in enumerate(tune):
        m.add(felt(pitch(note), 4.0, 0.5, i + 80), at, 0.36, 0.3 * np.sin(i * 2.1), 0.8)
    for at, note in ((0.0, "f2"), (4.2, "db3"), (8.3, "ab2"), (12.4, "f2"), (16.4, "db3")):
        m.add(felt(pitch(note), 4.0, 0.6, 120), at, 0.42, -0.1, 0.6)
    m.master(path, tail=3.6, dark=3600, loud=0.12)


def brew(path):
    """G major over a brushed beat; the water is the soloist."""
    m = Mix(18, 4)
    m.wide(lambda s: hiss(1.5, 400 + s, 1400, 6200) * follow(1.5, [(0, 0), (0.2, 0.7), (1.2, 0.6), (1.5, 0)]), 0.75, 0.13)
    for start, end in ((2.9, 3.9), (5.3, 7.7), (8.7, 11.0)):
        n = end - start + 0.2
        m.add(bubbles(n, 95, 620, 1350, int(start * 10)) * follow(n, [(0, 0), (0.2, 1), (n - 0.3, 1), (n, 0)]), start, 0.13, 0.1, 0.3)
        m.wide(lambda s, n=n, start=start: hiss(n, int(start * 10) + s, 600, 3000) * follow(n, [(0, 0), (0.2, 0.8), (n - 0.3, 0.8), (n, 0)]), start, 0.13)
    m.add(bubbles(6.6, 22, 480, 880, 411) * follow(6.6, [(0, 0), (0.5, 1), (6.0, 1), (6.6, 0)]), 5.0, 0.12, -0.25, 0.45)
    for i in range(6):
        for start, end in ((4.0, 5.6), (11.2, 12.3)):
            m.add(bubbles(0.11, 9, 900 + 70 * i, 1100 + 70 * i, 420 + i), start + i * (end - start) / 6 + 0.2, 0.30, 0.1, 0.6)
    m.add(np.sin(2 * np.pi * 210 * seconds(0.2)) * np.exp(-seconds(0.2) * 38), 13.62, 0.30, 0.4, 0.4)
    m.add(hiss(0.12, 431, 900, 4200) * np.exp(-seconds(0.12) * 60), 13.62, 0.4, 0.4, 0.4)
    beat = 60 / 92
    chords = (("g2", "d3", "b3", "f#4"), ("e2", "b2", "g3", "d4"), ("c3", "g3", "b3", "e4"), ("d3", "a3", "c4", "f#4"))
    for bar in range(7):
        start = 0.15 + bar * beat * 4
        if start > 17:
            break
        notes = chords[bar % 4]
        m.add(pad([pitch(n) for n in notes[1:]], beat * 4 + 1.0, bar + 30), start, 0.20, 0, 0.5)
        for i, which in enumerate((0, 2, 3, 1)):
            m.add(
                felt(pitch(notes[which]), 2.4, 0.6, bar * 4 + i), start + i * beat + (0.03 if i % 2 else 0), 0.26 if i else 0.36, 0.2 * np.sin(i * 2 + bar), 0.4
            )
        for i in range(8):
            m.add(
                hiss(0.11, 600 + bar * 8 + i, 2600, 7800) * np.exp(-seconds(0.11) * (26 if i % 4 == 2 else 55)),
                start + i * beat / 2 + (0.05 if i % 2 else 0),
                (0.10, 0.045)[i % 2],
                -0.3,
                0.25,
            )
    for i, (at, note) in enumerate(
        (
            (1.4, "b4"),
            (2.1, "d5"),
            (2.8, "f#5"),
            (4.1, "e5"),
            (4.7, "d5"),
            (6.0, "b4"),
            (6.7, "g5"),
            (7.6, "f#5"),
            (8.6, "d5"),
            (9.6, "e5"),
            (10.3, "a5"),
            (11.2, "f#5"),
            (12.4, "g5"),
            (13.1, "d5"),
            (13.7, "b5"),
            (14.7, "a5"),
            (15.4, "f#5"),
            (16.4, "g5"),
        )
    ):
        m.add(wood(pitch(note), 1.8, 0.4), at, 0.15, 0.3, 0.6)
        m.add(felt(pitch(note), 2.6, 0.5, i + 140), at, 0.22, 0.25, 0.6)
    m.master(path, tail=1.9, dark=4800, loud=0.14)
