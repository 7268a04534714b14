#!/usr/bin/env bash
# Learning curves: in the number of thumbnails at 96 px, and in resolution with all of them. Every run draws 24,000
# radiographs, so that only the variety differs. Tested on the thumbnails of folds 0 to 3 (n 789). Then the same for what
# is shipped: from weights that have seen the thumbnails, in the number of `highres` radiographs and in resolution, 7,500
# draws each, tested on fold 4 (n 197).
# usage: recipes/scaling.sh [DATA] [WEIGHTS]      about an hour on two CPU cores (JOBS=1: on one); goes on where it was
set -euo pipefail
cd "$(dirname "$0")/.."
export DATA=${1:-../shared/rsna}
export WEIGHTS=${2:-../shared/weights/mobilenetv2_100.safetensors}
export OMP_NUM_THREADS=1
mkdir -p runs/scaling/logs

one() { # name, then what differs
  local name=$1 out=results/scaling/$1
  shift
  [ -f "$out/metrics.json" ] && return
  local options=(--backbone mobilenetv2_100 --init "$WEIGHTS" --size 96 --epochs 6 --samples-per-epoch 4000
    --batch-size 32 --learning-rate 8e-4 --layer-decay 0.95 --augment 0.7 --keep last)
  carpal train "$DATA" --out "runs/scaling/$name" --split recipes/folds/development.json --group lowres \
    "${options[@]}" "$@" >"runs/scaling/logs/$name" 2>&1
  carpal evaluate "runs/scaling/$name" --data "$DATA" --group lowres --side test --out "$out"
  rm "$out"/*.png "$out"/*.html "$out"/report.md "$out"/distributions.npz # the curve needs the predictions alone
}
export -f one

xargs -P "${JOBS:-2}" -L 1 bash -ec 'one "$@"' _ <<LIST
images-500 --limit 500
images-1000 --limit 1000
images-2000 --limit 2000
images-4000 --limit 4000
images-8000 --limit 8000
images-11222
size-32 --size 32
size-48 --size 48
size-64 --size 64
size-128 --size 128
LIST

# The committed figures began with the weights that recipes/pretrained held until 2026-11-26 (6 epochs at 128 rows, 13 at 192).
fine() { # name, size, how many radiographs
  local out=results/scaling/$1
  [ -f "$out/metrics.json" ] && return
  carpal train "$DATA" --out "runs/scaling/$1" --preset fine-tune --split recipes/folds/fold-4.json --group highres \
    --init recipes/pretrained/mobilenetv2_100.pt --start-share 0 --size "$2" --limit "$3" >"runs/scaling/logs/$1" 2>&1
  carpal evaluate "runs/scaling/$1" --data "$DATA" --group highres --side validation --out "$out"
  rm "$out"/*.png "$out"/*.html "$out"/report.md "$out"/distributions.npz # the curve needs the predictions alone
}
export -f fine

xargs -P "${JOBS:-2}" -L 1 bash -ec 'fine "$@"' _ <<LIST
highres-50 192 50
highres-100 192 100
highres-200 192 200
highres-400 192 400
highres-789 192 0
detail-128 128 0
detail-256 256 0
detail-320 320 0
detail-384 384 0
LIST
python recipes/scaling.py
