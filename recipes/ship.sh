#!/usr/bin/env bash
# From the runs of recipes/crossval.sh (both networks) to what is shipped: out-of-fold figures with calibrated intervals,
# src/carpal/models/default.onnx and ensemble.onnx, their figures on the locked fold, and their cards.
# usage: recipes/ship.sh [DATA]      about ten minutes on two CPU cores
set -euo pipefail
cd "$(dirname "$0")/.."
DATA=${1:-../shared/rsna}
LOCKED=4  # the networks that are shipped never saw this fold
DEFAULT=mobilenetv2_100
MEMBERS="mobilenetv2_100 efficientnet_lite0"
declare -A RUN=([mobilenetv2_100]=fold-$LOCKED-256 [efficientnet_lite0]=fold-$LOCKED-192)

carpal average $(for m in $MEMBERS; do echo "results/oof/$m"; done) --out results/oof/ensemble
for name in $MEMBERS ensemble; do
  carpal coverage "results/oof/$name" --folds recipes/folds
done
carpal compare $(for m in $MEMBERS ensemble; do echo "results/oof/$m"; done) --out results/models
sed 's#(forest.png)#(models/forest.png)#' results/models/comparison.md | cat - recipes/notebook_models.md > results/models.md

carpal export "runs/$DEFAULT/${RUN[$DEFAULT]}" --out src/carpal/models/default.onnx --name default --views 3 \
  --group highres --calibration "results/oof/$DEFAULT/calibration.json"
carpal export $(for m in $MEMBERS; do echo "runs/$m/${RUN[$m]}"; done) --out src/carpal/models/ensemble.onnx \
  --name ensemble --views 3 --group highres --calibration results/oof/ensemble/calibration.json
for name in default ensemble; do
  carpal evaluate "$name" --data "$DATA" --group highres --split "recipes/folds/fold-$LOCKED.json" --side validation \
    --out "results/$name"
done
python recipes/model_card.py default results/oof/$DEFAULT results/default > src/carpal/models/default.md
python recipes/model_card.py ensemble results/oof/ensemble results/ensemble > src/carpal/models/ensemble.md
