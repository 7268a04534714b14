"""A run's weights in half precision, small enough to commit: somebody else's ``--init``.

usage: python recipes/pretrained.py RUN FILE.pt
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from carpal.training.run import load_checkpoint


def main(run: str, out: Path) -> None:
    network, content = load_checkpoint(run)
    weights = {k: v.half() if v.is_floating_point() else v for k, v in network.state_dict().items()}
    config = {**content["config"], "data": "", "split": "", "init": Path(content["config"]["init"]).name}
    torch.save({"weights": weights, "scale": network.scale, "config": config, "metrics": content["metrics"]}, out)
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB, validation MAE {content['metrics']['validation_mae']:.2f} months")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python recipes/pretrained.py RUN FILE.pt")
    main(sys.argv[1], Path(sys.argv[2]))
