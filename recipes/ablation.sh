#!/usr/bin/env bash
# One change at a time, the same small budget: 12,000 draws of thumbnails, MobileNetV2 from ImageNet, 96 px unless the
# line says otherwise. Tested on the thumbnails of folds 0 to 3 (n 789); the locked fold is not looked at.
# usage: recipes/ablation.sh [DATA] [WEIGHTS]      about 40 minutes on two CPU cores; goes on where it was
set -euo pipefail
cd "$(dirname "$0")/.."
export DATA=${1:-../shared/rsna}
export WEIGHTS=${2:-../shared/weights/mobilenetv2_100.safetensors}
export OMP_NUM_THREADS=1
mkdir -p runs/ablation/logs

one() { # name, then what differs
  local name=$1 out=results/ablation/$1
  shift
  [ -f "$out/metrics.json" ] && return
  local options=(--backbone mobilenetv2_100 --init "$WEIGHTS" --recipe hand --size 96 --epochs 3
    --samples-per-epoch 4000 --batch-size 32 --learning-rate 8e-4 --layer-decay 0.95 --augment 0.7 --keep last)
  carpal train "$DATA" --out "runs/ablation/$name" --split recipes/folds/development.json --group lowres \
    "${options[@]}" "$@" >"runs/ablation/logs/$name" 2>&1
  carpal evaluate "runs/ablation/$name" --data "$DATA" --group lowres --side test --out "$out"
}
export -f one

xargs -P 2 -L 1 bash -ec 'one "$@"' _ <<LIST
reference
preparation-narrow --recipe narrow
preparation-plain --recipe plain
preparation-classic --recipe classic
init-random --init random
sex-out --no-sex
target-regression --target regression
target-classes --target classes
augment-0 --augment 0
augment-1.2 --augment 1.2
size-48 --size 48
size-64 --size 64
size-128 --size 128
size-160 --size 160
depth-head-only --head-epochs 3
depth-decay-0.8 --layer-decay 0.8
depth-decay-1.0 --layer-decay 1.0
rare-ages-0.5 --rare-ages 0.5
longer --epochs 9
init-random-long --init random --epochs 9
LIST
carpal compare results/ablation/*/ --out results/ablation --reference reference
sed 's#(forest.png)#(ablation/forest.png)#' results/ablation/comparison.md > results/ablation.md
