// One walk over a program's paths: the state at hand, what is shared by all paths, and the paths still to go.
//
// Transfers (transfer/) move `state` over one instruction; access checks (access/) ask it; prune/ compares it with what
// was explored. All of them take the Walk and give back an Objection.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "abi/kernel_types.hpp"
#include "abi/map_types.hpp"
#include "isa/table.hpp"
#include "verifier/cfg/fastcall.hpp"
#include "verifier/cfg/graph.hpp"
#include "verifier/cfg/kernel_fields.hpp"
#include "verifier/cfg/prototype.hpp"
#include "verifier/cfg/target.hpp"
#include "verifier/diagnose/findings.hpp"
#include "verifier/input.hpp"
#include "verifier/prune/explored.hpp"
#include "verifier/prune/values.hpp"
#include "verifier/state/state.hpp"

namespace skep::verifier {

class FactsRecorder;

/// In Register::target: not the map itself, but one that it holds.
inline constexpr std::uint32_t kInnerMap = std::uint32_t{1} << 31;

/// The instruction being walked over.
struct Step {
  std::uint32_t pc = 0;
  const Insn& insn;
  const isa::FormInfo& info;

  [[nodiscard]] bool is32() const noexcept { return info.width() == 32; }
  /// A finding at this instruction.
  [[nodiscard]] Finding finds(Code code, std::array<std::int64_t, 5> numbers = {}, std::string_view name = {}) const {
    return {code, pc, numbers, name};
  }
};

/// How Linux would mask the number that an instruction adds to a pointer, see transfer/speculation.hpp.
struct AluMask {
  std::uint32_t how = 0;  ///< 0: not seen yet
  std::uint32_t limit = 0;
  bool operator==(const AluMask&) const noexcept = default;
};

/// What all paths have to agree on so that mispredictions do no harm. Unused where pointers may leak.
struct Speculation {
  std::vector<AluMask> masks;                                   ///< by pc
  std::unordered_map<std::uint32_t, std::uint32_t> tail_calls;  ///< pc to map
  bool compares_exactly = false;                                ///< states differ when any number in them does

  [[nodiscard]] AluMask& mask(std::uint32_t pc, std::size_t insns) {
    if (masks.empty()) masks.resize(insns);
    return masks[pc];
  }
};

class Walk {
 public:
  /// `prototypes` has one entry a function of the graph: those of global ones.
  Walk(const Input& input, const Graph& graph, std::span<const std::optional<Prototype>> prototypes)
      : input(input), graph(graph), prototypes_(prototypes) {}

  const Input& input;
  const Graph& graph;
  std::shared_ptr<Pools> pools = std::make_shared<Pools>();  ///< whoever keeps a state keeps these, too
  Values values;
  Explored explored;
  State state;
  Stats stats;
  Speculation speculation;
  const Fastcalls* fastcalls = nullptr;
  StackUse* stack_use = nullptr;
  std::span<const std::vector<KernelField>> kernel_fields;  ///< by index of the program's maps
  std::vector<bool>* called = nullptr;                      ///< by function: some path calls it
  const Prototype* entered = nullptr;  ///< the global function that is walked on its own; null for the program

  FactsRecorder* facts = nullptr;  ///< collects what holds at each instruction; null: nobody asks
  const Target* target = nullptr;  ///< what a program with typed arguments attaches to; null for others

  [[nodiscard]] std::uint32_t new_id() noexcept { return ++last_id_; }
  /// CAP_PERFMON: pointers may be turned into numbers.
  [[nodiscard]] bool may_leak() const noexcept { return input.options.privileges.perfmon; }
  [[nodiscard]] bool hides(const Register& reg) const noexcept { return !may_leak() && reg.is_pointer(); }

  /// The signature by which a function is called; null for one that is walked into.
  [[nodiscard]] const Prototype* prototype(std::uint32_t function) const noexcept {
    return prototypes_[function] ? &*prototypes_[function] : nullptr;
  }

  /// Walks from `entry` until no path is left, or enough is found.
  void run(State entry, Findings& findings);
  /// Of states, and of what was explored.
  [[nodiscard]] std::size_t used_bytes() const noexcept { return pools->used_bytes() + explored.used_bytes(); }
  /// The same with what is kept for later use, and all else that grows.
  [[nodiscard]] std::size_t held_bytes() const noexcept {
    return pools->held_bytes() + explored.held_bytes() + values.bytes() + waiting_.capacity() * sizeof(State);
  }
  /// For one more explored state; some are forgotten to make room.
  [[nodiscard]] bool has_room();
  /// Puts a path aside, to be walked later from `branch.pc`.
  [[nodiscard]] Objection put_aside(const Step& step, State branch);
  /// The state's way ends here.
  void end_path() noexcept { ended_ = true; }
  /// Notes that slots of a frame are read: the states this path came through must agree on them.
  void note_slots_read(unsigned frame, std::uint64_t slots) noexcept { note_read(state, frame, slots); }

  /// The map that a register of kind map, map_key or map_value names: of the program's table, or what the maps inside
  /// one of those look like.
  [[nodiscard]] MapInfo map_of(const Register& reg) const noexcept {
    const MapInfo& outer = input.maps[reg.target & ~kInnerMap];
    return (reg.target & kInnerMap) != 0 ? MapInfo{outer.spec->inner.get(), {}} : outer;
  }
  /// What a look-up in that map yields, besides null.
  [[nodiscard]] abi::LookupYields lookup_yields(const Register& reg) const noexcept {
    const abi::MapTypeSpec* type = abi::find_map_type(map_of(reg).spec->type);
    return type == nullptr ? abi::LookupYields::nothing : type->lookup;
  }
  /// The struct's id in the kernel's types; 0 when they lack it.
  [[nodiscard]] btf::TypeId kernel_type(abi::KernelType type) const noexcept {
    return input.kernel_types == nullptr ? 0 : input.kernel_types->find(btf::Kind::struct_, abi::name_of(type));
  }
  /// The register as a value to compute with; uninitialised ones are refused.
  [[nodiscard]] Objection check_readable(const Step& step, unsigned number) const;
  /// r10 is nobody's to write.
  [[nodiscard]] Objection check_writable(const Step& step, unsigned number) const;
  /// The kernel rewrites accesses to its own structures, each for one kind of pointer: an instruction that meets two
  /// kinds on different paths could be rewritten for neither.
  [[nodiscard]] Objection note_access(const Step& step, unsigned number);
  /// A frame's stack is touched down to `low` (negative).
  void note_stack(const Step& step, const Frame& frame, std::int64_t low) {
    std::uint32_t& bytes = (fastcalls->is_spill(step.pc) ? stack_use->spilled : stack_use->bytes)[frame.subprog];
    bytes = std::max(bytes, static_cast<std::uint32_t>(-low));
  }
  void need_precise(const Register& reg) { values.mark_precise(reg.node); }

 private:
  [[nodiscard]] Objection walk_path();
  std::span<const std::optional<Prototype>> prototypes_;
  std::vector<RegKind> accessed_through_;  ///< by pc; uninit: not accessed yet
  std::vector<State> waiting_;
  std::uint32_t last_id_ = 0;
  std::uint32_t no_room_before_ = 0;  ///< instructions processed
  bool ended_ = false;
};

}  // namespace skep::verifier
