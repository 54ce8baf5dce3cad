// The benchmark programs: one C file each in programs/, compiled for BPF and natively, and the packet each is given.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace skep::bench {

/// A program compiled for this machine: gets its input's first byte and the one after its last.
using Native = std::uint32_t (*)(std::uint8_t* data, const std::uint8_t* end);

enum class Work {
  nothing,      ///< what starting and ending a run costs; in no mean
  computation,  ///< no map, no helper
  services,     ///< maps or helpers
};

/// One build by the native compiler. The programs of each build have their own maps.
struct NativeBuild {
  Native run = nullptr;
  void (*drain)() = nullptr;  ///< consumes what the program's ring buffer holds; null without one
};

struct BenchProgram {
  std::string name;  ///< of the C file, and of the program in its object
  Work work = Work::computation;
  std::string object_path;       ///< compiled for Linux
  std::string dpdk_object_path;  ///< compiled for DPDK's context, without 32-bit jumps
  NativeBuild native;            ///< -O2; maps and helpers are functions of the host
  NativeBuild scalar;            ///< -O2 without vectors, and without library calls in the place of loops
  NativeBuild inlined;           ///< -O2, maps and helpers inlined into it; none where it uses none
  std::vector<std::byte> input;  ///< a frame; runs may change it
  /// After so many runs the ring buffer wants to be drained; 0 for programs without one.
  std::uint64_t runs_a_drain = 0;
};

/// All of them, in the order of bench/CMakeLists.txt.
[[nodiscard]] std::span<const BenchProgram> programs();

}  // namespace skep::bench
