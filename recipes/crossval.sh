#!/usr/bin/env bash
# One network, five-fold out of fold on `highres`: thumbnails first (those of no `highres` radiograph), once for all folds,
# at 128 px, then at 192 rows, and with most epochs there once the first layers are frozen; for 384 rows a few more at that
# size. Then, at each of SIZES, five fine-tunings on `highres` alone, which keep a fifth of the weights they began with.
# Where WEIGHTS have seen the thumbnails already, as recipes/pretrained has, it begins with the folds.
# The last epoch is kept, so a fold is watched but nothing is chosen by it. Kill it whenever you like: the same command goes on.
# usage: recipes/crossval.sh BACKBONE WEIGHTS [DATA] [FOLDS] [SIZES]
#
# What is shipped, all five folds (192 rows are `default`, both with six views are `ensemble`), from the thumbnail stages:
#   recipes/crossval.sh mobilenetv2_100 recipes/pretrained/mobilenetv2_100.pt ../shared/rsna "0 1 2 3 4" 192
#   recipes/crossval.sh mobilenetv2_100 recipes/pretrained/mobilenetv2_100-384.pt ../shared/rsna "0 1 2 3 4" 384
# `default` from nothing, fold 4 alone, which is the shipped one (results/reproduction.txt):
#   recipes/crossval.sh mobilenetv2_100 ../shared/weights/mobilenetv2_100.safetensors ../shared/rsna 4 192
# The figures of EfficientNet-Lite0 and of 256 rows in results/oof are of this recipe as it was on 2026-11-25 (SMALL=5 LONG=8
# TUNE=8 PROCESSES=1, no frozen layers, augmentation 0.3, one more epoch of thumbnails at 256 rows, one thumbnail to forty
# `highres` radiographs in the folds, nothing kept of the start).
set -euo pipefail
cd "$(dirname "$0")/.."
BACKBONE=$1
WEIGHTS=$2
DATA=${3:-../shared/rsna}
FOLDS=${4:-0 1 2 3 4}
SIZES=${5:-192 384}
SMALL=${SMALL:-6} # epochs at 128 px
LONG=${LONG:-32}  # epochs at 192 x 160 px with frozen layers
LARGE=${LARGE:-5} # epochs at 384 x 288 px
TUNE=${TUNE:-6}   # epochs of 1,250 draws on a fold
PROCESSES=${PROCESSES:-2} # that train one thumbnail network together, 32 radiographs a step between them
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} # two networks side by side beat one on two cores
RUNS=runs/$BACKBONE

thumbnails() { # run, what differs
  local run=$1
  shift
  local train=(carpal train)
  if [ "$PROCESSES" -gt 1 ]; then train=(torchrun --standalone --nproc_per_node "$PROCESSES" -m carpal train); fi
  "${train[@]}" "$DATA" --out "$RUNS/$run" --backbone "$BACKBONE" --split recipes/folds/thumbnails.json --group lowres \
    --batch-size $((32 / PROCESSES)) "$@"
}
if [ "${WEIGHTS##*.}" != pt ]; then
  thumbnails thumbnails-128 --init "$WEIGHTS" --size 128 --epochs "$SMALL" --learning-rate 8e-4 --layer-decay 0.95 \
    --augment 0.7
  thumbnails thumbnails-192 --init "$RUNS/thumbnails-128" --size 192 --epochs 3 --learning-rate 5e-4 --layer-decay 0.92 \
    --augment 0.7 --keep last
  thumbnails thumbnails-long --init "$RUNS/thumbnails-192" --recipe narrow --size 192 --epochs "$LONG" \
    --frozen-layers 3 --learning-rate 6e-4 --layer-decay 1.0 --augment 0.5 --keep last
fi
for size in $SIZES; do
  start=$WEIGHTS
  frozen=0
  if [ "${WEIGHTS##*.}" != pt ]; then start=$RUNS/thumbnails-long; fi
  if [ "$size" -ge 384 ]; then # all layers at this size would take twice as long
    frozen=3
    if [ "${WEIGHTS##*.}" != pt ]; then
      thumbnails "thumbnails-$size" --init "$start" --recipe narrow --size "$size" --epochs "$LARGE" \
        --frozen-layers 3 --learning-rate 5e-4 --layer-decay 1.0 --augment 0.5 --keep last
      start=$RUNS/thumbnails-$size
    fi
  fi
  runs=()
  for fold in $FOLDS; do
    runs+=("$RUNS/fold-$fold-$size")
    carpal train "$DATA" --out "${runs[-1]}" --preset fine-tune --backbone "$BACKBONE" --group highres \
      --split "recipes/folds/fold-$fold.json" --init "$start" --size "$size" --frozen-layers "$frozen" --epochs "$TUNE"
  done
  evaluate=(carpal evaluate "${runs[@]}" --data "$DATA" --side validation --group highres)
  "${evaluate[@]}" --views 3 --out "results/oof/$BACKBONE-$size"
  "${evaluate[@]}" --views 6 --out "results/oof/$BACKBONE-$size-six"
done
