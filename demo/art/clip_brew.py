"""Fourth clip: a pot of coffee, made slowly. The sun crosses the wall while it drips.

0.0 the ground coffee falls · 2.8 bloom · 5.2 and 8.6 the long pours · 12.0 the cone is set down, and everything stands in the light until the end.
"""

import functools
import math

import numpy as np
import skia

from .clip_mug import table, wall
from .paint import (
    OVERLAY,
    QUICK,
    SCREEN,
    TAU,
    Clay,
    H,
    Vessel,
    W,
    box,
    clamp,
    contact,
    curve,
    darker,
    ease,
    ellipse,
    fill,
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
    oval,
    paper,
    picture,
    polygon,
    radial,
    rgb,
    soft,
    steam,
    stream,
    swell,
    vignette,
    wobble,
)
from .things import COFFEE, CONE, bean, coffee_bag, dripper, mug, zine

SECONDS = 18
POSTER = 8.0
X, FOOT, SIZE, K = 540, 1318, 1.62, 0.24
SERVER = [(236, 74), (222, 68), (200, 72), (160, 106), (104, 138), (52, 142), (14, 124), (0, 112)]
CONE_AT = FOOT - 232 * SIZE
CONE_SIZE = 1.56
POURS = ((2.9, 3.9), (5.3, 7.7), (8.7, 11.0))


def frame(canvas, t):
    push = lerp(1.0, 1.05, ease(t, 0, 12)) - 0.02 * ease(t, 12, 18)
    aside = ease(t, 12.1, 14.0)
    day = t / SECONDS

    def camera(depth):
        k = lerp(1, push, depth)
        canvas.translate(X, 1150)
        canvas.scale(k, k)
        canvas.translate(-X - 138 * aside * depth, -1150)

    with kept(canvas):
        camera(0.4)
        canvas.drawImageRect(kitchen(), skia.Rect(-10, 0, W + 70, H), QUICK)
        sun(canvas, t, day)
    with kept(canvas):
        camera(0.7)
        lay(canvas, behind())
    with kept(canvas):
        camera(1.0)
        lay(canvas, front())
        server(canvas, t)
        cone(canvas, t)
        kettle(canvas, t)
        steam(
            canvas,
            X,
            surface_y(t) - 330 if t < 12 else FOOT - 236 * SIZE + 10,
            t,
            1.2 * (ease(t, 3.2, 5.0) * (1 - ease(t, 11.8, 12.4)) + 0.9 * ease(t, 12.8, 14.5)),
            150,
            560,
        )
    motes(canvas, t, 61, 30, (60, 150, 960, 1000), "#fff6dc", 0.75)
    vignette(canvas, "#3c2c18", 0.36)
    lay(canvas, grain(), alpha=0.16, blend=OVERLAY)


@functools.cache
def grain():
    return paper(seed=47)


@functools.cache
def kitchen():
    def draw(c):
        wall(c, "#bcc4ab", "#dde1cc", "#8d977e", 141)
        c.drawRect(skia.Rect(0, 0, W, 1110), fill(shader=linear(0, 720, 0, 1110, [rgb("#566048", 0), rgb("#566048", 0.40)])))

        def rail(s):
            s.drawRect(skia.Rect(-20, 300, 1100, 316), fill(shader=linear(0, 300, 0, 316, [rgb("#d9b486"), rgb("#8f6640")])))
            for x, width, tall, color in ((90, 92, 150, "#e9dfcc"), (214, 60, 210, "#c8966a"), (318, 104, 120, "#b4472b")):
                s.drawLine(x, 312, x, 350, line(rgb("#6a4a30"), 5))
                s.drawPath(box(x - width / 2 + 10, 366, width, tall, width * 0.42), fill(rgb("#3c442f", 0.3), blur=16))
                s.drawPath(
                    box(x - width / 2, 348, width, tall, width * 0.42),
                    fill(shader=linear(x - width / 2, 0, x + width / 2, 0, [rgb(lighter(color, 0.4)), rgb(color), rgb(darker(color, 0.3))])),
                )

        soft(c, 4.5, rail, scale=0.5)
        table(c, 1096, "#b98556", 142)

    return picture(draw)


def sun(canvas, t, day):
    """The window's light walks to the right and down, as it does in a morning."""

    def draw(s):
        shift = lerp(-130, 150, day)
        for i in range(2):
            for j in range(3):
                x, y = 420 + i * 236 + shift, 180 + j * 262 - i * 66 + 50 * day
                s.drawPath(polygon([(x, y), (x + 214, y - 60), (x + 214, y + 180), (x, y + 240)]), fill(rgb("#fff0cc")))
        rng = np.random.default_rng(25)
        for i in range(14):
            x, y, a, size = rng.uniform(300, 900) + shift, rng.uniform(120, 960), rng.uniform(-0.6, 1.4), rng.uniform(120, 220)
            with kept(s):
                s.translate(x, y)
                s.rotate(math.degrees(a) + 5 * wobble(t * 0.75, i * 2.1))
                paint = fill(rgb("#000000"))
                paint.setBlendMode(skia.BlendMode.kDstOut)
                paint.setAlphaf(0.82)
                s.drawPath(leaf(size, size * 0.34, 10), paint)

    light_patch(canvas, 6, draw, 1.0, 0.46, (200, 60, 880, 1034))


@functools.cache
def behind():
    def draw(c):
        coffee_bag(c, 176, 1196, 1.22)
        mug(c, 912, 1202, 0.86, "ember")

    return picture(lambda c: soft(c, 1.4, draw, scale=1.0, area=(0, 0, W + 220, H)), W + 220)


@functools.cache
def front():
    """The zine, lying open to the light, and a few beans."""

    def draw(c):
        with kept(c):
            c.translate(226, 1560)
            c.scale(1, 0.46)
            zine(c, 0, 0, 0.86, -0.5)
        for x, y, turn, size in ((486, 1478, 24, 0.85), (548, 1540, -38, 0.95), (620, 1470, 70, 0.85), (466, 1572, 10, 0.9)):
            bean(c, x, y, turn, size)

    return picture(draw)


# -- the glass -----------------------------------------------------------------------------------------------------------------------


def filled(t):
    return 0.78 * (0.16 * ease(t, 4.0, 5.6) + 0.46 * ease(t, 5.8, 9.0) + 0.38 * ease(t, 9.0, 12.0))


def glass_at():
    return Vessel(X, FOOT, SERVER, SIZE, K)


def surface_y(t):
    glass_at()
    return lerp(FOOT - 10 * SIZE, FOOT - 178 * SIZE, filled(t) / 0.78)


def server(canvas, t):
    """A glass server: what is behind it shows, its edges bend the light, and the coffee in it is amber where it is thin."""
    v = glass_at()
    outline = v.outline()
    contact(canvas, X, FOOT, v.foot * 1.1, K, "#2a1610", 0.55)
    canvas.drawOval(oval(X + 150, FOOT + 60, 190, 34), fill(rgb("#ffdf9e", 0.30), blur=20, blend=SCREEN))
    loop = curve([(X + 150, CONE_AT + 96), (X + 280, CONE_AT + 74), (X + 326, CONE_AT + 176), (X + 272, CONE_AT + 276), (X + 214, CONE_AT + 300)])
    canvas.drawPath(loop, line(rgb("#eef4ee", 0.34), 30))
    canvas.drawPath(loop, line(rgb("#ffffff", 0.55), 4, blur=1))
    with kept(canvas):
        canvas.translate(9, 9)
        canvas.drawPath(loop, line(rgb("#33402f", 0.25), 5, blur=3))
    canvas.drawPath(
        outline,
        fill(
            shader=linear(
                X - v.wide,
                0,
                X + v.wide,
                0,
                [rgb("#f4faf4", 0.62), rgb("#f4faf4", 0.14), rgb("#e6efe4", 0.10), rgb("#dfe9dc", 0.20), rgb("#6f7f68", 0.42)],
                [0, 0.13, 0.5, 0.86, 1],
            )
        ),
    )
    level = filled(t)
    if level > 0.004:
        y = surface_y(t)
        r = v.radius(y) - 7
        with kept(canvas, outline):
            canvas.clipPath(v.below(y), skia.ClipOp.kIntersect, True)
            tones = [rgb("#a85a24", 0.92), rgb("#5a2c14", 0.97), rgb(COFFEE), rgb("#2a140c"), rgb("#4a2412", 0.97), rgb("#8a4a20", 0.92)]
            canvas.drawPaint(fill(shader=linear(X - v.wide, 0, X + v.wide, 0, tones, [0, 0.12, 0.35, 0.66, 0.9, 1])))
            canvas.drawPaint(
                fill(shader=linear(0, y, 0, FOOT + 40, [rgb("#c87a34", 0.30), rgb("#c87a34", 0.0), rgb("#e09a4a", 0.34)], [0, 0.5, 1]), blend=SCREEN)
            )
        pool = ellipse(X, y, r, r * K)
        canvas.drawPath(pool, fill(shader=radial(X - r * 0.3, y, r * 1.3, [rgb("#8a4e26"), rgb("#5a2e18"), rgb("#35190f")], [0, 0.5, 1], K)))
        canvas.drawPath(ellipse(X, y, r - 2, (r - 2) * K), line(rgb("#d89a58", 0.7), 3, blur=1))
        with kept(canvas, pool):
            running = dripping(t)
            for i in range(3):
                ring = ((t * 1.3 + i / 3) % 1) * 130
                canvas.drawPath(ellipse(X, y, ring, ring * K), line(rgb("#e8b070", 0.55 * (1 - ring / 130) * running), 3, blur=1))
    fall = dripping(t)
    if fall > 0.02:
        top, bottom = CONE_AT + 8, surface_y(t)
        with kept(canvas, outline):
            canvas.drawLine(X, top, X, bottom, line(rgb("#5a2c14", 0.85 * fall), 6 + 2 * math.sin(t * 23)))
            canvas.drawLine(X - 2, top, X - 2, bottom, line(rgb("#d89a58", 0.5 * fall), 1.6))
    for i in range(6):
        # Single drops before and after the stream.
        for start, end in ((4.0, 5.6), (11.2, 12.3)):
            born = start + i * (end - start) / 6
            age = t - born
            if 0 < age < 0.28:
                y = CONE_AT + 10 + 2600 * age * age
                if y < surface_y(t):
                    canvas.drawOval(oval(X, y, 5.5, 9), fill(rgb("#5a2c14")))
    with kept(canvas, outline):
        for points, alpha, width, blur in (
            ([(-0.80, 0.42), (-0.86, 0.62), (-0.80, 0.84)], 0.75, 13, 3),
            ([(-0.66, 0.36), (-0.72, 0.5)], 0.8, 6, 1.5),
            ([(0.84, 0.48), (0.90, 0.66), (0.82, 0.86)], 0.38, 7, 2.5),
        ):
            path = curve([(X + dx * v.radius(v.level(s)), v.level(s)) for dx, s in points])
            canvas.drawPath(path, line(rgb("#ffffff", alpha), width, blur=blur))
        for i in range(5):
            y = v.level(0.5 + i * 0.08)
            canvas.drawLine(X + 96, y + 26, X + (122 if i % 2 else 136), y + 24, line(rgb("#f6efe0", 0.6), 3))
    canvas.drawPath(outline, line(rgb("#f8fcf6", 0.55), 2.6))
    canvas.drawPath(v.mouth(), line(rgb("#ffffff", 0.75), 4))
    collar = Vessel(X, CONE_AT + 62, [(54, 84), (40, 82), (8, 86), (0, 88)], 1.2, K)
    collar.body(canvas, Clay("#a8743f", 0.4, 0.5))
    canvas.drawPath(collar.mouth(), fill(shader=linear(X - 100, 0, X + 100, 0, [rgb("#d9ab74"), rgb("#7a4f2a")])))
    canvas.drawPath(ellipse(X, collar.top, 84, 84 * K), fill(rgb("#1d120c")))


def dripping(t):
    return clamp(swell(t, 4.9, 5.4, 11.2, 11.7))


# -- the cone ------------------------------------------------------------------------------------------------------------------------


def cone_place(t):
    """On the server until the end of the pour; then it is lifted over and stands on the table."""
    lift, over_, down = ease(t, 12.0, 12.7), ease(t, 12.3, 13.3), ease(t, 12.95, 13.7)
    x = X + 304 * over_
    y = lerp(CONE_AT, 1424, down) - 120 * lift * (1 - down)
    return x, y


def cone(canvas, t):
    x, y = cone_place(t)
    down = ease(t, 12.95, 13.7)
    if down > 0.02:
        contact(canvas, x, 1424, 96 * CONE_SIZE, K, "#2a1610", down * 0.8)
    dripper(canvas, x, y, CONE_SIZE, "salt", K, shadow=False, side=1)
    v = Vessel(x, y, CONE, CONE_SIZE, K)
    filter_paper(canvas, v, t)


def filter_paper(canvas, v, t):
    """Paper standing a finger above the rim; in it the grounds, the bloom, the falling water line."""
    rim, rise = v.rim - 13, 40 * CONE_SIZE
    back, front_ = [], []
    for i in range(41):
        a = math.pi * i / 40
        ruffle = 5 * math.sin(a * 9)
        back.append((v.x - math.cos(a) * (rim + 16), v.top - rise - math.sin(a) * (rim + 16) * K + ruffle))
        front_.append((v.x + math.cos(a) * (rim + 16), v.top - rise + math.sin(a) * (rim + 16) * K + ruffle))
    inside = polygon(back + front_)
    canvas.drawPath(inside, fill(shader=linear(v.x - rim, 0, v.x + rim, 0, [rgb("#c9bda6"), rgb("#e8dfcc"), rgb("#f6f0e2")])))
    wet_top = v.top + 6
    amount = grounds(t)
    with kept(canvas, inside):
        canvas.drawPaint(fill(shader=linear(0, v.top - rise - 60, 0, v.top + 40, [rgb("#8a7a60", 0.0), rgb("#6a5840", 0.5)])))
        wet = ease(t, 3.0, 6.0)
        canvas.drawPath(ellipse(v.x, wet_top - 24, rim + 8, (rim + 8) * K), fill(rgb("#a8835a", 0.45 * wet), blur=9))
        if amount > 0.01:
            y = wet_top + lerp(58, 6, amount) - water(t) * 22
            r = rim * lerp(0.62, 0.95, amount)
            bed = ellipse(v.x, y, r, r * K)
            crust = mix("#3a2014", "#8a5a34", swell(t, 3.0, 3.9, 11.6, 12.6))
            canvas.drawPath(
                bed, fill(shader=radial(v.x - r * 0.2, y, r * 1.2, [rgb(lighter(crust, 0.16)), rgb(crust), rgb(darker(crust, 0.4))], [0, 0.6, 1], K))
            )
            with kept(canvas, bed):
                foam(canvas, v.x, y, r, t)
    canvas.drawPath(
        polygon(
            front_
            + [
                (v.x - rim, v.top + 2),
                (v.x - rim * 0.5, v.top + rim * K * 0.86),
                (v.x, v.top + rim * K),
                (v.x + rim * 0.5, v.top + rim * K * 0.86),
                (v.x + rim, v.top + 2),
            ]
        ),
        fill(shader=linear(v.x - rim, 0, v.x + rim, 0, [rgb("#fdf9ef"), rgb("#f1e8d6"), rgb("#cfc0a4")], [0, 0.4, 1])),
    )
    stain = 0.5 * ease(t, 4.0, 9.0)
    with kept(canvas, polygon(front_ + [(v.x - rim, v.top + 2), (v.x, v.top + rim * K), (v.x + rim, v.top + 2)])):
        canvas.drawPaint(fill(shader=linear(0, v.top - rise + 20, 0, v.top + rim * K, [rgb("#a8835a", 0), rgb("#8a6238", stain)])))
    canvas.drawPath(curve(front_[::4]), line(rgb("#ffffff", 0.8), 4, blur=1))
    v.ring(canvas, v.top, line(rgb("#fffaf0", 0.9), 9), 4, 172, -4)
    v.ring(canvas, v.top + 5, line(rgb("#b9a888", 0.6), 3, blur=1), 4, 172, -2)


def grounds(t):
    return ease(t, 0.5, 2.2)


def water(t):
    """How high the water stands over the grounds."""
    level = 0.0
    for start, end in POURS:
        level += swell(t, start, end, end, end + 1.5)
    return clamp(level)


def foam(canvas, x, y, r, t):
    """Bubbles of the bloom, and a pale ring where the water turned."""
    rng = np.random.default_rng(71)
    strength = clamp(sum(swell(t, s, s + 0.5, e + 0.4, e + 1.8) for s, e in POURS))
    for _ in range(120):
        a, d, size, phase = rng.uniform(0, TAU), math.sqrt(rng.random()), rng.uniform(3, 10), rng.uniform(0, TAU)
        turn = a + t * 0.5 * (1 - d)
        grow = strength * (0.5 + 0.5 * math.sin(t * 2.2 + phase))
        if grow > 0.05:
            canvas.drawOval(
                oval(x + math.cos(turn) * d * r * 0.92, y + math.sin(turn) * d * r * 0.92 * K, size * grow, size * grow * 0.5),
                fill(rgb("#d9a870", 0.55 * grow)),
            )
    speck = np.random.default_rng(72)
    for _ in range(150):
        a, d = speck.uniform(0, TAU), math.sqrt(speck.random())
        canvas.drawOval(oval(x + math.cos(a) * d * r, y + math.sin(a) * d * r * K, 3.4, 1.8), fill(rgb("#1d0f08" if speck.random() > 0.4 else "#7a4e2c", 0.6)))


def kettle(canvas, t):
    """First the grounds fall from a scoop; then the swan neck draws circles."""
    falling(canvas, t)
    show = swell(t, 2.3, 2.85, 11.15, 11.9)
    if show < 0.01:
        return
    turn = t * 3.1
    x = X + 52 * math.cos(turn) * ease(t, 3.2, 4.0)
    y = 420 + 9 * math.sin(turn)
    x, y = x + (1 - show) * 520, y - (1 - show) * 260
    v = Vessel(X, CONE_AT, CONE, CONE_SIZE, K)
    for start, end in POURS:
        flow = swell(t, start - 0.1, start + 0.1, end - 0.1, end + 0.12)
        if flow > 0.01:
            target = v.top - 6 + 14 * math.sin(turn)
            top = lerp(y, target, ease(t, end - 0.08, end + 0.12))
            bottom = lerp(y, target, ease(t, start - 0.1, start + 0.1))
            stream(canvas, x, top, bottom, 15, "#d9e4e0", t, "#ffffff")
    with kept(canvas):
        canvas.translate(x, y)
        canvas.rotate(lerp(22, 0, show))
        neck = curve([(0, 0), (4, -48), (46, -86), (116, -84), (190, -44), (290, -4), (440, -20), (700, -150)])
        canvas.drawPath(neck, line(rgb("#7a4a28"), 46))
        canvas.drawPath(neck, line(None, 42, linear(0, -130, 60, 20, [rgb("#f6c894"), rgb("#c8814a"), rgb("#7a4524")])))
        gleam = curve([(-8, -8), (-2, -56), (44, -98), (118, -96), (196, -56), (294, -16), (440, -32)])
        canvas.drawPath(gleam, line(rgb("#fff4e4", 0.7), 6, blur=2.2))
        canvas.drawPath(ellipse(0, 0, 21, 8), fill(rgb("#3a2010")))


def falling(canvas, t):
    """Ground coffee from a wooden scoop."""
    show = swell(t, -0.6, 0.35, 1.95, 2.6)
    if show > 0.01:
        with kept(canvas):
            canvas.translate(X + 40 + (1 - show) * 420, 420 - (1 - show) * 240)
            canvas.rotate(lerp(10, -32, ease(t, 0.2, 0.9)))
            canvas.drawPath(
                curve([(60, -22), (250, -44), (520, -40), (520, 4), (250, 4), (60, 18)], True),
                fill(shader=linear(0, -40, 0, 20, [rgb("#e3b982"), rgb("#b37f4a"), rgb("#6f4826")])),
            )
            bowl = curve([(-96, -40), (-20, -62), (84, -40), (92, 6), (40, 58), (-30, 60), (-92, 18)], True)
            canvas.drawPath(bowl, fill(shader=linear(0, -60, 0, 60, [rgb("#e3b982"), rgb("#b9854e"), rgb("#6f4826")])))
            canvas.drawPath(ellipse(-6, -34, 88, 24), fill(shader=linear(-90, 0, 80, 0, [rgb("#4a2a18"), rgb("#2c180e")])))
    rng = np.random.default_rng(81)
    v = Vessel(X, CONE_AT, CONE, CONE_SIZE, K)
    for _ in range(420):
        born, dx, spread, size = rng.uniform(0.75, 2.0), rng.normal(0, 16), rng.normal(0, 34), rng.uniform(2, 5.5)
        age = t - born
        if 0 < age < 0.55:
            y = 446 + 120 * age + 1500 * age * age
            if y < v.top + 4:
                canvas.drawCircle(X - 26 + dx + spread * age * 1.6, y, size, fill(rgb("#4a2a18" if size > 3 else "#6f4428")))
