// The benchmark programs: one C file each in programs/, compiled for BPF and natively, and the packet each is given.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace skep::bench {

/// A program compiled for this machine: gets its input's first byte and the one after its last.
using Native = std::uint32_t (*)(const std::uint8_t* data, const std::uint8_t* end);

struct BenchProgram {
  std::string name;         ///< of the C file, and of the program in its object
  std::string object_path;  ///< compiled for BPF
  Native native;
  std::vector<std::byte> input;  ///< a frame
  bool in_means;                 ///< false for the empty program
};

/// All of them, in the order of bench/CMakeLists.txt.
[[nodiscard]] std::span<const BenchProgram> programs();

}  // namespace skep::bench
