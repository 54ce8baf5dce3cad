// skep_bench --stop: how soon runs end that another thread stops.
#pragma once

namespace skep::bench {

/// Prints the median and the 99th percentile for each kind of endless program; the command's exit code.
int bench_stops();

}  // namespace skep::bench
