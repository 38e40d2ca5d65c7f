"""Third clip: an evening of rain. Wax is poured, it sets, a match is struck, and the room changes.

0.0 dusk and the pour · 4.0 the wax sets · 6.2 the match · 8.6 candle light, the candle clear and alone; at 15.4 the camera drifts to the planter.
"""

import functools
import math

import numpy as np
import skia

from .clip_mug import table
from .paint import (
    OVERLAY,
    PLUS,
    QUICK,
    SCREEN,
    TAU,
    H,
    W,
    box,
    clamp,
    curve,
    darker,
    ease,
    ellipse,
    fill,
    glow,
    kept,
    lay,
    lerp,
    lighter,
    line,
    linear,
    mix,
    motes,
    noise,
    oval,
    paper,
    picture,
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
)
from .things import ACCENT, INK, SALT, candle, candle_vessel, flame, flicker_at, planter

SECONDS = 21
POSTER = 12.6
X, FOOT, SIZE, K = 480, 1352, 1.86, 0.25
LIT = 7.55
TOP = FOOT - 216 * SIZE


def frame(canvas, t):
    light = flame_size(t)
    drift = ease(t, 14.8, 17.4)
    push = lerp(1.0, 1.07, ease(t, 8.5, 15)) - 0.01 * drift

    def camera(depth):
        canvas.translate(X, 1100)
        k = lerp(1, push, depth)
        canvas.scale(k, k)
        canvas.translate(-X - 190 * drift * depth, -1100)

    with kept(canvas):
        camera(0.45)
        window(canvas, t)
        with kept(canvas, layer=skia.Paint()):
            lay(canvas, wall(), -40, 0)
            canvas.drawImageRect(lightmap(t, light, 0.62), skia.Rect(-200, -200, W + 400, H + 200), QUICK, skia.Paint(BlendMode=skia.BlendMode.kModulate))
    with kept(canvas):
        camera(1.0)
        with kept(canvas, layer=skia.Paint()):
            stand(canvas, t, light)
            canvas.drawImageRect(lightmap(t, light, 1.0), skia.Rect(-200, -200, W + 600, H + 200), QUICK, skia.Paint(BlendMode=skia.BlendMode.kModulate))
        alive(canvas, t, light)
    motes(canvas, t, 44, 26, (120, 500, 900, 900), "#ffd9a0", 0.55 * light)
    vignette(canvas, "#05070b", 0.62, W / 2, H * 0.52, 1250)
    lay(canvas, grain(), alpha=0.14, blend=OVERLAY)


@functools.cache
def grain():
    return paper(seed=27)


def flame_size(t):
    """Catches small, nearly fails, then stands."""
    return ease(t, LIT, LIT + 0.25) * lerp(0.45, 1.0, ease(t, LIT + 0.4, LIT + 1.7)) if t > LIT else 0.0


def match_flare(t):
    return swell(t, 6.62, 6.74, 6.86, 7.25) + 0.42 * swell(t, 6.8, 7.0, 8.35, 8.6)


# -- light ---------------------------------------------------------------------------------------------------------------------------


def lightmap(t, light, depth):
    """What the light does to everything that stands here: blue dusk, then a warm round of flame that falls off into it."""
    scale = 0.125
    w, h = int((W + 600) * scale), int((H + 400) * scale)
    surface = skia.Surface(w, h)
    c = surface.getCanvas()
    c.scale(scale, scale)
    dusk = mix("#98a2ba", "#343b50", ease(t, LIT, LIT + 1.8))
    dusk = mix(dusk, "#6c7794", ease(t, 3.6, 5.8) * (1 - ease(t, LIT, LIT + 1.8)))
    c.clear(rgb(dusk))
    f = flicker_at(t)
    reach = 1150 * (0.55 + 0.45 * light) * (0.96 + 0.06 * f)
    x, y = X + 200, TOP - 70 + 200
    if light > 0:
        falls = [1.0, 0.92, 0.66, 0.36, 0.13, 0.0]
        warm = ["#fff0d4", "#ffe0b4", "#ffc384", "#e89a58", "#a8683e", "#a8683e"]
        shader = radial(
            x, y, reach, [rgb(w_, light * a * (0.9 + 0.1 * f) * (1.0 if depth == 1 else 0.72)) for w_, a in zip(warm, falls)], [0, 0.1, 0.27, 0.5, 0.78, 1]
        )
        c.drawPaint(fill(shader=shader))
    flare = match_flare(t)
    if flare > 0.01:
        mx, my = match_tip(t)
        c.drawPaint(
            fill(shader=radial(mx + 200, my + 200, 820, [rgb("#fff4dc", min(1, flare)), rgb("#ffcb8a", 0.6 * min(1, flare)), rgb("#c87a40", 0)], [0, 0.3, 1]))
        )
    return surface.makeImageSnapshot()


# -- the window ----------------------------------------------------------------------------------------------------------------------

PANES = [(152, 70, 372, 420), (548, 70, 372, 420), (152, 514, 372, 470), (548, 514, 372, 470)]


@functools.cache
def city():
    """A town behind rain, far out of focus."""

    def draw(c):
        c.drawPaint(fill(shader=linear(0, 0, 0, 1040, [rgb("#131c2c"), rgb("#20304a"), rgb("#3a4660"), rgb("#6e5558")], [0, 0.45, 0.8, 1])))

        def blocks(s):
            rng = np.random.default_rng(3)
            x = -40
            while x < W + 40:
                w, top = rng.uniform(80, 190), rng.uniform(520, 800)
                s.drawRect(skia.Rect(x, top, x + w, 1060), fill(rgb(mix("#141c2e", "#2c3850", rng.random()), 0.9)))
                x += w * 0.92

        soft(c, 8, blocks, scale=0.25)

    return picture(draw)


@functools.cache
def lamp(color, size):
    """One out-of-focus light: a disc a little brighter at its edge."""

    def draw(c):
        r = size * 0.92
        c.drawCircle(
            size + 4,
            size + 4,
            r,
            fill(shader=radial(size + 4, size + 4, r, [rgb(color, 0.62), rgb(color, 0.68), rgb(lighter(color, 0.3), 0.95)], [0, 0.8, 1]), blur=2.0),
        )

    return picture(draw, 2 * size + 8, 2 * size + 8)


def window(canvas, t):
    fade = 1 - 0.12 * ease(t, LIT, LIT + 1.8)
    with kept(canvas, box(130, 50, 820, 960)):
        lay(canvas, city())
        canvas.drawRect(skia.Rect(130, 50, 950, 1010), fill(rgb("#0a0e18", 0.45 * ease(t, LIT, LIT + 1.8))))
        rng = np.random.default_rng(19)
        hurry = ease(t, 4.0, 6.0)
        for i in range(46):
            color = ("#ffb45c", "#ff8a4a", "#ffd98a", "#7fb6d8", "#e8604a", "#fff0d0")[rng.integers(0, 6)]
            x, y, size, phase, lane = rng.uniform(120, 960), rng.uniform(430, 1000), int(rng.uniform(14, 44)), rng.uniform(0, TAU), rng.random()
            if lane > 0.74:
                # Cars: two streams that pass while the wax sets.
                y = 930 + 60 * (lane - 0.74)
                x = 100 + (x + (t * 26 + hurry * 420) * (1 if phase > 3.1 else -1)) % 900
                color = "#ffe2b0" if phase > 3.1 else "#e8503c"
            glimmer = 0.85 + 0.3 * math.sin(t * (0.5 + lane) + phase) + 0.12 * math.sin(t * 3.1 + phase * 5)
            lay(canvas, lamp(color, size), x - size, y - size, alpha=clamp(glimmer * fade * 0.9), blend=SCREEN)
        lay(canvas, droplets(), alpha=0.9)
        runs(canvas, t)
        canvas.drawRect(
            skia.Rect(130, 50, 950, 1010), fill(shader=linear(130, 50, 700, 1010, [rgb("#a8bcd8", 0.16), rgb("#a8bcd8", 0.0), rgb("#a8bcd8", 0.08)]))
        )


def drop(canvas, x, y, r, stretch=1.0):
    """Water on glass turns the world over: dark above, bright below, and one spark."""
    body = oval(x, y, r, r * stretch)
    canvas.drawOval(
        body, fill(shader=linear(0, y - r * stretch, 0, y + r * stretch, [rgb("#0c1424", 0.55), rgb("#3a4a66", 0.35), rgb("#e0d0c0", 0.55)], [0, 0.55, 1]))
    )
    if r > 3:
        canvas.drawCircle(x - r * 0.3, y - r * stretch * 0.4, r * 0.22, fill(rgb("#ffffff", 0.8)))


@functools.cache
def droplets():
    def draw(c):
        rng = np.random.default_rng(29)
        for _ in range(900):
            x, y = rng.uniform(130, 950), rng.uniform(50, 1010)
            drop(c, x, y, min(9.0, 1.0 + rng.gamma(1.3, 1.5)), rng.uniform(1.0, 1.25))

    return picture(draw)


def runs(canvas, t):
    """Drops that have grown too heavy: stop and go, leaving a wet line."""
    rng = np.random.default_rng(31)
    for i in range(16):
        x, phase, speed, size = rng.uniform(150, 930), rng.uniform(0, 1500), rng.uniform(60, 150), rng.uniform(6, 10.5)
        travel = t * speed + 55 * math.sin(t * 1.1 + phase) + phase
        y = 20 + travel % 1250
        sway = lambda v: x + 9 * math.sin(v * 0.016 + phase) + 4 * math.sin(v * 0.041)
        trail = [(sway(y - d), y - d) for d in range(0, 261, 20)]
        for (x0, y0), (x1, y1), fade in zip(trail, trail[1:], np.linspace(0.34, 0, 13)):
            canvas.drawLine(x0, y0, x1, y1, line(rgb("#b8c8e0", fade), size * 0.9))
        drop(canvas, sway(y), y, size, 1.45)


@functools.cache
def wall():
    """The wall around the window, its frame, the sill."""

    def draw(c):
        c.translate(40, 0)
        whole = box(-60, -20, W + 160, H + 40)
        holes = skia.Path()
        for x, y, w, h in PANES:
            holes.addRect(skia.Rect(x, y, x + w, y + h))
        solid = skia.Op(whole, holes, skia.PathOp.kDifference_PathOp)
        with kept(c, solid):
            c.drawPaint(fill(rgb("#7d8088")))
            c.drawImage(tone(noise(W + 80, H, (300, 200), 121, 4), "#43454e", 0.4), -40, 0)
            c.drawRect(skia.Rect(96, 16, 980, 1044), fill(rgb("#1a2030", 0.5), blur=22))
            c.drawRect(skia.Rect(104, 24, 972, 1040), fill(shader=linear(104, 24, 972, 1040, [rgb("#f4ead8"), rgb("#d8c8b0"), rgb("#b09c82")])))
            for x, y, w, h in PANES:
                c.drawRect(skia.Rect(x - 9, y - 9, x + w + 9, y + h + 9), fill(rgb("#6a5a48", 0.6), blur=2))
                c.drawRect(skia.Rect(x - 5, y - 5, x + w + 5, y + h + 5), fill(rgb("#f8efe0", 0.9)))
            c.drawRect(skia.Rect(60, 1030, 1016, 1078), fill(shader=linear(0, 1030, 0, 1078, [rgb("#fff6e6"), rgb("#e0d0b8"), rgb("#9a866c")], [0, 0.3, 1])))
            c.drawRect(skia.Rect(60, 1078, 1016, 1120), fill(shader=linear(0, 1078, 0, 1130, [rgb("#2a2430", 0.5), rgb("#2a2430", 0)])))

    return picture(draw, W + 160, H)


# -- what stands on the table --------------------------------------------------------------------------------------------------------


@functools.cache
def board():
    return picture(lambda c: table(c, 1120, "#a8714a", 131))


@functools.cache
def books():
    def draw(c):
        shade(c, 190, 1264, 240, 22, "#120a08", 0.7, 14)
        for i, (x, y, w, h, color) in enumerate(((20, 1212, 330, 46, INK), (46, 1172, 290, 40, ACCENT), (34, 1138, 270, 34, SALT))):
            c.drawPath(box(x, y, w, h, 6), fill(shader=linear(0, y, 0, y + h, [rgb(lighter(color, 0.35)), rgb(color), rgb(darker(color, 0.45))], [0, 0.25, 1])))
            c.drawRect(skia.Rect(x + w - 74, y + 6, x + w - 60, y + h - 6), fill(rgb(lighter(color, 0.6), 0.6)))
        with kept(c):
            c.translate(210, 1132)
            c.drawPath(box(-70 + 14, -32 + 10, 140, 38, 4), fill(rgb("#120a08", 0.5), blur=8))
            c.drawPath(box(-70, -34, 140, 40, 4), fill(shader=linear(0, -34, 0, 6, [rgb("#e8dcc4"), rgb("#c8b490"), rgb("#8a7454")])))
            c.drawPath(box(-70, -20, 140, 14, 0), fill(rgb(ACCENT)))

    return picture(draw)


def stand(canvas, t, light):
    canvas.drawImageRect(board(), skia.Rect(-140, 0, W + 460, H))
    lay(canvas, books())
    if light > 0:
        # Things throw their shadows away from the flame.
        f = flicker_at(t)
        shade(canvas, 960, 1246, 270 * f, 34, "#0a0605", 0.75 * light, 26)
        shade(canvas, 60, 1290, 230 * f, 26, "#0a0605", 0.6 * light, 24)
    planter(canvas, 872, 1232, 1.2, "ember", K, True, t)
    wax = 0.96 * ease(t, 0.95, 3.55)
    set_ = ease(t, 4.1, 6.1)
    shade(canvas, X, FOOT + 14, 240, 46, "#0a0605", 0.55, 20)
    candle(canvas, X, FOOT, SIZE, K, wax=max(0.011, wax), set_=set_, lit=0.0, t=t, shadow=True)
    flow = swell(t, 0.75, 0.98, 3.45, 3.7)
    v = candle_vessel(X, FOOT, SIZE, K)
    if flow > 0.01:
        surface = v.top + lerp(0.8, 0.15, max(0.011, wax)) * (v.y - v.top)
        top, bottom = lerp(700, surface, ease(t, 3.42, 3.7)), lerp(700, surface, ease(t, 0.72, 0.98))
        with kept(canvas, skia.Op(v.mouth(11), box(-200, -50, W + 600, v.top + 50), skia.PathOp.kUnion_PathOp)):
            stream(canvas, X - 58, top, bottom, 26, "#e9b35a", t, "#fff4d8")
            for i in range(3):
                r = ((t * 1.4 + i / 3) % 1) * 90
                canvas.drawPath(ellipse(X - 58, surface, r, r * K), line(rgb("#fff0c8", 0.5 * (1 - r / 90) * flow), 3, blur=1))
    jug(canvas, t)


def alone(canvas, t):
    """Only the burning candle and its light, for the product's picture."""
    with kept(canvas, layer=skia.Paint()):
        shade(canvas, X, FOOT + 14, 250, 50, "#0a0605", 0.6, 20)
        candle(canvas, X, FOOT, SIZE, K, t=t)
        canvas.drawImageRect(lightmap(t, 1.0, 1.0), skia.Rect(-200, -200, W + 600, H + 200), QUICK, skia.Paint(BlendMode=skia.BlendMode.kModulate))
    alive(canvas, t, 1.0)


def jug(canvas, t):
    """A tin pouring jug with a beak."""
    show = swell(t, -0.6, 0.7, 3.6, 4.5)
    if show < 0.01:
        return
    with kept(canvas):
        canvas.translate(X - 58 - (1 - show) * 420, 702 - (1 - show) * 260)
        canvas.rotate(lerp(-30, 0, show) + 0.8 * math.sin(t * 1.9))
        tin = skia.Path()
        tin.moveTo(12, 2)
        tin.cubicTo(-30, -22, -60, -64, -92, -112)
        tin.lineTo(-330, -330)
        tin.lineTo(-560, -110)
        tin.lineTo(-330, 118)
        tin.cubicTo(-250, 60, -170, 40, -90, 34)
        tin.cubicTo(-50, 30, -14, 18, 12, 2)
        tin.close()
        canvas.drawPath(
            tin,
            fill(
                shader=linear(-120, -200, -300, 120, [rgb("#8f959c"), rgb("#eef1f2"), rgb("#b9bfc6"), rgb("#6a7078"), rgb("#a2a8ae")], [0, 0.25, 0.5, 0.85, 1])
            ),
        )
        with kept(canvas, tin):
            inner = skia.Path()
            inner.moveTo(18, 2)
            inner.cubicTo(-40, -10, -80, -50, -104, -98)
            inner.lineTo(-338, -318)
            inner.lineTo(-300, -300)
            inner.cubicTo(-200, -190, -110, -70, -40, -4)
            inner.close()
            canvas.drawPath(inner, fill(rgb("#e2a94e")))
            canvas.drawLine(-330, 108, -548, -110, line(rgb("#ffffff", 0.5), 6, blur=2.5))
        canvas.drawPath(tin, line(rgb("#4a5058", 0.7), 3))


# -- what gives light ----------------------------------------------------------------------------------------------------------------


def match_tip(t):
    """Struck on the right, carried to the wick, taken away."""
    wick = (X + 4 * SIZE + 12, TOP - 26 * SIZE)
    x, y = lerp(1240, 850, settle(t, 6.2, 6.62)), lerp(900, 860, ease(t, 6.2, 6.62))
    carry = ease(t, 6.95, LIT + 0.05)
    x, y = lerp(x, wick[0], carry), lerp(y, wick[1], carry) - 60 * math.sin(math.pi * carry)
    leave = ease(t, LIT + 0.35, 8.9)
    return x + 640 * leave, y - 110 * math.sin(math.pi * leave * 0.8) + 260 * leave


def match_hand(canvas, t):
    if not 6.15 < t < 8.95:
        return
    x, y = match_tip(t)
    shaken = swell(t, 8.3, 8.38, 8.5, 8.6) * 14 * math.sin(t * 60)
    low = "#6a3c28"
    lit = "#f0b888"
    with kept(canvas):
        canvas.translate(x, y + shaken)
        stick = (0, 0, 148, 66)
        arm = curve([(180, 40), (300, 30), (520, 96), (900, 190), (900, 470), (500, 330), (300, 236), (196, 176)], True)
        canvas.drawPath(arm, fill(shader=linear(200, 20, 330, 300, [rgb(lit), rgb("#b87850"), rgb(low)])))
        finger = curve([(250, 60), (196, 44), (140, 58)])
        canvas.drawPath(finger, line(rgb("#8a5238"), 48))
        canvas.drawPath(finger, line(None, 44, linear(150, 30, 200, 90, [rgb("#ffd2a4"), rgb("#d08c60"), rgb("#8a5238")])))
        canvas.drawLine(*stick, line(rgb("#e8c48c"), 9))
        burnt = ease(t, 6.8, 8.6) * 46
        canvas.drawLine(0, 0, burnt, burnt * 0.45, line(rgb("#2a1810"), 9))
        canvas.drawCircle(0, 0, 9, fill(rgb("#7a2a1a" if t < 6.7 else "#1c100c")))
        thumb = curve([(262, 170), (210, 140), (150, 82)])
        canvas.drawPath(thumb, line(rgb("#7a4630"), 54))
        canvas.drawPath(thumb, line(None, 50, linear(150, 70, 220, 170, [rgb("#ffd8ac"), rgb("#d89668"), rgb("#8a5238")])))
        canvas.drawOval(oval(156, 86, 14, 11), fill(rgb("#ffe8cc", 0.8)))
        sleeve = curve([(420, 40), (470, 30), (1000, 120), (1000, 560), (470, 370), (392, 300), (404, 160)], True)
        canvas.drawPath(sleeve, fill(shader=linear(400, 60, 520, 420, [rgb("#a85a44"), rgb("#6a2f26"), rgb("#2c1414")])))
        canvas.drawPath(curve([(428, 44), (410, 160), (398, 296)]), line(rgb("#c87a5c", 0.8), 16, blur=3))


def alive(canvas, t, light):
    """Flame, match, and the light they put into the air."""
    f = flicker_at(t)
    flare = match_flare(t)
    tip = (X + 4 * SIZE, TOP - 66 * SIZE)
    if light > 0:
        through(canvas, t, light)
        glow(canvas, tip[0], tip[1], 900 * f, "#ff9a48", 0.40 * light)
        glow(canvas, tip[0], tip[1], 330 * f, "#ffc878", 0.62 * light)
    if light > 0:
        # The flame again, broken up in the oiled wood.
        for dx, dy, rx, ry, a in ((0, 190, 250, 46, 0.16), (-16, 120, 150, 26, 0.16), (12, 270, 190, 30, 0.10), (-8, 350, 120, 20, 0.06)):
            canvas.drawOval(oval(X + dx, FOOT + dy, rx, ry), fill(rgb("#ffb468", a * light * f), blur=ry * 0.9, blend=SCREEN))
        top = TOP - 14 * SIZE
        flame(canvas, X + 4 * SIZE, top + 4 * SIZE, SIZE * 0.92, light, t, f)
        rim_light(canvas, light * f)
    match_hand(canvas, t)
    if flare > 0.01:
        mx, my = match_tip(t)
        glow(canvas, mx, my, 760, "#ffb060", 0.8 * min(1.0, flare))
        glow(canvas, mx, my, 200, "#fff0d0", min(1.0, flare * 1.1))
        if t < 8.45:
            flame(canvas, mx, my + 6, 0.9, 0.75 * min(1.0, 0.5 + flare), t * 1.7, 1 + 0.1 * math.sin(t * 23))
        rng = np.random.default_rng(37)
        for _ in range(40):
            a, v, born = rng.uniform(0, TAU), rng.uniform(90, 460), 6.64 + rng.uniform(0, 0.2)
            age = t - born
            if 0 < age < 0.45:
                canvas.drawCircle(
                    mx + math.cos(a) * v * age,
                    my + math.sin(a) * v * age + 420 * age * age,
                    3.2 * (1 - age / 0.45),
                    fill(rgb("#ffe0a0", 1 - age / 0.45), blur=1, blend=PLUS),
                )
    if 8.4 < t < 11:
        mx, my = match_tip(min(t, 8.62))
        steam(canvas, mx - 40, my, t * 1.2, 0.8 * swell(t, 8.4, 8.6, 9.2, 10.6), 70, 420, "#c8ccd8", 3)


def through(canvas, t, light):
    """The stoneware glows where it is thin, and the melt pool shines."""
    v = candle_vessel(X, FOOT, SIZE, K)
    with kept(canvas, v.outline()):
        band = v.above(v.level(0.80))
        canvas.clipPath(band, skia.ClipOp.kIntersect, True)
        canvas.drawPaint(
            fill(
                shader=radial(X, v.top + 30, 330, [rgb("#ffb25c", 0.85 * light), rgb("#ff8a3c", 0.42 * light), rgb("#ff6a1c", 0.0)], [0, 0.4, 1]), blend=SCREEN
            )
        )
    yw = v.top + 0.176 * (v.y - v.top)
    r = v.radius(yw) - v.rim * 0.055
    with kept(canvas, ellipse(X, v.top + v.rim * 0.014, v.rim * 0.945, v.rim * 0.945 * K)):
        canvas.drawPaint(
            fill(
                shader=radial(X, yw, r * 1.2, [rgb("#fff2c8", 0.9 * light), rgb("#ffc060", 0.62 * light), rgb("#ff9238", 0.25 * light)], [0, 0.45, 1], K * 1.2),
                blend=SCREEN,
            )
        )


def rim_light(canvas, power):
    """Leaves nearest the flame catch an edge of it."""
    v = candle_vessel(X, FOOT, SIZE, K)
    canvas.drawPath(v.mouth(2), line(rgb("#ffdca0", 0.8 * power), 4, blur=1.5))
