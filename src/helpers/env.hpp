// What the built-in helpers may do to the run that calls them. vm/ implements it; helpers know no engine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include <skep/helper.hpp>

#include "maps/map_storage.hpp"
#include "maps/ringbuf.hpp"

namespace skep::helpers {

class Env : public HelperCall {
 public:
  /// Notes a reserved ring-buffer record: the program may touch it until it is released; when the run ends with records
  /// held, they are discarded. False when the run already holds as many as it may.
  [[nodiscard]] virtual bool hold_record(maps::RingBufferMap& ring, std::byte* record, std::uint64_t size) noexcept = 0;
  /// Ends the program's hold on a record; the ring it came from, null when `record` is not the start of one it holds.
  [[nodiscard]] virtual maps::RingBufferMap* release_record(std::byte* record) noexcept = 0;

  /// Keeps an inner map that the program has looked up: until the run ends it lives, and the program may name it. False
  /// when there is no memory for that.
  [[nodiscard]] virtual bool hold_map(std::shared_ptr<maps::MapStorage> map) noexcept = 0;

  /// Lets the program touch [base, base + size), memory of no region of this run (a map key handed to a callback),
  /// until the matching unlend(); calls nest. False, and nothing is lent, when too many are.
  [[nodiscard]] virtual bool lend(const std::byte* base, std::uint64_t size, bool writable) noexcept = 0;
  virtual void unlend() noexcept = 0;

  /// How many bytes may be read from `address` on, 0 when none. For strings, whose end another thread may overwrite
  /// after the guard has seen it.
  [[nodiscard]] virtual std::uint64_t readable_room(std::uint64_t address) noexcept = 0;

  /// The packet or another region has moved: every cached check is void.
  virtual void regions_changed() noexcept = 0;

 protected:
  ~Env() = default;
};

/// A helper's code. Arguments are r1 to r5, the result is r0. By the time it runs, pointer arguments have been checked
/// against the helper's row in abi/ (by the guard or by the verifier): `map` arguments are a maps::MapStorage*, `mem`
/// arguments may be touched as far as their size says.
using Builtin = std::uint64_t (*)(Env& env, std::uint64_t a1, std::uint64_t a2, std::uint64_t a3, std::uint64_t a4,
                                  std::uint64_t a5);

/// The code behind helper `id`; null when skep has none (yet). Tail calls have none: engines do them.
[[nodiscard]] Builtin builtin(std::uint32_t id) noexcept;

/// How often bpf_loop calls back at most: BPF_MAX_LOOPS.
inline constexpr std::uint32_t kMaxLoops = 1u << 23;

/// Makes sure that the run holds a CPU.
void hold_cpu(Env& env) noexcept;

/// The map that a program's register names, as the lowering stored it there.
[[nodiscard]] inline maps::MapStorage& map_of(std::uint64_t value) noexcept {
  return *reinterpret_cast<maps::MapStorage*>(value);
}

}  // namespace skep::helpers
