#!/usr/bin/env python3
"""Draws the demo shop's clips, posters and product pictures. See README.md beside this file.

render.py                     everything (about half an hour on one core)
render.py products            the eight pictures
render.py mug brew            only these clips, with posters; there are mug, print, candle, brew
render.py --still mug 17.4 frame.png
"""

import argparse
import importlib
import io
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import skia
from PIL import Image

from art import products, sound
from art.paint import H, W

HERE = pathlib.Path(__file__).resolve().parent
RATE = 25
CLIPS = {
    "mug": ("art.clip_mug", "from-clay-to-coffee", sound.mug),
    "print": ("art.clip_print", "two-pulls", sound.print_),
    "candle": ("art.clip_candle", "after-rain", sound.candle),
    "brew": ("art.clip_brew", "slow-cup", sound.brew),
}
CLIP_BYTES = 1_440_000
AUDIO_BITS = 80_000


def main():
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("what", nargs="*", help="products, or clips by name")
    ask.add_argument("--still", nargs=3, metavar=("CLIP", "SECOND", "PNG"), help="one frame, for looking at")
    ask.add_argument("--frames", type=pathlib.Path, help="keep the lossless frames here (to encode again without drawing)")
    told = ask.parse_args()
    if told.still:
        clip, second, path = told.still
        still(importlib.import_module(CLIPS[clip][0]), float(second)).save(path)
        return
    for what in told.what or ["products", *CLIPS]:
        if what == "products":
            for name in products.PRODUCTS:
                squeeze(products.paint(name), HERE / "products" / f"{name}.webp", 60_000)
        else:
            render(what, told.frames)


def still(scene, second):
    surface = skia.Surface(W, H)
    scene.frame(surface.getCanvas(), second)
    return surface.makeImageSnapshot()


def squeeze(image, path, limit, width=None):
    """As good as fits below `limit` bytes."""
    path.parent.mkdir(exist_ok=True)
    picture = Image.fromarray(image.toarray(colorType=skia.kRGBA_8888_ColorType)).convert("RGB")
    if width:
        picture = picture.resize((width, round(picture.height * width / picture.width)), Image.LANCZOS)
    for quality in range(92, 30, -4):
        held = io.BytesIO()
        picture.save(held, "WEBP", quality=quality, method=6)
        if held.tell() < limit:
            break
    path.write_bytes(held.getvalue())
    print(f"{path.relative_to(HERE)}: {held.tell() // 1000} kB at quality {quality}", flush=True)


def render(name, keep):
    module, slug, score = CLIPS[name]
    scene = importlib.import_module(module)
    folder = HERE / "clips"
    folder.mkdir(exist_ok=True)
    squeeze(still(scene, scene.POSTER), folder / f"{slug}.webp", 78_000)
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(keep or scratch)
        lossless = scratch / f"{name}.mkv"
        if not lossless.exists():
            draw(scene, lossless)
        score(scratch / f"{name}.wav")
        encode(lossless, scratch / f"{name}.wav", scene.SECONDS, folder / f"{slug}.mp4", scratch / name)


def draw(scene, path):
    """Frames go straight into a lossless file, so that the encoder can look at them twice."""
    command = ["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgba", "-s", f"{W}x{H}", "-r", str(RATE), "-i", "-", "-threads", "1"]
    command += ["-vf", "scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd+full_chroma_int,format=yuv420p"]
    command += ["-c:v", "libx264", "-preset", "ultrafast", "-qp", "0", str(path.with_suffix(".part.mkv"))]
    surface = skia.Surface(W, H)
    pipe = subprocess.Popen(command, stdin=subprocess.PIPE)
    total = scene.SECONDS * RATE
    for i in range(total):
        surface.getCanvas().clear(0xFF000000)
        scene.frame(surface.getCanvas(), i / RATE)
        pipe.stdin.write(np.ascontiguousarray(surface.toarray(colorType=skia.kRGBA_8888_ColorType)).tobytes())
        if sys.stderr.isatty() or i % 50 == 0:
            print(f"\r{path.stem}: frame {i + 1}/{total}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    pipe.stdin.close()
    if pipe.wait():
        raise SystemExit("ffmpeg could not keep the frames")
    path.with_suffix(".part.mkv").rename(path)


def encode(lossless, wav, seconds, target, log):
    """Two passes to a size; one thread, because with more the bytes depend on the machine."""
    bits = int((CLIP_BYTES * 8 / seconds - AUDIO_BITS) * 0.975)
    video = ["-c:v", "libx264", "-preset", "slow", "-profile:v", "high", "-level", "4.0", "-b:v", str(bits), "-maxrate", "2400k", "-bufsize", "4800k"]
    video += ["-x264-params", "aq-mode=3:aq-strength=0.9:psy-rd=0.6,0.0:deblock=1,1:bframes=6:keyint=100:threads=1", "-threads", "1"]
    video += ["-color_primaries", "bt709", "-color_trc", "bt709", "-colorspace", "bt709", "-color_range", "tv"]
    exact = ["-map_metadata", "-1", "-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact"]
    start = ["ffmpeg", "-v", "error", "-y", "-i", str(lossless)]
    subprocess.run([*start, *video, "-pass", "1", "-passlogfile", str(log), "-an", "-f", "null", os.devnull], check=True)
    sound_ = ["-i", str(wav), "-c:a", "aac", "-b:a", str(AUDIO_BITS), "-ar", "48000"]
    subprocess.run([*start, *sound_, *video, "-pass", "2", "-passlogfile", str(log), *exact, "-shortest", "-movflags", "+faststart", str(target)], check=True)
    print(f"{target.relative_to(HERE)}: {target.stat().st_size // 1000} kB, {seconds} s", flush=True)


if __name__ == "__main__":
    main()
