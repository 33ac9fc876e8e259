#!/usr/bin/env bash
# ./build.sh <target> [arguments]; ./build.sh help lists the targets. Everything else is in build.cake.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

if ! command -v dotnet >/dev/null; then
  echo "The .NET SDK 10 is needed and 'dotnet' is not in the PATH: https://dotnet.microsoft.com/download" >&2
  exit 127
fi
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 CAKE_SETTINGS_SHOWPROCESSCOMMANDLINE=false

target=${1:-help}
shift || true
# What follows the target belongs to the program that it runs; Cake would take it for its own.
STRANGLER_ARGUMENTS=$(printf '%s\n' "$@")
export STRANGLER_ARGUMENTS

dotnet tool restore --verbosity quiet >/dev/null || dotnet tool restore
exec dotnet cake build.cake --target="$target" --verbosity=quiet
