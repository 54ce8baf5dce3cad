// One way through a piece of code: what it leaves in registers, what it does to memory, when it is taken, where it
// goes.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <skep/insn.hpp>

#include "encoding/decoded.hpp"
#include "encoding/terms.hpp"

namespace skep::encoding {

/// Something that memory sees. Its result, if it has one, is the term result_of() gives.
struct Event {
  std::string name;  ///< "load", "store", an atomic instruction's
  unsigned bytes = 0;
  Term address = 0;
  std::vector<Term> values;
  bool operator==(const Event&) const = default;
};

/// "eq", "ugt", "uge", "sgt", "sge", "set": of a and b; the others are these with `holds` the other way round.
struct Condition {
  std::string name;
  unsigned width = 64;
  Term a = 0;
  Term b = 0;
  bool holds = true;
  bool operator==(const Condition&) const = default;
};

/// `name` may also be "ne", "ult", "ule", "slt", "sle", "unset". What the processors' flags do not tell apart is one
/// condition: a bit test of a register with itself, or with a number that has no upper half.
[[nodiscard]] Condition make_condition(Terms& terms, std::string_view name, unsigned width, Term a, Term b);

struct Path {
  explicit Path(Terms& terms);
  bool operator==(const Path&) const = default;

  /// Notes an event; gives its result, `width` bits of it.
  Term happen(Terms& terms, Event event);

  std::array<Term, kRegisters> regs;
  std::vector<Event> events;
  std::vector<Condition> conditions;
  std::uint32_t leads_to = 0;  ///< offset in the code
};

/// Both may leave whatever they like in scratch registers.
[[nodiscard]] bool same(const Path& one, const Path& other);

}  // namespace skep::encoding
