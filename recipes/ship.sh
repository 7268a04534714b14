#!/usr/bin/env bash
# From the runs of recipes/crossval.sh to what is shipped: out-of-fold figures with calibrated intervals, the model files,
# their figures on the locked fold, and their cards. `default` is the network at 192 rows, three views of each radiograph;
# `ensemble` that and the one at 384 rows, six views: they err differently, because they see different things.
# usage: recipes/ship.sh [DATA] [MODELS]      about ten minutes on two CPU cores
set -euo pipefail
cd "$(dirname "$0")/.."
DATA=${1:-../shared/rsna}
MODELS=${2:-default ensemble}
LOCKED=4  # the networks that are shipped never saw this fold
NETWORK=mobilenetv2_100
OOF=results/oof/$NETWORK
declare -A VIEWS=([default]=3 [ensemble]=6)
declare -A FOLDER=([default]=$OOF-192 [ensemble]=results/oof/ensemble)
declare -A RUN_FOLDERS=([default]=runs/$NETWORK/fold-$LOCKED-192
  [ensemble]="runs/$NETWORK/fold-$LOCKED-192 runs/$NETWORK/fold-$LOCKED-384")

for size in 192 384; do carpal coverage "$OOF-$size" --folds recipes/folds; done
carpal average "$OOF-192-six" "$OOF-384-six" --out results/oof/ensemble
carpal coverage results/oof/ensemble --folds recipes/folds
for name in $MODELS; do
  folder=${FOLDER[$name]}
  carpal export ${RUN_FOLDERS[$name]} --out "src/carpal/models/$name.onnx" --name "$name" --group highres \
    --views "${VIEWS[$name]}" --calibration "$folder/calibration.json"
  recipes/checksums.sh
  carpal evaluate "$name" --data "$DATA" --group highres --split "recipes/folds/fold-$LOCKED.json" --side validation \
    --out "results/$name"
  python recipes/model_card.py "$name" "$folder" "results/$name" > "src/carpal/models/$name.md"
done
carpal compare results/oof/ensemble "$OOF-384" "$OOF-192" "$OOF-256" \
  results/oof/efficientnet_lite0 --out results/models
sed 's#(forest.png)#(models/forest.png)#' results/models/comparison.md | cat - recipes/notebook_models.md > results/models.md
