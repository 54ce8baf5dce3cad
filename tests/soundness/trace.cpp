// Demand runs backwards: what an instruction reads was wanted before it, what it writes was not.
#include "soundness/trace.hpp"

#include <algorithm>
#include <cstring>

namespace skep::soundness {
namespace {

constexpr RegisterSet kCallerSaved = 0b111111, kArguments = 0b111110, kResult = 1;

/// Bytes by their distance below the top of the stack.
using Bytes = std::bitset<kFrames * kFrameBytes>;

void assign(Bytes& bytes, const Moment& moment, const Area& area, bool value) {
  for (std::uint64_t address = area.address; address < area.address + area.bytes; ++address) {
    const std::uint64_t below = moment.stack_top - 1 - address;
    if (below < bytes.size()) bytes[below] = value;
  }
}

void forget_frame(Bytes& bytes, unsigned frame) {
  for (unsigned i = 0; i < kFrameBytes; ++i) bytes[frame * kFrameBytes + i] = false;
}

void before_registers(const Moment& now, const Moment* next, std::array<RegisterSet, kFrames>& wanted) {
  RegisterSet& own = wanted[now.depth - 1];
  const Effects& effects = now.effects;
  if (next == nullptr) {
    own = effects.reads;
  } else if (next->depth > now.depth) {
    RegisterSet& callee = wanted[now.depth];
    if (next->called[now.depth].callback)
      own |= effects.reads;
    else
      own = static_cast<RegisterSet>((own & ~kCallerSaved) | (callee & kArguments));
    callee = 0;
  } else if (next->depth < now.depth) {
    RegisterSet& caller = wanted[next->depth - 1];
    const bool callback = now.called[now.depth - 1].callback;
    const bool used = effects.returns && (callback || (caller & kResult) != 0);
    if (!callback) caller &= static_cast<RegisterSet>(~kCallerSaved);
    own = static_cast<RegisterSet>(effects.reads | (used ? kResult : 0));
  } else {
    own = static_cast<RegisterSet>((own & ~effects.writes) | effects.reads);
  }
}

}  // namespace

std::uint64_t Moment::slot(unsigned frame, unsigned number) const {
  std::uint64_t value = 0;
  const std::size_t at = std::size_t{frame + 1} * kFrameBytes - 8 * (std::size_t{number} + 1);
  std::memcpy(&value, stack.data() + at, sizeof value);
  return value;
}

std::vector<Demand> demands(const Trace& trace) {
  std::vector<Demand> all(trace.moments.size());
  std::array<RegisterSet, kFrames> wanted{};
  Bytes bytes;
  for (std::size_t i = trace.moments.size(); i-- > 0;) {
    const Moment& now = trace.moments[i];
    const Moment* next = i + 1 < trace.moments.size() ? &trace.moments[i + 1] : nullptr;
    before_registers(now, next, wanted);
    if (next != nullptr && next->depth > now.depth) forget_frame(bytes, now.depth);
    for (const Area& area : now.effects.stack_writes) assign(bytes, now, area, false);
    for (const Area& area : now.effects.stack_reads) assign(bytes, now, area, true);
    all[i].registers = wanted;
    for (unsigned byte = 0; byte < now.depth * kFrameBytes; ++byte)
      if (bytes[byte]) all[i].slots[byte / kFrameBytes] |= std::uint64_t{1} << (byte % kFrameBytes / 8);
  }
  return all;
}

}  // namespace skep::soundness
