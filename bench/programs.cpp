#include "programs.hpp"

#include <array>

extern "C" {
#define PROGRAM(name) std::uint32_t native_##name(const std::uint8_t* data, const std::uint8_t* end);
#include "programs.inc"
#undef PROGRAM
}

namespace skep::bench {
namespace {

constexpr std::size_t kInputBytes = 512;  // INPUT_BYTES in programs/program.h

/// The same bytes every time: a linear congruential generator's upper bits.
std::vector<std::byte> noise() {
  std::vector<std::byte> bytes(kInputBytes);
  std::uint64_t state = 2024;
  for (std::byte& byte : bytes) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    byte = static_cast<std::byte>(state >> 56);
  }
  return bytes;
}

/// A TCP segment to port 443 behind one VLAN tag; the payload is noise.
std::vector<std::byte> tagged_tcp_frame() {
  constexpr std::array<std::uint8_t, 58> kHeaders{
      0x02, 0,    0,    0,    0, 1, 0x02, 0, 0,  0, 0, 2, 0x81, 0x00, 0x00, 0x2a, 0x08, 0x00,  // Ethernet, VLAN 42
      0x45, 0,    0,    100,  0, 1, 0x40, 0, 64, 6, 0, 0, 192,  0,    2,    1,    198,  51,   100, 2,   // IPv4
      0xc0, 0x01, 0x01, 0xbb, 0, 0, 0,    1, 0,  0, 0, 0, 0x50, 0x18, 0x20, 0x00, 0,    0,    0,   0};  // TCP
  std::vector<std::byte> frame = noise();
  for (std::size_t i = 0; i < kHeaders.size(); ++i) frame[i] = static_cast<std::byte>(kHeaders[i]);
  return frame;
}

BenchProgram make(const std::string& name, Native native) {
  return {name, SKEP_BENCH_PROGRAMS "/" + name + ".bpf.o", native,
          name == "packet_parse" ? tagged_tcp_frame() : noise(), name != "empty"};
}

}  // namespace

std::span<const BenchProgram> programs() {
  static const std::vector<BenchProgram> all{
#define PROGRAM(name) make(#name, native_##name),
#include "programs.inc"
#undef PROGRAM
  };
  return all;
}

}  // namespace skep::bench
