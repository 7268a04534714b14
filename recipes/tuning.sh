#!/usr/bin/env bash
# Which settings matter: 24 trials of at most 12,000 draws of thumbnails, MobileNetV2 from ImageNet, 64 or 96 px.
# Validated on the 300 thumbnails of recipes/folds/thumbnails.json, none of a `highres` radiograph.
# usage: recipes/tuning.sh [DATA] [WEIGHTS]      about 45 minutes on one CPU core; goes on where it was
set -euo pipefail
cd "$(dirname "$0")/.."
DATA=${1:-../shared/rsna}
WEIGHTS=${2:-../shared/weights/mobilenetv2_100.safetensors}
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
STUDY=runs/tuning

carpal tune "$DATA" --out $STUDY --trials 24 --backbone mobilenetv2_100 --init "$WEIGHTS" --recipe narrow \
  --split recipes/folds/thumbnails.json --group lowres --epochs 3 --samples-per-epoch 4000 --size 64 --size 96
mkdir -p results/tuning
cp $STUDY/trials.csv $STUDY/trials.png $STUDY/importance.png results/tuning/
sed 's#(\(trials\|importance\).png)#(tuning/\1.png)#; s#^`carpal tune`#`recipes/tuning.sh`#' $STUDY/report.md > results/tuning.md
