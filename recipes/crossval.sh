#!/usr/bin/env bash
# One network, five-fold out of fold on `highres`: thumbnails first (those of no `highres` radiograph), at 128 and then
# 192 px, once for all folds; then five fine-tunings on both resolutions at 256 px. The last epoch is kept, so a fold is
# watched but nothing is chosen by it. Kill it whenever you like: the same command goes on.
# usage: recipes/crossval.sh BACKBONE WEIGHTS [DATA] [FOLDS]     about two hours on one CPU core
set -euo pipefail
cd "$(dirname "$0")/.."
BACKBONE=$1
WEIGHTS=$2
DATA=${3:-../shared/rsna}
FOLDS=${4:-0 1 2 3 4}
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}  # two networks side by side beat one on two cores
RUNS=runs/$BACKBONE

thumbnails() { # run, initial weights, size, epochs, learning rate, layer decay
  carpal train "$DATA" --out "$RUNS/$1" --backbone "$BACKBONE" --split recipes/folds/thumbnails.json --group lowres \
    --init "$2" --size "$3" --epochs "$4" --learning-rate "$5" --layer-decay "$6" --augment 0.7 --keep last
}
thumbnails thumbnails-128 "$WEIGHTS" 128 6 8e-4 0.95
thumbnails thumbnails-192 "$RUNS/thumbnails-128" 192 3 5e-4 0.92
for fold in $FOLDS; do
  carpal train "$DATA" --out "$RUNS/fold-$fold" --backbone "$BACKBONE" --split "recipes/folds/fold-$fold.json" \
    --group highres --group-weight 25 --group lowres --group-weight 1 --init "$RUNS/thumbnails-192" --size 256 \
    --epochs 4 --samples-per-epoch 1250 --batch-size 16 --learning-rate 4e-4 --layer-decay 0.9 --augment 0.8 \
    --ema-decay 0.99 --keep last
done
carpal evaluate $(for fold in $FOLDS; do echo "$RUNS/fold-$fold"; done) --data "$DATA" --side validation \
  --group highres --mirror --out "results/oof/$BACKBONE"
