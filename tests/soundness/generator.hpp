// Programs made to try the verifier, out of a seed: about half of them are ones that Linux would load.
//
// Numbers out of the context, the packet, map values and the host go through arithmetic, a bound in one of many forms,
// and more arithmetic, and then are an offset into something whose size is known: a verifier that is wrong about a
// number accepts an access that the guards of an engine see. Bounds are mostly right and sometimes off by one.
#pragma once

#include <cstdint>
#include <vector>

#include <skep/insn.hpp>
#include <skep/types.hpp>

namespace skep::soundness {

struct Generated {
  ProgType type = ProgType::xdp;  ///< or socket_filter, sched_cls
  std::vector<Insn> insns;        ///< maps as in Ground's table
};

/// The same seed gives the same program.
[[nodiscard]] Generated generate(std::uint64_t seed);

}  // namespace skep::soundness
