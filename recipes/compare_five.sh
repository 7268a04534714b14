#!/usr/bin/env bash
# Five networks from random weights (and EfficientNet-Lite0 from ImageNet's) under one small budget:
# 12,000 draws of thumbnails at 96 px, the same settings for all. Tested on the 200 held-back thumbnails.
# usage: recipes/compare_five.sh [DATA] [LITE0_WEIGHTS]      about 25 minutes on two CPU cores
set -euo pipefail
cd "$(dirname "$0")/.."
DATA=${1:-../shared/rsna}
WEIGHTS=${2:-../shared/weights/tf_efficientnet_lite0.safetensors}
SPLIT=recipes/split-rsna-shared.json
BUDGET=(--split $SPLIT --group lowres --size 96 --epochs 4 --samples-per-epoch 3000 --batch-size 32
  --learning-rate 1e-3 --layer-decay 1.0)

train() { # name, backbone, initial weights
  carpal train "$DATA" --out "runs/five/$1" --backbone "$2" --init "$3" "${BUDGET[@]}"
  carpal evaluate "runs/five/$1" --data "$DATA" --group lowres --split $SPLIT --side test --out "results/comparison/$1"
}
train efficientnet_lite0-imagenet efficientnet_lite0 "$WEIGHTS"
for network in custom efficientnet_lite0 efficientnet_b0 resnet50 inception_v3; do
  train "$network" "$network" random
done
carpal compare results/comparison/*/ --out results/comparison
sed 's#(forest.png)#(comparison/forest.png)#' results/comparison/comparison.md | cat - recipes/notebook_figures.md > results/comparison.md
