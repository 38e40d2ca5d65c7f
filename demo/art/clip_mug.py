"""First clip: one ball of clay becomes the mug you drink from. The vessel never leaves its place; the world changes around it.

0.0 wheel · 7.0 glaze · 11.2 kiln · 13.0 morning; coffee is poured at 13.8 and the mug stands finished from 13.2 to the end.
"""

import functools
import math

import numpy as np
import skia

from .paint import (
    MULTIPLY,
    OVERLAY,
    PLUS,
    SCREEN,
    TAU,
    Clay,
    H,
    Vessel,
    W,
    box,
    contact,
    curve,
    darker,
    ease,
    ellipse,
    fill,
    glow,
    kept,
    lay,
    leaf,
    lerp,
    light_patch,
    lighter,
    line,
    linear,
    mix,
    motes,
    noise,
    oval,
    paper,
    picture,
    polygon,
    radial,
    rgb,
    settle,
    shade,
    soft,
    steam,
    stream,
    swell,
    tone,
    vignette,
    wobble,
)
from .things import (
    ACCENT,
    BISQUE,
    INK,
    SALT,
    TIDE,
    bean,
    coffee_bag,
    dripper,
    drips,
    lip,
    mug,
    mug_handle,
    mug_vessel,
)

SECONDS = 20
POSTER = 17.4
X, FOOT, SIZE, K = 540, 1300, 1.86, 0.25
WHEEL, GLAZE, KILN, MORNING = 0.0, 7.0, 11.2, 13.0


def frame(canvas, t):
    if t < GLAZE + 0.25:
        wheel(canvas, t)
    if GLAZE - 0.25 < t < KILN + 0.25:
        over(canvas, ease(t, GLAZE - 0.25, GLAZE + 0.25), lambda c: glazing(c, t))
    if KILN - 0.25 < t < MORNING + 0.5:
        over(canvas, ease(t, KILN - 0.25, KILN + 0.3), lambda c: kiln(c, t))
    if t > MORNING - 0.45:
        over(canvas, ease(t, MORNING - 0.45, MORNING + 0.5), lambda c: morning(c, t))
    lay(canvas, grain(), alpha=0.16, blend=OVERLAY)


def over(canvas, alpha, draw):
    if alpha >= 1:
        draw(canvas)
        return
    canvas.saveLayerAlpha(None, int(alpha * 255))
    draw(canvas)
    canvas.restore()


@functools.cache
def grain():
    return paper(seed=7)


# -- the room ------------------------------------------------------------------------------------------------------------------------


def wall(canvas, base, lit, deep, seed):
    """Plaster: a slow fall of light from the left, and the marks of the trowel."""
    canvas.drawPaint(fill(shader=radial(150, 360, 1500, [rgb(lit), rgb(base), rgb(deep)], [0, 0.55, 1])))
    canvas.drawImage(tone(noise(W, H, (420, 260), seed, 4), deep, 0.22), 0, 0)
    canvas.drawImage(tone(noise(W, H, (60, 26), seed + 1, 3) ** 2, lit, 0.20), 0, 0)


def table(canvas, y, wood, seed, front=H):
    """A board seen from just above: long grain, a lit far edge, falling off towards us."""
    canvas.drawRect(skia.Rect(0, y, W, front), fill(shader=linear(0, y, 0, front, [rgb(lighter(wood, 0.30)), rgb(wood), rgb(darker(wood, 0.34))], [0, 0.4, 1])))
    with kept(canvas, box(0, y, W, front - y)):
        grain_ = noise(W, int(front - y), (520, 7), seed, 4)
        canvas.drawImage(tone((grain_ - 0.42).clip(0, 1) * 2.2, darker(wood, 0.7), 0.32), 0, int(y))
        canvas.drawImage(tone((noise(W, int(front - y), (700, 40), seed + 3, 2) - 0.45).clip(0, 1) * 2, lighter(wood, 0.6), 0.25), 0, int(y))
        canvas.drawPaint(fill(shader=radial(300, y + 80, 900, [rgb("#fff0d2", 0.34), rgb("#fff0d2", 0)], None, 0.42)))
    canvas.drawRect(skia.Rect(0, y - 1, W, y + 3), fill(rgb(lighter(wood, 0.6), 0.8), blur=1.5))


def shelf(canvas, y, x0, x1, wood="#b98a60"):
    canvas.drawRect(skia.Rect(x0 + 30, y + 18, x1 + 40, y + 66), fill(rgb("#6a452c", 0.34), blur=24))
    canvas.drawRect(
        skia.Rect(x0, y, x1, y + 26), fill(shader=linear(0, y, 0, y + 26, [rgb(lighter(wood, 0.4)), rgb(wood), rgb(darker(wood, 0.35))], [0, 0.25, 1]))
    )


def pot(canvas, x, y, profile, color, scale=1.0, k=0.1):
    v = Vessel(x, y, profile, scale, k)
    shade(canvas, x + 12, y, v.foot * 1.3, 8, "#4a2c1c", 0.4, 7)
    v.body(canvas, Clay(color, 0.4, 0.45))
    v.inside(canvas, Clay(color, 0.2, 0.5))
    return v


JAR = [(210, 46), (196, 44), (176, 50), (140, 84), (90, 96), (40, 84), (0, 58)]
BOWL = [(96, 104), (84, 104), (50, 92), (20, 60), (6, 42), (0, 42)]
CUP = [(104, 56), (96, 56), (60, 58), (26, 54), (0, 42)]
VASE = [(260, 30), (250, 26), (220, 26), (180, 48), (120, 66), (60, 64), (14, 48), (0, 44)]


@functools.cache
def workshop():
    """Behind the wheel: plaster, two shelves of drying pots, out of focus."""

    def draw(c):
        wall(c, "#ecdcc6", "#fbf2e2", "#cbae90", 31)

        def shelves(s):
            shelf(s, 560, 470, 1120)
            shelf(s, 900, 560, 1120)
            pot(s, 590, 562, VASE, "#d9b394")
            pot(s, 730, 562, JAR, SALT)
            pot(s, 900, 562, CUP, "#b98a70")
            pot(s, 1010, 562, CUP, "#b98a70")
            pot(s, 655, 902, BOWL, TIDE)
            pot(s, 655, 862, BOWL, SALT, 0.86)
            pot(s, 850, 902, JAR, BISQUE, 1.02)
            pot(s, 1020, 902, VASE, "#8b9a7c", 0.9)

        soft(c, 4.6, shelves, scale=0.5)

        def light(s):
            for i in range(2):
                for j in range(3):
                    x, y = 90 + i * 190, 250 + j * 230 + i * 46
                    s.drawPath(polygon([(x, y), (x + 168, y + 40), (x + 168, y + 246), (x, y + 206)]), fill(rgb("#fff3d2", 0.85)))

        light_patch(c, 7, light, 0.75, 0.36, (0, 0, W, H))

    return picture(draw)


# -- wheel ---------------------------------------------------------------------------------------------------------------------------

STAGES = {
    0.0: [(150, 14), (147, 62), (132, 108), (104, 138), (68, 152), (36, 155), (10, 149), (0, 143)],
    1.5: [(178, 42), (176, 78), (160, 106), (128, 126), (86, 138), (44, 146), (12, 147), (0, 144)],
    2.5: [(112, 96), (110, 124), (100, 140), (80, 149), (56, 152), (32, 153), (10, 151), (0, 148)],
    3.7: [(124, 128), (118, 137), (102, 143), (82, 147), (58, 149), (34, 150), (10, 148), (0, 144)],
    5.3: [(292, 108), (280, 110), (226, 112), (168, 116), (110, 120), (54, 124), (12, 127), (0, 128)],
    6.3: [(266, 119), (252, 120), (202, 124), (138, 130), (74, 129), (32, 120), (9, 106), (0, 104)],
    8.0: [(262, 119), (248, 120), (200, 125), (136, 131), (74, 130), (32, 120), (9, 105), (0, 101)],
}


def thrown(t):
    times = sorted(STAGES)
    for a, b in zip(times, times[1:]):
        if t <= b:
            x = ease(t, a, b)
            return [(lerp(h0, h1, x), lerp(r0, r1, x)) for (h0, r0), (h1, r1) in zip(STAGES[a], STAGES[b])]
    return STAGES[times[-1]]


def wheel(canvas, t):
    turn = t * 9.2
    push = lerp(1.0, 1.045, ease(t, 0, 7.2))
    with kept(canvas):
        canvas.translate(X, 1150)
        canvas.scale(lerp(1, push, 0.4), lerp(1, push, 0.4))
        canvas.translate(-X, -1150)
        lay(canvas, workshop())
        leaves_shadow(canvas, t, 0.5)
    with kept(canvas):
        canvas.translate(X, 1250)
        canvas.scale(push, push)
        canvas.translate(-X, -1250)
        lay(canvas, pan())
        head(canvas, turn)
        v = Vessel(X, FOOT, [(h, r * (1 + 0.012 * math.sin(turn + h * 0.03) * (1 - ease(t, 1.2, 2.6)))) for h, r in thrown(t)], SIZE, K)
        clay = Clay(mix("#8a4a33", "#9c563b", ease(t, 3, 7)), 0.40, 0.56, "#d9a98a")
        hands(canvas, t, v, behind=True)
        contact(canvas, X, FOOT, v.foot, K, "#1f0d08", 0.9, 0.2)
        wet(canvas, v, clay, t, turn)
        hands(canvas, t, v, behind=False)
        splash(canvas, t)
    soft(canvas, 21, lambda s: foreground(s, t), scale=0.2)
    vignette(canvas, "#4a2a18", 0.42)


def leaves_shadow(canvas, t, alpha):
    """A plant outside the picture, thrown onto the wall by the window."""

    def draw(s):
        for i, (x, y, a, size) in enumerate(
            (
                (40, 300, 0.5, 210),
                (150, 420, 0.9, 190),
                (20, 520, 0.2, 220),
                (110, 640, -0.1, 180),
                (240, 300, 1.3, 170),
                (60, 800, 0.45, 200),
                (250, 560, 0.75, 150),
            )
        ):
            with kept(s):
                s.translate(x - 40, y)
                s.rotate(math.degrees(a) + 4 * wobble(t * 0.8, i * 1.7))
                s.drawPath(leaf(size, size * 0.42, 8), fill(rgb("#7a5a40")))

    soft(canvas, 6.5, draw, alpha=alpha * 0.55, blend=MULTIPLY, area=(0, 150, 640, 900))


@functools.cache
def pan():
    """The wheel's tray, worn enamel with a rim that catches the window."""

    def draw(c):
        shade(c, X + 20, 1640, 620, 200, "#2a1610", 0.5, 60)
        tray = Vessel(X, 1560, [(250, 520), (236, 527), (140, 515), (40, 480), (0, 455)], 1.0, 0.30)
        tray.body(c, Clay("#d8cfbf", 0.5, 0.55))
        c.drawPath(tray.mouth(), fill(shader=linear(20, 0, 1060, 0, [rgb("#fffaf0"), rgb("#f0e6d6"), rgb("#c9b9a2")])))
        inner = ellipse(X, tray.top + 8, 500, 500 * 0.29)
        with kept(c, inner):
            c.drawPaint(fill(shader=linear(40, 0, 1040, 0, [rgb("#8f7c69"), rgb("#b7a48f"), rgb("#d9cab6")])))
            c.drawPaint(fill(shader=linear(0, tray.top - 150, 0, tray.top + 150, [rgb("#4a3426", 0.55), rgb("#4a3426", 0)])))
            slip = ellipse(X, tray.top + 60, 470, 112)
            c.drawPath(slip, fill(rgb("#8a5640", 0.8), blur=14))
            rng = np.random.default_rng(12)
            for _ in range(46):
                a, d = rng.uniform(0, TAU), rng.uniform(0.72, 1.0)
                c.drawOval(
                    oval(X + math.cos(a) * 480 * d, tray.top + 14 + math.sin(a) * 136 * d, rng.uniform(3, 13), rng.uniform(2, 5)),
                    fill(rgb("#7a4632", 0.75), blur=0.8),
                )
            shade(c, X + 30, 1345, 345, 92, "#1d0d08", 0.75, 22)
        tray.ring(c, tray.top, line(rgb("#fff8ea", 0.8), 5, blur=1.5), 100, 70)
        for a, size in ((0.9, 9), (1.25, 6), (1.9, 12), (2.3, 7), (1.55, 5)):
            r = tray.radius(1400)
            c.drawOval(oval(X + math.cos(a) * r, 1400 + math.sin(a) * r * 0.30, size, size * 0.9), fill(rgb("#8a5640", 0.75)))
        rim = skia.Path()
        rim.addArc(oval(X, 1318, 322, 322 * K), 0, 180)
        wheel_ = Vessel(X, 1352, [(44, 322), (40, 324), (4, 322), (0, 316)], 1.0, K)
        wheel_.body(c, Clay("#8d8a86", 0.55, 0.6))
        c.drawPath(wheel_.mouth(), fill(shader=linear(X - 322, 0, X + 322, 0, [rgb("#e9e4da"), rgb("#b9b2a6"), rgb("#837b70")])))
        c.drawPath(ellipse(X, 1308, 296, 296 * K), fill(shader=linear(X - 300, 0, X + 300, 0, [rgb("#a98a74"), rgb("#8d6450"), rgb("#5f4032")])))
        for r in (286, 262, 240, 222):
            c.drawPath(ellipse(X, 1308, r, r * K), line(rgb("#c8a48c", 0.25), 2, blur=0.8))

    return picture(draw)


def head(canvas, turn):
    """Slip on the turning wheel head: arcs that run round."""
    rng = np.random.default_rng(2)
    for _ in range(15):
        a, r, sweep = rng.uniform(0, 360), rng.uniform(215, 312), rng.uniform(14, 52)
        dark = rng.random() > 0.45
        path = skia.Path()
        path.addArc(oval(X, 1308, r, r * K), (a + math.degrees(turn)) % 360, sweep)
        canvas.drawPath(path, line(rgb("#5a3424" if dark else "#d3ab90", 0.5), rng.uniform(3, 8), blur=2.2))


def wet(canvas, v, clay, t, turn):
    """Wet clay on the wheel: rings from the fingers, a film of water that glints as it comes round."""
    v.body(canvas, clay, sink=0.5)
    outline = v.outline()
    opened = ease(t, 2.5, 3.6)
    with kept(canvas, outline):
        rings = 15
        for i in range(rings):
            share = (i + 0.35 * math.sin(i * 2.1)) / rings + 0.012 * math.sin(turn + i * 1.3)
            y = v.level(0.06 + 0.9 * share)
            v.ring(canvas, y, line(rgb(clay.deep, 0.22), 5 * (0.6 + 0.4 * math.sin(i * 3.7)), blur=2.0))
            v.ring(canvas, y - 5, line(rgb(clay.lit, 0.30), 3.2, blur=1.6), 95, 80)
        rng = np.random.default_rng(6)
        for i in range(16):
            a, share, sweep = rng.uniform(0, 360), rng.uniform(0.05, 0.95), rng.uniform(10, 30)
            at = (a + math.degrees(turn)) % 360
            if 10 < at < 165:
                facing = math.exp(-(((at - 132) / 30) ** 2))
                v.ring(canvas, v.level(share), line(rgb("#fff2e2", 0.10 + 0.55 * facing), rng.uniform(2, 6), blur=2.2), at, sweep)
        canvas.drawPaint(
            fill(shader=linear(v.x - v.wide * 0.75, 0, v.x - v.wide * 0.25, 0, [rgb("#fff4e4", 0), rgb("#fff4e4", 0.42), rgb("#fff4e4", 0)], [0, 0.45, 1]))
        )
    top = v.mouth()
    crown = linear(v.x - v.rim, 0, v.x + v.rim, 0, [rgb(lighter(clay.lit, 0.25)), rgb(clay.half), rgb(clay.base)])
    canvas.drawPath(top, fill(shader=crown, blur=1.2))
    if opened < 1 and v.rim > 40:
        with kept(canvas, top):
            for i in range(4):
                r = v.rim * (0.25 + 0.2 * i)
                canvas.drawPath(ellipse(v.x, v.top, r, r * K), line(rgb(clay.deep, 0.25), 4, blur=1.5))
    if opened > 0.01:
        r = v.rim - lerp(v.rim * 0.8, 21, opened)
        hole = ellipse(v.x, v.top + 2, r, r * K)
        with kept(canvas, hole):
            canvas.drawPaint(fill(shader=linear(v.x - r, 0, v.x + r, 0, [rgb(darker(clay.deep, 0.35)), rgb(clay.deep), rgb(clay.base)], [0, 0.4, 1])))
            canvas.drawPaint(fill(shader=linear(0, v.top - r * K, 0, v.top + r * K, [rgb("#1d0d08", 0.0), rgb("#1d0d08", 0.7)])))
            for i in range(3):
                canvas.drawPath(ellipse(v.x, v.top + 14 + i * 13, r * 0.98, r * K), line(rgb(clay.lit, 0.22), 3, blur=1.5))
        v.ring(canvas, v.top, line(rgb("#fff4e4", 0.65), 4, blur=1.6), 125, 60, -8)
        glint = skia.Path()
        glint.addArc(oval(v.x, v.top, v.rim - 9, (v.rim - 9) * K), math.degrees(turn) % 360, 34)
        canvas.drawPath(glint, line(rgb("#fff4e4", 0.7), 5, blur=2))


SKIN = "#d6a07b"


def hands(canvas, t, v, behind):
    """Two forearms in rolled linen; the palms follow the wall of the vessel. Fingers lie behind it, thumbs on it."""
    come, go = ease(t, 0.35, 1.0), ease(t, 6.15, 6.95)
    away = (1 - come) + go
    if away >= 1:
        return
    lift = lerp(0.45, 0.30, ease(t, 1.0, 2.0))
    lift = lerp(lift, 0.42, ease(t, 2.2, 3.4))
    lift = lerp(lift, 0.85, ease(t, 3.7, 4.0))
    lift = lerp(lift, 0.16, ease(t, 4.0, 5.4))
    lift = lerp(lift, 0.5, ease(t, 5.5, 6.2))
    for side in (-1, 1):
        y = v.level(lift) + side * 10 + 2.5 * math.sin(t * 9.2 + side)
        r = v.radius(y)
        x = X + side * (r - 6) + side * away * 330
        y += away * 420
        with kept(canvas):
            canvas.translate(x, y)
            canvas.scale(-side * 1.12, 1.12)
            (palm if behind else thumb)(canvas, side)


def palm(canvas, side):
    """The left hand, as seen by the one it belongs to; the right one is its mirror."""
    dim = 0.10 if side > 0 else 0.0
    skin, low = darker(SKIN, dim), darker(SKIN, 0.42 + dim)
    arm = skia.Path()
    arm.moveTo(-92, 86)
    arm.cubicTo(-140, 220, -230, 420, -330, 640)
    arm.lineTo(-90, 720)
    arm.cubicTo(-50, 480, -22, 300, 6, 132)
    arm.close()
    shade_ = (
        linear(-190, 260, 0, 320, [rgb(lighter(skin, 0.3)), rgb(skin), rgb(low)], [0, 0.45, 1])
        if side < 0
        else linear(-190, 260, 0, 320, [rgb(low), rgb(skin), rgb(lighter(skin, 0.2))], [0, 0.6, 1])
    )
    canvas.drawPath(arm, fill(shader=shade_))
    for i, (fx, fy, tx, ty, width) in enumerate(((-46, -54, 26, -80, 40), (-60, -24, 24, -46, 44), (-66, 10, 22, -10, 44), (-62, 46, 20, 26, 40))):
        finger = skia.Path()
        finger.moveTo(fx, fy)
        finger.quadTo((fx + tx) / 2 - 6, fy - 28, tx, ty)
        canvas.drawPath(finger, line(rgb(low), width + 3))
        canvas.drawPath(finger, line(None, width, linear(fx, fy - 24, fx + 10, fy + 24, [rgb(lighter(skin, 0.32)), rgb(skin), rgb(low)], [0, 0.45, 1])))
    hand = curve([(-44, -92), (-84, -52), (-104, 8), (-104, 70), (-96, 120), (-50, 168), (4, 150), (18, 96), (14, 30), (6, -40), (-14, -84)], True)
    canvas.drawPath(hand, fill(shader=radial(-64, -10, 210, [rgb(lighter(skin, 0.34)), rgb(skin), rgb(low)], [0, 0.5, 1])))
    with kept(canvas, hand):
        for ax, ay, bx, by in ((-30, -58, -62, 10), (-18, -24, -58, 46)):
            crease = skia.Path()
            crease.moveTo(ax, ay)
            crease.quadTo((ax + bx) / 2 - 14, (ay + by) / 2, bx, by)
            canvas.drawPath(crease, line(rgb(low, 0.4), 5, blur=3))
        shade(canvas, 12, 0, 34, 110, "#8a4a33", 0.75, 16)
    cuff = skia.Path()
    cuff.moveTo(-196, 300)
    cuff.quadTo(-130, 300, -22, 372)
    cuff.lineTo(20, 1300)
    cuff.lineTo(-640, 1260)
    cuff.close()
    cloth = Clay("#62798a", 0.4, 0.5)
    tones = [rgb(cloth.lit), rgb(cloth.base), rgb(cloth.deep)]
    canvas.drawPath(cuff, fill(rgb("#2a1610", 0.4), blur=14))
    canvas.drawPath(cuff, fill(shader=linear(-280, 420, -40, 480, tones if side < 0 else tones[::-1])))
    roll = skia.Path()
    roll.moveTo(-196, 304)
    roll.quadTo(-124, 308, -26, 374)
    canvas.drawPath(roll, line(rgb(cloth.deep, 0.5), 48, blur=4))
    canvas.drawPath(roll, line(None, 40, linear(-200, 300, -30, 370, [rgb(cloth.lit), rgb(cloth.half), rgb(cloth.base)])))
    canvas.drawPath(roll, line(rgb(cloth.lit, 0.5), 5, blur=3))


def thumb(canvas, side):
    dim = 0.08 if side > 0 else 0.0
    skin, low = darker(SKIN, dim), darker(SKIN, 0.42 + dim)
    path = curve([(-40, 92), (-10, 66), (22, 26), (44, -26)])
    with kept(canvas):
        canvas.translate(9, 12)
        canvas.drawPath(path, line(rgb("#2a1008", 0.45), 46, blur=9))
    canvas.drawPath(path, line(rgb(low), 49))
    canvas.drawPath(path, line(None, 46, linear(-10, 0, 44, 44, [rgb(lighter(skin, 0.3)), rgb(skin), rgb(low)], [0, 0.45, 1])))
    nail = skia.Path()
    nail.addOval(oval(0, 0, 11, 16))
    with kept(canvas):
        canvas.translate(42, -26)
        canvas.rotate(22)
        canvas.drawPath(nail, fill(rgb(lighter(SKIN, 0.5), 0.75)))
        canvas.drawCircle(0, -4, 20, fill(rgb("#8a4a33", 0.32), blur=6))
    canvas.drawPath(curve([(-4, 54), (10, 40), (20, 44)]), line(rgb(low, 0.35), 3, blur=1.5))


def splash(canvas, t):
    """Drops of slip thrown off while the ball is wild."""
    rng = np.random.default_rng(14)
    for _ in range(26):
        born, a, v, size = rng.uniform(0.9, 5.2), rng.uniform(-0.2, math.pi + 0.2), rng.uniform(190, 420), rng.uniform(3, 8)
        age = t - born
        if 0 < age < 0.6:
            x = X + math.cos(a) * (300 + v * age)
            y = 1290 + math.sin(a) * 70 - 260 * age + 760 * age * age
            canvas.drawOval(oval(x, y, size, size), fill(rgb("#8a5640", 1 - age / 0.6)))


def foreground(s, t):
    """A jar of tools close to the lens, only its shoulder in the picture."""
    s.drawPath(box(950, 1560, 330, 520, 70), fill(shader=linear(950, 0, 1200, 0, [rgb("#a9492d"), rgb("#6a2a18")])))
    for x, lean, color in ((1010, 8, "#d8b88c"), (1064, 40, "#8a5a3a")):
        s.drawLine(x, 1600, x + lean, 1330, line(rgb(color), 26))


# -- glaze ---------------------------------------------------------------------------------------------------------------------------

RAW = Clay("#a8c2ba", 0.55, 0.40, "#e6f0ea")


@functools.cache
def glaze_corner():
    def draw(c):
        wall(c, "#e4d3bd", "#f8ecd9", "#b99a7c", 51)

        def tiles(s):
            shelf(s, 640, -40, 520)
            for i, (x, color) in enumerate(((70, TIDE), (196, "#d9b04a"), (322, ACCENT), (448, SALT))):
                s.drawPath(box(x - 50, 506, 100, 134, 14), fill(shader=linear(x - 50, 0, x + 50, 0, [rgb("#fffaf0"), rgb("#e9dcc8"), rgb("#bfa88c")])))
                s.drawPath(
                    box(x - 50, 556, 100, 60, 0), fill(shader=linear(x - 50, 0, x + 50, 0, [rgb(lighter(color, 0.4)), rgb(color), rgb(darker(color, 0.4))]))
                )
                s.drawPath(box(x - 54, 486, 108, 30, 10), fill(rgb("#8a6a4a")))
            for i in range(5):
                s.drawLine(640 + i * 84, 330, 640 + i * 84, 420, line(rgb("#8a6a4a"), 8))
                s.drawPath(
                    box(606 + i * 84, 420, 68, 120, 12),
                    fill(
                        shader=linear(606 + i * 84, 0, 674 + i * 84, 0, [rgb(lighter(c_, 0.4)), rgb(c_)])
                        if (c_ := ("#2c6a70", "#88a29a", "#c8702f", "#eee4d3", "#b4472b")[i])
                        else None
                    ),
                )
            s.drawRect(skia.Rect(560, 322, 1120, 336), fill(rgb("#9a7452")))

        soft(c, 5, tiles, scale=0.4)
        table(c, 1080, "#a97a55", 52)
        shade(c, X + 60, 1560, 640, 190, "#2a1610", 0.55, 50)
        basin = Vessel(X, 1600, [(210, 500), (198, 507), (110, 480), (30, 400), (0, 360)], 1.0, 0.30)
        basin.body(c, Clay("#e6ded0", 0.55, 0.5))
        band = skia.Op(basin.below(1392), basin.below(1408), skia.PathOp.kDifference_PathOp)
        basin.body(c, Clay(INK, 0.2), part_of=band)
        c.drawPath(basin.mouth(), fill(shader=linear(40, 0, 1040, 0, [rgb("#fffaf0"), rgb("#efe5d4"), rgb("#cdbda6")])))
        c.drawPath(basin.mouth(3), line(rgb(INK, 0.75), 5))
        with kept(c, ellipse(X, 1396, 482, 482 * 0.288)):
            c.drawPaint(fill(shader=linear(60, 0, 1020, 0, [rgb("#a89a88"), rgb("#d8ccba"), rgb("#f0e6d4")])))
            c.drawPath(ellipse(X, 1428, 462, 122), fill(shader=radial(400, 1410, 500, [rgb("#c6d8d0"), rgb("#a8c2ba"), rgb("#86a49c")], [0, 0.6, 1], 0.3)))
            shade(c, X + 40, 1420, 320, 80, "#36504a", 0.55, 30)

    return picture(draw)


STREAM_START, STREAM_END = 7.75, 9.75


def stream_angle(t):
    return lerp(2.95, 0.2, ease(t, STREAM_START, STREAM_END))


def glazing(canvas, t):
    drift = ease(t, GLAZE, KILN)
    with kept(canvas):
        canvas.translate(X, 1250)
        canvas.scale(1.045 - 0.03 * drift, 1.045 - 0.03 * drift)
        canvas.translate(-X, -1250)
        lay(canvas, glaze_corner())
        ripples(canvas, t)
        stand = Vessel(X, 1370, [(70, 210), (62, 214), (54, 204), (30, 70), (0, 92)], 1.0, K)
        stand.body(canvas, Clay("#8d8a86", 0.55, 0.6))
        canvas.drawPath(stand.mouth(), fill(shader=linear(X - 210, 0, X + 210, 0, [rgb("#efe9de"), rgb("#bdb6aa"), rgb("#8d857a")])))
        v = mug_vessel(X, FOOT, SIZE, K)
        bare = Clay(BISQUE, 0.42, 0.46)
        contact(canvas, X, FOOT, v.foot * 1.05, K, "#2a1610", 0.7)
        covered = ease(t, 8.0, 10.2)
        mug_handle(canvas, X, FOOT, SIZE, bare)
        if covered > 0.3:
            with kept(canvas, box(X, v.top - 40, 600, 40 + (FOOT - v.top) * lerp(-0.1, 0.72, ease(t, 9.0, 10.1)))):
                mug_handle(canvas, X, FOOT, SIZE, RAW)
        v.body(canvas, bare)
        v.speckle(canvas, 11, 130, "#7a4028", 0.35)
        here, reach = stream_angle(t), (v.level(0.66) - v.top)
        final = drips(0.0, SIZE)

        def edge(a):
            passed = STREAM_START + (2.95 - a) / 2.75 * (STREAM_END - STREAM_START)
            run = settle(t, passed - 0.12, passed + 1.25)
            late = ease(t, passed + 0.2, passed + 2.0)
            finger = 1 + 0.16 * math.sin(a * 9 + 1) + 0.10 * math.sin(a * 17)
            return reach * min(1.0, run * lerp(finger * 0.92, 1, late)) + final(a) * late - (1 - ease(t, passed - 0.2, passed + 0.05)) * 60

        if t > STREAM_START - 0.2:
            region = v.above(v.top, edge)
            with kept(canvas, v.outline()):
                canvas.drawPath(region, fill(rgb("#4a2414", 0.45), blur=7))
            v.body(canvas, RAW, part_of=region, sink=0.18)
            with kept(canvas, v.outline()):
                canvas.clipPath(region, skia.ClipOp.kIntersect, True)
                low = skia.Op(region, v.above(v.top - 13, edge), skia.PathOp.kDifference_PathOp)
                canvas.drawPath(low, fill(rgb(RAW.deep, 0.42), blur=5))
                bead = [
                    (v.x + math.cos(a) * v.radius(v.top + edge(a)), v.top + edge(a) - 14 + math.sin(a) * v.radius(v.top + edge(a)) * K)
                    for a in np.linspace(2.95, 0.9, 60)
                ]
                canvas.drawPath(curve(bead), line(rgb("#ffffff", 0.6), 5, blur=2.2))
            v.gloss(canvas, 0.55 * swell(t, 8.3, 9.2, 10.9, 11.6), bottom=0.62)
        v.inside(canvas, Clay(mix(BISQUE, RAW.base, ease(t, 7.9, 8.5)), 0.4, 0.5))
        lip(canvas, v, Clay(mix(BISQUE, RAW.base, 0.6 * covered)))
        jug(canvas, t, v, here)
    vignette(canvas, "#3d2416", 0.36)


def jug(canvas, t, v, a):
    """Comes in from above, pours along the rim, leaves."""
    x = v.x + math.cos(a) * v.rim * 0.96
    y = v.top + math.sin(a) * v.rim * K * 0.96
    show = swell(t, GLAZE + 0.05, STREAM_START - 0.05, STREAM_END + 0.05, STREAM_END + 0.75)
    lip_y = 452 - (1 - show) * 560
    flow = swell(t, STREAM_START - 0.3, STREAM_START, STREAM_END, STREAM_END + 0.2)
    if flow > 0.01:
        bottom = lerp(lip_y + 10, y, ease(t, STREAM_START - 0.35, STREAM_START)) if t < STREAM_START else y
        top = lerp(lip_y + 6, y, ease(t, STREAM_END, STREAM_END + 0.2))
        stream(canvas, x, top, bottom, 34, "#a8c2ba", t, "#ffffff")
        canvas.drawOval(oval(x, y + 2, 36, 11), fill(rgb("#cfe0d8", 0.9 * flow), blur=3))
    if show < 0.01:
        return
    with kept(canvas):
        canvas.translate(x, lip_y)
        canvas.rotate(lerp(18, -6, show) + 1.2 * math.sin(t * 2.1))
        shape = skia.Path()
        shape.moveTo(-14, 4)
        shape.cubicTo(30, -26, 66, -60, 84, -104)
        shape.cubicTo(150, -260, 220, -360, 330, -470)
        shape.lineTo(60, -640)
        shape.cubicTo(-40, -520, -100, -380, -110, -240)
        shape.cubicTo(-112, -130, -70, -40, -14, 4)
        shape.close()
        enamel = Clay("#e9e2d4", 0.6, 0.5, "#fff8ea")
        canvas.drawPath(
            shape,
            fill(
                shader=linear(
                    -110, -260, 190, -180, [rgb(enamel.half), rgb(enamel.lit), rgb(enamel.base), rgb(enamel.dark), rgb(enamel.bounce)], [0, 0.2, 0.5, 0.88, 1]
                )
            ),
        )
        with kept(canvas, shape):
            mouth = skia.Path()
            mouth.moveTo(-24, 10)
            mouth.cubicTo(-70, -60, -104, -150, -96, -262)
            mouth.cubicTo(-60, -160, -10, -70, 26, -24)
            mouth.close()
            canvas.drawPath(mouth, fill(rgb("#b9d0c8")))
            canvas.drawPath(mouth, line(rgb("#ffffff", 0.5), 5, blur=2))
        rim = skia.Path()
        rim.moveTo(-110, -240)
        rim.cubicTo(-112, -130, -70, -40, -14, 4)
        rim.cubicTo(2, -8, 18, -20, 32, -32)
        canvas.drawPath(rim, line(rgb(INK, 0.9), 10))
        canvas.drawPath(rim, line(rgb("#6f86a0", 0.8), 2.5, blur=1))


def ripples(canvas, t):
    with kept(canvas, ellipse(X, 1428, 458, 118)):
        rng = np.random.default_rng(4)
        for i in range(9):
            born = 8.2 + i * 0.31 + rng.uniform(-0.1, 0.1)
            age = t - born
            if 0 < age < 1.6:
                x, y = X + rng.uniform(-240, 240), 1470 + rng.uniform(-18, 34)
                for k in (0, 0.35):
                    r = (age - k) * 120
                    if r > 2:
                        canvas.drawPath(ellipse(x, y, r, r * 0.26), line(rgb("#f4fbf7", 0.7 * (1 - age / 1.6)), 4, blur=1.5))


# -- kiln ----------------------------------------------------------------------------------------------------------------------------


@functools.cache
def chamber():
    """The kiln's inside: brick, arched, lit by nothing but its own heat."""

    def draw(c):
        c.drawPaint(fill(rgb("#2a0d06")))

        def bricks(s):
            rng = np.random.default_rng(23)
            for row in range(26):
                for col in range(-1, 8):
                    x, y = col * 168 + (row % 2) * 84, row * 78
                    d = math.hypot(x + 80 - X, (y - 1010) * 0.7)
                    heat = max(0.0, 1 - d / 900)
                    color = mix("#3a0f06", "#ff9a3c", heat**1.3 * rng.uniform(0.7, 1.0))
                    s.drawPath(box(x + 4, y + 4, 160, 70, 5), fill(rgb(color)))

        soft(c, 2.8, bricks, scale=0.5)
        c.drawRect(skia.Rect(0, 1290, W, H), fill(shader=linear(0, 1290, 0, H, [rgb("#c9491a"), rgb("#64200c"), rgb("#1c0704")], [0, 0.25, 1])))
        c.drawPaint(
            fill(shader=radial(X, 1010, 1050, [rgb("#ffb050", 0.85), rgb("#ff7a26", 0.42), rgb("#7a1c08", 0.1), rgb("#120302", 0.9)], [0, 0.34, 0.66, 1]))
        )

    return picture(draw)


def kiln(canvas, t):
    heat = 1 - ease(t, 12.0, 13.2)
    lay(canvas, chamber())
    shimmer = 1 + 0.05 * math.sin(t * 11) + 0.03 * math.sin(t * 17.3)
    glow(canvas, X, 1050, 1000 * shimmer, "#ffb45a", 0.55)
    embers(canvas, t)
    v = mug_vessel(X, FOOT, SIZE, K)
    shade(canvas, X, FOOT + 12, v.foot * 1.3, v.foot * 0.36, "#3a0d04", 0.7, 16)
    hot = Clay(mix("#e06a22", "#ffc664", heat), 0.55, 0.5, "#fff0c0")
    mug_handle(canvas, X, FOOT, SIZE, hot)
    v.body(canvas, hot, sink=0.5)
    with kept(canvas, v.outline()):
        canvas.clipPath(v.above(v.level(0.66), drips(0.0, SIZE)), skia.ClipOp.kIntersect, True)
        canvas.drawPaint(fill(rgb("#fff2c0", 0.45 * heat)))
    with kept(canvas, v.outline()):
        edge = linear(X - v.wide, 0, X + v.wide, 0, [rgb("#fff6d8", 0.9), rgb("#ffd27a", 0), rgb("#ffd27a", 0), rgb("#fff6d8", 0.8)], [0, 0.2, 0.8, 1])
        canvas.drawPaint(fill(shader=edge))
    v.inside(canvas, Clay("#ff9a40", 0.5, 0.35))
    glow(canvas, X, 1080, 620 * shimmer, "#ffd48a", 0.55 * (0.5 + heat * 0.5))
    canvas.drawPaint(fill(rgb("#fff0d0", 0.85 * swell(t, KILN - 0.1, KILN + 0.12, KILN + 0.15, KILN + 0.6) * 0.6), blend=SCREEN))


def embers(canvas, t):
    rng = np.random.default_rng(33)
    for _ in range(60):
        x, speed, phase, size = rng.uniform(60, 1020), rng.uniform(180, 420), rng.uniform(0, 1900), rng.uniform(1.5, 4.5)
        y = 1700 - (t * speed + phase) % 1900
        canvas.drawCircle(x + 40 * math.sin(t * 2 + phase), y, size, fill(rgb("#ffd890", 0.75), blur=size * 0.7, blend=PLUS))


# -- morning -------------------------------------------------------------------------------------------------------------------------


@functools.cache
def kitchen():
    def draw(c):
        wall(c, "#dcc3a3", "#f3e2c8", "#b08d68", 71)
        c.drawRect(skia.Rect(0, 0, W, 1100), fill(shader=linear(0, 700, 0, 1100, [rgb("#94683f", 0), rgb("#94683f", 0.36)])))
        table(c, 1090, "#c08a5c", 72)

    return picture(draw)


@functools.cache
def company():
    """What stands with the mug: beans and dripper, a little further back."""

    def draw(c):
        coffee_bag(c, 196, 1188, 1.30)
        dripper(c, 884, 1200, 1.20)

    def blurred_(c):
        soft(c, 1.5, draw, scale=1.0)

    return picture(blurred_)


@functools.cache
def cloth():
    """A linen napkin under the hand, and a few beans that fell beside the bag."""

    def draw(c):
        fold = skia.Path()
        fold.moveTo(-60, 1500)
        fold.cubicTo(60, 1478, 190, 1470, 300, 1486)
        fold.cubicTo(352, 1494, 372, 1530, 366, 1576)
        fold.cubicTo(356, 1680, 330, 1800, 300, 1960)
        fold.lineTo(-60, 1960)
        fold.close()
        c.drawPath(fold, fill(rgb("#2c160a", 0.5), blur=26))
        for i in range(3):
            with kept(c):
                c.translate(0, 20 - i * 10)
                c.drawPath(fold, fill(rgb("#2c160a", 0.35), blur=6))
                c.drawPath(fold, fill(shader=linear(-60, 1480, 380, 1760, [rgb("#f6ecdb"), rgb("#e6d7be"), rgb("#c2ab8a")])))
        with kept(c, fold):
            c.drawImage(tone(noise(440, 500, (3, 46), 81, 2), "#a98f6c", 0.26), -60, 1460)
            c.drawImage(tone(noise(440, 500, (46, 3), 82, 2), "#a98f6c", 0.22), -60, 1460)
            for x, w in ((318, 11), (296, 4), (282, 4)):
                stripe = skia.Path()
                stripe.moveTo(x - 4, 1440)
                stripe.cubicTo(x + 14, 1560, x - 6, 1720, x - 40, 1960)
                c.drawPath(stripe, line(rgb("#2b4d78", 0.82), w))
            ridge = curve([(40, 1470), (70, 1600), (50, 1760), (80, 1960)])
            with kept(c):
                c.translate(16, 0)
                c.drawPath(ridge, line(rgb("#7a5a38", 0.34), 26, blur=14))
            c.drawPath(ridge, line(rgb("#fffaf0", 0.6), 12, blur=9))
        for x, y, turn, size in ((468, 1532, 24, 0.92), (536, 1588, -38, 1.0), (428, 1604, 70, 0.95), (850, 1490, 12, 0.85), (906, 1530, 60, 0.9)):
            bean(c, x, y, turn, size)

    return picture(draw)


def window_light(canvas, t, come):
    """Six panes of sun on the wall, with the plant outside moving in them."""

    def draw(s):
        shift = 24 * (1 - come)
        for i in range(2):
            for j in range(3):
                x, y = 500 + i * 236 - shift, 190 + j * 262 - i * 66
                s.drawPath(polygon([(x, y), (x + 214, y - 60), (x + 214, y + 180), (x, y + 240)]), fill(rgb("#fff0cc")))
        rng = np.random.default_rng(5)
        for i in range(15):
            x, y, a, size = rng.uniform(420, 980), rng.uniform(120, 960), rng.uniform(-0.6, 1.4), rng.uniform(120, 210)
            with kept(s):
                s.translate(x, y)
                s.rotate(math.degrees(a) + 5 * wobble(t * 0.75, i * 2.1))
                paint = fill(rgb("#000000"))
                paint.setBlendMode(skia.BlendMode.kDstOut)
                paint.setAlphaf(0.8)
                s.drawPath(leaf(size, size * 0.36, 10), paint)

    light_patch(canvas, 6, draw, 1.0 * come, 0.42 * come, (380, 60, 700, 1040))


def morning(canvas, t):
    push = lerp(1.0, 1.055, ease(t, MORNING - 0.4, SECONDS + 1.5))
    come = ease(t, MORNING - 0.3, MORNING + 1.6)
    with kept(canvas):
        canvas.translate(X, 1180)
        canvas.scale(lerp(1, push, 0.35), lerp(1, push, 0.35))
        canvas.translate(-X, -1180)
        lay(canvas, kitchen())
        window_light(canvas, t, come)
    with kept(canvas):
        canvas.translate(X, 1200)
        canvas.scale(lerp(1, push, 0.7), lerp(1, push, 0.7))
        canvas.translate(-X, -1200)
        lay(canvas, company())
    with kept(canvas):
        canvas.translate(X, 1250)
        canvas.scale(push, push)
        canvas.translate(-X, -1250)
        lay(canvas, cloth())
        poured = ease(t, 14.0, 15.9)
        v = mug_vessel(X, FOOT, SIZE, K)
        mug(
            canvas,
            X,
            FOOT,
            SIZE,
            "tide",
            K,
            coffee=max(0.02, poured * 0.93) if poured > 0.02 else None,
            swirl=0.4 * math.sin(t * 1.6) * (1 - 0.7 * ease(t, 16, 19)),
        )
        flow = swell(t, 13.72, 13.95, 15.75, 15.95)
        if flow > 0.01:
            surface = v.top + lerp(0.62, 0.075, poured * 0.93) * (v.y - v.top)
            top = lerp(480, surface, ease(t, 15.72, 15.95))
            bottom = lerp(480, surface, ease(t, 13.7, 13.95))
            with kept(canvas, skia.Op(v.mouth(12), box(0, -50, W, v.top + 50), skia.PathOp.kUnion_PathOp)):
                stream(canvas, X - 14, top, bottom, 21, "#5a3018", t, "#ffd9a0")
                for i in range(3):
                    r = ((t * 1.5 + i / 3) % 1) * 96
                    canvas.drawPath(ellipse(X - 14, surface, r, r * K), line(rgb("#e0a868", 0.5 * (1 - r / 96) * flow), 3, blur=1))
        kettle(canvas, t)
        steam(canvas, X - 6, v.top + 12, t, 1.7 * ease(t, 14.6, 16.8), 168, 640)
    motes(canvas, t, 8, 34, (420, 120, 640, 960), "#fff4d8", 0.8 * come)
    beam(canvas, t, come)
    vignette(canvas, "#5a3418", 0.34)


def kettle(canvas, t):
    """Only its swan neck: comes in, pours, goes."""
    show = swell(t, 13.1, 13.75, 15.85, 16.6)
    if show < 0.01:
        return
    with kept(canvas):
        canvas.translate(X - 14 + (1 - show) * 420, 482 - (1 - show) * 300)
        canvas.rotate(lerp(24, 0, show))
        neck = curve([(0, 0), (6, -54), (52, -92), (120, -90), (190, -56), (280, -20), (420, -30), (640, -140)])
        canvas.drawPath(neck, line(rgb("#26211f"), 46))
        canvas.drawPath(neck, line(None, 42, linear(0, -130, 60, 20, [rgb("#8d8a88"), rgb("#4a4644"), rgb("#262220")])))
        gleam = curve([(-8, -8), (0, -62), (50, -104), (122, -102), (196, -66), (284, -32), (420, -42)])
        canvas.drawPath(gleam, line(rgb("#fff4e4", 0.55), 6, blur=2.5))
        canvas.drawPath(ellipse(0, 0, 21, 8), fill(rgb("#14100e")))


def beam(canvas, t, come):
    def draw(s):
        s.drawPath(
            polygon([(-200, -60), (120, -120), (1180, 1000), (760, 1330), (420, 1220)]),
            fill(shader=linear(0, 0, 800, 1150, [rgb("#fff2d0", 0.55), rgb("#fff2d0", 0)])),
        )

    soft(canvas, 40, draw, alpha=(0.5 + 0.05 * wobble(t)) * come, blend=SCREEN, scale=0.12)
