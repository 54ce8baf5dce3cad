// The engines a program is measured on, behind one interface. Each engine of each program has maps of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "programs.hpp"

namespace skep::bench {

/// A program ready to run. Used from one thread.
class Runner {
 public:
  virtual ~Runner() = default;
  /// Runs `times` times on the program's input; the last result.
  virtual std::uint32_t run(std::uint64_t times) = 0;
};

/// A runner, or why there is none: an engine that is not available here is skipped, visibly.
struct Prepared {
  std::unique_ptr<Runner> runner;
  std::string skipped;
};

struct Engine {
  std::string_view name;
  Prepared (*prepare)(const BenchProgram& program);
  /// How many instructions one call of Runner::run() should execute, so that what the call costs does not count.
  std::uint64_t insns_a_call;
};

/// Native first: what the others are compared with.
[[nodiscard]] std::span<const Engine> engines();

/// Instructions that one run executes once its maps are filled.
[[nodiscard]] std::uint64_t count_insns(const BenchProgram& program);

/// In the running kernel, by its JIT where that is on: bpf(2) BPF_PROG_TEST_RUN with a repeat count.
[[nodiscard]] Prepared prepare_kernel(const BenchProgram& program);

}  // namespace skep::bench
