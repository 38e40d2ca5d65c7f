"""Second clip: two pulls of ink make a picture, then it dries in the sun.

0.0 paper · 1.3 coral screen · 5.6 blue screen · 9.0 the finished print · 10.9 the drying line; the camera walks to towel and zine at 15.6.
"""

import functools
import math

import numpy as np
import skia

from .clip_mug import SKIN, over
from .paint import (
    MULTIPLY,
    OVERLAY,
    SCREEN,
    SOFT,
    Clay,
    H,
    Vessel,
    W,
    box,
    clamp,
    curve,
    darker,
    ease,
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
    noise,
    paper,
    part,
    picture,
    polygon,
    radial,
    rgb,
    settle,
    shade,
    soft,
    swell,
    tone,
    vignette,
    wobble,
)
from .things import (
    CORAL,
    INK,
    PRINT_H,
    PRINT_W,
    TIDE,
    blue_plate,
    coral_plate,
    emblem,
    hung,
    sheet,
    towel_hanging,
    zine_cover,
)

SECONDS = 21
POSTER = 13.2
BLUE = "#2b4d78"
PX, PY, PW, PH = 222, 420, 636, 900
LINE_AT = 10.7


def frame(canvas, t):
    if t < LINE_AT + 0.35:
        bench_scene(canvas, t)
    if t > LINE_AT - 0.35:
        over(canvas, ease(t, LINE_AT - 0.35, LINE_AT + 0.35), lambda c: drying(c, t))
    lay(canvas, grain(), alpha=0.16, blend=OVERLAY)


@functools.cache
def grain():
    return paper(seed=17)


# -- the bench -----------------------------------------------------------------------------------------------------------------------


@functools.cache
def bench():
    """The printing bench from above: oiled slate, a pale board under the paper, tools along the edge."""

    def draw(c):
        c.drawPaint(fill(shader=radial(260, 380, 1750, [rgb("#4c626b"), rgb("#374a54"), rgb("#222f38")], [0, 0.5, 1])))
        c.drawImage(tone((noise(W, H, (30, 300), 61, 4) - 0.4).clip(0, 1), "#16222a", 0.45), 0, 0)
        c.drawImage(tone((noise(W, H, 5, 62, 2) - 0.55).clip(0, 1) * 2, "#8fa3a8", 0.16), 0, 0)
        rng = np.random.default_rng(6)
        for _ in range(70):
            x, y, r = rng.uniform(0, W), rng.uniform(0, H), rng.gamma(1.3, 3.2)
            c.drawCircle(x, y, r, fill(rgb(rng.choice([CORAL, BLUE, "#e8dcc4", "#d9a441"]), rng.uniform(0.10, 0.34)), blur=0.7))
        c.drawPath(box(118, 330, 844, 1110, 14), fill(rgb("#0c1216", 0.6), blur=26))
        c.drawPath(box(110, 318, 844, 1110, 14), fill(shader=linear(110, 318, 954, 1428, [rgb("#efdcbd"), rgb("#dfc59d"), rgb("#c6a678")])))
        with kept(c, box(110, 318, 844, 1110, 14)):
            c.drawImage(tone((noise(844, 1110, (6, 420), 63, 3) - 0.45).clip(0, 1) * 2, "#a47c4c", 0.25), 110, 318)
        for x, y, dx, dy in ((PX - 10, PY - 10, 1, 1), (PX + PW + 10, PY - 10, -1, 1)):
            c.drawLine(x, y, x + dx * 54, y, line(rgb(INK, 0.55), 5))
            c.drawLine(x, y, x, y + dy * 54, line(rgb(INK, 0.55), 5))

        def pot(x, y, r, color):
            c.drawCircle(x + 20, y + 24, r, fill(rgb("#070b0e", 0.6), blur=20))
            c.drawCircle(x, y, r, fill(shader=linear(x - r, y - r, x + r, y + r, [rgb("#f6efe4"), rgb("#cfc4b4"), rgb("#8f867a")])))
            c.drawCircle(x, y, r * 0.86, fill(rgb(darker(color, 0.5))))
            c.drawCircle(
                x + 2,
                y + 4,
                r * 0.83,
                fill(shader=radial(x - r * 0.3, y - r * 0.3, r * 1.4, [rgb(lighter(color, 0.3)), rgb(color), rgb(darker(color, 0.3))], [0, 0.4, 1])),
            )
            swirl = curve(
                [(x - r * 0.5, y + r * 0.1), (x - r * 0.1, y - r * 0.35), (x + r * 0.4, y - r * 0.1), (x + r * 0.2, y + r * 0.35), (x - r * 0.15, y + r * 0.25)]
            )
            c.drawPath(swirl, line(rgb(lighter(color, 0.55), 0.6), r * 0.07, blur=2))
            c.drawPath(swirl, line(rgb(darker(color, 0.5), 0.25), r * 0.12, blur=4))

        pot(196, 160, 108, CORAL)
        pot(446, 118, 92, BLUE)
        with kept(c):
            c.translate(760, 156)
            c.rotate(-14)
            c.drawPath(box(-190, -14, 330, 40, 12), fill(rgb("#070b0e", 0.6), blur=14))
            c.drawPath(box(-200, -24, 190, 40, 18), fill(shader=linear(0, -24, 0, 16, [rgb("#e0b98a"), rgb("#b3804e"), rgb("#7c5230")])))
            knife = polygon([(-10, -20), (110, -30), (150, -26), (150, 22), (110, 24), (-10, 12)])
            c.drawPath(knife, fill(shader=linear(0, -30, 0, 24, [rgb("#f4f1ea"), rgb("#bab7b0"), rgb("#85827c")])))
            c.drawPath(polygon([(96, -29), (150, -26), (150, 22), (96, 22)]), fill(rgb(CORAL, 0.9)))

    return picture(draw)


@functools.cache
def panes():
    """Afternoon across the bench."""

    def draw(c):
        def shape(s):
            for i in range(2):
                for j in range(3):
                    x, y = -80 + i * 420 + j * 60, 120 + j * 560 - i * 120
                    s.drawPath(polygon([(x, y), (x + 380, y - 110), (x + 436, y + 390), (x + 56, y + 500)]), fill(rgb("#fff0cc")))

        soft(c, 9, shape, scale=0.2)

    return picture(draw)


def bench_scene(canvas, t):
    lay(canvas, bench())
    paper_on_bench(canvas, t)
    pulls(canvas, t)
    lay(canvas, panes(), alpha=0.34, blend=SOFT)
    lay(canvas, panes(), alpha=0.10, blend=SCREEN)
    branch(canvas, t)
    vignette(canvas, "#0c1418", 0.5)


def branch(canvas, t):
    def draw(s):
        rng = np.random.default_rng(77)
        for i in range(13):
            x, y, a, size = rng.uniform(-60, 420), rng.uniform(-40, 900), rng.uniform(-0.2, 1.5), rng.uniform(150, 250)
            with kept(s):
                s.translate(x, y)
                s.rotate(math.degrees(a) + 4.5 * wobble(t * 0.8, i * 1.9))
                s.drawPath(leaf(size, size * 0.34, 12), fill(rgb("#1a262c")))

    soft(canvas, 9, draw, alpha=0.30, blend=MULTIPLY, scale=0.16, area=(-80, -60, 760, 1300))


def paper_on_bench(canvas, t):
    """Slides in, is printed twice, then is picked up towards us."""
    come, go = settle(t, 0.1, 1.15), ease(t, 9.75, 10.95)
    coral, blue = t > 3.4, t > 7.6
    image = sheet(coral and t > 2.2, blue)
    x = lerp(-900, 0, come)
    turn = lerp(-9, 0, come) + go * -7
    size = 1 + 0.32 * go
    lift = (1 - come) * 0.6 + go * 3.4
    with kept(canvas):
        canvas.translate(PX + PW / 2 + x, PY + PH / 2 - go * 260)
        canvas.rotate(turn)
        canvas.scale(size, size)
        canvas.drawPath(box(-PW / 2 + 6 + 26 * lift, -PH / 2 + 8 + 34 * lift, PW, PH, 2), fill(rgb("#1d1008", 0.45), blur=7 + 16 * lift))
        sampling = skia.SamplingOptions(skia.FilterMode.kLinear, skia.MipmapMode.kLinear)
        canvas.drawImageRect(image, skia.Rect(-PW / 2, -PH / 2, PW / 2, PH / 2), sampling)
        for start, color in ((4.95, CORAL), (9.0, BLUE)):
            gone = part(t, start, start + 1.1)
            if 0 < gone < 1:
                with kept(canvas, box(-PW / 2, -PH / 2, PW, PH)):
                    at = lerp(-PH * 0.8, PH * 1.0, gone)
                    sheen = linear(0, at - 240, 60, at + 240, [rgb("#ffffff", 0), rgb("#ffffff", 0.42 * math.sin(math.pi * gone)), rgb("#ffffff", 0)])
                    canvas.drawRect(skia.Rect(-PW / 2, -PH / 2, PW / 2, PH / 2), fill(shader=sheen, blend=SCREEN))


@functools.cache
def stencil(first, inked):
    """The mesh seen from above: emulsion, the open picture, and the ink pulled into it."""
    plate = coral_plate() if first else blue_plate()
    color = CORAL if first else BLUE

    def draw(c):
        c.drawPaint(fill(rgb("#7fa08a" if first else "#b79a58", 0.80)))
        c.drawImage(tone((noise(PRINT_W, PRINT_H, 70, 41, 3) - 0.3).clip(0, 1), "#20382c" if first else "#4a3a14", 0.25), 0, 0)
        c.drawImage(plate, 0, 0, skia.SamplingOptions(), skia.Paint(BlendMode=skia.BlendMode.kDstOut))
        open_ = skia.Paint(
            ColorFilter=skia.ColorFilters.Blend(rgb(darker(color, 0.12) if inked else "#f4ecda", 0.94 if inked else 0.55), skia.BlendMode.kSrcIn)
        )
        c.drawImage(plate, 0, 0, skia.SamplingOptions(), open_)
        if inked:
            c.drawPaint(fill(rgb(color, 0.16)))
        thread = line(rgb("#fffaf0", 0.07), 1)
        for i in range(0, PRINT_W, 7):
            c.drawLine(i, 0, i, PRINT_H, thread)
        for j in range(0, PRINT_H, 7):
            c.drawLine(0, j, PRINT_W, j, thread)

    return picture(draw, PRINT_W, PRINT_H)


FX, FY, FW, FH, BAR = 96, 300, 888, 1160, 66


@functools.cache
def timber():
    def draw(c):
        for x, y, w, h, flat in ((0, 0, FW, BAR, True), (0, FH - BAR, FW, BAR, True), (0, 0, BAR, FH, False), (FW - BAR, 0, BAR, FH, False)):
            shape = polygon(
                [(x, y), (x + w, y), (x + w - BAR, y + h), (x + BAR, y + h)]
                if flat and y == 0
                else [(x + BAR, y), (x + w - BAR, y), (x + w, y + h), (x, y + h)]
                if flat
                else [(x, y), (x + w, y + BAR), (x + w, y + h - BAR), (x, y + h)]
                if x == 0
                else [(x, y + BAR), (x + w, y), (x + w, y + h), (x, y + h - BAR)]
            )
            shader = (
                linear(0, y, 0, y + h, [rgb("#ecc999"), rgb("#d3a772"), rgb("#a97c4c")], [0, 0.3, 1])
                if flat
                else linear(x, 0, x + w, 0, [rgb("#ecc999"), rgb("#d3a772"), rgb("#a97c4c")], [0, 0.3, 1])
            )
            c.drawPath(shape, fill(shader=shader))
            with kept(c, shape):
                cell = (300, 6) if flat else (6, 300)
                c.drawImage(tone((noise(int(w), int(h), cell, 91 + x + y, 3) - 0.45).clip(0, 1) * 2, "#7c5230", 0.35), x, y)
            c.drawPath(shape, line(rgb("#6f4828", 0.5), 2))
        for x, y in ((24, 24), (FW - 24, 24), (24, FH - 24), (FW - 24, FH - 24)):
            c.drawCircle(x, y, 8, fill(rgb("#8d8a86")))
            c.drawCircle(x - 2, y - 2, 3, fill(rgb("#f4f1ea")))

    return picture(draw, FW, FH)


def screen(canvas, t, first, angle, pulled):
    """The hinged frame. `angle` 0 lies on the paper, 1 stands up; `pulled` is how far the ink has come."""
    rad = angle * 1.30
    bottom, grow = FH * math.cos(rad), 0.34 * math.sin(rad)
    src = [skia.Point(0, 0), skia.Point(FW, 0), skia.Point(FW, FH), skia.Point(0, FH)]
    lean = FW * grow / 2
    dst = [skia.Point(FX, FY), skia.Point(FX + FW, FY), skia.Point(FX + FW + lean, FY + bottom), skia.Point(FX - lean, FY + bottom)]
    matrix = skia.Matrix()
    matrix.setPolyToPoly(src, dst)
    height = math.sin(rad)
    with kept(canvas):
        canvas.translate(14 + 120 * height, 20 + 200 * height)
        canvas.concat(matrix)
        ring = skia.Op(box(0, 0, FW, FH), box(BAR, BAR, FW - 2 * BAR, FH - 2 * BAR), skia.PathOp.kDifference_PathOp)
        canvas.drawPath(ring, fill(rgb("#0c0a08", 0.5 * (1 - 0.45 * height)), blur=12 + 26 * height))
        canvas.drawPath(box(BAR, BAR, FW - 2 * BAR, FH - 2 * BAR), fill(rgb("#0c0a08", 0.16), blur=12))
    with kept(canvas):
        canvas.concat(matrix)
        mesh = skia.Rect(PX - FX, PY - FY, PX - FX + PW, PY - FY + PH)
        emulsion = "#7fa08a" if first else "#b79a58"
        inner = box(BAR, BAR, FW - 2 * BAR, FH - 2 * BAR)
        with kept(canvas, skia.Op(inner, box(mesh.left(), mesh.top(), PW, PH), skia.PathOp.kDifference_PathOp)):
            canvas.drawPaint(fill(rgb(emulsion, 0.80)))
        sampling = skia.SamplingOptions(skia.FilterMode.kLinear, skia.MipmapMode.kLinear)
        canvas.drawImageRect(stencil(first, False), mesh, sampling)
        if pulled > 0:
            with kept(canvas, box(BAR, BAR, FW - 2 * BAR, pulled - FY - BAR)):
                canvas.drawImageRect(stencil(first, True), mesh, sampling)
                for x in (mesh.left() - 16, mesh.right() + 10):
                    canvas.drawRect(skia.Rect(x, BAR + 40, x + 7, FH), fill(rgb(CORAL if first else BLUE, 0.75), blur=2))
        with kept(canvas, inner):
            glare = linear(BAR, BAR, FW, FH, [rgb("#ffffff", 0.20), rgb("#ffffff", 0.02), rgb("#ffffff", 0.10), rgb("#ffffff", 0.0)], [0, 0.3, 0.42, 0.6])
            canvas.drawPaint(fill(shader=glare))
            canvas.drawRect(skia.Rect(BAR, BAR, FW - BAR, BAR + 16), fill(rgb("#0c0a08", 0.4), blur=9))
            canvas.drawRect(skia.Rect(BAR, BAR, BAR + 14, FH - BAR), fill(rgb("#0c0a08", 0.34), blur=9))
        canvas.drawImage(timber(), 0, 0)
        canvas.drawPath(box(FW / 2 - 150, 14, 300, 40, 6), fill(rgb("#f4ecda", 0.95)))
        emblem(canvas, FW / 2 - 112, 36, 26, CORAL if first else BLUE)
        for i, w in enumerate((120, 84)):
            canvas.drawRect(skia.Rect(FW / 2 - 70, 26 + i * 14, FW / 2 - 70 + w, 30 + i * 14), fill(rgb(INK, 0.55)))


def pulls(canvas, t):
    for first, start in ((True, 1.3), (False, 5.6)):
        u = t - start
        if not 0 < u < 4.1:
            continue
        down, up = ease(u, 0.0, 0.75), ease(u, 3.2, 3.95)
        y = lerp(PY - 34, PY + PH + 46, ease(u, 1.15, 2.75))
        pulled = y if u > 1.1 else 0
        shown = 1.0 if up < 0.98 and (down > 0.02) else 0.0
        if shown:
            screen(canvas, t, first, (1 - down) + up, pulled)
        ink = swell(u, 0.55, 0.9, 2.55, 2.85)
        if ink > 0.01 and up < 0.02:
            bead(canvas, t, y + 34, CORAL if first else BLUE, ink, part(u, 1.15, 2.75))
        squeegee(canvas, u, y)


def bead(canvas, t, y, color, amount, gone):
    """The roll of ink in front of the blade."""
    thick = lerp(40, 15, gone) * amount
    top, low = [], []
    for i in range(33):
        v = i / 32
        x = lerp(PX + 10, PX + PW - 10, v)
        edge = math.sin(math.pi * v) ** 0.35
        bulge = thick * edge * (1 + 0.22 * math.sin(v * 21 + t * 5) + 0.14 * math.sin(v * 43 - t * 7))
        top.append((x, y - thick * 0.35))
        low.append((x, y + bulge))
    shape = polygon(top + low[::-1])
    with kept(canvas):
        canvas.translate(6, 9)
        canvas.drawPath(shape, fill(rgb("#0c0a08", 0.45), blur=8))
    canvas.drawPath(
        shape,
        fill(
            shader=linear(
                0,
                y - thick * 0.4,
                0,
                y + thick * 1.2,
                [rgb(darker(color, 0.3)), rgb(color), rgb(lighter(color, 0.22)), rgb(darker(color, 0.35))],
                [0, 0.35, 0.62, 1],
            )
        ),
    )
    canvas.drawPath(curve([(x, y + (yy - y) * 0.45) for x, yy in low[2:-2:3]]), line(rgb("#fff4ea", 0.6), max(1.5, thick * 0.11), blur=1.6))


def squeegee(canvas, u, y):
    """Beech handle, rubber blade, and the two hands that pull it towards us."""
    come, go = settle(u, 0.55, 1.1), ease(u, 2.75, 3.3)
    y = y + (1 - come) * 1300 + go * 1100
    if come <= 0.0 or go >= 1:
        return
    with kept(canvas):
        canvas.translate(0, y)
        canvas.drawPath(box(PX - 24 + 16, -60 + 26, PW + 48, 118, 20), fill(rgb("#0c0a08", 0.5), blur=18))
        canvas.drawPath(box(PX - 14, 18, PW + 28, 30, 4), fill(shader=linear(0, 18, 0, 48, [rgb("#3f6a5c"), rgb("#6f9a86"), rgb("#2a4a40")])))
        for side in (-1, 1):
            with kept(canvas):
                canvas.translate(W / 2 + side * 176, 0)
                canvas.scale(side, 1)
                forearm(canvas, side)
        canvas.drawPath(
            box(PX - 24, -60, PW + 48, 84, 24),
            fill(shader=linear(0, -60, 0, 24, [rgb("#f2d3a6"), rgb("#d9ae78"), rgb("#b0814f"), rgb("#7c5230")], [0, 0.3, 0.75, 1])),
        )
        with kept(canvas, box(PX - 24, -60, PW + 48, 84, 24)):
            canvas.drawImage(tone((noise(PW + 48, 84, (220, 6), 95, 3) - 0.45).clip(0, 1) * 2, "#7c5230", 0.4), PX - 24, -60)
            canvas.drawRect(skia.Rect(PX, -50, PX + PW, -43), fill(rgb("#fff4e0", 0.55), blur=3))
        for side in (-1, 1):
            with kept(canvas):
                canvas.translate(W / 2 + side * 176, 0)
                canvas.scale(side, 1)
                grip(canvas, side)


def forearm(canvas, side):
    low = darker(SKIN, 0.42)
    arm = curve([(-66, 40), (-58, 200), (-40, 420), (10, 760), (260, 760), (150, 420), (96, 200), (78, 40)], True)
    with kept(canvas):
        canvas.translate(24 * side, 26)
        canvas.drawPath(arm, fill(rgb("#0c0a08", 0.4), blur=22))
    tones = [rgb(lighter(SKIN, 0.3)), rgb(SKIN), rgb(low)]
    canvas.drawPath(arm, fill(shader=linear(-60, 0, 110, 40, tones if side > 0 else tones[::-1])))
    sleeve = curve([(-66, 300), (-72, 420), (-60, 620), (-20, 1900), (560, 1900), (260, 620), (176, 420), (136, 290), (34, 318)], True)
    cloth = Clay("#d9a441", 0.45, 0.5)
    tones = [rgb(cloth.lit), rgb(cloth.base), rgb(cloth.deep)]
    canvas.drawPath(sleeve, fill(rgb("#2a1608", 0.45), blur=14))
    canvas.drawPath(sleeve, fill(shader=linear(-70, 300, 260, 380, tones if side > 0 else tones[::-1])))
    cuff = curve([(-70, 306), (30, 336), (140, 296)])
    canvas.drawPath(cuff, line(rgb(cloth.deep, 0.6), 50, blur=5))
    canvas.drawPath(cuff, line(None, 42, linear(-70, 0, 140, 0, [rgb(cloth.lit), rgb(cloth.half), rgb(cloth.base)])))
    for x0, x1 in ((20, 60), (90, 170)):
        canvas.drawLine(x0, 400, x1, 900, line(rgb(cloth.deep, 0.35), 12, blur=8))


def grip(canvas, side):
    """Back of the hand below the handle, fingers over it."""
    low = darker(SKIN, 0.42)
    back = curve([(-74, 16), (-80, 62), (-66, 118), (0, 140), (66, 118), (86, 60), (80, 14), (0, 4)], True)
    canvas.drawPath(back, fill(rgb("#2a1208", 0.4), blur=9))
    tones = [rgb(lighter(SKIN, 0.34)), rgb(SKIN), rgb(low)]
    canvas.drawPath(back, fill(shader=radial(-30 * side, 24, 170, tones, [0, 0.5, 1])))
    for i, (x, length) in enumerate(((-60, 74), (-20, 84), (21, 82), (59, 66))):
        top = 22 - length
        with kept(canvas):
            canvas.translate(6 * side, 7)
            canvas.drawPath(box(x - 19, top, 38, length + 12, 19), fill(rgb("#2a1208", 0.45), blur=6))
        canvas.drawPath(box(x - 19.5, top, 39, length + 16, 19), fill(rgb(low)))
        canvas.drawPath(box(x - 18, top + 1, 36, length + 14, 18), fill(shader=linear(x - 20 * side, 0, x + 22 * side, 0, tones)))
        canvas.drawCircle(x, 16, 15, fill(rgb(lighter(SKIN, 0.45), 0.4), blur=7))
        canvas.drawPath(curve([(x - 8, -10), (x, -7), (x + 8, -10)]), line(rgb(low, 0.4), 2.5, blur=1))
        canvas.drawPath(box(x - 9, top + 5, 18, 18, 8), fill(rgb(lighter(SKIN, 0.55), 0.6)))
    thumb = curve([(-60, 96), (-98, 66), (-100, 22)])
    canvas.drawPath(thumb, line(rgb(low), 40))
    canvas.drawPath(thumb, line(rgb(mix(SKIN, lighter(SKIN, 0.2), 0.5)), 36))


# -- the drying line -----------------------------------------------------------------------------------------------------------------

WIDE = 2000


@functools.cache
def yard_wall():
    def draw(c):
        c.drawPaint(fill(shader=linear(0, 0, WIDE, 700, [rgb("#f7ecd8"), rgb("#f0dcc0"), rgb("#e0c3a0")])))
        c.drawImage(tone(noise(WIDE, H, (420, 260), 101, 4), "#c59a72", 0.24), 0, 0)
        c.drawImage(tone(noise(WIDE, H, (60, 26), 102, 3) ** 2, "#fffaf0", 0.25), 0, 0)
        c.drawRect(skia.Rect(0, 1640, WIDE, H), fill(shader=linear(0, 1640, 0, H, [rgb("#c08a5c"), rgb("#8f6440"), rgb("#6a4629")], [0, 0.35, 1])))
        c.drawImage(tone((noise(WIDE, 280, (520, 7), 103, 4) - 0.42).clip(0, 1) * 2, "#4a2c16", 0.35), 0, 1640)
        c.drawRect(skia.Rect(0, 1560, WIDE, 1640), fill(shader=linear(0, 1560, 0, 1640, [rgb("#8a5a38", 0), rgb("#8a5a38", 0.4)])))
        c.drawRect(skia.Rect(0, 1638, WIDE, 1644), fill(rgb("#f2cfa2", 0.8), blur=2))

    return picture(draw, WIDE, H)


def sun_on_wall(canvas, t, x0):
    def draw(s):
        for i in range(5):
            x = 120 + i * 380
            s.drawPath(polygon([(x, 60), (x + 310, -60), (x + 530, 1400), (x + 220, 1540)]), fill(rgb("#fff0c8")))
        rng = np.random.default_rng(55)
        for i in range(26):
            x, y, a, size = rng.uniform(0, 1900), rng.uniform(-40, 900), rng.uniform(0.2, 1.9), rng.uniform(150, 260)
            with kept(s):
                s.translate(x, y)
                s.rotate(math.degrees(a) + 6 * wobble(t * 0.8, i * 1.7))
                paint = fill(rgb("#000000"))
                paint.setBlendMode(skia.BlendMode.kDstOut)
                paint.setAlphaf(0.85)
                s.drawPath(leaf(size, size * 0.34, 12), paint)

    area = (x0 - 40, 0, W + 80, H)
    light_patch(canvas, 8, draw, 0.9, 0.20, area, 0.2)


def peg(canvas, x, y, turn=0.0):
    with kept(canvas):
        canvas.translate(x, y)
        canvas.rotate(turn)
        canvas.drawPath(box(-13 + 6, -34 + 8, 28, 92, 6), fill(rgb("#3a2015", 0.4), blur=7))
        for dx in (-13, 2):
            canvas.drawPath(box(dx, -34, 12, 92, 4), fill(shader=linear(dx, 0, dx + 12, 0, [rgb("#f0d3a4"), rgb("#c99b64"), rgb("#9a6f42")])))
        canvas.drawRect(skia.Rect(-14, 2, 15, 12), fill(shader=linear(-14, 0, 15, 0, [rgb("#f4f1ea"), rgb("#8d8a86"), rgb("#d6d2ca")])))


def rope_y(x):
    return 356 + 46 * math.sin(math.pi * clamp((x + 200) / 2300)) + 6 * math.sin(x * 0.004)


def drying(canvas, t):
    u = t - LINE_AT
    walk = ease(t, 15.0, 16.9)
    x0 = lerp(16, 815, walk) + 10 * wobble(t * 0.4)
    push = lerp(1.06, 1.0, settle(t, LINE_AT - 0.4, LINE_AT + 2.6)) + 0.02 * ease(t, 16.5, 21)
    with kept(canvas):
        canvas.translate(W / 2, 900)
        canvas.scale(push, push)
        canvas.translate(-W / 2 - x0, -900)
        lay(canvas, yard_wall())
        sun_on_wall(canvas, t, x0)
        rope = curve([(x, rope_y(x)) for x in range(-200, 2200, 120)])
        with kept(canvas):
            canvas.translate(26, 54)
            canvas.drawPath(rope, line(rgb("#6a3f24", 0.34), 7, blur=6))
        breeze = math.sin(t * 0.95) * 0.6 + math.sin(t * 1.7 + 1) * 0.3
        settle_in = math.exp(-u * 0.9) * math.sin(u * 4.2) * 1.0 if u > 0 else 0
        if x0 < 700:
            hung(canvas, sheet(True, False), -66, rope_y(-66) + 16, 400, 566, 0.05 * breeze, 12 + 6 * breeze, 0.3, 0.8)
            peg(canvas, 84, rope_y(84), 3)
            hung(
                canvas,
                sheet(),
                540,
                rope_y(540) + 18,
                640,
                905,
                0.10 * settle_in + 0.035 * breeze,
                13 + 9 * breeze + 16 * settle_in,
                0.5 + 0.5 * math.sin(t * 0.8),
                1.0,
            )
            peg(canvas, 290, rope_y(290), -2)
            peg(canvas, 790, rope_y(790), 2)
        towel_hanging(canvas, 1250, rope_y(1250) + 8, 560, 776, t, 1.0)
        peg(canvas, 1250 - 186, rope_y(1064) + 4, -3)
        peg(canvas, 1250 + 186, rope_y(1436) + 4, 3)
        if x0 > 200:
            hung(canvas, sheet(False, True), 1800, rope_y(1800) + 16, 440, 622, 0.04 * breeze, 12 + 6 * breeze, 0.3, 0.8)
            peg(canvas, 1640, rope_y(1640), 2)
        canvas.drawPath(rope, line(rgb("#8a6a48"), 7))
        canvas.drawPath(rope, line(rgb("#e8d2ac"), 4.4))
        lay(canvas, ledge_things())
    motes(canvas, t, 28, 30, (0, 100, W, 1400), "#fff6dc", 0.7)
    vignette(canvas, "#5a3418", 0.36)


@functools.cache
def ledge_things():
    """On the ledge below the line: zines, an ink tin, brushes."""

    def draw(c):
        with kept(c):
            c.translate(1460, 1652)
            for i, (dx, turn) in enumerate(((70, 7), (0, -4))):
                with kept(c):
                    c.translate(dx, 0)
                    c.rotate(turn)
                    c.drawPath(box(-104 + 26, -300 + 24, 224, 300, 4), fill(rgb("#3a2015", 0.4), blur=18))
                    c.drawPath(box(-112, -300, 232, 300, 3), fill(rgb("#e9dcc6")))
                    c.drawImageRect(zine_cover(), skia.Rect(-112, -300, 112, -1), skia.SamplingOptions(skia.FilterMode.kLinear, skia.MipmapMode.kLinear))
                    c.drawRect(
                        skia.Rect(-112, -300, 112, 0),
                        fill(shader=linear(-112, 0, 112, 0, [rgb("#2a1408", 0.3), rgb("#fff8e8", 0.14), rgb("#2a1408", 0.12)], [0, 0.12, 1])),
                    )
        tin = Vessel(1090, 1668, [(150, 74), (144, 76), (10, 76), (0, 72)], 1.0, 0.16)
        shade(c, 1130, 1672, 110, 14, "#2a1610", 0.5, 9)
        for x, lean, color in ((1066, -26, "#d8b88c"), (1092, 8, "#8a5a3a"), (1116, 34, "#c99b64")):
            c.drawLine(x, 1540, x + lean, 1330, line(rgb(color), 13))
            c.drawPath(
                curve([(x + lean - 9, 1334), (x + lean - 12, 1296), (x + lean, 1262), (x + lean + 12, 1296), (x + lean + 9, 1334)], True),
                fill(rgb("#4a3020" if lean != 8 else CORAL)),
            )
        tin.body(c, Clay("#e3d9c8", 0.5, 0.5))
        band = skia.Op(tin.below(1560), tin.below(1630), skia.PathOp.kDifference_PathOp)
        tin.body(c, Clay(CORAL, 0.3), part_of=band)
        tin.inside(c, Clay("#c9bda8"))
        for i, (x, color) in enumerate(((300, TIDE), (400, "#d9a441"))):
            shade(c, x + 24, 1674, 60, 10, "#2a1610", 0.5, 7)
            jar = Vessel(x, 1670 + i * 8, [(96, 46), (90, 48), (6, 48), (0, 44)], 1.0, 0.16)
            jar.body(c, Clay(color, 0.4))
            jar.inside(c, Clay(darker(color, 0.2)))

    return picture(draw, WIDE, H)
