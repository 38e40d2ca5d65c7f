"""The brushes: colour, easing, noise, soft light, and turned vessels.

Everything the clips show is made from these few strokes, so that a mug in a clip and the same mug on its product page are one drawing.
Nothing here knows a clip or a product.
"""

import math

import numpy as np
import skia

W, H = 1080, 1920
TAU = math.tau


# -- time ----------------------------------------------------------------------------------------------------------------------------


def clamp(x, low=0.0, high=1.0):
    return low if x < low else high if x > high else x


def part(t, start, end):
    """How far `t` is between `start` and `end`, without easing."""
    return clamp((t - start) / (end - start))


def ease(t, start, end):
    """As `part`, but leaving and arriving softly (smootherstep)."""
    x = part(t, start, end)
    return x * x * x * (x * (x * 6 - 15) + 10)


def settle(t, start, end):
    """Fast away, soft arrival."""
    return 1 - (1 - part(t, start, end)) ** 3


def swell(t, start, top, fall, end):
    """Up, stay, down."""
    return ease(t, start, top) * (1 - ease(t, fall, end))


def lerp(a, b, x):
    return a + (b - a) * x


def wobble(t, seed=0.0):
    """A slow, never repeating sway in about -1..1."""
    return (math.sin(t * 1.13 + seed) + math.sin(t * 0.71 + seed * 2.3) * 0.7 + math.sin(t * 1.93 + seed * 0.7) * 0.35) / 2.05


# -- colour --------------------------------------------------------------------------------------------------------------------------


def rgb(code, alpha=1.0):
    """'#rrggbb' as the integer the canvas wants."""
    value = int(code[1:], 16)
    return (int(clamp(alpha) * 255 + 0.5) << 24) | value


def channels(code):
    value = int(code[1:], 16)
    return value >> 16, value >> 8 & 255, value & 255


def mix(a, b, x):
    """Between two colours, in light rather than in numbers, so that the middle does not go muddy."""
    x = clamp(x)
    pairs = zip(channels(a), channels(b))
    return "#%02x%02x%02x" % tuple(round(math.sqrt(lerp(p * p, q * q, x))) for p, q in pairs)


def lighter(code, x):
    return mix(code, "#fff6e6", x)


def darker(code, x):
    return mix(code, "#1d1210", x)


def linear(x0, y0, x1, y1, colors, stops=None):
    return skia.GradientShader.MakeLinear([skia.Point(x0, y0), skia.Point(x1, y1)], colors, stops)


def radial(x, y, r, colors, stops=None, squash=1.0):
    local = skia.Matrix()
    local.setScale(1, squash, x, y)
    return skia.GradientShader.MakeRadial(skia.Point(x, y), r, colors, stops, skia.TileMode.kClamp, 0, local)


def fill(color=None, shader=None, blur=0.0, blend=None, alpha=1.0):
    paint = skia.Paint(AntiAlias=True, Dither=True)
    if color is not None:
        paint.setColor(color)
    if shader is not None:
        paint.setShader(shader)
        paint.setAlphaf(alpha)
    if blur:
        paint.setMaskFilter(skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, blur))
    if blend is not None:
        paint.setBlendMode(blend)
    return paint


def line(color, width, shader=None, blur=0.0, blend=None, cap=skia.Paint.kRound_Cap):
    paint = fill(color, shader, blur, blend)
    paint.setStyle(skia.Paint.kStroke_Style)
    paint.setStrokeWidth(width)
    paint.setStrokeCap(cap)
    paint.setStrokeJoin(skia.Paint.kRound_Join)
    return paint


MULTIPLY = skia.BlendMode.kMultiply
SCREEN = skia.BlendMode.kScreen
OVERLAY = skia.BlendMode.kOverlay
SOFT = skia.BlendMode.kSoftLight
PLUS = skia.BlendMode.kPlus


# -- shapes --------------------------------------------------------------------------------------------------------------------------


def polygon(points, close=True):
    path = skia.Path()
    path.addPoly([skia.Point(float(x), float(y)) for x, y in points], close)
    return path


def curve(points, close=False, tension=0.5):
    """A smooth line through the points (Catmull-Rom as cubics)."""
    path = skia.Path()
    n = len(points)
    at = (lambda i: points[i % n]) if close else (lambda i: points[max(0, min(n - 1, i))])
    path.moveTo(*points[0])
    for i in range(n if close else n - 1):
        (x0, y0), (x1, y1), (x2, y2), (x3, y3) = at(i - 1), at(i), at(i + 1), at(i + 2)
        k = tension / 3 * 2
        path.cubicTo(x1 + (x2 - x0) * k / 2, y1 + (y2 - y0) * k / 2, x2 - (x3 - x1) * k / 2, y2 - (y3 - y1) * k / 2, x2, y2)
    if close:
        path.close()
    return path


def oval(x, y, rx, ry):
    return skia.Rect(x - rx, y - ry, x + rx, y + ry)


def ellipse(x, y, rx, ry):
    path = skia.Path()
    path.addOval(oval(x, y, rx, ry))
    return path


def box(x, y, w, h, radius=0.0):
    path = skia.Path()
    path.addRoundRect(skia.Rect(x, y, x + w, y + h), radius, radius)
    return path


class kept:
    """`with kept(canvas):` puts the canvas back as it was, including clips."""

    def __init__(self, canvas, clip=None, layer=None):
        self.canvas, self.clip, self.layer = canvas, clip, layer

    def __enter__(self):
        if self.layer is None:
            self.canvas.save()
        else:
            self.canvas.saveLayer(None, self.layer)
        if self.clip is not None:
            self.canvas.clipPath(self.clip, skia.ClipOp.kIntersect, True)
        return self.canvas

    def __exit__(self, *_):
        self.canvas.restore()


# -- soft things ---------------------------------------------------------------------------------------------------------------------


def picture(draw, width=W, height=H):
    """What `draw(canvas)` paints, kept as an image: for everything that does not move."""
    surface = skia.Surface(width, height)
    canvas = surface.getCanvas()
    canvas.clear(0)
    draw(canvas)
    return surface.makeImageSnapshot()


SMOOTH = skia.SamplingOptions(skia.CubicResampler.Mitchell())
QUICK = skia.SamplingOptions(skia.FilterMode.kLinear)


def soft(canvas, sigma, draw, alpha=1.0, blend=None, scale=0.25, area=(0, 0, W, H)):
    """Paint out of focus. Drawn small and enlarged, because nobody can see the missing pixels through the blur."""
    unsharp(canvas, blurred(sigma, draw, scale, area), area, alpha, blend)


def light_patch(canvas, sigma, draw, warm, bright, area, scale=0.25):
    """Sun on a surface: it both deepens the colour it falls on and lifts it."""
    image = blurred(sigma, draw, scale, area)
    unsharp(canvas, image, area, warm, SOFT)
    unsharp(canvas, image, area, bright, SCREEN)


def blurred(sigma, draw, scale, area):
    x, y, w, h = area
    surface = skia.Surface(max(1, int(w * scale)), max(1, int(h * scale)))
    small = surface.getCanvas()
    small.clear(0)
    small.scale(scale, scale)
    small.translate(-x, -y)
    small.saveLayer(None, skia.Paint(ImageFilter=skia.ImageFilters.Blur(sigma, sigma)))
    draw(small)
    small.restore()
    return surface.makeImageSnapshot()


def unsharp(canvas, image, area, alpha=1.0, blend=None):
    x, y, w, h = area
    paint = skia.Paint(AntiAlias=True, Dither=True)
    paint.setAlphaf(alpha)
    if blend is not None:
        paint.setBlendMode(blend)
    canvas.drawImageRect(image, skia.Rect(x, y, x + w, y + h), QUICK, paint)


def shade(canvas, x, y, rx, ry, color, alpha, blur):
    """A soft pool of shadow or of light."""
    canvas.drawOval(oval(x, y, rx, ry), fill(rgb(color, alpha), blur=blur))


def contact(canvas, x, y, r, k, color="#2a1610", strength=1.0, lean=0.35):
    """What a standing vessel does to its table: a tight dark line, a soft body of shadow, and one that leans away from the window."""
    shade(canvas, x + r * lean * 1.5, y + r * k * 0.35, r * 1.55, r * k * 1.15, color, 0.20 * strength, r * 0.20)
    shade(canvas, x + r * lean * 0.5, y + r * k * 0.2, r * 1.12, r * k * 1.1, color, 0.34 * strength, r * 0.085)
    shade(canvas, x, y + r * k * 0.1, r * 1.0, r * k * 1.02, color, 0.5 * strength, r * 0.025)


def glow(canvas, x, y, r, color, alpha, blend=SCREEN, squash=1.0):
    """Light in the air around something bright. Falls like light does, not like a gradient tool."""
    stops = [0.0, 0.12, 0.28, 0.5, 0.75, 1.0]
    falls = [1.0, 0.62, 0.32, 0.13, 0.035, 0.0]
    shader = radial(x, y, r, [rgb(color, alpha * f) for f in falls], stops, squash)
    canvas.drawRect(oval(x, y, r, r * squash), fill(shader=shader, blend=blend))


# -- texture -------------------------------------------------------------------------------------------------------------------------


def noise(width, height, cell, seed, octaves=3):
    """Value noise 0..1 as an array; smooth, tiled by nothing, the same on every machine."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width), np.float32)
    weight = 0.0
    for octave in range(octaves):
        step_x = max(1.0, (cell[0] if isinstance(cell, tuple) else cell) / 2**octave)
        step_y = max(1.0, (cell[1] if isinstance(cell, tuple) else cell) / 2**octave)
        rows, cols = int(height / step_y) + 3, int(width / step_x) + 3
        grid = rng.random((rows, cols), dtype=np.float32)
        ys, xs = np.arange(height, dtype=np.float32) / step_y, np.arange(width, dtype=np.float32) / step_x
        yi, xi = ys.astype(int), xs.astype(int)
        yf, xf = ys - yi, xs - xi
        yf, xf = (yf * yf * (3 - 2 * yf))[:, None], (xf * xf * (3 - 2 * xf))[None, :]
        top = grid[yi][:, xi] * (1 - xf) + grid[yi][:, xi + 1] * xf
        low = grid[yi + 1][:, xi] * (1 - xf) + grid[yi + 1][:, xi + 1] * xf
        total += (top * (1 - yf) + low * yf) * 0.5**octave
        weight += 0.5**octave
    return total / weight


def tone(values, color, alpha):
    """An array 0..1 as an image of one colour whose opacity is the array."""
    r, g, b = channels(color)
    a = np.clip(values * alpha, 0, 1)[..., None]
    pixels = np.concatenate([np.broadcast_to(np.array([r, g, b], np.float32), (*values.shape, 3)) * a, a * 255], axis=2)
    return skia.Image.fromarray(np.ascontiguousarray(pixels + 0.5).astype(np.uint8), skia.kRGBA_8888_ColorType, skia.kPremul_AlphaType)


def paper(width=W, height=H, seed=7, strength=1.0):
    """Tooth: a still, fine grain around middle grey, laid over a finished frame. Hides banding and costs the encoder nothing."""
    rng = np.random.default_rng(seed)
    fine = rng.normal(0, 1, (height, width)).astype(np.float32)
    fine = (fine + np.roll(fine, 1, 0) + np.roll(fine, 1, 1) + np.roll(np.roll(fine, 1, 0), 1, 1)) / 4
    wide = noise(width, height, 9, seed + 1, 2) - 0.5
    grey = np.clip(128 + (fine * 15 + wide * 20) * strength, 0, 255).astype(np.uint8)
    pixels = np.dstack([grey, grey, grey, np.full_like(grey, 255)])
    return skia.Image.fromarray(np.ascontiguousarray(pixels), skia.kRGBA_8888_ColorType, skia.kPremul_AlphaType)


def lay(canvas, image, x=0, y=0, alpha=1.0, blend=None):
    paint = skia.Paint()
    paint.setAlphaf(alpha)
    if blend is not None:
        paint.setBlendMode(blend)
    canvas.drawImage(image, x, y, QUICK, paint)


# -- vessels -------------------------------------------------------------------------------------------------------------------------


class Clay:
    """Five tones of one material, from the lit side to the reflected edge."""

    def __init__(self, base, lit=0.42, deep=0.5, bounce=None):
        self.base = base
        self.lit = lighter(base, lit)
        self.half = mix(base, self.lit, 0.35)
        self.dark = darker(base, deep * 0.62)
        self.deep = darker(base, deep)
        self.bounce = mix(self.dark, bounce or self.lit, 0.35)


class Vessel:
    """A turned body seen slightly from above: a profile of (height, radius) pairs from rim to foot, at scale 1."""

    def __init__(self, x, y, profile, scale=1.0, k=0.24, steps=48):
        """`x`, `y` is the middle of the foot; heights count upwards from there. `k` is how flat its circles look."""
        self.x, self.y, self.k, self.scale = x, y, k, scale
        heights = np.array([p[0] for p in profile], float)
        radii = np.array([p[1] for p in profile], float)
        at = np.linspace(0, len(profile) - 1, steps)
        self.levels = [(y - spline(heights, i) * scale, max(0.0, spline(radii, i)) * scale) for i in at]
        self.top, self.rim = self.levels[0]
        self.foot = self.levels[-1][1]
        self.wide = max(r for _, r in self.levels)

    def radius(self, y):
        ys = [level[0] for level in self.levels]
        return float(np.interp(y, ys, [level[1] for level in self.levels]))

    def level(self, x):
        """The y at a share of the height: 0 is the rim, 1 the foot."""
        return lerp(self.top, self.y, x)

    def outline(self):
        left = [(self.x - r, y) for y, r in self.levels]
        right = [(self.x + r, y) for y, r in reversed(self.levels)]
        path = skia.Path()
        path.moveTo(*left[0])
        for point in left[1:]:
            path.lineTo(*point)
        path.arcTo(oval(self.x, self.y, self.foot, self.foot * self.k), 180, -180, False)
        for point in right[1:]:
            path.lineTo(*point)
        path.arcTo(oval(self.x, self.top, self.rim, self.rim * self.k), 0, -180, False)
        path.close()
        return path

    def mouth(self, inset=0.0, drop=0.0):
        y = self.top + drop
        r = (self.radius(y) if drop else self.rim) - inset
        return ellipse(self.x, y, max(1, r), max(1, r * self.k))

    def below(self, y, edge=None):
        """Everything of the front below a level; `edge(angle)` lets a glaze run: more is lower."""
        self.radius(y)
        path = skia.Path()
        for i in range(97):
            a = math.pi - math.pi * i / 96
            dy = edge(a) if edge else 0.0
            here = self.radius(y + dy)
            point = (self.x + math.cos(a) * (here + 2), y + dy + math.sin(a) * here * self.k)
            path.lineTo(*point) if i else path.moveTo(*point)
        path.lineTo(self.x + self.wide + 60, self.y + self.foot * self.k + 60)
        path.lineTo(self.x - self.wide - 60, self.y + self.foot * self.k + 60)
        path.close()
        return path

    def above(self, y, edge=None):
        whole = box(self.x - self.wide - 80, self.top - self.rim * self.k - 90, self.wide * 2 + 160, self.y - self.top + self.foot + 200)
        return skia.Op(whole, self.below(y, edge), skia.PathOp.kDifference_PathOp)

    def across(self, clay, light=-1):
        """The turn of the form: light side to shadow side."""
        tones = [mix(clay.base, clay.dark, 0.25), clay.half, clay.lit, clay.half, clay.base, clay.dark, clay.deep, clay.bounce]
        stops = [0.0, 0.1, 0.24, 0.4, 0.56, 0.78, 0.92, 1.0]
        x0, x1 = (self.x - self.wide, self.x + self.wide) if light < 0 else (self.x + self.wide, self.x - self.wide)
        return linear(x0, 0, x1, 0, [rgb(tone_) for tone_ in tones], stops)

    def body(self, canvas, clay, light=-1, part_of=None, sink=0.38):
        """Paint the outside. `part_of` limits it, for glazes over bare clay."""
        outline = self.outline()
        with kept(canvas, outline):
            if part_of is not None:
                canvas.clipPath(part_of, skia.ClipOp.kIntersect, True)
            canvas.drawPaint(fill(shader=self.across(clay, light)))
            fall = [rgb(clay.lit, 0.16), rgb(clay.lit, 0.0), rgb(clay.deep, 0.0), rgb(clay.deep, sink)]
            canvas.drawPaint(fill(shader=linear(0, self.top, 0, self.y + self.foot * self.k, fall, [0, 0.3, 0.55, 1])))

    def inside(self, canvas, clay, light=-1, wall=None):
        """The mouth: a lip that catches light, and the far wall falling into shade."""
        wall = wall if wall is not None else max(5.0, self.rim * 0.055)
        lip = linear(self.x - self.rim, 0, self.x + self.rim, 0, [rgb(lighter(clay.lit, 0.35)), rgb(clay.lit), rgb(clay.half)], [0, 0.5, 1])
        canvas.drawPath(self.mouth(), fill(shader=lip))
        hole = ellipse(self.x, self.top + wall * 0.25, self.rim - wall, (self.rim - wall) * self.k)
        with kept(canvas, hole):
            tones = [rgb(clay.deep), rgb(clay.dark), rgb(clay.base), rgb(clay.half)]
            x0, x1 = (self.x - self.rim, self.x + self.rim) if light < 0 else (self.x + self.rim, self.x - self.rim)
            canvas.drawPaint(fill(shader=linear(x0, 0, x1, 0, tones, [0, 0.35, 0.75, 1])))
            ry = self.rim * self.k
            canvas.drawPaint(fill(shader=linear(0, self.top - ry, 0, self.top + ry, [rgb(clay.deep, 0.15), rgb(darker(clay.deep, 0.4), 0.75)])))
        return hole

    def ring(self, canvas, y, paint, start=0, sweep=180, grow=0.0):
        r = self.radius(y) + grow
        path = skia.Path()
        path.addArc(oval(self.x, y, r, r * self.k), start, sweep)
        canvas.drawPath(path, paint)

    def gloss(self, canvas, strength=0.5, light=-1, bottom=0.78, color="#fffaf0"):
        """A window mirrored in glaze: a tall bright patch that follows the form, and a thin one opposite."""
        with kept(canvas, self.outline()):
            for near, far, alpha, blur in ((0.52, 0.72, 0.55, 6), (0.57, 0.66, 1.0, 1.6), (0.685, 0.715, 0.8, 1.4), (-0.80, -0.73, 0.30, 4)):
                points_a, points_b = [], []
                for i in range(17):
                    y = lerp(self.level(0.10), self.level(bottom), i / 16)
                    r = self.radius(y)
                    a, b = light * near, light * far
                    points_a.append((self.x + a * r, y + math.sqrt(1 - a * a) * r * self.k))
                    points_b.append((self.x + b * r, y + math.sqrt(1 - b * b) * r * self.k))
                shape = polygon(points_a + points_b[::-1])
                fade = linear(0, self.level(0.05), 0, self.level(bottom), [rgb(color, alpha * strength), rgb(color, alpha * strength * 0.12)])
                canvas.drawPath(shape, fill(shader=fade, blur=blur * self.scale))

    def speckle(self, canvas, seed, count, color="#3a2418", alpha=0.5, part_of=None):
        """Iron in the clay coming through: dots that thin out and flatten towards the edges."""
        rng = np.random.default_rng(seed)
        with kept(canvas, self.outline()):
            if part_of is not None:
                canvas.clipPath(part_of, skia.ClipOp.kIntersect, True)
            for _ in range(count):
                a, v, size = rng.uniform(0.08, math.pi - 0.08), rng.uniform(0.02, 0.99), rng.gamma(1.6, 0.75) + 0.6
                y = self.level(v)
                r = self.radius(y)
                turn = math.sin(a)
                px, py = self.x + math.cos(a) * r, y + turn * r * self.k
                s = size * self.scale
                canvas.drawOval(oval(px, py, s * (0.35 + 0.65 * turn), s), fill(rgb(color, alpha * rng.uniform(0.35, 1.0))))


def spline(values, i):
    """Catmull-Rom through equally spaced values."""
    n = len(values)
    j = min(int(i), n - 2)
    f = i - j
    a, b, c, d = values[max(0, j - 1)], values[j], values[j + 1], values[min(n - 1, j + 2)]
    return b + 0.5 * f * (c - a + f * (2 * a - 5 * b + 4 * c - d + f * (3 * (b - c) + d - a)))


def handle(canvas, points, width, clay):
    """A pulled handle: one thick stroke, its shade, and a line of light along it."""
    path = curve(points)
    xs = [p[0] for p in points]
    canvas.drawPath(path, line(rgb(clay.dark), width))
    span = linear(min(xs) - width, 0, max(xs) + width / 2, 0, [rgb(clay.deep), rgb(clay.base), rgb(clay.half), rgb(clay.base)], [0, 0.35, 0.7, 1])
    canvas.drawPath(path, line(None, width - 1.5, span))
    lit = [(x + width * 0.06, y - width * 0.2) for x, y in points]
    canvas.drawPath(curve(lit), line(rgb(clay.lit, 0.75), width * 0.2, blur=width * 0.08))


def steam(canvas, x, y, t, strength=1.0, width=120, height=520, color="#fffaf2", seed=0):
    """Wisps that rise, curl, and thin out."""
    if strength <= 0.01:
        return

    def wisps(small):
        for i in range(5):
            phase = i * 1.7 + seed
            left, right = [], []
            base = (i - 2) / 2 * width * 0.34
            for j in range(33):
                v = j / 32
                drift = math.sin(v * 4.1 - t * (1.15 + i * 0.07) + phase) * width * 0.36 * v + math.sin(v * 7.7 - t * 1.9 + phase * 2) * width * 0.11 * v
                thick = (5 + 25 * math.sin(math.pi * min(1, v * 1.08)) ** 0.8) * (0.55 + 0.45 * math.sin(v * 6.3 - t * 1.4 + phase * 1.3))
                px, py = x + base * (1 - v * 0.3) + drift, y - v * height * (0.72 + 0.28 * math.sin(phase * 3.1) ** 2)
                left.append((px - thick, py))
                right.append((px + thick, py))
            breath = strength * (0.30 + 0.16 * math.sin(t * 0.9 + phase * 1.9))
            fade = linear(0, y, 0, y - height, [rgb(color, 0), rgb(color, breath), rgb(color, breath * 0.55), rgb(color, 0)], [0, 0.16, 0.5, 0.95])
            small.drawPath(polygon(left + right[::-1]), fill(shader=fade))

    soft(canvas, 10, wisps, scale=0.34, area=(x - width * 2, y - height - 20, width * 4, height + 40))


def stream(canvas, x, top, bottom, width, color, t, gleam="#fff8ea"):
    """A liquid falling: narrows as it falls, trembles, carries a line of light."""
    left, right, shine = [], [], []
    for i in range(25):
        v = i / 24
        y = lerp(top, bottom, v)
        w = width * (1 - 0.38 * v) * (1 + 0.07 * math.sin(v * 19 - t * 31))
        dx = math.sin(v * 6 - t * 13) * width * 0.06
        left.append((x + dx - w / 2, y))
        right.append((x + dx + w / 2, y))
        shine.append((x + dx - w * 0.2, y))
    body = linear(x - width / 2, 0, x + width / 2, 0, [rgb(lighter(color, 0.22)), rgb(color), rgb(darker(color, 0.3))])
    canvas.drawPath(polygon(left + right[::-1]), fill(shader=body))
    canvas.drawPath(curve(shine[::3]), line(rgb(gleam, 0.6), width * 0.14, blur=1.2))


def leaf(length, width, bend=0.0):
    """One leaf lying along +x from the origin."""
    path = skia.Path()
    path.moveTo(0, 0)
    path.cubicTo(length * 0.25, -width * 0.75 + bend, length * 0.7, -width * 0.6 + bend, length, bend)
    path.cubicTo(length * 0.72, width * 0.5 + bend, length * 0.3, width * 0.7 + bend * 0.5, 0, 0)
    path.close()
    return path


def vignette(canvas, color, alpha, x=W / 2, y=H * 0.46, r=1350):
    canvas.drawPaint(fill(shader=radial(x, y, r, [rgb(color, 0), rgb(color, 0), rgb(color, alpha * 0.35), rgb(color, alpha)], [0, 0.45, 0.75, 1])))


def motes(canvas, t, seed, count, area, color, alpha):
    """Dust in a beam: drifts up, blinks as it turns."""
    rng = np.random.default_rng(seed)
    x0, y0, w, h = area
    for _ in range(count):
        px, py, size, speed, phase = rng.uniform(0, w), rng.uniform(0, h), rng.uniform(1.2, 3.6), rng.uniform(9, 30), rng.uniform(0, TAU)
        y = y0 + (py - t * speed) % h
        x = x0 + px + math.sin(t * 0.5 + phase) * 26
        edge = math.sin(math.pi * (y - y0) / h)
        canvas.drawCircle(x, y, size, fill(rgb(color, alpha * edge * (0.5 + 0.5 * math.sin(t * 1.3 + phase * 3))), blur=size * 0.5))
