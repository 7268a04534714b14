"""A torch module as an ONNX file, with carpal's facts in its metadata and its weights in half precision."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from carpal.modelfile import METADATA_KEY

__all__ = ["store_half", "write_onnx"]

_FEW_WEIGHTS = 1024  # smaller tensors are biases and scales: nothing is gained by storing them in half


def write_onnx(
    module: nn.Module, inputs: dict[str, torch.Tensor], outputs: Sequence[str], facts: str, path: Path
) -> None:
    """Write ``module`` with ``facts`` (JSON) in its metadata. The first dimension of every input is the batch; give
    examples of two."""
    import onnx

    batch = torch.export.Dim("batch", min=1, max=1024)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own deprecated calls
        torch.onnx.export(
            module.eval(),
            tuple(inputs.values()),
            path,
            dynamo=True,
            dynamic_shapes=tuple({0: batch} for _ in inputs),
            input_names=list(inputs),
            output_names=list(outputs),
            opset_version=20,
            external_data=False,
            verbose=False,
        )
    model = onnx.load(path)
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, {METADATA_KEY: facts})
    _forget_source_lines(model.graph)
    onnx.save(model, path)


def store_half(path: Path) -> None:
    """Weights as float16 with a cast behind them: half the file. ONNX Runtime does the casts once, when it loads."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load(path)
    graph, casts = model.graph, []
    for weight in list(graph.initializer):
        if weight.data_type != TensorProto.FLOAT or np.prod(weight.dims) < _FEW_WEIGHTS:
            continue
        values = numpy_helper.to_array(weight).astype(np.float16)
        if not np.isfinite(values).all():  # beyond what half precision holds
            continue
        graph.initializer.remove(weight)
        graph.initializer.append(numpy_helper.from_array(values, f"{weight.name}.half"))
        casts.append(helper.make_node("Cast", [f"{weight.name}.half"], [weight.name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.save(model, path)


def _forget_source_lines(graph: Any) -> None:
    """The exporter notes source files and lines at every node: they say nothing to a user and name local paths."""
    for item in [*graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer, graph]:
        if hasattr(item, "metadata_props"):
            del item.metadata_props[:]
        item.doc_string = ""
