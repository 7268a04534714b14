"""What smaller weights cost: the same network in float32, with float16 storage, in int8, and with OpenVINO in bfloat16.

usage: python benchmarks/precision.py RUN [--data DATA] [--group NAME] [--views N] [--out FOLDER]      three minutes

MAE on the validation side of the run's own split, difference to float32 by paired bootstrap, CPU milliseconds per
radiograph on one thread after preparation, megabytes on disk. int8: static QDQ, 64 training radiographs calibrate the
activations. OpenVINO is measured where it is installed (pip install openvino). FOLDER gets a CSV of ages for each.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from carpal.distribution import expected_months
from carpal.evaluation.bootstrap import estimate
from carpal.evaluation.page import figure_text
from carpal.evaluation.predictions import Predictions, write_predictions
from carpal.radiograph import SEXES
from carpal.reader import Reader
from carpal.training.cache import PreparedCache, prepared_cache
from carpal.training.config import read_config
from carpal.training.datasets import read_dataset
from carpal.training.export import export_onnx
from carpal.training.splits import read_split
from carpal.training.validation import run_recipe, validation_side
from carpal.views import VIEW_SETS, seen_as

Answer = Callable[[np.ndarray, np.ndarray], np.ndarray]  # (N, S, S) uint8 and (N,) sex to (N, 240)


def by_onnx(path: Path) -> Answer:
    reader = Reader(path)
    return lambda images, sex: reader.distributions(images, [SEXES[k] for k in sex])


def by_openvino(path: Path, views: tuple[str, ...]) -> Answer:
    import openvino

    options = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "bf16"}
    network = openvino.Core().compile_model(str(path), "CPU", options)

    def answer(images: np.ndarray, sex: np.ndarray) -> np.ndarray:
        seen = [network([seen_as(images, view), sex])[0] for view in views]
        return np.mean(seen, axis=0)

    return answer


def quantise(single: Path, out: Path, images: np.ndarray, sex: np.ndarray) -> None:
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Feed(CalibrationDataReader):
        rows = iter([{"radiograph": images[k : k + 1], "sex": sex[k : k + 1]} for k in range(len(images))])

        def get_next(self):  # type: ignore[no-untyped-def]
            return next(self.rows, None)

    prepared = out.with_suffix(".pre.onnx")
    quant_pre_process(str(single), str(prepared), skip_symbolic_shape=True)
    quantize_static(
        str(prepared),
        str(out),
        Feed(),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
    )


def measure(answer: Answer, side: PreparedCache) -> tuple[np.ndarray, float]:
    """Ages read, and median CPU milliseconds per radiograph, one at a time."""
    ages, costs = [], []
    for k, sample in enumerate(side.samples):
        image, sex = side.image(k)[None], np.array([SEXES.index(sample.sex)])
        started = time.process_time()
        found = answer(image, sex)
        costs.append(time.process_time() - started)
        ages.append(float(expected_months(found[0])))
    return np.array(ages), 1e3 * statistics.median(costs)


def keep(side: PreparedCache, ages: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    ids, sexes = tuple(s.id for s in side.samples), np.array([s.sex for s in side.samples])
    write_predictions(Predictions(ids, sexes, np.array([s.age_months for s in side.samples]), ages), path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--group", default="highres")
    parser.add_argument("--views", type=int, default=1)
    parser.add_argument("--cache", default="cache")
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    views = VIEW_SETS[chosen.views]
    side = validation_side(chosen.run, chosen.cache, data=chosen.data, groups=(chosen.group,))
    config = read_config(chosen.run)
    trained = read_dataset(chosen.data or config.data, groups=(chosen.group,))
    ids = read_split(chosen.run / "split.json").train_ids(trained.ids)[::10][:64]
    calibrating = prepared_cache(trained.only(ids), run_recipe(config), chosen.cache)
    truth = np.array([s.age_months for s in side.samples])
    with tempfile.TemporaryDirectory() as folder:
        files = {name: Path(folder) / f"{name}.onnx" for name in ("float32", "float16 storage", "int8")}
        for name, half in (("float32", False), ("float16 storage", True)):
            export_onnx([chosen.run], files[name], name=name, validation=side, views=views, half=half)
        images = np.stack([calibrating.image(k) for k in range(len(calibrating))])
        quantise(files["float32"], files["int8"], images, np.array([SEXES.index(s.sex) for s in calibrating.samples]))
        answers = {name: by_onnx(path) for name, path in files.items()}
        if find_spec("openvino"):
            answers["OpenVINO bfloat16"] = by_openvino(files["float32"], views)
        digest = trained.only([s.id for s in side.samples]).digest()[:16]
        print(f"{chosen.run.name}: {len(side)} radiographs that it did not see, views {len(views)}, data {digest}\n")
        print("| weights | MAE (months) | MAE minus float32 | CPU ms | MB |\n|---|---|---|---|---|")
        reference = None
        for name, answer in answers.items():
            ages, cost = measure(answer, side)
            if chosen.out:
                keep(side, ages, chosen.out / f"{name.replace(' ', '-')}.csv")
            error = np.abs(ages - truth)
            reference = error if reference is None else reference
            terms = np.column_stack([error, error - reference, np.ones(len(error))])
            found = estimate([s.id for s in side.samples], lambda w, t=terms: (w @ t)[:, :2] / (w @ t)[:, 2:], 2000, 0)
            size = files.get(name, files["float32"]).stat().st_size / 1e6
            difference = figure_text(found[1], 3, signed=True)
            print(f"| {name} | {figure_text(found[0])} | {difference} | {cost:.1f} | {size:.1f} |")


if __name__ == "__main__":
    main()
