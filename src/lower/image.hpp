// An Image: a program made ready for engines. Immutable once built, shared between threads, kept alive by whoever runs
// it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include <skep/context.hpp>
#include <skep/helper.hpp>
#include <skep/host.hpp>

#include "abi/helper.hpp"
#include "helpers/env.hpp"
#include "lower/op.hpp"
#include "maps/map_storage.hpp"
#include "maps/prog_array.hpp"
#include "program/program.hpp"

namespace skep::vm {
struct NativeCode;
}

namespace skep::lower {

/// Memory of a map as the guard sees it.
struct MapRegion {
  std::uint64_t base = 0;
  std::uint64_t bytes = 0;
  std::uint32_t stride = 0;
  std::uint32_t value_size = 0;
  bool readable = true;
  bool writable = true;
  const maps::MapStorage* map = nullptr;
};

struct Function;

/// A helper as calls name it: its prototype and its code (one of `code` and `app` is set).
struct Binding {
  abi::Helper row;
  helpers::Builtin code = nullptr;
  const HelperSpec* app = nullptr;
  const Function* callback = nullptr;  ///< of a call of bpf_loop: its second argument, when that is always the same
};
/// The code of `binding` may end the run, or call back into the program.
[[nodiscard]] bool calls_back(const Binding& binding) noexcept;

/// A helper's call that is proven to be about this one map: the map's own code does it.
struct KnownCall {
  const Binding* binding = nullptr;  ///< the same by the helper's code
  maps::MapStorage* map = nullptr;
  maps::MapStorage::Direct code = nullptr;
  bool wants_cpu = false;  ///< the run's CPU is `code`'s first argument; for others it means nothing
  bool names_map = true;   ///< r1 is the map
  /// Reserves or gives back a record, of which the run must know if it may end before; the map is the first argument.
  bool about_record = false;
  /// Of an update of an array whose flags are known to allow it: so many bytes at r3 become the value. 0: ask the code.
  std::uint32_t stored_bytes = 0;
  // Of look-ups in arrays and such updates: value i of CPU c lies at base + c * lane_bytes + i * stride, for i < count.
  std::byte* base = nullptr;
  std::uint64_t lane_bytes = 0;
  std::uint32_t stride = 0;
  std::uint32_t count = 0;
  bool is_in_range = false;  ///< the key is less than count whenever the call is reached
};

/// A function of the program. Its address is the value that function pointers hold at run time.
struct Function {
  std::uint32_t op = 0;           ///< index of its first op
  std::uint32_t stack_bytes = 0;  ///< how much of its frame, from the top, it may look at: cleared on entry
};

/// What a program that was proven relies on its context to be.
struct ContextNeeds {
  std::uint32_t bytes = 0;  ///< touched, from its start
  bool writable = false;
  bool typed = false;  ///< pointers are loaded out of it: nothing but the structure of the program's type will do
};

class Image final : public maps::TailTarget {
 public:
  /// Tells the live programs of this process apart.
  [[nodiscard]] std::uint32_t id() const noexcept override {
    return static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(this) / alignof(std::max_align_t));
  }
  [[nodiscard]] std::uint32_t kind() const noexcept override { return static_cast<std::uint32_t>(program->type); }

  std::shared_ptr<const program::Program> program;
  std::vector<Op> ops;
  std::vector<Op> fused;               ///< the same for an interpreter that does not count (vm/fuse.hpp), or nothing
  std::vector<std::uint32_t> pcs;      ///< pc of each op
  std::vector<Function> functions;     ///< [0] is the entry
  std::deque<Binding> bindings;        ///< helpers, one each
  std::deque<Binding> kfunc_bindings;  ///< kernel functions, one each; their ids mean nothing
  std::deque<Binding> loop_bindings;   ///< calls of bpf_loop whose callback is known, one each
  std::deque<KnownCall> known_calls;
  std::vector<HelperSpec> app_helpers;
  std::vector<HelperSpec> app_kfuncs;
  std::vector<std::shared_ptr<maps::MapStorage>> maps;
  std::vector<MapRegion> regions;  ///< sorted by base, not overlapping
  std::shared_ptr<Host> host;
  bool guarded = true;
  bool proven = false;        ///< the ops rely on a proof: nothing reads a register that nobody has set
  bool enforced = false;      ///< guarded although it was proven: a guard that fires is a bug of the verifier
  bool uses_windows = true;   ///< has ops whose accesses are checked against windows; vm::fuse looks
  bool plain_frames = false;  ///< its frames are but registers and stack: no windows, no loop counts; vm::fuse looks
  ContextNeeds context_needs;
  std::shared_ptr<const vm::NativeCode> native;  ///< null: for the interpreter alone

  [[nodiscard]] bool has_map(std::uint64_t value) const noexcept;
  /// What a program takes for a function's address: a number of no meaning but to function_at(), where no memory is. It
  /// is the same on all engines and in every process, so that programs that show it can be compared and replayed.
  [[nodiscard]] std::uint64_t address_of(const Function& function) const noexcept;
  [[nodiscard]] const Function* function_at(std::uint64_t value) const noexcept;
  /// The function whose first op has this index.
  [[nodiscard]] const Function& function_of_op(std::uint32_t op) const noexcept;
  /// The context is what the proof took for granted; always true of images without one.
  [[nodiscard]] bool suits(const Context& context) const noexcept;
  /// Of what was proven, when it touches its context: nothing but the structure of the program's type will do.
  [[nodiscard]] bool needs_structure() const noexcept;
  /// The region that holds `address`, null when none does.
  [[nodiscard]] const MapRegion* region_at(std::uint64_t address) const noexcept;
};

}  // namespace skep::lower
