#!/usr/bin/env bash
# From runs to what is shipped: out-of-fold figures with calibrated intervals, the model file, its figures on the locked
# fold, and its card. `default` is of recipes/crossval.sh, `ensemble` of recipes/sizes.sh.
# usage: recipes/ship.sh [DATA] [MODELS]      about ten minutes on two CPU cores
set -euo pipefail
cd "$(dirname "$0")/.."
DATA=${1:-../shared/rsna}
MODELS=${2:-default ensemble}
LOCKED=4  # the networks that are shipped never saw this fold
NETWORK=mobilenetv2_100
declare -A FOLDER=([default]=results/oof/$NETWORK [ensemble]=results/oof/ensemble)
declare -A RUN_FOLDERS=([default]=runs/$NETWORK/fold-$LOCKED-256
  [ensemble]="runs/$NETWORK/fold-$LOCKED-192 runs/$NETWORK/fold-$LOCKED-384")

for name in $MODELS; do
  folder=${FOLDER[$name]}
  if [ "$name" = ensemble ]; then
    carpal average "results/oof/$NETWORK-192" "results/oof/$NETWORK-384" --out "$folder"
    for size in 192 384; do carpal coverage "results/oof/$NETWORK-$size" --folds recipes/folds; done
  fi
  carpal coverage "$folder" --folds recipes/folds
  carpal export ${RUN_FOLDERS[$name]} --out "src/carpal/models/$name.onnx" --name "$name" --views 3 --group highres \
    --calibration "$folder/calibration.json"
  carpal evaluate "$name" --data "$DATA" --group highres --split "recipes/folds/fold-$LOCKED.json" --side validation \
    --out "results/$name"
  python recipes/model_card.py "$name" "$folder" "results/$name" > "src/carpal/models/$name.md"
done
carpal compare results/oof/ensemble results/oof/$NETWORK-384 results/oof/$NETWORK-192 results/oof/$NETWORK \
  results/oof/efficientnet_lite0 --out results/models
sed 's#(forest.png)#(models/forest.png)#' results/models/comparison.md | cat - recipes/notebook_models.md > results/models.md
