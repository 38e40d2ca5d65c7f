"""The product pictures: one seat of plaster and light for all eight, so that the shop reads as one hand."""

import functools

import skia

from . import clip_candle as evening
from .paint import (
    OVERLAY,
    box,
    darker,
    fill,
    kept,
    lay,
    leaf,
    light_patch,
    lighter,
    linear,
    mix,
    noise,
    paper,
    picture,
    polygon,
    radial,
    rgb,
    shade,
    steam,
    tone,
)
from .things import bean, coffee_bag, dripper, hung, mug, planter, sheet, towel_hanging, zine

SIZE = 1000


@functools.cache
def grain():
    return paper(SIZE, SIZE, 37)


def seat(canvas, hue, floor=690, panes=True):
    """A plaster wall over a plaster floor, with the studio's window lying across them."""
    wall, lit, deep = hue, lighter(hue, 0.55), darker(hue, 0.22)
    canvas.drawPaint(fill(shader=radial(190, 160, 1250, [rgb(lit), rgb(wall), rgb(deep)], [0, 0.5, 1])))
    canvas.drawImage(tone(noise(SIZE, SIZE, (380, 240), 5, 4), deep, 0.16), 0, 0)
    if floor:
        canvas.drawRect(
            skia.Rect(0, floor, SIZE, SIZE),
            fill(shader=linear(0, floor, 0, SIZE, [rgb(lighter(hue, 0.62)), rgb(lighter(hue, 0.28)), rgb(mix(hue, deep, 0.4))], [0, 0.35, 1])),
        )
        canvas.drawRect(skia.Rect(0, floor - 60, SIZE, floor), fill(shader=linear(0, floor - 60, 0, floor, [rgb(deep, 0), rgb(deep, 0.34)])))
    if panes:

        def light(s):
            for i in range(2):
                for j in range(2):
                    x, y = 470 + i * 232, 60 + j * 272 - i * 58
                    s.drawPath(polygon([(x, y), (x + 212, y - 52), (x + 212, y + 198), (x, y + 250)]), fill(rgb("#fff3d4")))
            for x, y, turn, size in ((560, 70, 40, 200), (700, 190, 70, 180), (520, 330, 15, 210), (860, 60, 95, 170), (800, 420, 35, 190)):
                with kept(s):
                    s.translate(x, y)
                    s.rotate(turn)
                    paint = fill(rgb("#000000"))
                    paint.setBlendMode(skia.BlendMode.kDstOut)
                    paint.setAlphaf(0.8)
                    s.drawPath(leaf(size, size * 0.36, 8), paint)

        area = (0, 0, SIZE, floor or SIZE)
        light_patch(canvas, 6, light, 0.95, 0.36, area)


def product_mug(c):
    seat(c, "#ead9c2")
    mug(c, 700, 750, 1.12, "salt", coffee=None)
    mug(c, 262, 764, 1.12, "ember", side=-1)
    mug(c, 440, 886, 1.66, "tide", coffee=0.95)
    steam(c, 436, 484, 3.2, 1.2, 120, 380)


def product_dripper(c):
    seat(c, "#d9dccb")
    mug(c, 470, 876, 1.12, "tide", coffee=None)
    dripper(c, 470, 596, 1.52, shadow=False)


def product_coffee(c):
    seat(c, "#e9cdb2")
    coffee_bag(c, 500, 868, 1.86)
    beans(c)


def beans(c):
    for x, y, turn, size in ((226, 880, 20, 1.0), (286, 916, -30, 1.1), (778, 912, 50, 1.05), (836, 880, -10, 0.95), (190, 930, 70, 1.0), (742, 944, 10, 1.0)):
        bean(c, x, y, turn, size)


def product_print(c):
    seat(c, "#eadfce", floor=0)
    hung(c, sheet(), 500, 92, 574, 812, 0.0, 7, 0.6, 0.8)


def product_towel(c):
    seat(c, "#dfd3c8", floor=0)
    c.drawRect(skia.Rect(0, 108, SIZE, 122), fill(shader=linear(0, 108, 0, 122, [rgb("#e3bd8d"), rgb("#a97748")])))
    shade(c, 500, 150, 560, 6, "#4a2c1c", 0.28, 10)
    towel_hanging(c, 500, 116, 590, 790, 0.4, 1.0)
    for x in (304, 696):
        with kept(c):
            c.translate(x, 110)
            c.drawPath(box(-14, -32, 28, 96, 6), fill(shader=linear(-14, 0, 14, 0, [rgb("#f0d3a4"), rgb("#c99b64"), rgb("#9a6f42")])))
            c.drawRect(skia.Rect(-15, 6, 15, 17), fill(rgb("#b9b4aa")))


def product_candle(c):
    """The one picture taken in the evening: wall and table are lit by the flame alone."""
    c.drawPaint(fill(shader=radial(500, 400, 860, [rgb("#8a5a40"), rgb("#4b3538"), rgb("#232536"), rgb("#131722")], [0, 0.34, 0.68, 1])))
    c.drawImage(tone(noise(SIZE, SIZE, (380, 240), 5, 4), "#0c0e16", 0.3), 0, 0)
    c.drawRect(skia.Rect(0, 700, SIZE, SIZE), fill(shader=radial(500, 860, 760, [rgb("#8f5c3c"), rgb("#5c3a2a"), rgb("#1d1516")], [0, 0.4, 1], 0.6)))
    c.drawImage(tone((noise(SIZE, 300, (420, 6), 45, 4) - 0.42).clip(0, 1) * 2, "#1c0f0a", 0.4), 0, 700)
    scale = 1.95 / evening.SIZE
    with kept(c):
        c.translate(500, 876)
        c.scale(scale, scale)
        c.translate(-evening.X, -evening.FOOT)
        evening.alone(c, 12.62)


def product_planter(c):
    seat(c, "#dcd9c4")
    planter(c, 500, 876, 1.56, t=0.5)


def product_zine(c):
    seat(c, "#e6c9b4", floor=0)
    zine(c, 500, 500, 1.36, -0.13)


PRODUCTS = {
    "mug": product_mug,
    "dripper": product_dripper,
    "coffee": product_coffee,
    "print": product_print,
    "towel": product_towel,
    "candle": product_candle,
    "planter": product_planter,
    "zine": product_zine,
}


def paint(name):
    def draw(c):
        PRODUCTS[name](c)
        lay(c, grain(), alpha=0.15, blend=OVERLAY)

    return picture(draw, SIZE, SIZE)
