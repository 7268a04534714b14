"""Prepare a folder of radiographs into another folder, and show before and after side by side."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from carpal.errors import CarpalError, InvalidArgument
from carpal.files import find_radiographs, replacing, stem_of
from carpal.parallel import parallel_map
from carpal.prepare import Recipe, prepare, recipe_to_dict
from carpal.radiograph import DRAWN, read_radiograph

__all__ = ["FolderReport", "check_gallery", "prepare_folder", "write_gallery"]


@dataclass(frozen=True)
class FolderReport:
    """What was written, what was there already, and file -> reason of what could not be prepared."""

    written: int
    kept: int
    without_hand: tuple[str, ...]
    failed: dict[str, str]


def prepare_folder(
    folder: Path,
    out: Path,
    recipe: Recipe,
    *,
    workers: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> FolderReport:
    """Write every radiograph below ``folder`` as a prepared PNG of the same relative name below ``out``.

    What is there already is kept, so a run that was stopped goes on. Raises InvalidArgument for a folder without
    radiographs, for writing in place, and where ``out`` was made with another recipe.
    """
    sources = _radiographs(folder, out, "--out")
    _claim(out, recipe)
    jobs = [(source, (out / source.relative_to(folder)).with_name(stem_of(source) + ".png")) for source in sources]
    if len({target for _, target in jobs}) < len(jobs):
        jobs = [(source, target.with_name(source.name + ".png")) for source, target in jobs]
    todo = [job for job in jobs if not job[1].exists()]
    failed, without_hand = {}, []
    kept = len(jobs) - len(todo)
    with parallel_map(_prepare_file, [(*job, recipe) for job in todo], workers) as outcomes:
        for number, ((source, _), outcome) in enumerate(zip(todo, outcomes, strict=True), start=kept + 1):
            if isinstance(outcome, str):
                failed[str(source.relative_to(folder))] = outcome
            elif outcome is False:
                without_hand.append(str(source.relative_to(folder)))
            progress(number, len(jobs))
    return FolderReport(len(todo) - len(failed), kept, tuple(without_hand), failed)


def _radiographs(folder: Path, out: Path, option: str) -> list[Path]:
    if not folder.is_dir():
        raise InvalidArgument(f"{folder}: no such folder")
    inside, target = folder.resolve(), out.resolve()
    if target == inside or inside in target.parents or target in inside.parents:
        raise InvalidArgument(f"{option} {out} lies within the input folder or around it: originals are never touched")
    found = find_radiographs(folder)
    if not found:
        raise InvalidArgument(f"{folder}: no radiographs in this folder")
    return found


def _claim(out: Path, recipe: Recipe) -> None:
    """Mark the output folder with the recipe, so that two recipes never mix in one."""
    out.mkdir(parents=True, exist_ok=True)
    mark, wanted = out / "recipe.json", json.dumps(recipe_to_dict(recipe), indent=1) + "\n"
    if mark.exists():
        if mark.read_text(encoding="utf-8", errors="replace") != wanted:
            raise InvalidArgument(f"--out {out} holds radiographs of another recipe: choose an empty folder")
        return
    if find_radiographs(out):
        raise InvalidArgument(f"--out {out} holds pictures that carpal prepare did not make: choose an empty folder")
    with replacing(mark) as part:
        part.write_text(wanted, encoding="utf-8")


def _prepare_file(job: tuple[Path, Path, Recipe]) -> bool | str | None:
    """Whether a hand was found (None where not looked for), or the reason of the failure."""
    source, target, recipe = job
    try:
        prepared = prepare(read_radiograph(source), recipe)
    except CarpalError as error:
        return str(error)
    image = prepared.pixels
    _write_png(np.dstack([image] * 3) if recipe.rgb else image, target)
    return prepared.hand_found


def _write_png(image: NDArray[np.uint8], target: Path) -> None:
    with replacing(target) as part:
        part.write_bytes(cv2.imencode(".png", image)[1].tobytes())


def check_gallery(out: Path) -> None:
    """Raises InvalidArgument for what is no name for a gallery, and where it would replace what carpal did not draw."""
    from carpal.annotate import is_annotation

    if out.suffix.lower() != ".png":
        raise InvalidArgument(f"--gallery {out}: give a name that ends in .png")
    if out.exists() and not is_annotation(out):
        raise InvalidArgument(f"--gallery would overwrite {out}, which carpal did not draw: choose another name")


def write_gallery(folder: Path, recipe: Recipe, out: Path, *, count: int = 24) -> int:
    """A PNG of up to ``count`` radiographs of ``folder``, each before and after; returns how many. It says that carpal
    drew it, so that nobody reads it as a radiograph."""
    check_gallery(out)
    sources = _radiographs(folder, out, "--gallery")
    chosen = [sources[int(k)] for k in np.linspace(0, len(sources) - 1, min(count, len(sources)))]
    pairs = []
    for source in chosen:
        try:
            radiograph = read_radiograph(source)
        except CarpalError:
            continue  # named in the folder's report
        after = prepare(radiograph, recipe)
        caption = source.stem[:16] + ("" if after.hand_found is not False else "  no hand found")
        pairs.append(np.hstack([_tile(radiograph.pixels, caption), _tile(after.pixels / np.float32(255), "")]))
    if not pairs:
        raise InvalidArgument(f"{folder}: none of {len(chosen)} radiographs could be read for the gallery")
    columns, shown = 4, len(pairs)
    pairs += [np.zeros_like(pairs[0])] * (-len(pairs) % columns)
    rows = [np.hstack(pairs[k : k + columns]) for k in range(0, len(pairs), columns)]
    mark, picture = PngInfo(), io.BytesIO()
    mark.add_text("Software", DRAWN)
    Image.fromarray(np.vstack(rows)).save(picture, "PNG", pnginfo=mark)
    with replacing(out) as part:
        part.write_bytes(picture.getvalue())
    return shown


def _tile(pixels: NDArray[np.float32], caption: str, side: int = 220) -> NDArray[np.uint8]:
    scale = (side - 4) / max(pixels.shape)
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    tile = np.full((side, side), 45, np.uint8)
    top, left = (side - size[1]) // 2, (side - size[0]) // 2
    tile[top : top + size[1], left : left + size[0]] = np.clip(small * 255, 0, 255).astype(np.uint8)
    cv2.putText(tile, caption, (5, side - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.42, 255, 1, cv2.LINE_AA)
    return tile
