"""Films to measure with: drawn hands of 2000 x 1500 as files of each kind, and radiographs of children enlarged."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from carpal.files import find_radiographs
from carpal.phantom import write_phantom
from carpal.radiograph import read_radiograph

__all__ = ["KINDS", "SHAPE", "copies", "write_enlarged", "write_films"]

SHAPE = (2000, 1500)
KINDS = {".png": "PNG, 8 bit", ".jpg": "JPEG, quality 90", ".dcm": "DICOM, 12 bit", ".j2k.dcm": "DICOM, JPEG 2000"}
_AGES = (30, 55, 80, 105, 130, 155, 180, 205)


def write_films(folder: Path) -> dict[str, list[Path]]:
    """The same drawn hands as files of each kind."""
    from pydicom import dcmread
    from pydicom.uid import JPEG2000Lossless

    films: dict[str, list[Path]] = {kind: [] for kind in KINDS}
    for seed, age in enumerate(_AGES):
        png, dicom = (
            write_phantom(folder / f"{seed}{suffix}", age, "FM"[seed % 2], seed=seed, shape=SHAPE)
            for suffix in (".png", ".dcm")
        )
        jpeg, dense = folder / f"{seed}.jpg", folder / f"{seed}.j2k.dcm"
        Image.open(png).save(jpeg, quality=90)
        dataset = dcmread(dicom)
        dataset.compress(JPEG2000Lossless)
        dataset.save_as(dense)
        for kind, path in zip(KINDS, (png, jpeg, dicom, dense), strict=True):
            films[kind].append(path)
    return films


def write_enlarged(data: Path, folder: Path, count: int = 40) -> list[Path]:
    """Radiographs of children as JPEGs of as many pixels as the drawn films, with grain that enlarging took away."""
    found = find_radiographs(data / "highres")
    written, grain = [], np.random.default_rng(0)
    for path in found[:: max(1, len(found) // count)][:count]:
        small = read_radiograph(path).pixels
        factor = (SHAPE[0] * SHAPE[1] / small.size) ** 0.5
        large = cv2.resize(small, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
        noisy = 255 * large + grain.normal(0, 2, large.shape)
        written.append(folder / f"enlarged-{path.stem}.jpg")
        Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(written[-1], quality=90)
    return written


def copies(films: list[Path], folder: Path, count: int = 128) -> list[Path]:
    """As many files as bulk needs, each another name of a drawn film."""
    folder.mkdir(exist_ok=True)
    names = [folder / f"{number:04d}.jpg" for number in range(count)]
    for number, name in enumerate(names):
        name.unlink(missing_ok=True)
        name.symlink_to(films[number % len(films)].absolute())
    return names
