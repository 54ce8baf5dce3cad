#include "programs.hpp"

#include <array>

extern "C" {
#define FUNCTION(variant, name) std::uint32_t variant##_##name(std::uint8_t* data, const std::uint8_t* end)
#define INLINED_nothing(name) nullptr
#define INLINED_computation(name) nullptr
#define INLINED_services(name) inlined_##name
#define PROGRAM(name, work) \
  FUNCTION(native, name);   \
  FUNCTION(scalar, name);   \
  FUNCTION(inlined, name);
#include "programs.inc"
#undef PROGRAM
void native_drain_records();
void scalar_drain_records();
void inlined_drain_records();
}

namespace skep::bench {
namespace {

constexpr std::size_t kInputBytes = 512;         // INPUT_BYTES in programs/program.h
constexpr std::uint64_t kRunsToFillRing = 1600;  // programs/ring_buffer.c: 576 bytes a run into 1 MiB

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

/// A TCP segment to port 443, the payload noise, with `tags` (VLAN) behind the MAC addresses.
std::vector<std::byte> tcp_frame(std::span<const std::uint8_t> tags) {
  constexpr std::array<std::uint8_t, 12> kMacs{0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2};
  constexpr std::array<std::uint8_t, 42> kRest{
      0x08, 0x00,                                                                                    // Ethernet
      0x45, 0,    0,    100,  0, 1, 0x40, 0, 64, 6, 0, 0, 192,  0,    2,    1,    198, 51, 100, 2,   // IPv4
      0xc0, 0x01, 0x01, 0xbb, 0, 0, 0,    1, 0,  0, 0, 0, 0x50, 0x18, 0x20, 0x00, 0,   0,  0,   0};  // TCP
  std::vector<std::byte> frame = noise();
  auto at = frame.begin();
  for (const std::span<const std::uint8_t> part : {std::span<const std::uint8_t>(kMacs), tags, {kRest}})
    for (const std::uint8_t byte : part) *at++ = static_cast<std::byte>(byte);
  return frame;
}

std::vector<std::byte> input_of(const std::string& name) {
  constexpr std::array<std::uint8_t, 4> kVlan42{0x81, 0x00, 0x00, 0x2a};
  if (name == "packet_parse") return tcp_frame(kVlan42);
  if (name == "load_balancer") return tcp_frame({});
  return noise();
}

BenchProgram make(const std::string& name, Work work, Native native, Native scalar, Native inlined) {
  BenchProgram program{name,
                       work,
                       SKEP_BENCH_PROGRAMS "/" + name + ".bpf.o",
                       SKEP_BENCH_PROGRAMS "/" + name + ".dpdk.o",
                       {native},
                       {scalar},
                       {inlined},
                       input_of(name)};
  if (name != "ring_buffer") return program;
  program.native.drain = native_drain_records;
  program.scalar.drain = scalar_drain_records;
  program.inlined.drain = inlined_drain_records;
  program.runs_a_drain = kRunsToFillRing;
  return program;
}

}  // namespace

std::span<const BenchProgram> programs() {
  static const std::vector<BenchProgram> all{
#define PROGRAM(name, work) make(#name, Work::work, native_##name, scalar_##name, INLINED_##work(name)),
#include "programs.inc"
#undef PROGRAM
  };
  return all;
}

}  // namespace skep::bench
