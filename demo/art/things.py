"""The eight products of Loam & Ink, and what stands around them. Each is drawn at a place and a scale, lit by a window on the left."""

import functools
import math

import numpy as np
import skia

from .paint import (
    MULTIPLY,
    SCREEN,
    TAU,
    Clay,
    Vessel,
    box,
    clamp,
    contact,
    curve,
    darker,
    ellipse,
    fill,
    handle,
    kept,
    lerp,
    lighter,
    line,
    linear,
    mix,
    noise,
    oval,
    picture,
    polygon,
    radial,
    rgb,
    shade,
    tone,
)

# The studio's colours. Terracotta is the shop's accent.
PLASTER = "#f2e8da"
LINEN = "#e7d8c1"
OAK = "#c2895a"
ACCENT = "#b4472b"
BISQUE = "#cf8a63"
TERRACOTTA = "#b8623f"
WET = "#8d6450"
TIDE = "#2c6a70"
SALT = "#eee4d3"
EMBER = "#c8702f"
INK = "#21384f"
CORAL = "#ea5a3c"
SAGE = "#8b9a7c"
LEAF = "#4d6c4c"
COFFEE = "#3a1f14"
NIGHT = "#14181f"

GLAZES = {"tide": TIDE, "salt": SALT, "ember": EMBER}


def emblem(canvas, x, y, size, color, alpha=1.0, squeeze=1.0):
    """The maker's mark: a low sun over furrows."""
    with kept(canvas):
        canvas.translate(x, y)
        canvas.scale(size / 100 * squeeze, size / 100)
        sun = skia.Path()
        sun.addArc(oval(0, 0, 34, 34), 180, 180)
        sun.close()
        canvas.drawPath(sun, fill(rgb(color, alpha)))
        for i, half in enumerate((48, 37, 24)):
            y0 = 10 + i * 14
            wave = curve([(-half, y0), (-half * 0.5, y0 + 4), (0, y0 - 1), (half * 0.5, y0 + 4), (half, y0)])
            canvas.drawPath(wave, line(rgb(color, alpha), 5.5))


# -- mug -----------------------------------------------------------------------------------------------------------------------------

MUG = [(250, 117), (236, 118), (190, 122), (130, 127), (70, 126), (30, 117), (8, 101), (0, 95)]


def drips(seed=0.0, depth=1.0):
    """The edge a poured glaze leaves: mostly level, a few runs."""

    def edge(a):
        run = 0.0
        for at, length, width in ((0.42, 20, 0.13), (1.02, 38, 0.135), (1.5, 12, 0.18), (2.05, 30, 0.12), (2.62, 17, 0.14)):
            run += length * math.exp(-(abs((a + seed * 0.07 - at) / width) ** 2.7))
        return depth * (run + 4 * math.sin(a * 5.0 + seed))

    return edge


def mug_vessel(x, y, scale=1.0, k=0.24):
    return Vessel(x, y, MUG, scale, k)


def mug_handle(canvas, x, y, scale, clay, side=1):
    points = [(108, -206), (160, -218), (206, -192), (214, -140), (190, -92), (150, -66), (112, -62)]
    handle(canvas, [(x + side * px * scale, y + py * scale) for px, py in points], 34 * scale, clay)


def mug(canvas, x, y, scale=1.0, glaze="tide", k=0.24, coffee=None, side=1, level=0.66, depth=1.0, glossy=1.0, shadow=True, swirl=0.0):
    """The Dune mug. `level` is where the glaze ends (0 rim, 1 foot); `coffee` 0..1 fills it."""
    v = mug_vessel(x, y, scale, k)
    bare, coat = Clay(TERRACOTTA, 0.34), glaze_clay(glaze)
    if shadow:
        contact(canvas, x, y, v.foot * 1.12, k)
    mug_handle(canvas, x, y, scale, coat if level > 0.3 else bare, side)
    v.body(canvas, bare)
    v.speckle(canvas, 11, 130, "#5a2a18", 0.45)
    coated(canvas, v, coat, level, drips(0.0, scale * depth), glossy)
    v.speckle(canvas, 5, 90 if glaze != "tide" else 150, "#1c2426" if glaze == "tide" else "#7a5238", 0.34, v.above(v.level(level), drips(0.0, scale * depth)))
    if glossy:
        v.gloss(canvas, 0.55 * glossy, bottom=min(0.74, level))
    hole = v.inside(canvas, Clay(mix(coat.base, SALT, 0.12), 0.35))
    lip(canvas, v, bare if glaze != "salt" else Clay(BISQUE))
    if coffee:
        pour_in(canvas, v, hole, coffee, COFFEE, swirl)
    return v


def glaze_clay(glaze):
    return {"tide": Clay(TIDE, 0.30, 0.62, "#7fb3ad"), "salt": Clay("#e8dbc6", 0.62, 0.5, "#fff4e0"), "ember": Clay(EMBER, 0.32, 0.55, "#f2b06a")}[glaze]


def coated(canvas, v, coat, level, edge, glossy=1.0):
    """Glaze on clay: it has a thickness, so it throws a little shadow where it ends and carries a bead of light."""
    y = v.level(level)
    region = v.above(y, edge)
    with kept(canvas, v.outline()):
        rim = v.above(y + 5 * v.scale, edge)
        canvas.drawPath(rim, fill(rgb("#3a1408", 0.5), blur=3.5 * v.scale))
    v.body(canvas, coat, part_of=region, sink=0.2)
    with kept(canvas, v.outline()):
        canvas.clipPath(region, skia.ClipOp.kIntersect, True)
        beads = v.above(y - 7 * v.scale, edge)
        thick = skia.Op(region, beads, skia.PathOp.kDifference_PathOp)
        canvas.drawPath(thick, fill(rgb(coat.deep, 0.55), blur=2.5 * v.scale))
        bead = [(v.x + math.cos(a) * v.radius(y), y - 8 * v.scale + edge(a) + math.sin(a) * v.radius(y) * v.k) for a in np.linspace(2.95, 1.2, 50)]
        canvas.drawPath(curve(bead), line(rgb(lighter(coat.lit, 0.5), 0.42 * glossy), 2.6 * v.scale, blur=1.3 * v.scale))


def lip(canvas, v, clay):
    """Glaze breaks thin over the lip and the clay glows through."""
    canvas.drawPath(v.mouth(1.5 * v.scale), line(rgb(mix(clay.base, "#f0c49a", 0.35), 0.8), 3.2 * v.scale, blur=0.8 * v.scale))
    v.ring(canvas, v.top, line(rgb("#fff3df", 0.7), 2.4 * v.scale, blur=1.0 * v.scale), 130, 75, -1)


def pour_in(canvas, v, hole, amount, color, swirl=0.0):
    """What is in the cup: its far edge dark, a bright crescent of window, a thin line where it meets the wall."""
    drop = lerp(0.62, 0.075, amount) * (v.y - v.top)
    y = v.top + drop
    r = v.radius(y) - v.rim * 0.06
    with kept(canvas, hole):
        pool = ellipse(v.x, y, r, r * v.k)
        canvas.drawPath(
            pool, fill(shader=radial(v.x - r * 0.2, y, r * 1.15, [rgb(lighter(color, 0.16)), rgb(color), rgb(darker(color, 0.55))], [0, 0.6, 1], v.k))
        )
        canvas.drawPath(ellipse(v.x, y, r - 2, (r - 2) * v.k), line(rgb("#c98a4e", 0.55), 3 * v.scale, blur=1.2 * v.scale))
        shine = skia.Path()
        shine.addArc(oval(v.x - r * 0.06, y + r * v.k * 0.1, r * 0.72, r * v.k * 0.66), 150 + swirl * 40, 92)
        canvas.drawPath(shine, line(rgb("#fff0d8", 0.5), 6 * v.scale, blur=3 * v.scale))


# -- dripper -------------------------------------------------------------------------------------------------------------------------

CONE = [(196, 138), (186, 137), (150, 118), (100, 92), (56, 69), (40, 63)]
PLATE = [(40, 112), (32, 118), (24, 117), (18, 104)]
STEM = [(20, 60), (8, 58), (0, 54)]


def dripper(canvas, x, y, scale=1.0, glaze="salt", k=0.24, shadow=True, side=1):
    """The pour-over cone: cone, plate, stem; a small loop to hold."""
    coat = glaze_clay(glaze)
    if shadow:
        contact(canvas, x, y, 84 * scale, k)
    stem = Vessel(x, y, STEM, scale, k)
    stem.body(canvas, Clay(TERRACOTTA, 0.3))
    plate = Vessel(x, y, PLATE, scale, k)
    plate.body(canvas, coat, sink=0.5)
    canvas.drawPath(plate.mouth(), fill(shader=plate.across(coat)))
    canvas.drawPath(plate.mouth(2 * scale), line(rgb(lighter(coat.lit, 0.6), 0.6), 2.2 * scale, blur=0.8 * scale))
    shade(canvas, x + 12 * scale, plate.top + 4 * scale, 84 * scale, 84 * k * scale, darker(coat.deep, 0.3), 0.5, 8 * scale)
    points = [(118, -172), (168, -178), (196, -146), (178, -108), (140, -92), (96, -94)]
    handle(canvas, [(x + side * a * scale, y + b * scale) for a, b in points], 24 * scale, coat)
    cone = Vessel(x, y, CONE, scale, k)
    cone.body(canvas, coat, sink=0.3)
    for i in range(3):
        cone.ring(canvas, cone.level(0.2 + i * 0.07), line(rgb(coat.dark, 0.16), 2 * scale, blur=scale))
    cone.speckle(canvas, 21, 110, "#7a5238", 0.4)
    cone.gloss(canvas, 0.45, bottom=0.85)
    hole = cone.inside(canvas, coat)
    with kept(canvas, hole):
        for i in range(14):
            a = i / 14 * TAU
            rib = polygon(
                [
                    (x + math.cos(a) * 128 * scale, cone.top + math.sin(a) * 128 * k * scale),
                    (x + math.cos(a + 0.25) * 36 * scale, cone.top + 70 * scale + math.sin(a) * 30 * k * scale),
                ],
                False,
            )
            canvas.drawPath(rib, line(rgb(coat.lit, 0.4), 4 * scale, blur=1.5 * scale))
        shade(canvas, x, cone.top + 30 * scale, 70 * scale, 22 * scale, coat.deep, 0.7, 14 * scale)
    lip(canvas, cone, Clay(BISQUE))
    return cone


# -- coffee --------------------------------------------------------------------------------------------------------------------------


def coffee_bag(canvas, x, y, scale=1.0, shadow=True):
    """A quarter kilo of beans: kraft paper, folded top, printed label."""
    s = scale
    w, h = 232, 330
    if shadow:
        shade(canvas, x + 70 * s, y - 2 * s, 150 * s, 24 * s, "#2a1610", 0.28, 20 * s)
        shade(canvas, x + 6 * s, y, 122 * s, 12 * s, "#2a1610", 0.5, 7 * s)
    with kept(canvas):
        canvas.translate(x, y)
        canvas.scale(s, s)
        kraft = Clay("#c39a6c", 0.36, 0.5)
        front = curve([(-w / 2 + 2, -h), (-w / 2 - 7, -h * 0.62), (-w / 2 - 4, -h * 0.25), (-w / 2 + 4, 0)])
        front.lineTo(w / 2 - 34, 8)
        front.lineTo(w / 2 - 36, -h)
        front.close()
        side_panel = polygon([(w / 2 - 36, -h), (w / 2 - 6, -h + 6), (w / 2 + 6, -h * 0.5), (w / 2, -8), (w / 2 - 34, 8)])
        canvas.drawPath(side_panel, fill(shader=linear(w / 2 - 40, 0, w / 2 + 6, 0, [rgb(kraft.dark), rgb(kraft.deep)])))
        crease = polygon([(w / 2 - 20, -h + 4), (w / 2 - 12, -h * 0.5), (w / 2 - 34, 4)], False)
        canvas.drawPath(crease, line(rgb(darker(kraft.deep, 0.3), 0.4), 3, blur=1.5))
        canvas.drawPath(
            front,
            fill(
                shader=linear(
                    -w / 2, 0, w / 2 - 34, 0, [rgb(kraft.half), rgb(kraft.lit), rgb(kraft.base), rgb(mix(kraft.base, kraft.dark, 0.5))], [0, 0.22, 0.62, 1]
                )
            ),
        )
        with kept(canvas, front):
            for (ax, ay), (bx, by), alpha in (
                ((-96, -300), (-60, -170), 0.16),
                ((60, -290), (20, -215), 0.18),
                ((-104, -60), (-30, -6), 0.16),
                ((66, -90), (40, -4), 0.2),
            ):
                canvas.drawLine(ax, ay, bx, by, line(rgb(kraft.deep, alpha), 7, blur=5))
                canvas.drawLine(ax + 5, ay, bx + 6, by, line(rgb(kraft.lit, alpha * 1.6), 4, blur=2.5))
            canvas.drawPaint(fill(shader=linear(0, -h, 0, 10, [rgb(kraft.deep, 0.0), rgb(kraft.deep, 0.0), rgb(kraft.deep, 0.42)], [0, 0.6, 1])))
        label = box(-84, -226, 132, 158, 5)
        canvas.drawPath(label, fill(rgb(kraft.deep, 0.4), blur=4))
        canvas.drawPath(label, fill(shader=linear(-84, 0, 48, 0, [rgb("#fbf3e4"), rgb("#efe2cb")])))
        with kept(canvas, label):
            canvas.drawPath(ellipse(-18, -80, 92, 62), fill(rgb(ACCENT)))
            canvas.drawPath(ellipse(-18, -54, 120, 52), fill(rgb(INK)))
        emblem(canvas, -18, -174, 54, INK)
        fold = polygon([(-w / 2 + 2, -h - 30), (w / 2 - 36, -h - 30), (w / 2 - 8, -h - 22), (w / 2 - 6, -h + 10), (w / 2 - 36, -h + 6), (-w / 2, -h + 6)])
        canvas.drawPath(fold, fill(rgb(kraft.deep, 0.45), blur=5))
        canvas.drawPath(fold, fill(shader=linear(0, -h - 30, 0, -h + 8, [rgb(kraft.lit), rgb(kraft.base), rgb(kraft.dark)], [0, 0.7, 1])))
        canvas.drawPath(box(-w / 2 - 5, -h - 16, w + 2, 9, 4), fill(shader=linear(-w / 2, 0, w / 2, 0, [rgb("#f6ead0"), rgb("#d7c29a")])))


def bean(c, x, y, turn, s=1.0):
    with kept(c):
        c.translate(x, y)
        shade(c, 8, 12, 30 * s, 10, "#2a1610", 0.5, 5)
        c.rotate(turn)
        c.drawPath(ellipse(0, 0, 30 * s, 20 * s), fill(shader=radial(-10, -9, 44 * s, [rgb("#9a6440"), rgb("#5a321e"), rgb("#2c150b")], [0, 0.5, 1])))
        groove = skia.Path()
        groove.moveTo(-26 * s, 2)
        groove.quadTo(-6, -7, 2, 0)
        groove.quadTo(10, 7, 26 * s, -2)
        c.drawPath(groove, line(rgb("#2a120a"), 3.4))


# -- planter -------------------------------------------------------------------------------------------------------------------------

PLANTER = [(200, 146), (190, 146), (150, 142), (80, 128), (20, 110), (0, 104)]
SAUCER = [(30, 152), (24, 153), (8, 136), (0, 124)]


def coin_leaf(canvas, x, y, size, turn, tone_, lit=0.5):
    """A round leaf on a thin stalk, seen at an angle."""
    with kept(canvas):
        canvas.translate(x, y)
        canvas.rotate(math.degrees(turn))
        squash = 0.80
        canvas.scale(1, squash)
        base = mix("#2f4a36", tone_, 0.65 + 0.35 * lit)
        canvas.drawCircle(
            0,
            0,
            size,
            fill(shader=radial(-size * 0.35, -size * 0.4, size * 1.7, [rgb(lighter(base, 0.35 * lit + 0.1)), rgb(base), rgb(darker(base, 0.45))], [0, 0.5, 1])),
        )
        for a in (-0.9, -0.3, 0.3, 0.9):
            canvas.drawLine(0, 0, math.sin(a) * size * 0.82, -math.cos(a) * size * 0.82, line(rgb(lighter(base, 0.45), 0.26), max(1.0, size * 0.035)))
        canvas.drawCircle(0, size * 0.06, size * 0.085, fill(rgb(lighter(base, 0.55), 0.85)))


def pilea(canvas, x, y, scale, t=0.0, tone_=LEAF, seed=4, count=17):
    """A money plant: stalks from one crown, the nearest leaves lowest and largest."""
    rng = np.random.default_rng(seed)
    leaves = []
    for i in range(count):
        spread = lerp(-1.12, 1.12, (i + 0.5) / count) + rng.uniform(-0.1, 0.1)
        order = rng.permutation(3)[0]
        length = (180 + 112 * math.cos(spread * 0.9) * (0.5 + 0.5 * rng.random())) * (1.0 - 0.17 * order)
        leaves.append((order, spread, length, rng.uniform(36, 54) * (0.86 + 0.12 * order), rng.uniform(0, TAU)))
    for order, spread, length, size, phase in sorted(leaves, key=lambda one: one[0]):
        sway = math.sin(t * 0.9 + phase) * 0.018
        a = spread + sway
        ex, ey = x + math.sin(a) * length * scale, y - math.cos(a) * length * scale * 0.9
        mx, my = x + math.sin(a * 0.4) * length * 0.5 * scale, y - length * 0.62 * scale
        stem = skia.Path()
        stem.moveTo(x + spread * 30 * scale, y + 6 * (1 - abs(spread)) * scale)
        stem.quadTo(mx, my, ex, ey)
        canvas.drawPath(stem, line(rgb(darker(tone_, 0.5)), 5.4 * scale))
        canvas.drawPath(stem, line(rgb(mix("#8a7a4a", tone_, 0.35 + 0.3 * rng.random())), 3.4 * scale))
        shade(canvas, ex + 9 * scale, ey + 14 * scale, size * scale * 0.9, size * scale * 0.75, "#17251b", 0.2, 8 * scale)
        coin_leaf(canvas, ex, ey, size * scale, a * 0.75 + 0.15 * math.sin(phase), tone_, 0.35 + 0.3 * order)


def planter(canvas, x, y, scale=1.0, glaze="ember", k=0.24, plant=True, t=0.0, shadow=True):
    """The Terrace planter on its saucer."""
    bare, coat = Clay(TERRACOTTA, 0.36), glaze_clay(glaze)
    if shadow:
        contact(canvas, x, y, 140 * scale, k)
    saucer = Vessel(x, y, SAUCER, scale, k)
    saucer.body(canvas, bare)
    saucer.inside(canvas, bare)
    pot = Vessel(x, y - 14 * scale, PLANTER, scale, k)
    shade(canvas, x + 14 * scale, y - 16 * scale, 118 * scale, 118 * k * scale, "#32130a", 0.6, 7 * scale)
    pot.body(canvas, bare)
    pot.speckle(canvas, 31, 160, "#5a2a18", 0.45)
    coated(canvas, pot, coat, 0.44, lambda a: scale * (10 * math.sin(a * 3 + 0.6) + 5 * math.sin(a * 7)), 1.0)
    pot.speckle(canvas, 32, 90, "#5a2a18", 0.35, pot.above(pot.level(0.4)))
    pot.gloss(canvas, 0.42, bottom=0.42)
    hole = pot.inside(canvas, bare)
    lip(canvas, pot, bare)
    with kept(canvas, hole):
        ry = 130 * k * scale
        canvas.drawPath(
            ellipse(x, pot.top + 14 * scale, 130 * scale, ry),
            fill(shader=radial(x - 40 * scale, pot.top, 150 * scale, [rgb("#5a4030"), rgb("#2b1c14")], None, k)),
        )
        rng = np.random.default_rng(9)
        for _ in range(70):
            a, d = rng.uniform(0, TAU), math.sqrt(rng.random())
            canvas.drawCircle(
                x + math.cos(a) * d * 126 * scale, pot.top + 14 * scale + math.sin(a) * d * ry, rng.uniform(1.5, 4) * scale, fill(rgb("#8a6a4e", 0.6))
            )
    if plant:
        pilea(canvas, x, pot.top + 10 * scale, scale, t)
    return pot


# -- candle --------------------------------------------------------------------------------------------------------------------------

TUMBLER = [(216, 112), (206, 113), (150, 117), (80, 116), (30, 110), (8, 99), (0, 92)]


def candle_vessel(x, y, scale=1.0, k=0.24):
    return Vessel(x, y, TUMBLER, scale, k)


def candle(canvas, x, y, scale=1.0, k=0.24, wax=1.0, set_=1.0, lit=0.0, t=0.0, shadow=True, night=0.0, wick=True, flicker=None):
    """After Rain, in its tumbler. `wax` is how full, `set_` how far it has turned from clear to milky, `lit` how big the flame."""
    v = candle_vessel(x, y, scale, k)
    stone = Clay(mix("#e9dfce", "#6a7078", night * 0.62), 0.55 - 0.3 * night, 0.5, "#fff0d8")
    if shadow:
        contact(canvas, x, y, v.foot * 1.12, k, "#0c0808" if night else "#2a1610")
    v.body(canvas, stone)
    band = skia.Op(v.below(v.level(0.80)), v.below(v.level(1.2)), skia.PathOp.kDifference_PathOp)
    v.body(canvas, Clay(mix(TERRACOTTA, "#3b2c2c", night * 0.6), 0.34), part_of=band)
    v.speckle(canvas, 41, 210, "#4a3626", 0.5)
    with kept(canvas, v.outline()):
        emblem(canvas, x, v.level(0.44), 74 * scale, INK, 0.86 - 0.2 * night, 0.97)
        if lit:
            # Thin stoneware glows a little from the flame behind it.
            canvas.drawPaint(
                fill(
                    shader=radial(
                        x, v.top + 20 * scale, 190 * scale, [rgb("#ffb45e", 0.50 * lit), rgb("#ff8a3a", 0.16 * lit), rgb("#ff7a2a", 0)], [0, 0.45, 1]
                    ),
                    blend=SCREEN,
                )
            )
    v.gloss(canvas, 0.28 * (1 - 0.5 * night), bottom=0.7)
    hole = v.inside(canvas, stone)
    if wax > 0.01:
        drop = lerp(0.8, 0.15, wax) * (v.y - v.top)
        yw = v.top + drop
        r = v.radius(yw) - v.rim * 0.055
        molten, milky = mix("#e8b661", "#8a6a40", night * 0.5), mix("#f5ead6", "#8f8f92", night * 0.62)
        color = mix(molten, milky, set_)
        with kept(canvas, hole):
            canvas.drawPath(
                ellipse(x, yw, r, r * k),
                fill(shader=radial(x - r * 0.25, yw - r * 0.1, r * 1.3, [rgb(lighter(color, 0.35)), rgb(color), rgb(darker(color, 0.25))], [0, 0.55, 1], k)),
            )
            canvas.drawPath(ellipse(x, yw, r - 2, (r - 2) * k), line(rgb(lighter(color, 0.6), 0.6), 2.5 * scale, blur=scale))
            if set_ < 1:
                sheen = skia.Path()
                sheen.addArc(oval(x, yw + 2, r * 0.7, r * k * 0.66), 150, 90)
                canvas.drawPath(sheen, line(rgb("#fff4dc", 0.6 * (1 - set_)), 6 * scale, blur=3 * scale))
            if lit:
                melt = r * 0.62 * lit
                canvas.drawPath(
                    ellipse(x, yw, melt, melt * k),
                    fill(shader=radial(x, yw, melt, [rgb("#ffe9b4", 0.95 * lit), rgb("#ffc46a", 0.75 * lit), rgb("#ffb45a", 0.0)], [0, 0.6, 1], k)),
                )
                canvas.drawPath(
                    ellipse(x, yw, r, r * k), fill(shader=radial(x, yw, r, [rgb("#ffd58a", 0.55 * lit), rgb("#ff9a40", 0.15 * lit)], None, k), blend=SCREEN)
                )
    lip(canvas, v, Clay(mix(BISQUE, "#5a4a48", night * 0.6)))
    if wick:
        yw = v.top + lerp(0.8, 0.15, max(wax, 0.01)) * (v.y - v.top)
        tip = v.top - 14 * scale
        open_ = skia.Op(hole, box(x - 200 * scale, tip - 60, 400 * scale, v.top - tip + 60), skia.PathOp.kUnion_PathOp)
        with kept(canvas, open_):
            canvas.drawPath(curve([(x, yw), (x + 1 * scale, (yw + tip) / 2), (x + 4 * scale, tip)]), line(rgb("#e2d2b2" if not lit else "#2a1a12"), 5 * scale))
        if lit:
            flame(canvas, x + 4 * scale, tip + 4 * scale, scale, lit, t, flicker)
    return v


def flicker_at(t):
    """How a flame in a still room breathes: calm, with little starts. About 1."""
    start = max(0.0, math.sin(t * 0.83 + 1.1)) ** 10
    return 1 + 0.045 * math.sin(t * 7.1) + 0.03 * math.sin(t * 12.7 + 1) + 0.02 * math.sin(t * 19.3) - 0.10 * start * (0.5 + 0.5 * math.sin(t * 17))


def flame(canvas, x, y, scale, size, t, flicker=None):
    """Dark heart, blue root, white body, orange edge; leans with the air."""
    f = flicker if flicker is not None else flicker_at(t)
    h = 132 * scale * size * f
    w = 27 * scale * (0.55 + 0.45 * size) * (2 - f)
    lean = (math.sin(t * 1.7) * 5 + math.sin(t * 5.3) * 2.2) * scale * size

    def tongue(width, height, base=0.0):
        path = skia.Path()
        path.moveTo(x, y + 8 * scale + base)
        path.cubicTo(x - width * 1.15, y + 4 * scale + base, x - width * 1.05 + lean * 0.2, y - height * 0.38, x + lean, y - height)
        path.cubicTo(x + width * 1.05 + lean * 0.2, y - height * 0.38, x + width * 1.15, y + 4 * scale + base, x, y + 8 * scale + base)
        path.close()
        return path

    canvas.drawPath(tongue(w * 1.25, h * 1.04), fill(rgb("#ff8a2c", 0.55), blur=9 * scale))
    canvas.drawPath(
        tongue(w, h),
        fill(
            shader=linear(
                0,
                y - h,
                0,
                y + 8 * scale,
                [rgb("#ff9a3a", 0.92), rgb("#ffc864"), rgb("#fff1c4"), rgb("#ffe2a0"), rgb("#6f8ad0", 0.85)],
                [0, 0.22, 0.55, 0.84, 1],
            ),
            blur=1.6 * scale,
        ),
    )
    canvas.drawPath(tongue(w * 0.62, h * 0.72, -6 * scale), fill(rgb("#fffbe8", 0.95), blur=4.5 * scale))
    canvas.drawPath(tongue(w * 0.26, h * 0.26), fill(rgb("#b4642c", 0.45), blur=3 * scale))


# -- print ---------------------------------------------------------------------------------------------------------------------------

PRINT_W, PRINT_H = 840, 1188


def grain_of_ink(image, seed):
    """Riso ink never lies perfectly: tiny pinholes and a slow unevenness."""
    w, h = image.width(), image.height()
    rng = np.random.default_rng(seed)
    pin = (rng.random((h, w)) > 0.018).astype(np.float32)
    slow = 0.88 + 0.12 * noise(w, h, 46, seed + 1, 3)
    mask = tone(np.clip(pin * slow + 0.12, 0, 1), "#ffffff", 1.0)
    return picture(lambda c: (c.drawImage(image, 0, 0), c.drawImage(mask, 0, 0, skia.SamplingOptions(), skia.Paint(BlendMode=skia.BlendMode.kDstIn))), w, h)


@functools.cache
def coral_plate():
    """First colour: a low sun that dissolves into dots, and its path on the water."""
    w, h = PRINT_W, PRINT_H

    def draw(c):
        cx, cy, r, horizon = w * 0.5, h * 0.40, w * 0.315, h * 0.60
        ink = fill(rgb(CORAL))
        disc = ellipse(cx, cy, r, r)
        with kept(c, box(w * 0.08, h * 0.06, w * 0.84, h * 0.88)):
            step = 15.0
            for j in range(int(h / step * 1.3)):
                for i in range(int(w / step) + 2):
                    px, py = i * step + (j % 2) * step / 2, j * step * 0.866
                    d = math.hypot(px - cx, py - cy)
                    if py < horizon and d <= r + step:
                        v = clamp((py - (cy - r * 0.35)) / (horizon - cy + r * 0.35))
                        with kept(c, disc):
                            c.drawCircle(px, py, step * lerp(0.80, 0.30, v), ink)
                    if py < horizon and d > r + 3:
                        fade = clamp(1 - (d - r) / (w * 0.55)) * 0.30 + clamp((py - h * 0.35) / (horizon - h * 0.35)) * 0.16
                        if fade > 0.03:
                            c.drawCircle(px, py, step * fade, ink)
            with kept(c, disc):
                c.drawRect(skia.Rect(0, 0, w, cy - r * 0.28), ink)
            rng = np.random.default_rng(3)
            y = horizon + 12
            while y < h * 0.94:
                v = (y - horizon) / (h * 0.94 - horizon)
                half = r * lerp(0.92, 0.34, v) * rng.uniform(0.65, 1.1)
                off = rng.uniform(-26, 26) * (0.4 + v)
                thick = lerp(5, 13, v)
                c.drawRoundRect(skia.Rect(cx + off - half, y, cx + off + half, y + thick), thick / 2, thick / 2, ink)
                if rng.random() > 0.4:
                    far = rng.choice([-1, 1]) * (half + rng.uniform(30, 90))
                    c.drawRoundRect(skia.Rect(cx + off + far - 26, y, cx + off + far + 26, y + thick * 0.8), thick / 2, thick / 2, ink)
                y += lerp(21, 34, v)

    return grain_of_ink(picture(draw, w, h), 71)


@functools.cache
def blue_plate():
    """Second colour: hills, water, a boat and reeds. Over the coral it turns deep brown."""
    w, h = PRINT_W, PRINT_H

    def draw(c):
        horizon = h * 0.60
        ink = fill(rgb("#2b4d78"))
        with kept(c, box(w * 0.08, h * 0.06, w * 0.84, h * 0.88)):
            far = curve(
                [
                    (0, h * 0.555),
                    (w * 0.12, h * 0.525),
                    (w * 0.25, h * 0.55),
                    (w * 0.38, h * 0.578),
                    (w * 0.5, h * 0.588),
                    (w * 0.66, h * 0.562),
                    (w * 0.8, h * 0.515),
                    (w * 0.9, h * 0.53),
                    (w, h * 0.50),
                ]
            )
            far.lineTo(w, horizon)
            far.lineTo(0, horizon)
            far.close()
            with kept(c, far):
                y = h * 0.48
                while y < horizon:
                    c.drawRect(skia.Rect(0, y, w, y + 4.6), ink)
                    y += 9.2
            near = curve([(0, h * 0.50), (w * 0.1, h * 0.515), (w * 0.2, h * 0.558), (w * 0.31, h * 0.59), (w * 0.4, h * 0.602)])
            near.lineTo(0, h * 0.602)
            near.close()
            c.drawPath(near, ink)
            near = curve([(w * 0.62, h * 0.602), (w * 0.74, h * 0.585), (w * 0.86, h * 0.548), (w, h * 0.535)])
            near.lineTo(w, h * 0.602)
            near.close()
            c.drawPath(near, ink)
            c.drawRect(skia.Rect(0, horizon - 1, w, horizon + 4), ink)
            rng = np.random.default_rng(8)
            y = horizon + 22
            while y < h * 0.95:
                v = (y - horizon) / (h * 0.35)
                for _ in range(5):
                    x, half = rng.uniform(0, w), rng.uniform(24, 110)
                    c.drawRoundRect(skia.Rect(x - half, y, x + half, y + lerp(2.4, 5.5, v)), 3, 3, ink)
                y += lerp(13, 27, v)
            bx, by = w * 0.62, horizon + 66
            hull = skia.Path()
            hull.moveTo(bx - 62, by - 12)
            hull.quadTo(bx, by + 22, bx + 66, by - 14)
            hull.quadTo(bx + 44, by + 26, bx, by + 26)
            hull.quadTo(bx - 44, by + 26, bx - 62, by - 12)
            hull.close()
            c.drawPath(hull, ink)
            c.drawLine(bx + 2, by, bx + 2, by - 150, line(rgb("#2b4d78"), 5))
            sail = skia.Path()
            sail.moveTo(bx - 5, by - 146)
            sail.quadTo(bx - 22, by - 70, bx - 60, by - 20)
            sail.lineTo(bx - 5, by - 20)
            sail.close()
            c.drawPath(sail, ink)
            jib = skia.Path()
            jib.moveTo(bx + 9, by - 132)
            jib.quadTo(bx + 34, by - 74, bx + 48, by - 22)
            jib.lineTo(bx + 9, by - 22)
            jib.close()
            with kept(c, jib):
                for i in range(20):
                    c.drawRect(skia.Rect(bx, by - 140 + i * 9, bx + 60, by - 140 + i * 9 + 4.5), ink)
            for i in range(26):
                x0 = w * 0.06 + i * 15 + rng.uniform(-8, 8)
                tall = rng.uniform(120, 330) * (1 - i / 34)
                lean = rng.uniform(-26, 60)
                reed = skia.Path()
                reed.moveTo(x0, h)
                reed.quadTo(x0 + lean * 0.2, h - tall * 0.7, x0 + lean, h * 0.96 - tall)
                c.drawPath(reed, line(rgb("#2b4d78"), rng.uniform(3, 6)))
                if i % 3 == 0:
                    with kept(c):
                        c.translate(x0 + lean, h * 0.96 - tall)
                        c.rotate(-78 + lean * 0.4)
                        c.drawPath(ellipse(-14, 0, 30, 7), ink)
            for bx2, by2, s in ((0.25, 0.19, 1.0), (0.33, 0.16, 0.75), (0.29, 0.235, 0.6)):
                x, y = w * bx2, h * by2
                bird = curve([(x - 26 * s, y - 8 * s), (x - 12 * s, y - 14 * s), (x, y), (x + 13 * s, y - 15 * s), (x + 28 * s, y - 7 * s)])
                c.drawPath(bird, line(rgb("#2b4d78"), 5 * s))

    return grain_of_ink(picture(draw, w, h), 72)


@functools.cache
def sheet(coral=True, blue=True):
    """The paper with what is printed on it so far."""
    w, h = PRINT_W, PRINT_H

    def draw(c):
        c.drawPaint(fill(rgb("#faf4e8")))
        c.drawImage(tone(noise(w, h, (90, 14), 5, 3), "#b79b78", 0.10), 0, 0)
        if coral:
            c.drawImage(coral_plate(), 0, 0, skia.SamplingOptions(), skia.Paint(BlendMode=MULTIPLY))
        if blue:
            c.drawImage(blue_plate(), 2, -2, skia.SamplingOptions(), skia.Paint(BlendMode=MULTIPLY))
        if coral or blue:
            for x, y in ((w * 0.5, h * 0.026), (w * 0.5, h * 0.974)):
                color = INK if blue else CORAL
                c.drawCircle(x, y, 8, line(rgb(color, 0.8), 1.6))
                c.drawLine(x - 13, y, x + 13, y, line(rgb(color, 0.8), 1.6))
                c.drawLine(x, y - 13, x, y + 13, line(rgb(color, 0.8), 1.6))

    return picture(draw, w, h)


@functools.cache
def textured(number):
    """A paint that lays one picture over a mesh. Kept, because making it copies the picture."""
    image = TEXTURES[number]
    paint = skia.Paint(AntiAlias=True)
    paint.setShader(image.makeShader(skia.TileMode.kClamp, skia.TileMode.kClamp, skia.SamplingOptions(skia.CubicResampler.Mitchell())))
    return paint


TEXTURES = {}


def texture_of(image):
    TEXTURES[image.uniqueID()] = image
    return textured(image.uniqueID())


def hung(canvas, image, x, y, w, h, swing=0.0, bend=0.0, turn=0.0, shadow=0.0):
    """A sheet hanging from its top edge: swings, bends like paper, catches light where it turns. `x`, `y` is the middle of the top."""
    rows, cols = 14, 8
    points, texture, light = [], [], []
    for j in range(rows + 1):
        v = j / rows
        for i in range(cols + 1):
            u = i / cols - 0.5
            depth = math.sin(u * math.pi * 1.15 + turn) * bend * (0.25 + 0.75 * v)
            px = x + u * w * (1 - abs(swing) * 0.1 * v) + swing * v * v * h * 0.06
            py = y + v * h * (1 - 0.004 * abs(bend)) + depth * (0.2 + v * 0.8)
            points.append((px, py))
            texture.append(((u + 0.5) * image.width(), v * image.height()))
            light.append(math.cos(u * math.pi * 1.15 + turn) * bend * (0.2 + 0.8 * v))
    index = []
    for j in range(rows):
        for i in range(cols):
            a = j * (cols + 1) + i
            index += [a, a + 1, a + cols + 1, a + 1, a + cols + 2, a + cols + 1]
    at = [skia.Point(*p) for p in points]
    edge = [points[i] for i in range(cols + 1)] + [points[j * (cols + 1) + cols] for j in range(1, rows + 1)]
    edge += [points[rows * (cols + 1) + i] for i in range(cols - 1, -1, -1)] + [points[j * (cols + 1)] for j in range(rows - 1, 0, -1)]
    outline = polygon(edge)
    if shadow:
        with kept(canvas):
            canvas.translate(26 * shadow, 34 * shadow)
            canvas.drawPath(outline, fill(rgb("#4a2c1c", 0.34), blur=20 * shadow))
    mesh = skia.Vertices(skia.Vertices.kTriangles_VertexMode, at, [skia.Point(*q) for q in texture], None, index)
    with kept(canvas, outline):
        canvas.drawPath(outline, fill(rgb("#faf4e8")))
        canvas.drawVertices(mesh, texture_of(image), skia.BlendMode.kSrc)
        colors = [rgb("#3a2415", clamp(-value / 90, 0, 0.35)) if value < 0 else rgb("#fff8ea", clamp(value / 120, 0, 0.3)) for value in light]
        tint = skia.Vertices(skia.Vertices.kTriangles_VertexMode, at, None, colors, index)
        canvas.drawVertices(tint, fill(rgb("#ffffff")), skia.BlendMode.kDst)
        canvas.drawPath(outline, line(rgb("#fffaf0", 0.5), 2))
    return outline


# -- towel ---------------------------------------------------------------------------------------------------------------------------

TOWEL_W, TOWEL_H = 620, 860


PEGS = 0.37


@functools.cache
def towel_cloth():
    """Linen, block-printed: rows of the maker's sun over a stripe. The blocks are pressed by hand, so none is quite the same."""
    w, h = TOWEL_W, TOWEL_H

    def draw(c):
        c.drawPaint(fill(rgb("#efe4d0")))
        c.drawImage(tone(noise(w, h, (3, 60), 15, 2), "#b89f7c", 0.22), 0, 0)
        c.drawImage(tone(noise(w, h, (60, 3), 16, 2), "#b89f7c", 0.22), 0, 0)
        rng = np.random.default_rng(17)
        for row in range(6):
            for col in range(5):
                x = (col + 0.5 + (row % 2) * 0.5 - 0.25) * w / 5
                y = 96 + row * 118
                color = CORAL if (row + col) % 3 == 1 else "#2b4d78"
                with kept(c):
                    c.translate(x + rng.uniform(-3, 3), y + rng.uniform(-3, 3))
                    c.rotate(rng.uniform(-3, 3))
                    emblem(c, 0, 0, 84, color, rng.uniform(0.78, 0.95))
        for y, thick in ((30, 7), (46, 3), (h - 62, 3), (h - 46, 12), (h - 24, 3)):
            c.drawRect(skia.Rect(0, y, w, y + thick), fill(rgb("#2b4d78", 0.85)))
        pin = tone((np.random.default_rng(18).random((h, w)) > 0.9).astype(np.float32), "#efe4d0", 0.35)
        c.drawImage(pin, 0, 0)
        c.drawRect(skia.Rect(5, 5, w - 5, h - 5), line(rgb("#cdb48f", 0.7), 2))

    return picture(draw, w, h)


def towel_hanging(canvas, x, y, w, h, t=0.0, shadow=1.0):
    """Hung from two pegs, `PEGS` of its width from the middle: sags between them, droops outside, and stirs."""
    image = towel_cloth()
    cols, rows = 26, 10
    points, texture, light, index = [], [], [], []
    for j in range(rows + 1):
        v = j / rows
        gather = lerp(0.90, 1.0, min(1.0, v * 1.4) ** 0.7)
        for i in range(cols + 1):
            u = i / cols - 0.5
            fold = math.sin(u * 17 + math.sin(t * 0.7) * 0.35 * v) * (0.3 + 0.7 * v)
            sag = 22 * max(0.0, math.cos(u / PEGS * math.pi / 2)) ** 1.2 + 150 * max(0.0, abs(u) - PEGS)
            px = x + u * w * gather + fold * 7 + math.sin(t * 0.8 + v * 2) * 5 * v
            py = y + v * h + fold * 9 * v + sag * (1 - v) ** 2
            points.append((px, py))
            texture.append(((u + 0.5) * image.width(), v * image.height()))
            light.append(math.cos(u * 17 + math.sin(t * 0.7) * 0.35 * v) * (0.35 + 0.65 * v) - 0.15 - u * 0.35)
    for j in range(rows):
        for i in range(cols):
            a = j * (cols + 1) + i
            index += [a, a + 1, a + cols + 1, a + 1, a + cols + 2, a + cols + 1]
    edge = (
        points[: cols + 1]
        + [points[j * (cols + 1) + cols] for j in range(1, rows + 1)]
        + points[-2 : -cols - 2 : -1]
        + [points[j * (cols + 1)] for j in range(rows - 1, 0, -1)]
    )
    outline = polygon(edge)
    if shadow:
        with kept(canvas):
            canvas.translate(22 * shadow, 26 * shadow)
            canvas.drawPath(outline, fill(rgb("#4a2c1c", 0.34), blur=18 * shadow))
    at = [skia.Point(*p) for p in points]
    with kept(canvas, outline):
        canvas.drawVertices(
            skia.Vertices(skia.Vertices.kTriangles_VertexMode, at, [skia.Point(*q) for q in texture], None, index), texture_of(image), skia.BlendMode.kSrc
        )
        colors = [rgb("#4a2c1c", clamp(-value * 0.42, 0, 0.5)) if value < 0 else rgb("#fffaf0", clamp(value * 0.34, 0, 0.4)) for value in light]
        canvas.drawVertices(skia.Vertices(skia.Vertices.kTriangles_VertexMode, at, None, colors, index), fill(rgb("#ffffff")), skia.BlendMode.kDst)


# -- zine ----------------------------------------------------------------------------------------------------------------------------

ZINE_W, ZINE_H = 420, 560


@functools.cache
def zine_cover():
    """Notes from the Wheel: rings of a throwing wheel, cut by a band of ink."""
    w, h = ZINE_W, ZINE_H

    def draw(c):
        c.drawPaint(fill(rgb("#f6ead6")))
        plate = picture(lambda p: rings(p, w, h), w, h)
        c.drawImage(grain_of_ink(plate, 91), 0, 0, skia.SamplingOptions(), skia.Paint(BlendMode=MULTIPLY))
        under = picture(lambda p: band(p, w, h), w, h)
        c.drawImage(grain_of_ink(under, 92), 3, -2, skia.SamplingOptions(), skia.Paint(BlendMode=MULTIPLY))

    def rings(p, w_, h_):
        for i in range(11):
            r = 34 + i * 19
            p.drawPath(ellipse(w_ * 0.5, h_ * 0.43, r, r), line(rgb(CORAL), 9 - i * 0.45))
        p.drawPath(ellipse(w_ * 0.5, h_ * 0.43, 20, 20), fill(rgb(CORAL)))

    def band(p, w_, h_):
        hill = curve([(0, h_ * 0.66), (w_ * 0.25, h_ * 0.60), (w_ * 0.5, h_ * 0.64), (w_ * 0.75, h_ * 0.70), (w_, h_ * 0.63)])
        hill.lineTo(w_, h_)
        hill.lineTo(0, h_)
        hill.close()
        p.drawPath(hill, fill(rgb("#2b4d78")))

    image = picture(draw, w, h)

    def marked(c):
        c.drawImage(image, 0, 0)
        emblem(c, w * 0.5, h * 0.83, 84, "#f6ead6", 0.96)

    return picture(marked, w, h)


def zine(canvas, x, y, scale=1.0, turn=-0.12, shadow=True):
    """Lying at an angle, a second copy fanned out beneath it."""
    w, h = ZINE_W * scale, ZINE_H * scale
    for angle, lift, under in ((turn + 0.17, 0.6, True), (turn, 1.0, False)):
        with kept(canvas):
            canvas.translate(x, y)
            canvas.rotate(math.degrees(angle))
            if shadow:
                canvas.drawPath(box(-w / 2 + 14 * scale * lift, -h / 2 + 20 * scale * lift, w, h, 4), fill(rgb("#3a2015", 0.34), blur=18 * scale))
                canvas.drawPath(box(-w / 2 + 3 * scale, -h / 2 + 4 * scale, w, h, 4), fill(rgb("#3a2015", 0.45), blur=4 * scale))
            for i in range(4, 0, -1):
                canvas.drawPath(box(-w / 2 + i * 1.3 * scale, -h / 2 + i * 1.6 * scale, w, h, 3), fill(rgb("#fbf5ea" if i % 2 else "#d9c9b0")))
            canvas.drawImageRect(zine_cover(), skia.Rect(-w / 2, -h / 2, w / 2, h / 2), skia.SamplingOptions(skia.FilterMode.kLinear, skia.MipmapMode.kLinear))
            cover = box(-w / 2, -h / 2, w, h, 2)
            with kept(canvas, cover):
                canvas.drawPaint(
                    fill(
                        shader=linear(
                            -w / 2,
                            0,
                            w / 2,
                            0,
                            [rgb("#2a1408", 0.34), rgb("#2a1408", 0.06), rgb("#fff8e8", 0.20), rgb("#fff8e8", 0.0), rgb("#2a1408", 0.10)],
                            [0, 0.045, 0.085, 0.4, 1],
                        )
                    )
                )
                if under:
                    canvas.drawPaint(fill(rgb("#3a2015", 0.16)))
            for v in (-0.25, 0.0, 0.25):
                canvas.drawLine(-w / 2 + 7 * scale, v * h - 22 * scale, -w / 2 + 7 * scale, v * h + 22 * scale, line(rgb(ACCENT, 0.95), 3.4 * scale))
