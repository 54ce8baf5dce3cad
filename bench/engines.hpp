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
  /// The same with a clock beside it: nanoseconds of CPU time in all.
  virtual double time(std::uint64_t times);
  /// Consumes what the program's ring buffer holds.
  virtual void drain() {}
};

/// A runner, or why there is none: an engine that is not available here, or cannot do this program, is skipped,
/// visibly.
struct Prepared {
  std::unique_ptr<Runner> runner;
  std::string skipped;
};

struct Engine {
  std::string_view name;
  Prepared (*prepare)(const BenchProgram& program);
  /// How long one call of Runner::time() should take, so that what the call itself costs does not count.
  double slice_ns;
};

/// Native first: what the others are compared with.
[[nodiscard]] std::span<const Engine> engines();

/// Nanoseconds that this thread has run, by its CPU clock.
[[nodiscard]] double cpu_ns();

/// Instructions that one run executes once its maps are filled.
[[nodiscard]] std::uint64_t count_insns(const BenchProgram& program);

/// In the running kernel, by its JIT where that is on: bpf(2) BPF_PROG_TEST_RUN with a repeat count.
[[nodiscard]] Prepared prepare_kernel(const BenchProgram& program);

/// By DPDK's JIT: programs without helpers, maps and subprograms.
[[nodiscard]] Prepared prepare_dpdk(const BenchProgram& program);

/// Compiling a verified program, over and over.
class Compiler {
 public:
  virtual ~Compiler() = default;
  /// Nanoseconds of CPU time for an instruction in the object.
  virtual double time() = 0;
};
/// Null where there is no JIT.
[[nodiscard]] std::unique_ptr<Compiler> prepare_compiler(const BenchProgram& program);

}  // namespace skep::bench
