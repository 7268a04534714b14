#!/usr/bin/env bash
# The checksums of the shipped networks, which carpal compares when it loads them. To be run whenever one is replaced.
cd "$(dirname "$0")/../src/carpal/models" && sha256sum -- *.onnx > SHA256SUMS
