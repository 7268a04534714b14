#!/usr/bin/env bash
# The four architectures that the field names and the two whose ImageNet weights are at hand, under one protocol: all
# thumbnails but those of folds 0 to 4, 96 px, six epochs. Tested on the thumbnails of folds 0 to 3 (n 789).
# usage: recipes/architectures.sh [DATA] [WEIGHTS_FOLDER]      about an hour on two CPU cores (JOBS=1: on one); goes on where it was
set -euo pipefail
cd "$(dirname "$0")/.."
export DATA=${1:-../shared/rsna}
export FOLDER=${2:-../shared/weights}
export OMP_NUM_THREADS=1
mkdir -p runs/architectures/logs

one() { # name, backbone, initial weights
  local out=results/architectures/$1
  [ -f "$out/metrics.json" ] && return
  carpal train "$DATA" --out "runs/architectures/$1" --backbone "$2" --init "$3" --split recipes/folds/development.json \
    --group lowres --recipe hand --size 96 --epochs 6 --batch-size 32 --learning-rate 1e-3 --layer-decay 1.0 \
    --augment 0.3 --keep last >"runs/architectures/logs/$1" 2>&1
  carpal evaluate "runs/architectures/$1" --data "$DATA" --group lowres --side test --out "$out"
}
export -f one

xargs -P "${JOBS:-2}" -L 1 bash -ec 'one "$@"' _ <<LIST
resnet50-random resnet50 random
inception_v3-random inception_v3 random
efficientnet_b0-random efficientnet_b0 random
custom-random custom random
efficientnet_lite0-imagenet efficientnet_lite0 $FOLDER/tf_efficientnet_lite0.safetensors
mobilenetv2_100-imagenet mobilenetv2_100 $FOLDER/mobilenetv2_100.safetensors
LIST
carpal compare results/architectures/*/ --out results/architectures
sed 's#(forest.png)#(architectures/forest.png)#' results/architectures/comparison.md > results/architectures.md
