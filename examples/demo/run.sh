#!/usr/bin/env bash
# The demo: hello.bpf.c three times, what the verifier says of careless.bpf.c, then counters.bpf.c over the capture that make_pcap made when skep was built.
# Usage: examples/demo/run.sh BUILD_DIR
set -euo pipefail

build=$1
out=$build/demo
mkdir -p "$out"

say() { printf '\n$ %s\n' "$*"; "$@"; }

say "$build/skep" run "$build/examples/hello.bpf.o" --program hello --repeat 3
say "$build/skep" verify --explain "$build/examples/careless.bpf.o" || [ $? -eq 1 ]
say "$build/skep" run "$build/examples/counters.bpf.o" --program count_and_filter --pcap "$build/examples/traffic.pcap" \
  --verify --event drops=drop_event --write "$out/out.pcap"
printf '\nWhat passed is in %s; the program is examples/demo/counters.bpf.c.\n' "$out/out.pcap"
