#!/usr/bin/env bash
# One network, five-fold out of fold on `highres`: thumbnails first (those of no `highres` radiograph), at 128 and then
# 192 px, once for all folds; then five fine-tunings on both resolutions at 192 x 160 px. The last epoch is kept, so a fold is
# watched but nothing is chosen by it. Kill it whenever you like: the same command goes on.
# usage: recipes/crossval.sh BACKBONE WEIGHTS [DATA] [FOLDS]     two to three hours on one CPU core
# What is shipped was made by, side by side on two cores:
#   recipes/crossval.sh mobilenetv2_100 ../shared/weights/mobilenetv2_100.safetensors
#   SMALL=5 RATE=3e-4 AUGMENT=0.5 recipes/crossval.sh efficientnet_lite0 ../shared/weights/tf_efficientnet_lite0.safetensors
set -euo pipefail
cd "$(dirname "$0")/.."
BACKBONE=$1
WEIGHTS=$2
DATA=${3:-../shared/rsna}
FOLDS=${4:-0 1 2 3 4}
SMALL=${SMALL:-6} # epochs at 128 px
RATE=${RATE:-4e-4} # learning rate and
AUGMENT=${AUGMENT:-0.8} # augmentation of the fine-tunings
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} # two networks side by side beat one on two cores
RUNS=runs/$BACKBONE

thumbnails() { # run, what differs
  local run=$1
  shift
  carpal train "$DATA" --out "$RUNS/$run" --backbone "$BACKBONE" --split recipes/folds/thumbnails.json --group lowres \
    --augment 0.7 "$@"
}
thumbnails thumbnails-128 --init "$WEIGHTS" --size 128 --epochs "$SMALL" --learning-rate 8e-4 --layer-decay 0.95
thumbnails thumbnails-192 --init "$RUNS/thumbnails-128" --size 192 --epochs 3 --learning-rate 5e-4 --layer-decay 0.92 \
  --keep last
for fold in $FOLDS; do
  carpal train "$DATA" --out "$RUNS/fold-$fold" --backbone "$BACKBONE" --split "recipes/folds/fold-$fold.json" \
    --group highres --group-weight 40 --group lowres --group-weight 1 --init "$RUNS/thumbnails-192" --recipe narrow \
    --size 192 --epochs 8 --samples-per-epoch 1250 --batch-size 16 --learning-rate "$RATE" --layer-decay 0.9 \
    --augment "$AUGMENT" --ema-decay 0.99 --keep last
done
runs=()
for fold in $FOLDS; do runs+=("$RUNS/fold-$fold"); done
carpal evaluate "${runs[@]}" --data "$DATA" --side validation --group highres --views 3 --out "results/oof/$BACKBONE"
