#!/usr/bin/env bash
# Removes from an environment what Wenju never runs: other libraries' own tests, notebook widgets, and OpenVINO's
# GPU and NPU drivers. About 130 MB; imports, pip and everything Wenju does work as before.
set -euo pipefail
packages=$("$1/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
case "$packages" in */site-packages) ;; *) echo "not an environment: $1" >&2; exit 1 ;; esac
cd "$packages"
rm -rf pandas/tests pyarrow/tests onnx/backend/test pydeck/nbextension
rm -f openvino/libs/libopenvino_intel_gpu_plugin.so openvino/libs/libopenvino_intel_npu_plugin.so openvino/libs/cache.json
find pip setuptools -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
