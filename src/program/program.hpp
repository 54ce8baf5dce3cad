// The immutable program: what the loader hands to the verifier and to the engines.
//
// Instructions are relocated and complete: the entry function starts at pc 0 and the subprograms it needs follow it, so
// every call is relative and inside `insns`. A `lddw` with src 1 or 2 (map, map value) names its map by index into the
// owning object's map table, the way a loader for Linux would hold a descriptor there; one with src 4 holds the
// relative pc of a subprogram. All instructions decode, unless `defect` says otherwise: who makes a Program has checked
// that (isa::check). `pc` counts slots.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <skep/insn.hpp>
#include <skep/types.hpp>

namespace skep::program {

/// One function: instructions [start, end).
struct Subprog {
  std::string name;
  std::uint32_t start = 0;
  std::uint32_t end = 0;
  bool local = false;  ///< static, or hidden from other objects: verified where it is called, whatever BTF says
};

/// Where an instruction came from, out of .BTF.ext. Sorted by pc; holds until the next entry's pc.
struct Line {
  std::uint32_t pc = 0;
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  std::string_view file;
  std::string_view text;  ///< the source line as the compiler saw it
};

/// Something the program asks for that this object could not be given; building an engine for the program is refused
/// with these names.
struct Need {
  enum class Kind { core_relocation, kconfig, ksym, kfunc, map_type, struct_ops };
  Kind kind = Kind::core_relocation;
  std::string name;  ///< "task_struct::pid (byte_off)", "CONFIG_HZ", "bpf_iter_num_new"
  std::uint32_t pc = 0;
};

/// An instruction whose CO-RE relocation found nothing in the target. As libbpf does, the loader has put a call of a
/// helper that cannot exist in its place, for it may lie behind a check that never lets it run; running it is a fault.
struct Poison {
  std::uint32_t pc = 0;
  std::string what;  ///< "task_struct::gone (byte_off)"
};
inline constexpr std::int32_t kPoisonHelper = 195896080;  ///< 0xbad2310, the number that libbpf calls

/// A call of a kernel function, or a load of its address. The function is the application's to give: whatever number of
/// Linux' the instruction holds, engines bind it by this name.
struct KfuncUse {
  std::uint32_t pc = 0;
  std::string name;   ///< without flavour
  bool weak = false;  ///< the program may do without: the address is then 0, and a call ends the run with a fault
};
inline constexpr std::int32_t kPoisonKfunc = 2002000000;  ///< libbpf calls this plus the function's number

struct Program {
  std::string name;     ///< of the entry function
  std::string section;  ///< as in the object, "xdp/drop"
  ProgType type = ProgType::unspec;
  std::uint32_t expected_attach_type = 0;  ///< enum bpf_attach_type, 0 where the type has none
  std::string attach_target;               ///< what follows the prefix: "tcp_connect" of "kprobe/tcp_connect"
  std::uint32_t attach_btf_id = 0;         ///< the type in the target's BTF that it attaches to; 0 when unknown or none
  bool sleepable = false;
  bool autoload = true;
  std::string license;

  /// Why these are no instructions to verify or to run: "insn 0: mov64_reg: src is r15, must be r0 to r10". Empty for
  /// all others. With a defect, `insns` are what a loader for Linux would hand to the kernel, which refuses them;
  /// nothing may be relied on.
  std::string defect;

  std::vector<Insn> insns;
  std::vector<Subprog> subprogs;  ///< sorted by start; [0] is the entry
  std::vector<Line> lines;
  std::shared_ptr<const void> texts;  ///< what the lines point into; null where that lives as long as the program
  std::vector<Need> needs;
  std::vector<Poison> poisons;   ///< sorted by pc, one a slot
  std::vector<KfuncUse> kfuncs;  ///< likewise

  /// What `needs` names, each once, in order of appearance.
  [[nodiscard]] std::vector<std::string> need_names() const;
  /// The source line of `pc`; null where the object has none.
  [[nodiscard]] const Line* line_at(std::uint32_t pc) const noexcept;
  /// "file.c:12: text" for `pc`; empty where the object has no line for it.
  [[nodiscard]] std::string source_at(std::uint32_t pc) const;
  /// The poison in a slot; null for a sound instruction.
  [[nodiscard]] const Poison* poison_at(std::uint32_t pc) const noexcept;
  /// The kernel function that a slot calls or whose address it loads; null for another instruction.
  [[nodiscard]] const KfuncUse* kfunc_at(std::uint32_t pc) const noexcept;
  /// The function that holds `pc`; null past the end.
  [[nodiscard]] const Subprog* subprog_at(std::uint32_t pc) const noexcept;
};

}  // namespace skep::program
