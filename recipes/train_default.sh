#!/usr/bin/env bash
# Makes src/carpal/models/default.onnx: 12,311 thumbnails first, then both resolutions together.
# usage: recipes/train_default.sh [DATA] [LITE0_WEIGHTS]      about 100 minutes on two CPU cores
set -euo pipefail
cd "$(dirname "$0")/.."
DATA=${1:-../shared/rsna}
WEIGHTS=${2:-../shared/weights/tf_efficientnet_lite0.safetensors}
SPLIT=recipes/split-rsna-shared.json

carpal train "$DATA" --out runs/lite0-lowres --split $SPLIT --group lowres --init "$WEIGHTS" \
  --size 128 --epochs 12 --learning-rate 8e-4 --layer-decay 0.95

carpal train "$DATA" --out runs/default --split $SPLIT --group highres --group-weight 25 --group lowres --group-weight 1 \
  --init runs/lite0-lowres --size 256 --epochs 16 --samples-per-epoch 1600 --batch-size 16 \
  --learning-rate 4e-4 --layer-decay 0.9

carpal export runs/default --out src/carpal/models/default.onnx --name default --group highres
carpal evaluate default --data "$DATA" --group highres --split $SPLIT --side test --out results/default
python recipes/model_card.py default results/default > src/carpal/models/default.md
