// "May [off, off + size) behind this pointer be touched?": one file a kind of memory.
//
// Checks change nothing but the stack they write. Offsets are bytes from where the register points.
#pragma once

#include "verifier/walk.hpp"

namespace skep::verifier {

enum class Touch : std::uint8_t { read, write };

/// A range behind a register.
struct Range {
  unsigned number = 0;   ///< the register, for findings
  std::int32_t off = 0;  ///< from the instruction, without the register's own
  std::uint32_t bytes = 0;
};

/// Checks a load or store of an instruction. For a load, `loaded` receives what a register gets (before narrow results
/// are extended); for a store, `stored` is the register that is written (null when it is an immediate or an atomic
/// result).
struct Access {
  Touch touch = Touch::read;
  Range range;
  const Register* stored = nullptr;
  unsigned stored_number = 0;
  Register* loaded = nullptr;
  bool immediate = false;  ///< a store of the instruction's immediate
  bool atomic = false;
};
[[nodiscard]] Objection check_access(Walk& walk, const Step& step, const Access& access);

// The kinds.
[[nodiscard]] Objection access_stack(Walk& walk, const Step& step, const Register& reg, const Access& access);
[[nodiscard]] Objection access_context(Walk& walk, const Step& step, const Register& reg, const Access& access);
[[nodiscard]] Objection access_packet(Walk& walk, const Step& step, const Register& reg, const Access& access);
[[nodiscard]] Objection access_map_value(Walk& walk, const Step& step, const Register& reg, const Access& access);
[[nodiscard]] Objection access_memory(Walk& walk, const Step& step, const Register& reg, const Access& access);
[[nodiscard]] Objection access_object(Walk& walk, const Step& step, const Register& reg, const Access& access);
/// The kernel's own struct behind a map.
[[nodiscard]] Objection access_map(Walk& walk, const Step& step, const Register& reg, const Access& access);
[[nodiscard]] Objection access_buffer(const Step& step, const Register& reg, const Access& access);
/// The context of a program with typed arguments, `walk.target`'s.
[[nodiscard]] Objection access_argument(Walk& walk, const Step& step, const Access& access);

/// The whole range lies inside `limit` bytes, whatever the register's variable part is.
[[nodiscard]] Objection check_region(const Step& step, const Register& reg, const Range& range, std::uint32_t limit,
                                     bool zero_allowed = false);
/// The range lies inside what is proven of the packet.
[[nodiscard]] Objection check_packet(const Step& step, const Register& reg, const Range& range,
                                     bool zero_allowed = false);
/// The range may be read as part of a kernel object, whose type decides.
[[nodiscard]] Objection check_object_memory(const Walk& walk, const Step& step, const Register& reg,
                                            const Range& range);
/// The range begins inside a buffer; where that ends, attachment checks.
[[nodiscard]] Objection check_buffer(const Step& step, const Register& reg, const Range& range);
/// The range of a map's value touches no field that is the kernel's.
[[nodiscard]] Objection check_kernel_fields(const Walk& walk, const Step& step, const Register& reg,
                                            const Range& range);
/// Alignment, where it is asked for: by option, on the stack, and `always` by atomics.
[[nodiscard]] Objection check_alignment(const Walk& walk, const Step& step, const Register& reg, const Range& range,
                                        bool always);

/// For helpers: [off, off + bytes) of a stack is initialised (or, for `fills`, becomes so by the call).
[[nodiscard]] Objection check_stack_argument(Walk& walk, const Step& step, const Register& reg, const Range& range,
                                             bool fills, bool writes);
/// The program type may read (write) packet bytes directly.
[[nodiscard]] bool may_touch_packet(const Walk& walk, Touch touch) noexcept;

}  // namespace skep::verifier
