"""Small files in every form that carpal reads, out of which benchmarks/fuzz/fuzz.py makes damaged ones.

usage: python benchmarks/fuzz/make_corpus.py      writes benchmarks/fuzz/corpus/, the same files every time
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom import uid

from carpal.phantom import draw_phantom

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tests"))
from dicom_samples import LOSSLESS, NATIVE, encode, make, write_bare  # noqa: E402


def raster(pixels: np.ndarray, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def corpus() -> dict[str, bytes]:
    grey = (draw_phantom(110, "F", shape=(160, 128)).pixels * 255).astype(np.uint8)
    deep = grey.astype(np.uint16) * 257
    colour = np.dstack([grey] * 3)
    files = {
        "grey.png": raster(grey, "PNG"),
        "deep.png": raster(deep, "PNG"),
        "palette.png": (lambda f: (Image.fromarray(grey).convert("P").save(f, "PNG"), f.getvalue())[1])(io.BytesIO()),
        "alpha.png": raster(np.dstack([grey] * 4), "PNG"),
        "grey.jpg": raster(grey, "JPEG", quality=80),
        "progressive.jpg": raster(colour, "JPEG", quality=80, progressive=True),
        "plain.tif": raster(grey, "TIFF"),
        "deflate.tif": raster(deep, "TIFF", compression="tiff_deflate"),
        "lzw.tif": raster(grey, "TIFF", compression="tiff_lzw"),
        "jpeg.tif": raster(grey, "TIFF", compression="jpeg"),
        "grey.bmp": raster(grey, "BMP"),
    }
    twelve = (grey.astype(np.uint16) << 4) | 15
    for syntax in (*NATIVE, *LOSSLESS, uid.JPEG2000):
        files[f"{syntax.keyword}.dcm"] = encode(make(twelve, 12), syntax)
    files["JPEGBaseline8Bit.dcm"] = encode(make(grey, 8), uid.JPEGBaseline8Bit)
    files["bare-implicit.dcm"] = write_bare(make(twelve, 12), implicit=True)
    files["windowed.dcm"] = encode(make(twelve, 12, WindowCenter=2000, WindowWidth=3000, RescaleSlope=1.5))
    return files


def main() -> None:
    out = HERE / "corpus"
    out.mkdir(exist_ok=True)
    for name, data in corpus().items():
        (out / name).write_bytes(data)
        print(f"{name:32} {len(data):7} bytes")


if __name__ == "__main__":
    main()
