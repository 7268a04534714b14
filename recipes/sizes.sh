#!/usr/bin/env bash
# The networks of `ensemble`: MobileNetV2 at 192 and at 384 rows, five-fold out of fold on `highres` alone. They err
# differently, because they see different things: 192 rows show the whole of a thumbnail, 384 what a radiograph has more.
# Both start from recipes/pretrained; the smaller has six more epochs of thumbnails, with more of the rare ages.
# Kill it whenever you like: the same command goes on.
# usage: recipes/sizes.sh [DATA] [FOLDS] [SIZES]      two hours on one CPU core
set -euo pipefail
cd "$(dirname "$0")/.."
DATA=${1:-../shared/rsna}
FOLDS=${2:-0 1 2 3 4}
SIZES=${3:-192 384}
BACKBONE=mobilenetv2_100
PRETRAINED=recipes/pretrained/$BACKBONE.pt
RUNS=runs/$BACKBONE
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}

for size in $SIZES; do
  start=$PRETRAINED
  if [ "$size" = 192 ]; then
    start=$RUNS/thumbnails-more
    carpal train "$DATA" --out "$start" --backbone "$BACKBONE" --split recipes/folds/thumbnails.json --group lowres \
      --init "$PRETRAINED" --recipe narrow --size 192 --epochs 6 --learning-rate 6e-4 --layer-decay 1.0 --augment 0.5 \
      --rare-ages 0.5 --keep last
  fi
  runs=()
  for fold in $FOLDS; do
    runs+=("$RUNS/fold-$fold-$size")
    carpal train "$DATA" --out "${runs[-1]}" --backbone "$BACKBONE" --split "recipes/folds/fold-$fold.json" \
      --group highres --init "$start" --recipe narrow --size "$size" --epochs 6 --samples-per-epoch 1250 \
      --batch-size 16 --learning-rate 4e-4 --layer-decay 0.9 --augment 0.5 --ema-decay 0.99 --keep last
  done
  carpal evaluate "${runs[@]}" --data "$DATA" --side validation --group highres --views 3 \
    --out "results/oof/$BACKBONE-$size"
done
