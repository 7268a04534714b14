#!/usr/bin/env bash
# docs/reading.png, docs/report.png and docs/web.png anew: of a drawn hand and of the demo, so that no child is shown.
# Needs poppler's pdftoppm and Debian's chromium besides carpal.
set -euo pipefail
cd "$(dirname "$0")/.."
FOLDER=$(mktemp -d)
trap 'rm -r "$FOLDER"' EXIT
carpal phantom "$FOLDER/hand.png" --age-months 118 --sex F
carpal read "$FOLDER/hand.png" --sex F --annotate "$FOLDER/reading.png"
python -c "import sys; from PIL import Image; Image.open(sys.argv[1]).resize((1200, 768), 1).save(sys.argv[2], optimize=True)" \
  "$FOLDER/reading.png" docs/reading.png
carpal report "$FOLDER/hand.png" --sex F --age 10y9m --height-cm 143 --weight-kg 36 --mother-cm 165 --father-cm 180 \
  -o "$FOLDER/report.pdf"
pdftoppm -png -singlefile -r 84 "$FOLDER/report.pdf" docs/report
python recipes/web_picture.py docs/web.png
