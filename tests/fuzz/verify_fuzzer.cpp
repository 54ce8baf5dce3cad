// Any bytes as a program: what the verifier accepts is run with guards, of which none may fire, and followed through
// what the verifier explored, which it must not leave. No input may take more than 2 s of the processor's time (a clock
// on the wall shows what others do on the machine; CI, which may be slow, grants more) or 256 MiB:
//   SKEP_FUZZ_SECONDS=2 build-asan/tests/verify_fuzzer -max_total_time=1800 -timeout=60 -malloc_limit_mb=256
//   -rss_limit_mb=1024
//
// The first byte chooses the type of program, the rest are instruction slots; maps are those of Ground's table. Bytes
// are seldom a program, so that the mutator knows instructions, and starts afresh from generated programs now and then:
// no corpus is needed.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <iterator>

#include "soundness/generator.hpp"
#include "soundness/ground.hpp"
#include "soundness/mutator.hpp"
#include "support/environment.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace {

using namespace skep;

constexpr std::size_t kMostSlots = 512;
constexpr ProgType kTypes[] = {ProgType::xdp,        ProgType::sched_cls,  ProgType::socket_filter,
                               ProgType::kprobe,     ProgType::tracepoint, ProgType::raw_tracepoint,
                               ProgType::cgroup_skb, ProgType::lwt_xmit};

struct Input {
  std::uint8_t type = 0;
  std::vector<Insn> insns;
};

Input read(const std::uint8_t* data, std::size_t size) {
  Input input;
  if (size == 0) return input;
  input.type = data[0];
  input.insns.resize(std::min((size - 1) / sizeof(Insn), kMostSlots));
  if (!input.insns.empty())
    std::memcpy(static_cast<void*>(input.insns.data()), data + 1, input.insns.size() * sizeof(Insn));
  return input;
}

std::size_t write(const Input& input, std::uint8_t* data, std::size_t max_size) {
  if (max_size == 0) return 0;
  const std::size_t slots = std::min(input.insns.size(), (max_size - 1) / sizeof(Insn));
  data[0] = input.type;
  if (slots != 0) std::memcpy(data + 1, input.insns.data(), slots * sizeof(Insn));
  return 1 + slots * sizeof(Insn);
}

Input generated(unsigned seed) {
  soundness::Generated program = soundness::generate(seed);
  const auto* type = std::ranges::find(kTypes, program.type);
  return {static_cast<std::uint8_t>(type - kTypes), std::move(program.insns)};
}

double seconds_of_processor() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  constexpr unsigned kFresh = 16, kBytes = 4;
  if (size < sizeof(Insn) || seed % kFresh == 0) return write(generated(seed), data, max_size);
  if (seed % kBytes == 1) return LLVMFuzzerMutate(data, size, max_size);
  Input input = read(data, size);
  soundness::mutate(input.insns, seed);
  return write(input, data, max_size);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static soundness::Ground ground;  // maps are costly to make; each run fills them anew
  const Input input = read(data, size);
  const ProgType type = kTypes[input.type % std::size(kTypes)];
  static const double most_seconds = static_cast<double>(test::number_from_environment("SKEP_FUZZ_SECONDS", 20));
  const double start = seconds_of_processor();
  if (ground.try_program(type, input.insns, size, 2) == soundness::Outcome::violated) {
    std::fputs(ground.complaint().c_str(), stderr);
    std::abort();
  }
  if (const double taken = seconds_of_processor() - start; taken > most_seconds) {
    std::fprintf(stderr, "an input of %zu slots took %.2f s\n", input.insns.size(), taken);
    std::abort();
  }
  constexpr std::uint64_t kEvery = 1 << 16;
  if (ground.tally().all() % kEvery == 0) std::fprintf(stderr, "%s\n", ground.tally().text().c_str());
  return 0;
}
