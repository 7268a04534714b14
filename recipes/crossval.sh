#!/usr/bin/env bash
# One network, five-fold out of fold on `highres`: thumbnails first (those of no `highres` radiograph), once for all folds,
# at 128 px, at 192 px, long at 192 x 160 px, and one epoch at the final size; then five fine-tunings on both resolutions.
# The last epoch is kept, so a fold is watched but nothing is chosen by it. Kill it whenever you like: the same command goes on.
# usage: recipes/crossval.sh BACKBONE WEIGHTS [DATA] [FOLDS]     three to four hours on one CPU core
# Fold 4 alone, which is the shipped `default`, takes 2 h 12 min from nothing (results/reproduction.txt):
#   recipes/crossval.sh mobilenetv2_100 ../shared/weights/mobilenetv2_100.safetensors ../shared/rsna 4
# `default` is the first of these; the two together were the `ensemble` before recipes/sizes.sh:
#   recipes/crossval.sh mobilenetv2_100 ../shared/weights/mobilenetv2_100.safetensors
#   SMALL=5 LONG=8 SIZE=192 TUNE=8 recipes/crossval.sh efficientnet_lite0 ../shared/weights/tf_efficientnet_lite0.safetensors
set -euo pipefail
cd "$(dirname "$0")/.."
BACKBONE=$1
WEIGHTS=$2
DATA=${3:-../shared/rsna}
FOLDS=${4:-0 1 2 3 4}
SMALL=${SMALL:-6} # epochs at 128 px
LONG=${LONG:-10}  # epochs at 192 x 160 px
SIZE=${SIZE:-256} # rows of what is shipped
TUNE=${TUNE:-6}   # epochs of 1,250 draws on a fold
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} # two networks side by side beat one on two cores
RUNS=runs/$BACKBONE

thumbnails() { # run, what differs
  local run=$1
  shift
  carpal train "$DATA" --out "$RUNS/$run" --backbone "$BACKBONE" --split recipes/folds/thumbnails.json --group lowres "$@"
}
thumbnails thumbnails-128 --init "$WEIGHTS" --size 128 --epochs "$SMALL" --learning-rate 8e-4 --layer-decay 0.95 \
  --augment 0.7
thumbnails thumbnails-192 --init "$RUNS/thumbnails-128" --size 192 --epochs 3 --learning-rate 5e-4 --layer-decay 0.92 \
  --augment 0.7 --keep last
thumbnails thumbnails-long --init "$RUNS/thumbnails-192" --recipe narrow --size 192 --epochs "$LONG" \
  --learning-rate 6e-4 --layer-decay 0.95 --augment 0.3 --keep last
last=thumbnails-long
if [ "$SIZE" != 192 ]; then # a network is tied to the scale it learned at
  last=thumbnails-$SIZE
  thumbnails "$last" --init "$RUNS/thumbnails-long" --recipe narrow --size "$SIZE" --epochs 1 --learning-rate 4e-4 \
    --layer-decay 0.92 --augment 0.3 --keep last
fi
for fold in $FOLDS; do
  carpal train "$DATA" --out "$RUNS/fold-$fold-$SIZE" --backbone "$BACKBONE" --split "recipes/folds/fold-$fold.json" \
    --group highres --group-weight 40 --group lowres --group-weight 1 --init "$RUNS/$last" --recipe narrow \
    --size "$SIZE" --epochs "$TUNE" --samples-per-epoch 1250 --batch-size 16 --learning-rate 4e-4 --layer-decay 0.9 \
    --augment 0.5 --ema-decay 0.99 --keep last
done
runs=()
for fold in $FOLDS; do runs+=("$RUNS/fold-$fold-$SIZE"); done
carpal evaluate "${runs[@]}" --data "$DATA" --side validation --group highres --views 3 --out "results/oof/$BACKBONE"
