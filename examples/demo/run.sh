#!/usr/bin/env bash
# The demo: makes a capture, runs counters.bpf.c over it, shows what came of it. Usage: examples/demo/run.sh BUILD_DIR
set -euo pipefail

build=$1
out=$build/demo
mkdir -p "$out"

say() { printf '\n$ %s\n' "$*"; "$@"; }

say "$build/examples/make_pcap" "$out/in.pcap"
say "$build/skep" run "$build/examples/hello.bpf.o" --program hello --repeat 3
say "$build/skep" run "$build/examples/counters.bpf.o" --program count_and_filter --pcap "$out/in.pcap" \
  --write "$out/out.pcap"
printf '\nWhat passed is in %s; the program is examples/demo/counters.bpf.c.\n' "$out/out.pcap"
