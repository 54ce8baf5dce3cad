// In the place of dpdk.cpp where librte_bpf.a is not there.
#include "engines.hpp"

namespace skep::bench {

Prepared prepare_dpdk(const BenchProgram& /*program*/) { return {nullptr, "no librte_bpf.a: run scripts/setup bench"}; }

}  // namespace skep::bench
