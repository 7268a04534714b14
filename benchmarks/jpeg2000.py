"""What `carpal bulk --reduced` spares, and what it changes: JPEG 2000 decoded at half its size.

usage: python benchmarks/jpeg2000.py DATA [--count N]

Radiographs of the locked fold in ``highres``, made 2000 px long (they are 800), coded as lossless JPEG 2000 in DICOM,
read whole and reduced. The larger ones have no more detail than they had: of sharp films the change may be larger.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import pydicom

from carpal.errors import RefusedRadiograph
from carpal.phantom import write_phantom
from carpal.radiograph import read_radiograph
from carpal.reader import Reader
from carpal.training.datasets import load_radiograph, read_dataset
from carpal.training.splits import read_split

LONG_SIDE = 2000


def as_jpeg_2000(pixels: np.ndarray, template: pydicom.Dataset) -> bytes:
    """A DICOM file of 12 bits, its long side 2000 px."""
    scale = LONG_SIDE / max(pixels.shape)
    large = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC).clip(0, 1)
    template.Rows, template.Columns = large.shape
    template.PixelData = np.rint(large * 4095).astype(np.uint16).tobytes()
    template.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    template.compress(pydicom.uid.JPEG2000Lossless, encoding_plugin="pylibjpeg", generate_instance_uid=False)
    file = io.BytesIO()
    template.save_as(file, enforce_file_format=True)
    return file.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--count", type=int, default=40)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    held_back = set(read_split(Path("recipes/folds/fold-4.json")).validation)
    samples = [s for s in read_dataset(arguments.data, groups=["highres"]).samples if s.id in held_back]
    with tempfile.TemporaryDirectory() as folder:
        template, reader = pydicom.dcmread(write_phantom(Path(folder) / "template.dcm", 100, "F")), Reader()
    least, costs, moved, refused = max(800, 3 * reader.facts.recipe.size), {True: [], False: []}, [], 0
    for sample in samples[: arguments.count]:
        data = as_jpeg_2000(load_radiograph(sample).pixels, template)
        months = []
        for reduced in (False, True):
            begun = time.process_time()
            radiograph = read_radiograph(data, least_side=least if reduced else None)
            costs[reduced].append(1000 * (time.process_time() - begun))
            try:
                months.append(reader.read(radiograph, sample.sex).bone_age_months)
            except RefusedRadiograph:
                refused += 1
        if len(months) == 2:
            moved.append(months[1] - months[0])
    whole, half = (float(np.median(costs[reduced])) for reduced in (False, True))
    print(f"{len(moved)} radiographs of {LONG_SIDE} px read both ways, {refused} readings refused")
    print(f"decoding takes {whole:.0f} ms whole and {half:.0f} ms reduced (CPU, median)")
    print(f"the age moves by {np.mean(np.abs(moved)):.2f} months on average, {np.max(np.abs(moved)):.2f} at most,")
    print(f"and by {np.mean(moved):+.2f} taken with its sign")


if __name__ == "__main__":
    main()
