#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes image_ops.txt, what timm and Pillow make of a picture.

make_image_ops.py > image_ops.txt

Needs pillow==13.0.0 and timm==1.0.22 (of the latter one file, which imports
neither torch nor the rest of timm).

The first word of a line says what it is:
  value OP INCREASING MAGNITUDE NEGATIVE VALUE   what a magnitude stands for
  image NAME WIDTH HEIGHT HEX                    a picture, RGB bytes
  done NAME OP INTERPOLATION VALUE HEX           what OP makes of it
"""
import importlib.util
import pathlib
import random
import sys

from PIL import Image

OPS = ("AutoContrast", "Equalize", "Invert", "Rotate", "Posterize", "Solarize", "SolarizeAdd",
       "Color", "Contrast", "Brightness", "Sharpness", "ShearX", "ShearY", "TranslateXRel",
       "TranslateYRel")
GEOMETRIC = OPS[3:4] + OPS[11:]
# The only ones whose meaning depends on timm's inc.
TURNED = ("Posterize", "Solarize", "Color", "Contrast", "Brightness", "Sharpness")


def load_auto_augment():
    folder = next(pathlib.Path(p) / "timm" for p in sys.path if (pathlib.Path(p) / "timm").is_dir())
    spec = importlib.util.spec_from_file_location("auto_augment", folder / "data/auto_augment.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def name_of(op, increasing):
    return op + "Increasing" if increasing and op in TURNED else op


def write_values(timm):
    for increasing in (0, 1):
        for op in OPS[3:]:
            for magnitude in (0, 0.3, 2.5, 5, 6.97, 7, 7.4, 9.99, 10):
                for negative in (0, 1):
                    # The coin of _randomly_negate.
                    random.random = lambda: 0.9 if negative else 0.1
                    value, = timm.LEVEL_TO_ARG[name_of(op, increasing)](magnitude, {})
                    print("value", op, increasing, magnitude, negative, repr(float(value)))


def make_pictures():
    draw = random.Random(7)
    noise = Image.frombytes("RGB", (13, 11), bytes(draw.randrange(256) for _ in range(13 * 11 * 3)))
    # Few levels, a narrow range, edges: what histograms and filters mind.
    rows = []
    for y in range(12):
        for x in range(17):
            rows += [60 + 9 * x, 40 + (y // 4) * 70, 200 if (x - 8) ** 2 + (y - 6) ** 2 < 20 else 90]
    scene = Image.frombytes("RGB", (17, 12), bytes(rows))
    flat = Image.new("RGB", (5, 4), (100, 7, 255))
    return {"noise": noise, "scene": scene, "flat": flat}


def values_of(op):
    return {
        "AutoContrast": (None,), "Equalize": (None,), "Invert": (None,),
        "Rotate": (21.0, -7.5, 30.0, 0.0), "Posterize": (1, 2, 4, 8),
        "Solarize": (0, 77, 128, 256), "SolarizeAdd": (0, 77, 110),
        "ShearX": (0.21, -0.3), "ShearY": (0.21, -0.3), "TranslateXRel": (0.315, -0.45),
        "TranslateYRel": (0.315, -0.07),
    }.get(op, (0.1, 0.37, 1.0, 1.63, 1.9))


def write_pictures(timm):
    for name, picture in make_pictures().items():
        print("image", name, *picture.size, picture.tobytes().hex())
        for op in OPS:
            for kind in ("bilinear", "bicubic") if op in GEOMETRIC else ("none",):
                for value in values_of(op):
                    more = {} if kind == "none" else {
                        "resample": Image.Resampling[kind.upper()], "fillcolor": timm._FILL}
                    args = () if value is None else (value,)
                    done = timm.NAME_TO_OP[op](picture, *args, **more)
                    print("done", name, op, kind, repr(float(value or 0)), done.tobytes().hex())


def main():
    timm = load_auto_augment()
    write_values(timm)
    write_pictures(timm)


if __name__ == "__main__":
    main()
