// How long the running kernel takes to verify the programs of an object, by its own word (BPF_LOG_STATS).
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>

namespace skep::bench {

/// The kernel's summary of one program that it accepted.
struct LinuxStats {
  std::uint64_t us = 0;  ///< "verification time"
  std::uint32_t processed = 0, total_states = 0, peak_states = 0;
};

/// Loads programs of an object, and drops them: nothing is attached, run or pinned. Those that the kernel refuses are
/// missing from the result; `reason` then says why the first attempt failed.
[[nodiscard]] std::map<std::string, LinuxStats> linux_stats(std::span<const std::byte> object,
                                                            const std::set<std::string>& programs, std::string& reason);

}  // namespace skep::bench
